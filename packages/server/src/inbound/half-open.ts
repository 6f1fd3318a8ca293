import type { Socket } from 'node:net'

type Remote = Pick<Socket, 'remoteAddress' | 'remotePort'>

/**
 * Connections whose TLS handshake is not done, at most `most`: beyond it the oldest is dropped, so a flood of half-open
 * connections pushes out itself and no device that finishes its handshake.
 */
export class HalfOpen {
  readonly #most: number
  /** By remote address and port: a TLS socket does not tell which socket it is over. */
  readonly #sockets = new Map<string, Socket>()

  constructor(most: number) {
    this.#most = most
  }

  get size(): number {
    return this.#sockets.size
  }

  add(socket: Socket): void {
    const key = keyOf(socket)
    this.#sockets.set(key, socket)
    socket.once('close', () => {
      if (this.#sockets.get(key) === socket) this.#sockets.delete(key)
    })
    if (this.#sockets.size <= this.#most) return
    const [oldest] = this.#sockets
    this.#sockets.delete(oldest![0])
    oldest![1].destroy()
  }

  /** The TLS socket over one of them is up. */
  done(socket: Remote): void {
    this.#sockets.delete(keyOf(socket))
  }
}

const keyOf = ({ remoteAddress, remotePort }: Remote): string => `${remoteAddress} ${remotePort}`
