import { Refused } from '@mintmark/core/errors'
import type { Reading } from './reading.ts'

/** Readings that are not sent yet, in their order. */
export interface ReadingQueue {
  /** Resolves when the reading is kept, as safely as this queue keeps it. @throws Refused `slow-down` where it is full */
  add(reading: Reading): void | Promise<void>
  /** The oldest one. */
  first(): Reading | undefined | Promise<Reading | undefined>
  /** It is sent, or never will be. */
  removeFirst(): void | Promise<void>
  readonly size: number
}

export interface QueueBounds {
  /** How many readings. Not said: 10,000. */
  readonly most?: number
  /** How many of one device, so that none takes the place of the others. Not said: a tenth. */
  readonly mostOfOne?: number
  /** Bytes of all of them. Not said: 16 MiB. */
  readonly mostBytes?: number
}

/** Counts what waits, and refuses what is too much. */
export class Room {
  readonly #bounds: Required<QueueBounds>
  readonly #ofDevice = new Map<string, number>()
  #count = 0
  #bytes = 0

  constructor({ most = 10_000, mostOfOne = Math.ceil(most / 10), mostBytes = 16_777_216 }: QueueBounds) {
    this.#bounds = { most, mostOfOne, mostBytes }
  }

  get count(): number {
    return this.#count
  }

  /** @throws Refused `slow-down` */
  take({ device, data }: Reading): void {
    const { most, mostOfOne, mostBytes } = this.#bounds
    const ofDevice = this.#ofDevice.get(device) ?? 0
    if (!(this.#count < most && ofDevice < mostOfOne && this.#bytes + data.length <= mostBytes)) {
      throw new Refused('slow-down', 'too many readings wait', { retryAfter: 30_000 })
    }
    this.#ofDevice.set(device, ofDevice + 1)
    this.#count++
    this.#bytes += data.length
  }

  leave({ device, data }: Reading): void {
    const left = (this.#ofDevice.get(device) ?? 1) - 1
    if (left > 0) this.#ofDevice.set(device, left)
    else this.#ofDevice.delete(device)
    this.#count--
    this.#bytes -= data.length
  }
}

/** In memory: what waits is lost with the process. */
export class MemoryReadingQueue implements ReadingQueue {
  readonly #room: Room
  readonly #readings: Reading[] = []
  /** Of the oldest one; what is before it is gone, and cut off now and then. */
  #at = 0

  constructor(bounds: QueueBounds = {}) {
    this.#room = new Room(bounds)
  }

  get size(): number {
    return this.#room.count
  }

  add(reading: Reading): void {
    this.#room.take(reading)
    this.#readings.push(reading)
  }

  first(): Reading | undefined {
    return this.#readings[this.#at]
  }

  removeFirst(): void {
    const reading = this.#readings[this.#at]
    if (!reading) return
    this.#room.leave(reading)
    if (++this.#at < 1_000) return
    this.#readings.splice(0, this.#at)
    this.#at = 0
  }
}
