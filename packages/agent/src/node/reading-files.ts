import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Json, readJson, utf8 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { type Lock, lockHome } from '@mintmark/device/lock'
import { makeDirectoryDurably, removeTornWrites, writeFileDurably } from '@mintmark/elements'
import { type QueueBounds, type ReadingQueue, Room } from '../gateway/queue.ts'
import { type Reading, readReadingOf, writeReading } from '../gateway/reading.ts'

// One file a reading, 0000000000000042.json, in the order of their numbers: {"device": "sensor-7", ...} and the reading.

/**
 * Readings in a directory of their own: what was taken is there after a crash and a power cut. One that was sent just
 * before may be sent again then, with the same id. One process at a time has them: of two each would send all.
 */
export class FileReadingQueue implements ReadingQueue {
  readonly #directory: string
  readonly #room: Room
  readonly #lock: Lock
  /** Numbers of the files, oldest first. */
  readonly #numbers: number[]
  #next: number
  #isClosed = false

  private constructor(directory: string, bounds: QueueBounds, lock: Lock) {
    this.#directory = directory
    this.#room = new Room(bounds)
    this.#lock = lock
    removeTornWrites(directory)
    this.#numbers = readdirSync(directory).flatMap(name => (fileName.test(name) ? [Number.parseInt(name, 10)] : []))
    this.#numbers.sort((a, b) => a - b)
    this.#next = (this.#numbers.at(-1) ?? 0) + 1
    for (const number of this.#numbers) this.#room.take(this.#read(number))
  }

  /**
   * @throws Refused `home-in-use` where another process has it, `slow-down` where more is there already than the bounds
   * take, `bad-json` where a file is damaged
   */
  static async open(directory: string, bounds: QueueBounds = {}): Promise<FileReadingQueue> {
    makeDirectoryDurably(directory, 0o700)
    const lock = await lockHome(directory, 'readings')
    try {
      return new FileReadingQueue(directory, bounds, lock)
    } catch (error) {
      lock.release()
      throw error
    }
  }

  get size(): number {
    return this.#room.count
  }

  /** Lets another process open it. What waits stays; from here on this one refuses all with `unavailable`. */
  close(): void {
    this.#isClosed = true
    this.#lock.release()
  }

  add(reading: Reading): void {
    this.#checkOpen()
    this.#room.take(reading)
    // What could not be written may be there all the same, so its number is not used again.
    const number = this.#next++
    try {
      const text = JSON.stringify({ device: reading.device, reading: writeReading(reading) })
      writeFileDurably(this.#path(number), utf8(text), { mode: 0o600, replace: false })
    } catch (cause) {
      this.#room.leave(reading)
      throw new Refused('unavailable', 'the queue cannot be written', { cause })
    }
    this.#numbers.push(number)
  }

  first(): Reading | undefined {
    this.#checkOpen()
    const [number] = this.#numbers
    return number === undefined ? undefined : this.#read(number)
  }

  removeFirst(): void {
    this.#checkOpen()
    const [number] = this.#numbers
    if (number === undefined) return
    this.#room.leave(this.#read(number))
    rmSync(this.#path(number))
    this.#numbers.shift()
  }

  /** The files may be another process's by now. */
  #checkOpen(): void {
    if (this.#isClosed) throw new Refused('unavailable', 'the queue is closed')
  }

  #read(number: number): Reading {
    const value = readJson(readFileSync(this.#path(number)))
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Refused('bad-json', 'a reading')
    const { device, reading } = value as Readonly<Record<string, Json | undefined>>
    if (typeof device !== 'string' || reading === undefined) throw new Refused('bad-json', 'a reading')
    return readReadingOf(device, reading)
  }

  #path(number: number): string {
    return join(this.#directory, `${String(number).padStart(16, '0')}.json`)
  }
}

const fileName = /^\d{16}\.json$/
