import { Refused } from '@mintmark/core/errors'
import type { Transport } from '../agent.ts'
import { pause } from '../pause.ts'
import { readAddress } from './address.ts'
import { type LinkOptions, mostWaiting, type Socket, WebSocketLink } from './websocket-link.ts'

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
  /** Messages that wait for an attempt to succeed. */
  #waiting = 0

  constructor(options: WebSocketOptions) {
    readAddress(options.url, 'ws')
    if (!options.open && !('WebSocket' in globalThis))
      throw new TypeError('this runtime has no WebSocket: hand in `open`')
    this.#options = { open: url => new WebSocket(url) as Socket, chance: Math.random, wait: pause, ...options }
    this.#stay()
  }

  /** @throws Refused as `WebSocketLink`; `unreachable` where there is no connection, and no attempt at one succeeds */
  async deliver(message: Uint8Array): Promise<void> {
    if (this.#waiting >= mostWaiting) throw new Refused('slow-down', 'too many messages wait for a connection')
    this.#waiting++
    const link = await this.#link
    this.#waiting--
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

  async #connect(): Promise<WebSocketLink | undefined> {
    const { url, open, timeout = 10_000 } = this.#options
    const { signal } = this.#over
    let end = (): void => undefined
    const attempt = new Promise<WebSocketLink | undefined>(resolve => {
      const socket = open(url)
      // A server that takes the connection and says nothing would be waited for as long as it likes.
      const late = setTimeout(() => fail(), timeout)
      const fail = (): void => {
        resolve(undefined)
        socket.close()
      }
      signal.addEventListener('abort', fail)
      end = () => {
        clearTimeout(late)
        signal.removeEventListener('abort', fail)
      }
      // The link listens before the first frame can come.
      socket.addEventListener('open', () => resolve(new WebSocketLink(socket, this.#options)))
      socket.addEventListener('error', () => resolve(undefined))
      socket.addEventListener('close', () => resolve(undefined))
    })
    // What `open` throws is no connection either.
    const link = await attempt.catch(() => undefined)
    end()
    return link
  }
}

const [firstPause, longestPause] = [500, 30_000]
