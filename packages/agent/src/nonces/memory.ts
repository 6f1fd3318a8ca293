import { Refused } from '@mintmark/core/errors'
import { Generation } from './generation.ts'
import type { NonceStore, Spent } from './nonce-store.ts'
import { Sequences } from './sequences.ts'

export interface MemoryNonceOptions {
  /** Nonces at once. A million take about 40 MB. */
  readonly most?: number
  /** Of one sender, so that one who floods takes nobody else's room. */
  readonly mostOfOne?: number
  readonly now?: () => number
}

/**
 * Nonces in this process, one generation for each second in which they end: a message that comes again ends in the same
 * second, so one generation is looked at, and a second that is over goes in one piece.
 *
 * It forgets with its process. What was issued before it began is therefore refused, unless the key is younger.
 */
export class MemoryNonceStore implements NonceStore {
  readonly #knowsSince: number
  readonly #most: number
  readonly #mostOfOne: number
  readonly #generations = new Map<number, Generation>()
  readonly #senders = new Map<string, Sender>()
  /** By number, as the generations know them. */
  readonly #numbers: (Sender | undefined)[] = []
  readonly #free: number[] = []
  readonly #seed = crypto.getRandomValues(new Uint32Array(1))[0]!
  #count = 0
  #time: number

  constructor({ most = 1_000_000, mostOfOne = Math.ceil(most / 10), now = Date.now }: MemoryNonceOptions = {}) {
    this.#most = most
    this.#mostOfOne = mostOfOne
    this.#knowsSince = now()
    this.#time = this.#knowsSince
  }

  /** How many are kept. */
  get size(): number {
    return this.#count
  }

  spend(key: string, nonce: Uint8Array, expires: number, now: number): Spent {
    this.#advanceTo(now)
    if (!(expires > this.#time)) throw new Refused('message-expired', 'the nonce may be forgotten already')
    const second = Math.ceil(expires / 1_000)
    const sender = this.#senders.get(key) ?? this.#admit(key)
    const generation = this.#generations.get(second) ?? this.#begin(second)
    const place = generation.placeOf(sender.number, nonce)
    if (place === undefined) return this.#say(false)
    if (this.#count >= this.#most || sender.count >= this.#mostOfOne) {
      this.#release(sender, 0)
      throw new Refused('nonces-full', sender.count >= this.#mostOfOne ? 'of this sender' : 'of all')
    }
    generation.put(place, sender.number)
    sender.count++
    this.#count++
    return this.#say(true)
  }

  advance(key: string, sequence: number): Spent {
    const sender = this.#senders.get(key) ?? this.#admit(key)
    sender.sequences ??= new Sequences()
    return this.#say(sender.sequences.advance(sequence))
  }

  #say(isFirst: boolean): Spent {
    return { isFirst, knowsSince: this.#knowsSince }
  }

  /** Time here never goes back, so what was forgotten is never wanted again. */
  #advanceTo(now: number): void {
    if (!(now > this.#time)) return
    const over = Math.floor(now / 1_000) > Math.floor(this.#time / 1_000)
    this.#time = now
    if (!over) return
    for (const [second, generation] of this.#generations) {
      if (second * 1_000 > now) continue
      this.#generations.delete(second)
      generation.countEach((number, count) => this.#release(this.#numbers[number]!, count))
    }
  }

  #begin(second: number): Generation {
    const generation = new Generation(this.#seed)
    this.#generations.set(second, generation)
    return generation
  }

  #admit(key: string): Sender {
    const number = this.#free.pop() ?? this.#numbers.length
    const sender: Sender = { key, number, count: 0, sequences: undefined }
    this.#numbers[number] = sender
    this.#senders.set(key, sender)
    return sender
  }

  /** Forgets a sender of whom nothing is left. */
  #release(sender: Sender, count: number): void {
    sender.count -= count
    this.#count -= count
    if (sender.count > 0 || sender.sequences !== undefined) return
    this.#senders.delete(sender.key)
    this.#numbers[sender.number] = undefined
    this.#free.push(sender.number)
  }
}

interface Sender {
  readonly key: string
  readonly number: number
  count: number
  sequences: Sequences | undefined
}
