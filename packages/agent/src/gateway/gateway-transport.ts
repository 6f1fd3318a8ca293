import { hex } from '@mintmark/core/bytes'
import { type Code, Refused } from '@mintmark/core/errors'
import { readScope } from '@mintmark/core/rules'
import { isAudience } from '@mintmark/core/signed'
import type { Agent } from '../agent.ts'
import { pause } from '../pause.ts'
import { MemoryReadingQueue, type ReadingQueue } from './queue.ts'
import { isTime, type Reading, readingType, writeReading } from './reading.ts'

export interface BoundDevice {
  /** What its readings are sent for: `telemetry:write`. */
  readonly scope: string
  /** Readings a second that are taken from it; for a moment five times as many. Not said: 10. */
  readonly perSecond?: number
}

export interface GatewayOptions {
  /** Whose key signs. It has a transport, and the receiver's registry binds the devices to it. */
  readonly agent: Agent
  /** DID of the receiver. */
  readonly to: string
  /** Every device that it speaks for, by its name. */
  readonly devices: Readonly<Record<string, BoundDevice>>
  /** Encrypts what goes out to the key that the receiver has announced. The gateway reads it, and its queue has it plain. */
  readonly seal?: boolean
  /** Not said: in memory, and what waits is lost with the process. */
  readonly queue?: ReadingQueue
  /** Told of a reading that could not be sent: it is kept and tried again, or it is dropped, which the caller may mend. */
  readonly told: (why: Refused, reading: Reading, fate: 'kept' | 'dropped') => void
  /** Longest reading, in bytes. Not said: 32 KiB. */
  readonly longest?: number
  /** Unix milliseconds. */
  readonly now?: () => number
  /** Milliseconds that only go forward. */
  readonly monotonic?: () => number
  readonly random?: (length: number) => Uint8Array
  /** From 0 to below 1. */
  readonly chance?: () => number
  /** Waits so many milliseconds, or until the signal. */
  readonly wait?: (milliseconds: number, signal: AbortSignal) => Promise<void>
}

/**
 * Speaks for devices that cannot sign: a reading that one of them hands over is kept with its time, and sent on its
 * behalf in an envelope that is made when it goes out. The order of all readings is kept.
 */
export class GatewayTransport {
  readonly #options: Required<GatewayOptions>
  readonly #devices: ReadonlyMap<string, BoundDevice & { readonly rate: Rate }>
  readonly #over = new AbortController()
  readonly #forwarding: Promise<void>
  #wake: () => void = () => undefined
  #adding: Promise<unknown> = Promise.resolve()
  #emptied: (() => void)[] = []

