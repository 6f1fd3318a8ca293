import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { end } from './pinned.ts'
import type { Target } from './raw-client.ts'

// Many devices in a process of their own (`crowd-process.ts`), so that their work is not on the clock of whoever asks.

/** A platform that devices are of. */
export interface Fleet {
  /** Of the crowd's own making. */
  readonly id: number
  readonly anchor: string
}

/** One connection of one device, by its number; it sends one request and stays. */
export interface Link {
  readonly device: number
  readonly port: number
  readonly path: string
}

export type Ask =
  | { readonly ask: 'enroll'; readonly fleet: Fleet; readonly port: number; readonly token: string; count: number }
  | { readonly ask: 'connect'; readonly fleet: Fleet; readonly links: readonly Link[] }
  | { readonly ask: 'leave' }

export type Say =
  | { readonly say: 'done' }
  | { readonly say: 'failed'; readonly why: string }
  /** The other end closed the connection of this device. */
  | { readonly say: 'closed'; readonly device: number; readonly at: number }

type Closed = (device: number, at: number) => void

export class Crowd {
  readonly #child: ChildProcess
  #fleets = 0
  #closed: Closed | undefined
  #settle: { resolve(): void; reject(error: Error): void } | undefined

  constructor() {
    this.#child = fork(fileURLToPath(new URL('./crowd-process.ts', import.meta.url)))
    this.#child.on('message', (said: Say) => {
      if (said.say === 'closed') this.#closed?.(said.device, said.at)
      else if (said.say === 'done') this.#settle?.resolve()
      else this.#settle?.reject(new Error(said.why))
    })
    this.#child.once('exit', code => this.#settle?.reject(new Error(`the devices ended: ${code}`)))
  }

  /** Makes keys and enrolls them as device-0, device-1 and so on. */
  async enroll({ port, anchor }: Target, token: string, count: number): Promise<Fleet> {
    const fleet = { id: this.#fleets++, anchor: anchor! }
    await this.#ask({ ask: 'enroll', fleet, port, token, count })
    return fleet
  }

  /**
   * Resolves when every connection is open and its request was answered.
   * @param closed called with each connection that the server ends, and when that was
   */
  connect(fleet: Fleet, links: readonly Link[], closed: Closed): Promise<void> {
    this.#closed = closed
    return this.#ask({ ask: 'connect', fleet, links })
  }

  /** Ends all connections. */
  leave(): Promise<void> {
    return this.#ask({ ask: 'leave' })
  }

  end(): Promise<void> {
    this.#settle = undefined
    return end(this.#child)
  }

  #ask(ask: Ask): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
      this.#child.send(ask)
    })
  }
}
