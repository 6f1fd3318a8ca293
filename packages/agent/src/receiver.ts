import { type Sha256, utf8 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { checkSignature } from '@mintmark/core/keys'
import { type Claims, type Message, type Once, readMessage } from '@mintmark/core/signed'
import type { Journal } from './agent.ts'
import type { Alarms } from './alarm.ts'
import { type CheckParts, checkBody, checkEnvelope, checkKey } from './check.ts'
import { keptUntil, type NonceStore, type Spent, window } from './nonces/nonce-store.ts'
import { Received } from './received.ts'
import type { Entry } from './registry/registry.ts'
import type { EncryptionKeys } from './seal/encryption-keys.ts'

interface Parts extends CheckParts {
  readonly nonces: NonceStore
  readonly journal: Journal | undefined
  readonly sha256: Sha256
  readonly longestBody: number
  readonly encryption: EncryptionKeys | undefined
  readonly alarms: Alarms | undefined
}

/**
 * The checks of a message. Nothing is spent before the signature holds, the body is the one that was signed and, where it
 * is sealed, it has opened: a receiver that does not have the key yet can be given the same message again.
 */
export class Receiver {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  async receive(message: Uint8Array | string): Promise<Received> {
    const { longestBody, now, sha256, journal, alarms } = this.#parts
    const { envelope, body } = readMessage(bytesOf(message), longestBody)
    try {
      const entry = await checkEnvelope(envelope, this.#parts)
      checkBody(envelope, body, sha256)
      const disclosure = envelope.claims.sealed ? await this.#open({ envelope, body }, entry) : body
      const spent = this.#spend(envelope.claims, entry)
      checkFirst(envelope.claims, entry, spent instanceof Promise ? await spent : spent)
      const accepted = new Received(entry, envelope, disclosure, now())
      if (journal) await journal.append(accepted)
      return accepted
    } catch (why) {
      await alarms?.consider(envelope, why)
      throw why
    }
  }

  #open(message: Message, { key }: Entry): Promise<Uint8Array> {
    const { encryption } = this.#parts
    if (!encryption) throw new Refused('seal-refused', 'there is no encryption key here')
    return encryption.open(message, key)
  }

  /** Whether the sender that the registry knows by this name signed these bytes. Spends nothing. */
  async proves(bytes: Uint8Array): Promise<boolean> {
    const { registry, verify, longestBody } = this.#parts
    try {
      const { envelope } = readMessage(bytes, longestBody)
      const { key, issuer } = envelope.claims
      const entry = await registry.lookup(key, issuer)
      if (!entry) return false
      checkKey(envelope, entry.key)
      return await checkSignature(verify, entry.key, envelope.signed, envelope.signature)
    } catch (error) {
      if (error instanceof Refused) return false
      throw error
    }
  }

  #spend({ once }: Claims, { key }: Entry): Spent | Promise<Spent> {
    const { nonces, now } = this.#parts
    return 'sequence' in once
      ? nonces.advance(key.id, once.sequence, now())
      : nonces.spend(key.id, once.nonce, keptUntil(once.issued), now())
  }
}

/** Bytes of another kind are what a WebSocket or a fetch gives where it was not asked for these. */
function bytesOf(message: Uint8Array | string): Uint8Array {
  if (typeof message === 'string') return utf8(message)
  if (message instanceof Uint8Array) return message
  throw new Refused('bad-envelope', 'neither a Uint8Array nor text')
}

/** What the store said of it. What came before the store began may have been received by the one before it. */
function checkFirst({ once }: Claims, { madeAt }: Entry, { isFirst, knowsSince }: Spent): void {
  // Unless there was no key then.
  if (!(madeAt !== undefined && madeAt >= knowsSince)) checkKnown(once, knowsSince)
  if (!isFirst) throw new Refused('message-replayed')
}

function checkKnown(once: Once, knowsSince: number): void {
  if ('sequence' in once) {
    if (knowsSince === Number.NEGATIVE_INFINITY) return
    throw new Refused('message-fresh', 'the store does not know what this sender counted before')
  }
  const since = knowsSince + window.skew
  // Counted from when it was issued, by the sender's own clock, which may be behind.
  if (!(once.issued > since)) throw new Refused('message-fresh', undefined, { retryAfter: since - once.issued + 1 })
}
