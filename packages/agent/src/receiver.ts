import { equal, type Sha256 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { checkSignature, type PublicKey, type Verify } from '@mintmark/core/keys'
import { checkStanding } from '@mintmark/core/rules'
import { type Claims, type Envelope, isNamed, type Message, readMessage, saltLength } from '@mintmark/core/signed'
import type { Journal } from './agent.ts'
import { keptUntil, type NonceStore, window } from './nonces/nonce-store.ts'
import { Received } from './received.ts'
import type { Entry, TrustRegistry } from './registry/registry.ts'

interface Parts {
  readonly audiences: ReadonlySet<string>
  readonly registry: TrustRegistry
  readonly nonces: NonceStore
  readonly journal: Journal | undefined
  readonly now: () => number
  readonly verify: Verify
  readonly sha256: Sha256
  readonly longestBody: number
}

/**
 * The checks of a message, the cheap ones first. Nothing is spent before the signature holds, and a sender that nobody
 * knows costs no look at a signature.
 */
export class Receiver {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  async receive(bytes: Uint8Array): Promise<Received> {
    const { audiences, registry, now, verify, sha256, longestBody } = this.#parts
    const { envelope, body }: Message = readMessage(bytes, longestBody)
    const { claims } = envelope
    if (!audiences.has(claims.audience)) throw new Refused('other-audience')
    checkTime(claims, now())
    const found = registry.lookup(claims.key, claims.issuer)
    const entry = found instanceof Promise ? await found : found
    if (!entry) throw new Refused('sender-unknown')
    checkStanding(entry)
    checkRights(claims, entry)
    checkKey(envelope, entry.key)
    const signed = checkSignature(verify, entry.key, envelope.signed, envelope.signature)
    if (!(signed instanceof Promise ? await signed : signed)) throw new Refused('envelope-signature')
    if (body.length < saltLength || !equal(sha256(body), claims.digest)) throw new Refused('body-refused')
    await this.#spend(claims, entry)
    return this.#record(new Received(entry.did, envelope, body, now()))
  }

  async #spend({ once }: Claims, { key, madeAt }: Entry): Promise<void> {
    const { nonces, now } = this.#parts
    const isCounted = 'sequence' in once
    const answer = isCounted
      ? nonces.advance(key.id, once.sequence, now())
      : nonces.spend(key.id, once.nonce, keptUntil(once.issued), now())
    const { isFirst, knowsSince } = answer instanceof Promise ? await answer : answer
    // What came before the store began may have been received by the one before it, unless there was no key then.
    if (!(madeAt !== undefined && madeAt >= knowsSince)) {
      if (isCounted && knowsSince !== Number.NEGATIVE_INFINITY) {
        throw new Refused('message-fresh', 'the store does not know what this sender counted before')
      }
      const since = knowsSince + window.skew
      if (!isCounted && !(once.issued > since)) {
        throw new Refused('message-fresh', undefined, { retryAfter: Math.max(0, since - now()) + 1 })
      }
    }
    if (!isFirst) throw new Refused('message-replayed')
  }

  async #record(accepted: Received): Promise<Received> {
    await this.#parts.journal?.append(accepted)
    return accepted
  }
}

/** Asked so that a time that is no number is refused. */
function checkTime({ once }: Claims, now: number): void {
  if ('sequence' in once) return
  if (!(now - once.issued <= window.length)) throw new Refused('message-expired')
  if (!(once.issued - now <= window.skew)) throw new Refused('message-early')
}

function checkRights({ scope, audience, onBehalfOf, once }: Claims, entry: Entry): void {
  if (!entry.covers(scope)) throw new Refused('scope-refused')
  if (entry.recipients && !entry.recipients.has(audience)) throw new Refused('recipient-refused')
  if (onBehalfOf !== undefined && !entry.devices.has(onBehalfOf)) throw new Refused('gateway-refused')
  // A sender with a clock that counts could be held back for as long as somebody likes.
  if ('sequence' in once !== entry.isCounted) throw new Refused('sequence-refused')
}

/** The registered key decides: which it is, and by which algorithm it signs. */
function checkKey({ algorithm, claims }: Envelope, key: PublicKey): void {
  if (algorithm !== key.algorithm) throw new Refused('algorithm-refused', 'not that of the registered key')
  if (!isNamed(key, claims.key)) throw new Refused('key-superseded')
}
