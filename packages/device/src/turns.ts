/**
 * At most so many at once; the others wait, in the order in which they came. Node's Agent has such a queue too, and
 * forgets those in it where a connection cannot be opened.
 */
export class Turns {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(most: number) {
    this.#free = most
  }

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>(resolve => this.#waiting.push(resolve))
    try {
      return await work()
    } finally {
      // Whoever is next takes this turn over.
      const next = this.#waiting.shift()
      if (next) next()
      else this.#free++
    }
  }
}