  /** @throws Refused `bad-scope`, `bad-did`, `bad-name` */
  constructor(options: GatewayOptions) {
    if (!options.agent.delivers) throw new TypeError('the agent of a gateway needs a transport')
    // A reading that nobody can receive would be dropped after it was taken.
    if (!isAudience(`${options.to}`)) throw new Refused('bad-did', `${options.to}`)
    this.#options = { ...defaults, queue: new MemoryReadingQueue(), ...options }
    this.#devices = new Map(
      Object.entries(options.devices).map(([name, device]) => {
        readScope(device.scope)
        if (!/^[\x21-\x7e]{1,255}$/.test(name)) throw new Refused('bad-name', name)
        return [name, { ...device, rate: new Rate(device.perSecond ?? 10, this.#options.monotonic) }]
      }),
    )
    // What `told` or the queue throws is a fault that nobody here can mend, and the runtime says so.
    this.#forwarding = this.#forward()
  }

  /** How many readings wait. */
  get waiting(): number {
    return this.#options.queue.size
  }

  /**
   * Takes a reading. Resolves when it is kept; it is sent afterwards.
   * @param measured when it was by the device's own clock, Unix milliseconds
   * @throws Refused `gateway-refused` for a device that is not bound, `too-large`, `bad-number`, `slow-down`
   */
  async take(
    device: string,
    data: Uint8Array,
    {
      contentType = 'application/octet-stream',
      measured,
    }: { contentType?: string; measured?: number | undefined } = {},
  ): Promise<void> {
    const { queue, longest, now, random } = this.#options
    const bound = this.#devices.get(device)
    if (!bound) throw new Refused('gateway-refused')
    if (data.length > longest) throw new Refused('too-large', 'reading')
    if (!/^[\x21-\x7e ]{1,100}$/.test(contentType)) throw new Refused('unsupported-media')
    if (measured !== undefined && !isTime(measured)) throw new Refused('bad-number', 'measured')
    bound.rate.take()
    const id = hex(random(16))
    const reading: Reading = { id, device, received: now(), measured, contentType, data: Uint8Array.from(data) }
    const added = this.#adding.then(() => queue.add(reading))
    // The next one waits for it, also where it is refused.
    this.#adding = added.catch(() => undefined)
    await added
    this.#wake()
  }

  /** Resolves when nothing waits. */
  emptied(): Promise<void> {
    return new Promise(resolve => {
      this.#emptied.push(resolve)
      this.#wake()
    })
  }

  /**
   * Sends nothing more. Resolves when what was on its way has come to its end, and the queue can be closed; what waits
   * stays in it.
   */
  async close(): Promise<void> {
    this.#over.abort()
    this.#wake()
    await this.#adding
    await this.#forwarding
  }

  async #forward(): Promise<void> {
    const { queue, chance, wait, told } = this.#options
    const { signal } = this.#over
    for (let [failures, doubts] = [0, 0]; !signal.aborted; ) {
      const woken = new Promise<void>(resolve => {
        this.#wake = resolve
      })
      const reading = await queue.first()
      if (!reading) {
        for (const tell of this.#emptied.splice(0)) tell()
        await woken
        continue
      }
      const why = await this.#send(reading)
      // However often nobody answered before: of this reading the receiver has said nothing then.
      const isOver = !why || hopeless.has(why.code) || (doubtful.has(why.code) && ++doubts > mostTries)
      if (why) told(why, reading, isOver ? 'dropped' : 'kept')
      if (isOver) {
        failures = doubts = 0
        await queue.removeFirst()
      } else {
        const due = Math.max(why.retryAfter ?? 0, chance() * Math.min(longestPause, firstPause * 2 ** failures++))
        await wait(Math.min(due, longestPause), signal)
      }
    }
  }

  /** @returns why it did not go */
  async #send(reading: Reading): Promise<Refused | undefined> {
    const { agent, to, seal } = this.#options
    // A queue that outlives the process may hold readings of a device that was bound once.
    const bound = this.#devices.get(reading.device)
    if (!bound) return new Refused('gateway-refused', 'not bound any more')
    try {
      await agent.send({
        to,
        scope: bound.scope,
        onBehalfOf: reading.device,
        payload: writeReading(reading),
        contentType: readingType,
        seal,
      })
      return undefined
    } catch (error) {
      return error instanceof Refused ? error : new Refused('broken', undefined, { cause: error })
    }
  }
}

/** What the next try of the same reading would be refused with too, while others may pass. */
const hopeless: ReadonlySet<Code> = new Set<Code>([
  'gateway-refused',
  'scope-refused',
  'too-large',
  'bad-envelope',
  'bad-scope',
])
/** It may be this reading, or a fault on the way, a receiver that has its key not yet, a disk that is full for a while. */
const doubtful: ReadonlySet<Code> = new Set<Code>(['broken', 'body-refused', 'seal-refused'])
const mostTries = 10
const [firstPause, longestPause] = [500, 30_000]

/** A bucket of what a device may send at once, filled again as time goes on. */
class Rate {
  readonly #perSecond: number
  readonly #monotonic: () => number
  #left: number
  #at: number

  constructor(perSecond: number, monotonic: () => number) {
    if (!(perSecond > 0)) throw new Refused('bad-number', 'readings a second')
    this.#perSecond = perSecond
    this.#monotonic = monotonic
    this.#left = this.#most
    this.#at = monotonic()
  }

  get #most(): number {
    return Math.max(1, this.#perSecond * 5)
  }

  take(): void {
    const at = this.#monotonic()
    this.#left = Math.min(this.#most, this.#left + ((at - this.#at) * this.#perSecond) / 1_000)
    this.#at = at
    if (!(this.#left >= 1)) {
      throw new Refused('slow-down', 'readings of this device', {
        retryAfter: Math.ceil(((1 - this.#left) * 1_000) / this.#perSecond),
      })
    }
    this.#left--
  }
}

const defaults = {
  seal: false,
  longest: 32_768,
  now: Date.now,
  monotonic: () => performance.now(),
  random: (length: number) => crypto.getRandomValues(new Uint8Array(length)),
  chance: Math.random,
  wait: pause,
}
