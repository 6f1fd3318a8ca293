import type { Socket } from 'node:net'
import { type RegistryRecord, useOf } from '@mintmark/core/rules'

/** More than any honest holder of one identity opens; beyond it the oldest is closed. */
const mostEach = 256

/** Live sockets by the identity that each proved, and by which key, so that a revocation closes them at once. */
export class Sockets {
  readonly #sockets = new Map<string, Map<Socket, string>>()

  add(identity: string, key: string, socket: Socket): void {
    // It went while it was being proven; its end would not be told any more.
    if (socket.destroyed) return
    const sockets = this.#sockets.get(identity) ?? new Map<Socket, string>()
    if (sockets.has(socket)) return
    this.#sockets.set(identity, sockets.set(socket, key))
    socket.once('close', () => {
      sockets.delete(socket)
      if (sockets.size === 0 && this.#sockets.get(identity) === sockets) this.#sockets.delete(identity)
    })
    if (sockets.size <= mostEach) return
    const [oldest] = sockets.keys()
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

  /**
   * Destroys every open socket of the identity, without a goodbye that could be held up.
   * @param but those stay whose key this record still has
   */
  cut(identity: string, but?: RegistryRecord): void {
    for (const [socket, key] of this.#sockets.get(identity) ?? []) {
      if (but === undefined || useOf(but, key) === undefined) socket.destroy()
    }
  }
}
