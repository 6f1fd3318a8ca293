import { equal } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { type PublicKey, type Verify, webCryptoVerify } from '@mintmark/core/keys'
import { checkReceipt, type Receipt, readReceipt } from '@mintmark/core/ledger'
import { isOfKind, readChange } from '@mintmark/core/rules'
import { readMessage } from '@mintmark/core/signed'
import type { Journal, Transport } from '../agent.ts'
import type { Received } from '../received.ts'
import { HttpTransport } from '../transport/http.ts'
import { longestMessage, readFields } from '../transport/recipient.ts'

export interface PlatformOptions {
  /** `https://host[:port]` of the platform. */
  readonly url: string
  /** What proves who asks: the `fetch` of `openHome`. */
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
  /** Milliseconds for one message. Not said: 10 seconds. */
  readonly timeout?: number
  /** The ledger of the fleet, as its charter names it: `ledger` of `openHome`. Not said: nobody's head is believed. */
  readonly ledger?: LedgerName | undefined
  /** Keeps the receipt of each message, before it is delivered: with it anybody can be shown that it was recorded. */
  readonly keep?: (receipt: Receipt) => void | Promise<void>
  /** By what heads are checked. Not said: the runtime's Web Crypto. */
  readonly verify?: Verify
}

/** Whose word a receipt is. */
export interface LedgerName {
  /** `acme.example.test/ledger` */
  readonly origin: string
  readonly publicKey: PublicKey
}

/** What a receipt has: an entry of a few kilobytes, and its proof. */
const longestReply = 65_536

/** Has messages recorded, and holds each receipt against what was sent. */
class Recorder {
  readonly #options: PlatformOptions
  readonly #messages: HttpTransport

  constructor(options: PlatformOptions) {
    const { url, fetch, timeout } = options
    this.#options = options
    const messages = { url: `${new URL(url).origin}/v1/messages`, fetch }
    this.#messages = new HttpTransport(timeout === undefined ? messages : { ...messages, timeout })
  }

  /** @throws Refused what the platform says, `bad-proof` or `bad-checkpoint` where its receipt is of something else */
  async record(message: Uint8Array, envelope: Uint8Array, to: string): Promise<void> {
    const { ledger, keep, verify = webCryptoVerify } = this.#options
    const receipt = readReply(await this.#messages.ask(message, to, longestReply))
    const fact = readChange(receipt.entry)
    // Any entry of the ledger has a receipt that is as good.
    if (!isOfKind(fact, 'message.accepted') || !equal(fact.body.envelope, envelope)) {
      throw new Refused('bad-proof', 'an entry about something else')
    }
    if (ledger) await checkReceipt(receipt, { ...ledger, verify })
    await keep?.(receipt)
  }
}

function readReply(bytes: Uint8Array): Receipt {
  const { receipt } = readFields(bytes)
  if (typeof receipt !== 'object' || receipt === null) throw new Refused('bad-proof', 'no receipt')
  return readReceipt({ ...receipt })
}

/**
 * Has what was accepted recorded by the platform before it is delivered: the envelope alone, so nothing of what was sent.
 * What the platform refuses is not delivered. Either the sender records or the receiver does: of both, whoever comes
 * second is told `message-replayed`, and nobody could tell whether it was this message.
 */
export class PlatformJournal implements Journal {
  readonly #recorder: Recorder

  constructor(options: PlatformOptions) {
    this.#recorder = new Recorder(options)
  }

  /**
   * @throws Refused what the platform says; `unreachable` where it does not answer, and then it may have recorded it;
   *   `bad-proof`, `bad-checkpoint` where what it answers is no receipt of this message
   */
  append({ envelope, from }: Received): Promise<void> {
    return this.#recorder.record(envelope, envelope, from)
  }
}

/** Sends sealed messages by way of the platform, which records them and hands them on to whoever listens. */
export class PlatformTransport implements Transport {
  readonly #recorder: Recorder

  constructor(options: PlatformOptions) {
    this.#recorder = new Recorder(options)
  }

  /** @throws Refused `body-refused` for what is not sealed, before anything of it leaves; what the platform says */
  async deliver(message: Uint8Array, to: string): Promise<void> {
    const { envelope } = readMessage(message, longestMessage)
    if (!envelope.claims.sealed) {
      throw new Refused('body-refused', 'not sealed', { hint: 'send with seal: true: the platform takes no payload' })
    }
    await this.#recorder.record(message, envelope.bytes, to)
  }
}
