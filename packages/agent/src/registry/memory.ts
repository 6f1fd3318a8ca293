import { base64url, readHex } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { didKey, readDidKey, type Verify, webCryptoVerify } from '@mintmark/core/keys'
import { checkTransition, compileScopes, type Standing } from '@mintmark/core/rules'
import { shortIdOf } from '@mintmark/core/signed'
import { madeHere } from '../made-here.ts'
import type { Entry, TrustRegistry } from './registry.ts'

export interface Registration {
  /** What it may send for: `floor3.*:read`, `telemetry:write`. None: nothing. */
  readonly scopes: readonly string[]
  /** DIDs that it may send to. Not said: all. */
  readonly recipients?: readonly string[]
  /** It has no clock and counts its messages. */
  readonly sequence?: boolean
  /** Names of devices behind it, where it is a gateway. */
  readonly devices?: readonly string[]
  /** Its encryption-key statement, so that messages can be sealed to it. */
  readonly encryption?: Uint8Array
}

/** A registry in this process, for tests, services on their own, and a handful of senders. */
export class MemoryTrustRegistry implements TrustRegistry {
  readonly #entries = new Map<string, Entry>()
  readonly #byShortId = new Map<string, string>()
  /** DIDs of keys that were current once. */
  readonly #superseded = new Set<string>()
  readonly #verify: Verify

  /** @param verify by what successions are checked. Not said: the runtime's Web Crypto */
  constructor(verify: Verify = webCryptoVerify) {
    this.#verify = verify
  }

  /** Registers a sender, or gives it other rights. @throws Refused `bad-did`, `bad-scope`, `revoked`, `key-superseded` */
  register(did: string, { scopes, recipients, sequence = false, devices = [], encryption }: Registration): void {
    const known = this.#entries.get(did)
    if (known && known.standing !== 'good') throw new Refused('revoked', did)
    if (this.#superseded.has(did)) throw new Refused('key-superseded', did)
    const key = known?.key ?? readDidKey(did)
    this.#put({
      did,
      key,
      standing: 'good',
      covers: compileScopes(scopes),
      recipients: recipients && new Set(recipients),
      isCounted: sequence,
      devices: new Set(devices),
      madeAt: madeHere(did),
      encryption: encryption ?? known?.encryption,
    })
  }

  /** From now on nothing of it is accepted, and it never comes back. @throws Refused `unknown`, `standing-final` */
  revoke(did: string): void {
    const entry = this.#entries.get(did)
    if (!entry) throw new Refused('unknown', did)
    checkTransition(entry.standing, 'revoked')
    this.#entries.set(did, { ...entry, standing: 'revoked' })
  }

  /**
   * The key of a sender gives way to the one that comes after it by its own word, and that has all its rights; an
   * encryption key is announced anew.
   * @param statement what `agent.announceSuccessor` gave @returns the DID of the key that comes after it
   * @throws Refused `unknown`, `revoked`, `key-superseded`, `key-in-use`, `bad-statement`, `statement-signature`
   */
  async succeed(statement: Uint8Array): Promise<string> {
    const { claimedSigner, readDidSuccession } = await import('../succession.ts')
    const id = claimedSigner(statement)
    const did = this.#byShortId.get(base64url(readHex(id).subarray(0, 8)))
    if (did !== undefined && this.#superseded.has(did)) throw new Refused('key-superseded', did)
    const entry = did === undefined ? undefined : this.#entries.get(did)
    if (did === undefined || !entry) throw new Refused('unknown', id)
    const { new: key } = await readDidSuccession(statement, entry.key, this.#verify)
    // It may have been revoked, or have changed, while the signatures were checked.
    const current = this.#entries.get(did)
    if (!current) throw new Refused('key-superseded', did)
    if (current.standing !== 'good') throw new Refused('revoked', did)
    const next = didKey(key)
    if (this.#entries.has(next) || this.#superseded.has(next)) throw new Refused('key-in-use', next)
    this.#put({ ...current, did: next, key, madeAt: madeHere(next), encryption: undefined })
    this.#entries.delete(did)
    this.#superseded.add(did)
    return next
  }

  standing(did: string): Standing | 'unknown' {
    return this.#entries.get(did)?.standing ?? 'unknown'
  }

  lookup(key: string, issuer: string | undefined): Entry | undefined {
    if (issuer !== undefined) return undefined
    const did = key.startsWith('did:') ? key : this.#byShortId.get(key)
    if (did === undefined) return undefined
    if (this.#superseded.has(did)) throw new Refused('key-superseded', did)
    return this.#entries.get(did)
  }

  #put(entry: Entry): void {
    const short = shortIdOf(entry.key)
    // Half of a key id can be made to fit by whoever has a very large machine; whoever came first keeps it.
    if ((this.#byShortId.get(short) ?? entry.did) !== entry.did) throw new Refused('key-in-use', 'short id')
    this.#byShortId.set(short, entry.did)
    this.#entries.set(entry.did, entry)
  }
}
