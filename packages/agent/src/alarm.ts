import type { Code } from '@mintmark/core/errors'
import { Refused } from '@mintmark/core/errors'
import { checkSignature, type PublicKey, readDidKey, type Verify } from '@mintmark/core/keys'
import { type Envelope, isNamed } from '@mintmark/core/signed'
import type { TrustRegistry } from './registry/registry.ts'

/** Somebody who holds a sender's key did what that sender has no reason to do. */
export interface Alarm {
  readonly code: Code
  /** did:key, or the short id, of the key that signed the message. */
  readonly key: string
  /** Unix milliseconds. */
  readonly at: number
  /** The envelope, which proves it. */
  readonly envelope: Uint8Array
}

/**
 * Refusals that a sound sender does not cause: its key is used after it was replaced or revoked, so it was copied or
 * nobody told it; a gateway speaks for a device that is not behind it; somebody on the way changed a body; or a seal was
 * moved from another message. Replays are no alarm: networks make them.
 */
const alarming: ReadonlySet<Code> = new Set<Code>([
  'key-superseded',
  'revoked',
  'decommissioned',
  'gateway-refused',
  'body-refused',
  'seal-refused',
])

const pause = 60_000
const most = 1_024

interface Parts {
  readonly tell: (alarm: Alarm) => void
  readonly now: () => number
  readonly verify: Verify
  readonly registry: TrustRegistry
}

/** Raises each alarm once a minute for a key and a code, and only where the signature holds: anybody can name a key. */
export class Alarms {
  readonly #parts: Parts
  /** When it was last raised, the longest ago first. */
  readonly #raised = new Map<string, number>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Whether a refusal is an alarm, and if so tells it. */
  async consider(envelope: Envelope, why: unknown): Promise<void> {
    if (!(why instanceof Refused && alarming.has(why.code))) return
    const { tell, now, verify } = this.#parts
    const { claims, bytes, signed, signature } = envelope
    const about = `${why.code} ${claims.key}`
    const isDue = () => !(now() - (this.#raised.get(about) ?? Number.NEGATIVE_INFINITY) < pause)
    if (!isDue()) return
    // Under somebody's DID anybody can put a key of his own; then it is the registry's word that counts.
    const named = claims.issuer === undefined ? keyIn(claims.key) : undefined
    const signer = named ?? (await this.#registered(envelope))
    if (!signer || signer.algorithm !== envelope.algorithm) return
    // Several may be looked at at once.
    if (!(await checkSignature(verify, signer, signed, signature)) || !isDue()) return
    const at = now()
    this.#raised.delete(about)
    if (this.#raised.size >= most) this.#raised.delete(this.#raised.keys().next().value!)
    this.#raised.set(about, at)
    tell({ code: why.code, key: claims.key, at, envelope: bytes })
  }

  /** The key of a short id, where the registry still has it: of one that was replaced nobody can say who signed. */
  async #registered({ claims }: Envelope): Promise<PublicKey | undefined> {
    try {
      const key = (await this.#parts.registry.lookup(claims.key, claims.issuer))?.key
      return key && isNamed(key, claims.key) ? key : undefined
    } catch (cause) {
      if (cause instanceof Refused) return undefined
      throw cause
    }
  }
}

/** A did:key is its key; of a short id only the registry knows it. */
function keyIn(name: string): PublicKey | undefined {
  try {
    return name.startsWith('did:key:') ? readDidKey(name) : undefined
  } catch {
    // A key that is not admitted signs for nobody.
    return undefined
  }
}
