import type { Socket } from 'node:net'

/** More than any honest holder of one identity opens; beyond it the oldest is closed. */
const mostEach = 256

/** Live sockets by the identity that each proved, so that a revocation closes them at once. */
export class Sockets {
  readonly #sockets = new Map<string, Set<Socket>>()

  add(identity: string, socket: Socket): void {
    // It went while it was being proven; its end would not be told any more.
    if (socket.destroyed) return
    const sockets = this.#sockets.get(identity) ?? new Set()
    if (sockets.has(socket)) return
    this.#sockets.set(identity, sockets.add(socket))
    socket.once('close', () => {
      sockets.delete(socket)
      if (sockets.size === 0 && this.#sockets.get(identity) === sockets) this.#sockets.delete(identity)
    })
    if (sockets.size <= mostEach) return
    const [oldest] = sockets
    sockets.delete(oldest!)
    oldest!.destroy()
  }

  identities(): string[] {
    return [...this.#sockets.keys()]
  }

  /** How many identities have a socket open. */
  get size(): number {
    return this.#sockets.size
  }

  /** Destroys every open socket of the identity, without a goodbye that could be held up. */
  cut(identity: string): void {
    for (const socket of this.#sockets.get(identity) ?? []) socket.destroy()
  }
}
