/** A sealed message on its way to whoever listens: recorded already, and kept nowhere. */
export interface Relayed {
  readonly fleet: string
  /** Registry paths. */
  readonly from: string
  readonly to: string
  /** As the sender called the receiver: a DID or a short id. */
  readonly audience: string
  readonly scope: string
  /** Its entry in the ledger of the fleet. */
  readonly index: number
  /** Envelope and sealed body, as they came. */
  readonly message: Uint8Array
}

/** Takes what is offered at once, or drops it: nothing waits for it. */
export interface Outlet {
  offer(relayed: Relayed): void
}

/**
 * Hands sealed messages on once they are recorded: to receivers that listen on a connection to this process, and to
 * sinks. At most once, and no later than a receiver would take it: what nobody takes then is gone, as no payload is ever
 * kept. That it was sent stays on the ledger.
 */
export class Relay implements Outlet {
  readonly #outlets: Outlet[] = []
  readonly #listeners = new Map<string, Set<(relayed: Relayed) => void>>()

  /** From now on everything goes there too. */
  add(outlet: Outlet): void {
    this.#outlets.push(outlet)
  }

  /**
   * What is to this name, from now on.
   * @param to registry path
   * @returns ends it
   */
  listen(to: string, listener: (relayed: Relayed) => void): () => void {
    const listeners = this.#listeners.get(to) ?? new Set()
    this.#listeners.set(to, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.#listeners.get(to) === listeners) this.#listeners.delete(to)
    }
  }

  offer(relayed: Relayed): void {
    for (const listener of this.#listeners.get(relayed.to) ?? []) listener(relayed)
    for (const outlet of this.#outlets) outlet.offer(relayed)
  }
}
