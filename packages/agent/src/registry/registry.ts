import type { PublicKey } from '@mintmark/core/keys'
import type { ScopeMatcher, Standing } from '@mintmark/core/rules'

/** What a registry knows of one sender. */
export interface Entry {
  /** The name of the sender: `did:key:...` or `did:web:...`. */
  readonly did: string
  /** The current key, admitted. */
  readonly key: PublicKey
  readonly standing: Standing
  readonly covers: ScopeMatcher
  /** DIDs that it may send to; undefined where it may send to all. */
  readonly recipients: ReadonlySet<string> | undefined
  /** It counts its messages, because it has no clock. */
  readonly isCounted: boolean
  /** Devices behind a gateway that it speaks for. */
  readonly devices: ReadonlySet<string>
  /** Unix milliseconds before which this key signed nothing; undefined where nobody knows. */
  readonly madeAt: number | undefined
  /**
   * The newest encryption-key statement of this key, as it was published; undefined where there is none. Whoever seals
   * checks it with `key`.
   */
  readonly encryption: Uint8Array | undefined
}

/** Who may send. Whoever is asked and does not know refuses: nobody is trusted because a registry is away. */
export interface TrustRegistry {
  /**
   * The entry under the name of a key (`did:key:...` or a short id), or under the sender's own DID where it has another.
   * Whoever seals a message asks for its receiver in the same way, with the DID in `key` whatever its method is.
   * @returns undefined for who is unknown
   * @throws Refused `key-superseded` where the key was current once, `unavailable` where nobody can say now
   */
  lookup(key: string, issuer: string | undefined): Entry | undefined | Promise<Entry | undefined>
}
