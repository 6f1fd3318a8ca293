import { Refused } from '@mintmark/core/errors'
import type { Transport } from '../agent.ts'
import { type Recipient, take } from './recipient.ts'

/**
 * Agents of one process, by every DID under which they receive. Each takes one message after another, in the order in
 * which they were sent, so a `deliver` must not wait for a message to its own agent.
 */
export class Loopback implements Transport {
  readonly #ends = new Map<string, End>()

  /** @returns ends it. @throws Refused `name-taken` where another one listens under one of its DIDs */
  listen(recipient: Recipient): () => void {
    const names = [...recipient.agent.audiences]
    for (const name of names) if (this.#ends.has(name)) throw new Refused('name-taken', name)
    const end: End = { recipient, last: Promise.resolve(undefined), waiting: 0 }
    for (const name of names) this.#ends.set(name, end)
    return () => {
      for (const name of names) if (this.#ends.get(name) === end) this.#ends.delete(name)
    }
  }

  /** @throws Refused what the receiver says, `unreachable` where nobody listens, `slow-down` where too many wait */
  async deliver(message: Uint8Array, to: string): Promise<void> {
    const end = this.#ends.get(to)
    if (!end) throw new Refused('unreachable', 'nobody listens under this DID')
    if (end.waiting >= mostWaiting) throw new Refused('slow-down', 'the receiver is behind')
    end.waiting++
    // A copy: what the sender does with its bytes afterwards is not sent.
    const bytes = message.slice()
    const turn = end.last.then(() => take(end.recipient, bytes)).finally(() => end.waiting--)
    end.last = turn.catch(() => undefined)
    const why = await turn
    if (why) throw why
  }
}

interface End {
  readonly recipient: Recipient
  last: Promise<unknown>
  waiting: number
}

const mostWaiting = 1_024
