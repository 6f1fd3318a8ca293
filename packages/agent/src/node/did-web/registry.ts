import { Refused } from '@mintmark/core/errors'
import type { PublicKey } from '@mintmark/core/keys'
import { claimedSigner, isNamed } from '@mintmark/core/signed'
import type { Registration } from '../../registry/memory.ts'
import type { Entry, TrustRegistry } from '../../registry/registry.ts'
import { readDocument } from './document.ts'
import { fetchDocument, publicWeb, type Web } from './fetch.ts'
import { Leases } from './leases.ts'
import { type DidWeb, readDidWeb } from './name.ts'
import { RightsByName } from './rights.ts'

export interface DidWebOptions {
  /** Milliseconds for which a document counts, from when it was asked for: 100 to 60,000. Not said: 2,000. */
  readonly lease?: number
  /** Who is asked about senders that have no did:web. Not said: they are unknown. */
  readonly others?: TrustRegistry
  /** Milliseconds that only go forward. */
  readonly now?: () => number
}

/**
 * Senders that a web of documents knows: the document says the keys, and who may send for what is registered here. No
 * host is asked that is not registered.
 */
export class WebTrustRegistry implements TrustRegistry {
  readonly #rights = new RightsByName()
  readonly #revoked = new Set<string>()
  readonly #others: TrustRegistry | undefined
  readonly #keys: Leases<readonly PublicKey[]>

  constructor(web: Web, { lease = 2_000, others, now = () => performance.now() }: DidWebOptions) {
    const { patience = 3_000 } = web
    if (!(lease >= 100 && lease <= 60_000)) throw new RangeError('a lease is 100 ms to 60 s')
    this.#others = others
    this.#keys = new Leases(lease, now, async did => {
      const document = await fetchDocument(web, readDidWeb(did), Math.min(lease, patience))
      return document && readDocument(did, document)
    })
  }

  /**
   * Registers a sender, or all that a pattern covers (`did:web:example.test:devices:*`), or gives them other rights.
   * @throws Refused `bad-did`, `bad-scope`, `revoked`
   */
  register(pattern: string, rights: Registration): void {
    if (this.#revoked.has(pattern)) throw new Refused('revoked', pattern)
    this.#rights.put(pattern, rights)
  }

  /** From now on nothing of it is accepted here, whatever its document says. @throws Refused `bad-did`, `unknown` */
  revoke(did: string): void {
    readDidWeb(did)
    if (!this.#rights.of(did)) throw new Refused('unknown', did)
    this.#revoked.add(did)
  }

  lookup(key: string, issuer: string | undefined): Entry | undefined | Promise<Entry | undefined> {
    if (issuer === undefined && key.startsWith('did:web:')) return this.#receiver(readDidWeb(key))
    if (!issuer?.startsWith('did:web:')) return this.#others?.lookup(key, issuer)
    return this.#lookup(readDidWeb(issuer), one => isNamed(one, key))
  }

  /** Of whom something is sealed to: with the key in its document that announced its encryption key. */
  #receiver(name: DidWeb): Promise<Entry | undefined> {
    const encryption = this.#rights.of(name.did)?.encryption
    const signer = encryption && claimedSigner(encryption)
    return this.#lookup(name, one => signer === undefined || one.id === signer)
  }

  async #lookup({ did }: DidWeb, isMeant: (one: PublicKey) => boolean): Promise<Entry | undefined> {
    const rights = this.#rights.of(did)
    if (!rights) return undefined
    if (this.#revoked.has(did)) throw new Refused('revoked', did)
    const keys = await this.#keys.answer(did)
    // Somebody may have revoked it while the document was on its way.
    if (this.#revoked.has(did)) throw new Refused('revoked', did)
    if (!keys) return undefined
    const current = keys.find(isMeant)
    if (!current) throw new Refused('key-superseded', did)
    return { did, key: current, standing: 'good', ...rights, madeAt: undefined }
  }
}

/** Senders by their did:web, as the Internet has it. */
export class DidWebTrustRegistry extends WebTrustRegistry {
  constructor(options: DidWebOptions = {}) {
    super(publicWeb, options)
  }
}
