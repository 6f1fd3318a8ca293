import type { Outlet, Relayed } from './relay.ts'

/** Where messages are handed on to. */
export interface Sink {
  readonly kind: 'webhook' | 'mqtt' | 'nats'
  /** Whether it can be sent to now. */
  readonly isUp: boolean
  /** Told whenever that changes. */
  onChange(changed: () => void): void
  /**
   * Sends one, once. Resolves when the other side has said that it has it.
   * @throws NotSent by a sink that is not up any more
   */
  send(relayed: Relayed): Promise<void>
  close(): Promise<void>
}

/** Nothing of it has left, so that it may be sent when the sink is back. */
export class NotSent extends Error {}

/** What became of a message at one sink. `failed`: it was sent, and nobody knows whether it arrived. */
export type Outcome = 'sent' | 'full' | 'late' | 'failed'

export interface SinkLimits {
  /** Messages, and bytes, that may wait. */
  readonly messages: number
  readonly bytes: number
  /** Milliseconds that one may wait: no receiver takes it later than that. */
  readonly longest: number
  /** Sent and not answered. */
  readonly atOnce: number
}

interface Waiting {
  readonly relayed: Relayed
  readonly since: number
  readonly order: number
}

const usual: SinkLimits = { messages: 4_096, bytes: 16_777_216, longest: 30_000, atOnce: 32 }

/**
 * What waits for one sink, bounded in number, bytes and time. A sink that is away or slow holds nobody up: what finds no
 * place or gets too old is dropped and counted.
 */
export class SinkQueue implements Outlet {
  readonly #sink: Sink
  readonly #limits: SinkLimits
  readonly #now: () => number
  readonly #count: (outcome: Outcome) => void
  readonly #timer: NodeJS.Timeout
  /** In the order in which they came. */
  #waiting: Waiting[] = []
  #came = 0
  #bytes = 0
  #running = new Set<Promise<void>>()
  #isOver = false

  /** @param now monotonic milliseconds */
  constructor(sink: Sink, count: (outcome: Outcome) => void, now: () => number, limits: Partial<SinkLimits> = {}) {
    this.#sink = sink
    this.#limits = { ...usual, ...limits }
    this.#now = now
    this.#count = count
    sink.onChange(() => this.#pump())
    this.#timer = setInterval(() => this.#forget(), 1_000)
    this.#timer.unref()
  }

  get size(): number {
    return this.#waiting.length
  }

  offer(relayed: Relayed): void {
    const { messages, bytes } = this.#limits
    if (this.#waiting.length >= messages || this.#bytes + relayed.message.length > bytes) {
      this.#count('full')
      return
    }
    this.#waiting.push({ relayed, since: this.#now(), order: this.#came++ })
    this.#bytes += relayed.message.length
    this.#pump()
  }

  /** What is being sent is given its time; what waits is dropped. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#isOver = true
    for (let left = this.#waiting.length; left > 0; left--) this.#count('late')
    this.#waiting = []
    await Promise.all(this.#running)
    await this.#sink.close()
  }

  #pump(): void {
    while (this.#sink.isUp && this.#running.size < this.#limits.atOnce) {
      this.#forget()
      const next = this.#waiting.shift()
      if (next === undefined) return
      this.#bytes -= next.relayed.message.length
      const sending = this.#sink
        .send(next.relayed)
        .then(
          () => this.#count('sent'),
          (error: unknown) => {
            if (error instanceof NotSent) this.#putBack(next)
            // Not again: it may have arrived.
            else this.#count('failed')
          },
        )
        .finally(() => {
          this.#running.delete(sending)
          this.#pump()
        })
      this.#running.add(sending)
    }
  }

  /** Where it was. What is taken back this way, as much as is sent at once, goes beyond the bounds. */
  #putBack(one: Waiting): void {
    if (this.#isOver) {
      this.#count('late')
      return
    }
    const later = this.#waiting.findIndex(({ order }) => order > one.order)
    this.#waiting.splice(later < 0 ? this.#waiting.length : later, 0, one)
    this.#bytes += one.relayed.message.length
  }

  #forget(): void {
    const before = this.#now() - this.#limits.longest
    while (this.#waiting[0] && this.#waiting[0].since <= before) {
      this.#bytes -= this.#waiting.shift()!.relayed.message.length
      this.#count('late')
    }
  }
}

/** What the other side says, or a failure where it says nothing in time. */
export async function inTime<T>(asked: Promise<T>, patience: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the sink is silent')), patience)
  })
  try {
    return await Promise.race([asked, late])
  } finally {
    clearTimeout(timer)
  }
}
