import { Refused } from '@mintmark/core/errors'
import { readMessage } from '@mintmark/core/signed'
import type { Journal, Transport } from '../agent.ts'
import type { Received } from '../received.ts'
import { HttpTransport } from '../transport/http.ts'
import { longestMessage } from '../transport/recipient.ts'

export interface PlatformOptions {
  /** `https://host[:port]` of the platform. */
  readonly url: string
  /** What proves who asks: the `fetch` of `openHome`. */
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
  /** Milliseconds for one message. Not said: 10 seconds. */
  readonly timeout?: number
}

const messagesOf = ({ url, ...options }: PlatformOptions): HttpTransport =>
  new HttpTransport({ url: `${new URL(url).origin}/v1/messages`, ...options })

/**
 * Has what was accepted recorded by the platform before it is delivered: the envelope alone, so nothing of what was sent.
 * What the platform refuses is not delivered. Either the sender records or the receiver does: of both, whoever comes
 * second is told `message-replayed`, and nobody could tell whether it was this message.
 */
export class PlatformJournal implements Journal {
  readonly #messages: HttpTransport

  constructor(options: PlatformOptions) {
    this.#messages = messagesOf(options)
  }

  /** @throws Refused what the platform says; `unreachable` where it does not answer, and then it may have recorded it */
  append({ envelope, from }: Received): Promise<void> {
    return this.#messages.deliver(envelope, from)
  }
}

/** Sends sealed messages by way of the platform, which records them and hands them on to whoever listens. */
export class PlatformTransport implements Transport {
  readonly #messages: HttpTransport

  constructor(options: PlatformOptions) {
    this.#messages = messagesOf(options)
  }

  /** @throws Refused `body-refused` for what is not sealed, before anything of it leaves; what the platform says */
  async deliver(message: Uint8Array, to: string): Promise<void> {
    const { envelope } = readMessage(message, longestMessage)
    if (!envelope.claims.sealed) {
      throw new Refused('body-refused', 'not sealed', { hint: 'send with seal: true: the platform takes no payload' })
    }
    await this.#messages.deliver(message, to)
  }
}
