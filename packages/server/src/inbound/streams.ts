import type { ServerResponse } from 'node:http'
import { Refused } from '@mintmark/core/errors'
import type { Sink, Stream } from '../stream.ts'

/** A stream that was let in, and counts until it is over. */
export interface Admitted {
  /** Sends it over the connection of this response, whose head was written. */
  carry(response: ServerResponse): void
  /** It will not be sent after all. */
  drop(): void
}

export interface StreamLimits {
  /** Of one identity, and of all; of one fleet half of what the others leave, so that none keeps another out. */
  readonly each: number
  readonly all: number
  /** Bytes that may wait for one reader. */
  readonly waiting: number
  /** Milliseconds between two looks whether its reader may still have it. */
  readonly again: number
}

const usual: StreamLimits = { each: 16, all: 2_000, waiting: 262_144, again: 5_000 }

/**
 * Replies that go on. A connection that is cut ends its own; beside that each is held against the gate again and again,
 * as whoever opened it may have lost the right, or its certificate has ended.
 */
export class Streams {
  readonly #limits: StreamLimits
  readonly #running = new Map<string, Set<Running>>()
  readonly #ofFleet = new Map<string, number>()
  #count = 0
  #closed = false

  constructor(limits: Partial<StreamLimits> = {}) {
    this.#limits = { ...usual, ...limits }
  }

  get size(): number {
    return this.#count
  }

  /**
   * @param enter passes the gate again, or is refused
   * @throws Refused `slow-down` where there are too many, `unavailable` where the platform stops
   */
  admit(identity: string, stream: Stream, enter: () => Promise<void>): Admitted {
    if (this.#closed) throw new Refused('unavailable', 'the platform stops')
    const { each, all } = this.#limits
    const others = this.#running.get(identity) ?? new Set()
    const fleet = identity.split('/')[0]!
    const free = all - this.#count
    if (others.size >= each || (this.#ofFleet.get(fleet) ?? 0) >= free) {
      throw new Refused('slow-down', 'too many open streams', { retryAfter: this.#limits.again })
    }
    const running = new Running(stream, enter, this.#limits, () => {
      if (!others.delete(running)) return
      this.#add(fleet, -1)
      if (others.size === 0 && this.#running.get(identity) === others) this.#running.delete(identity)
    })
    this.#running.set(identity, others.add(running))
    this.#add(fleet, 1)
    return running
  }

  /** Looks at once whether the identity may still have what it reads. */
  async review(identity: string): Promise<void> {
    await Promise.all([...(this.#running.get(identity) ?? [])].map(running => running.review()))
  }

  /** Ends all, and admits none from here on: the platform stops. */
  close(): void {
    this.#closed = true
    for (const running of [...this.#running.values()].flatMap(some => [...some])) running.end()
  }

  #add(fleet: string, more: 1 | -1): void {
    const ofFleet = (this.#ofFleet.get(fleet) ?? 0) + more
    if (ofFleet > 0) this.#ofFleet.set(fleet, ofFleet)
    else this.#ofFleet.delete(fleet)
    this.#count += more
  }
}

class Running implements Admitted, Sink {
  readonly #stream: Stream
  readonly #enter: () => Promise<void>
  readonly #limits: StreamLimits
  readonly #gone: () => void
  #response: ServerResponse | undefined
  #timer: NodeJS.Timeout | undefined
  #stop: (() => void) | undefined
  #isOver = false

  constructor(stream: Stream, enter: () => Promise<void>, limits: StreamLimits, gone: () => void) {
    this.#stream = stream
    this.#enter = enter
    this.#limits = limits
    this.#gone = gone
  }

  carry(response: ServerResponse): void {
    this.#response = response
    if (this.#isOver || response.destroyed) {
      this.end()
      return
    }
    response.once('close', () => this.drop())
    this.#timer = setInterval(() => void this.review(), this.#limits.again)
    const stop = this.#stream.open(this)
    this.#stop = stop
    // It was over before it had begun.
    if (this.#isOver) stop()
    // What was taken behind the gate, before this was counted, was not looked at here by whoever took it.
    void this.review()
  }

  write(bytes: string | Uint8Array): void {
    const response = this.#response
    if (this.#isOver || response === undefined) return
    response.write(bytes)
    if (response.writableLength > (this.#stream.waiting ?? this.#limits.waiting)) response.destroy()
  }

  end(): void {
    this.drop()
    this.#response?.end()
  }

  drop(): void {
    if (this.#isOver) return
    this.#isOver = true
    clearInterval(this.#timer)
    this.#gone()
    this.#stop?.()
  }

  async review(): Promise<void> {
    try {
      await this.#enter()
    } catch {
      // Why is told when it asks again.
      this.end()
    }
  }
}
