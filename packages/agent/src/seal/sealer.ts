import { equal, sha256 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import type { PublicKey, Verify } from '@mintmark/core/keys'
import { checkStanding } from '@mintmark/core/rules'
import {
  type EncryptionKey,
  type Envelope,
  encryptionKeyId,
  readEncryptionKey,
  type Sealed,
  type SealedWith,
  sealInfo,
  writeSealedBody,
} from '@mintmark/core/signed'
import { window } from '../nonces/nonce-store.ts'
import type { Entry, TrustRegistry } from '../registry/registry.ts'

interface Parts {
  readonly registry: TrustRegistry
  readonly now: () => number
  readonly verify: Verify
}

interface SealedContent {
  readonly body: Uint8Array
  readonly sealed: Sealed
}

/** Receivers whose statement is remembered, the last ones used. */
const most = 4_096

/** Seals to whom the registry knows, with the key that the receiver's own key announced. */
export class Sealer {
  readonly #parts: Parts
  /** By identity key: the newest statement that was seen to hold. */
  readonly #newest = new Map<string, Announced>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /**
   * @param disclosure salt and content
   * @throws Refused `no-encryption-key`, `bad-statement`, `statement-signature`, `key-refused`, `x25519-missing`, and how
   * the receiver stands
   */
  async seal(
    claims: SealedWith,
    form: Envelope['form'],
    sender: PublicKey,
    disclosure: Uint8Array,
  ): Promise<SealedContent> {
    const { key } = await this.#receiver(claims.audience)
    const id = encryptionKeyId(key)
    const info = sealInfo(claims, form, sender, id)
    await checkRuntime()
    const { seal } = await import('./hpke.ts')
    const body = writeSealedBody(await seal(key, info, disclosure))
    return { body, sealed: { key: id, commitment: sha256(disclosure) } }
  }

  async #receiver(to: string): Promise<EncryptionKey> {
    const { registry, now } = this.#parts
    const entry = await registry.lookup(to, undefined)
    if (!entry) throw new Refused('no-encryption-key', 'the registry does not know the receiver')
    checkStanding(entry)
    const announced = await this.#announced(entry)
    const at = now()
    if (!(at < announced.expires)) throw new Refused('no-encryption-key', 'the one announced has expired')
    if (!(announced.issued - at <= window.skew)) throw new Refused('no-encryption-key', 'announced in the future')
    return announced
  }

  async #announced({ encryption, key }: Entry): Promise<EncryptionKey> {
    if (encryption === undefined) throw new Refused('no-encryption-key', 'none was announced')
    const known = this.#newest.get(key.id)
    if (known && equal(known.statement, encryption)) return known.announced
    const announced = await readEncryptionKey(encryption, key, this.#parts.verify)
    // Whoever has the private key of an old one would like it back.
    if (known && !isNewer(announced, known.announced)) throw new Refused('bad-statement', 'an older encryption key')
    this.#newest.delete(key.id)
    if (this.#newest.size >= most) this.#newest.delete(this.#newest.keys().next().value!)
    this.#newest.set(key.id, { statement: encryption, announced })
    return announced
  }
}

interface Announced {
  readonly statement: Uint8Array
  readonly announced: EncryptionKey
}

/** The same version of the same key is the same word once more. */
const isNewer = (next: EncryptionKey, last: EncryptionKey): boolean =>
  next.version > last.version || (next.version === last.version && equal(next.key, last.key))

let isThere: Promise<void> | undefined

/** Said before the library fails with something else. */
function checkRuntime(): Promise<void> {
  isThere ??= crypto.subtle.generateKey({ name: 'X25519' }, false, ['deriveBits']).then(
    () => undefined,
    cause => {
      throw new Refused('x25519-missing', undefined, { cause })
    },
  )
  return isThere
}
