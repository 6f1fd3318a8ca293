import { utf8 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import type { Transport } from '../agent.ts'
import { answerOf, longestMessage, type Recipient, readAnswer, readFields, take, tellable } from './recipient.ts'

// A binary frame is a message. A text frame answers one: {"n": 0} where it was taken, otherwise {"n": 0, "code": ...} as
// over HTTP; n counts the other side's binary frames on this connection from 0 on. Both sides may do both.

/** What a WebSocket is on every runtime, and in the package `ws`. */
export interface Socket {
  binaryType: string
  readonly readyState: number
  /** Bytes that the other side has not taken; a runtime that does not say so bounds them itself. */
  readonly bufferedAmount?: number
  send(data: Uint8Array<ArrayBuffer> | string): void
  close(code?: number, reason?: string): void
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
  addEventListener(type: 'open' | 'close' | 'error', listener: () => void): void
}

export interface LinkOptions {
  /** Who takes what the other side sends. Not said: nobody. */
  readonly recipient?: Recipient
  /** Milliseconds until an answer. Not said: 10 seconds. */
  readonly timeout?: number
}

/** Messages that one side has sent and that are not answered: what either side must have room for. */
export const mostUnanswered = 64
/** Those that wait at the sender until there is room. */
export const mostWaiting = 1_024
const longestAnswer = 1_024
/** Bytes of answers that an other side that keeps to its part has not taken. */
const mostUnread = mostUnanswered * longestAnswer

/** One open connection. The order is kept, in each direction. */
export class WebSocketLink implements Transport {
  /** Resolves when the connection is over. */
  readonly closed: Promise<void>
  #tellClosed: () => void = () => undefined
  readonly #socket: Socket
  readonly #recipient: Recipient | undefined
  readonly #timeout: number
  readonly #unanswered = new Map<number, (answer: Refused | undefined) => void>()
  #waiting: { readonly message: Uint8Array<ArrayBuffer>; readonly answered: Answered }[] = []
  #sent = 0
  #received = 0
  #inHand = 0
  /** Frames that came, of either kind. */
  #heard = 0
  #last: Promise<unknown> = Promise.resolve()
  #isOver = false

  /** @param socket one that is open */
  constructor(socket: Socket, { recipient, timeout = 10_000 }: LinkOptions = {}) {
    this.#socket = socket
    this.#recipient = recipient
    this.#timeout = timeout
    socket.binaryType = 'arraybuffer'
    socket.addEventListener('message', ({ data }) => this.#take(data))
    // Of an error nothing more is known, and the end follows.
    socket.addEventListener('error', () => undefined)
    this.closed = new Promise(resolve => {
      this.#tellClosed = resolve
    })
    socket.addEventListener('close', () => this.#end())
    if (socket.readyState > 1) this.#end()
  }

  /** Whether the other side has said anything. */
  get isUsed(): boolean {
    return this.#heard > 0
  }

  /**
   * @throws Refused what the other side says; `slow-down` where too many wait; `unreachable` where the connection ends,
   *   or no answer comes in time: then it may have arrived. A connection on which nothing came in all that time is ended.
   */
  async deliver(message: Uint8Array): Promise<void> {
    if (this.#isOver) throw new Refused('unreachable', 'the connection is over')
    if (this.#waiting.length >= mostWaiting) throw new Refused('slow-down', 'too many messages wait for an answer')
    const heard = this.#heard
    const why = await new Promise<Refused | undefined>(resolve => {
      const timer = setTimeout(() => {
        // Whoever was told so may send it again, so it does not leave later.
        this.#waiting = this.#waiting.filter(each => each.answered !== answered)
        resolve(new Refused('unreachable', 'no answer in time'))
        // Of a peer that is gone without a word TCP hears nothing for a long while.
        if (this.#heard === heard && !this.#isOver) this.#close(4408, 'silent')
      }, this.#timeout)
      const answered: Answered = answer => {
        clearTimeout(timer)
        resolve(answer)
      }
      // A copy: what the sender does with its bytes afterwards is not sent.
      this.#waiting.push({ message: Uint8Array.from(message), answered })
      this.#send()
    })
    if (why) throw why
  }

  close(): void {
    this.#socket.close(1000)
  }

  #send(): void {
    while (this.#unanswered.size < mostUnanswered) {
      const next = this.#waiting.shift()
      if (!next) return
      this.#unanswered.set(this.#sent++, next.answered)
      this.#socket.send(next.message)
    }
  }

  #take(data: unknown): void {
    if (this.#isOver) return
    this.#heard++
    if (typeof data === 'string') this.#hear(data)
    else if (data instanceof ArrayBuffer && data.byteLength <= longestMessage) this.#queue(new Uint8Array(data))
    else this.#close(4400, 'no message')
  }

  #queue(bytes: Uint8Array): void {
    const n = this.#received++
    if (this.#inHand >= mostUnanswered) {
      // Who keeps to the limit never sees this.
      this.#answer(n, new Refused('slow-down'))
      return
    }
    this.#inHand++
    this.#last = this.#last
      .then(() => this.#receive(n, bytes))
      .catch(() => this.#close(4500, 'broken'))
      .finally(() => this.#inHand--)
  }

  async #receive(n: number, bytes: Uint8Array): Promise<void> {
    const recipient = this.#recipient
    const why = recipient ? await take(recipient, bytes) : new Refused('not-found')
    this.#answer(n, recipient && why ? await tellable(bytes, why, recipient.agent) : why)
  }

  #answer(n: number, why: Refused | undefined): void {
    if (this.#isOver) return
    // Who sends and never reads would have its answers kept here for ever.
    const room = mostUnread + this.#unanswered.size * longestMessage
    if ((this.#socket.bufferedAmount ?? 0) > room) this.#close(4429, 'answers are not read')
    else this.#socket.send(JSON.stringify({ n, ...(why && answerOf(why)) }))
  }

  #hear(text: string): void {
    const answer = text.length > longestAnswer ? undefined : readNumbered(text)
    const answered = answer && this.#unanswered.get(answer.n)
    // Who answers what was not asked has lost count, and no later answer would be for what it seems to be for.
    if (!answered) {
      this.#close(4400, 'an answer to nothing')
      return
    }
    this.#unanswered.delete(answer.n)
    answered(answer.why)
    this.#send()
  }

  #close(code: number, reason: string): void {
    this.#socket.close(code, reason)
    this.#end()
  }

  #end(): void {
    this.#isOver = true
    const left = [...this.#unanswered.values(), ...this.#waiting.splice(0).map(({ answered }) => answered)]
    this.#unanswered.clear()
    for (const answered of left) answered(new Refused('unreachable', 'the connection ended before an answer'))
    this.#tellClosed()
  }
}

type Answered = (answer: Refused | undefined) => void

/** What stands in a text frame, or undefined where it is no answer. */
function readNumbered(text: string): { readonly n: number; readonly why: Refused | undefined } | undefined {
  const { n, ...answer } = readFields(utf8(text))
  const why = readAnswer(answer)
  return typeof n === 'number' && (why !== undefined || answer.code === undefined) ? { n, why } : undefined
}
