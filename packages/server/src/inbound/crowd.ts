import type { Socket } from 'node:net'

type Remote = Pick<Socket, 'remoteAddress' | 'remotePort'>

/**
 * Connections of whom nothing is known yet, at most `most`: beyond it the oldest is dropped, so a flood pushes out
 * itself and no device that goes on to prove who it is.
 */
export class Crowd {
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
    // Its end would not be told any more.
    if (socket.destroyed) return
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

  /** The connection is known for more now. */
  done(socket: Remote): void {
    this.#sockets.delete(keyOf(socket))
  }
}

const keyOf = ({ remoteAddress, remotePort }: Remote): string => `${remoteAddress} ${remotePort}`
