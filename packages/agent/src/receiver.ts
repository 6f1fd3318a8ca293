import type { Sha256 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { type Claims, type Message, readMessage } from '@mintmark/core/signed'
import type { Journal } from './agent.ts'
import { type CheckParts, checkBody, checkEnvelope } from './check.ts'
import { keptUntil, type NonceStore, window } from './nonces/nonce-store.ts'
import { Received } from './received.ts'
import type { Entry } from './registry/registry.ts'

interface Parts extends CheckParts {
  readonly nonces: NonceStore
  readonly journal: Journal | undefined
  readonly sha256: Sha256
  readonly longestBody: number
}

/** The checks of a message. Nothing is spent before the signature holds and the body is the one that was signed. */
export class Receiver {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  async receive(bytes: Uint8Array): Promise<Received> {
    const { now, sha256, longestBody } = this.#parts
    const { envelope, body }: Message = readMessage(bytes, longestBody)
    const entry = await checkEnvelope(envelope, this.#parts)
    checkBody(envelope, body, sha256)
    await this.#spend(envelope.claims, entry)
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
