import { Refused } from '@mintmark/core/errors'
import type { Transport } from '../agent.ts'
import { readAddress } from './address.ts'
import { type LinkOptions, type Socket, WebSocketLink } from './websocket-link.ts'

export interface WebSocketOptions extends LinkOptions {
  /** `wss:`, or `ws:` on this computer. */
  readonly url: string
  /** Not said: the runtime's own WebSocket, which Node has from 22 on. */
  readonly open?: (url: string) => Socket
  /** From 0 to below 1. */
  readonly chance?: () => number
  /** Waits so many milliseconds, or until the signal. */
  readonly wait?: (milliseconds: number, signal: AbortSignal) => Promise<void>
}

/**
 * The side that opens the connection, and opens another one when it ends: after a pause by chance, of up to twice as
 * long each time, so that a receiver that comes back is not met by all at once.
 */
export class WebSocketTransport implements Transport {
  readonly #options: WebSocketOptions & Required<Pick<WebSocketOptions, 'open' | 'chance' | 'wait'>>
  readonly #over = new AbortController()
  /** The connection, or the attempt that is under way; undefined in a pause. */
  #link: Promise<WebSocketLink | undefined> | undefined

  constructor(options: WebSocketOptions) {
    readAddress(options.url, 'ws')
    if (!options.open && !('WebSocket' in globalThis))
      throw new TypeError('this runtime has no WebSocket: hand in `open`')
    this.#options = { open: url => new WebSocket(url) as Socket, chance: Math.random, wait: pause, ...options }
    this.#stay()
  }

  /** @throws Refused as `WebSocketLink`; `unreachable` at once where there is no connection */
  async deliver(message: Uint8Array): Promise<void> {
    const link = await this.#link
    if (!link) throw new Refused('unreachable', 'no connection')
    await link.deliver(message)
  }

  close(): void {
    this.#over.abort()
    // Where there is none there is nothing to close.
    this.#link?.then(link => link?.close())
  }

  async #stay(): Promise<void> {
    const { chance, wait } = this.#options
    const { signal } = this.#over
    for (let failures = 0; !signal.aborted; failures++) {
      this.#link = this.#connect()
      const link = await this.#link
      await link?.closed
      if (link?.isUsed) failures = 0
      this.#link = undefined
      if (!signal.aborted) await wait(chance() * Math.min(longestPause, firstPause * 2 ** failures), signal)
    }
  }

  #connect(): Promise<WebSocketLink | undefined> {
    const { url, open } = this.#options
    return new Promise(resolve => {
      const socket = open(url)
      // The link listens before the first frame can come.
      socket.addEventListener('open', () => resolve(new WebSocketLink(socket, this.#options)))
      socket.addEventListener('error', () => resolve(undefined))
      socket.addEventListener('close', () => resolve(undefined))
      this.#over.signal.addEventListener('abort', () => socket.close(), { once: true })
    })
  }
}

const [firstPause, longestPause] = [500, 30_000]

const pause = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    const timer = setTimeout(resolve, milliseconds)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
