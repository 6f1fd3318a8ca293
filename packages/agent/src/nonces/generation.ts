/** Words of a slot: the sender's number plus one (0 is an empty slot), then the nonce. */
const width = 5
const mostLoad = 0.75

/** Nonces that end in the same second: an open-addressed table in one typed array, 27 to 40 bytes each. */
export class Generation {
  readonly #seed: number
  #slots = new Uint32Array(width * 16)
  #capacity = 16
  #count = 0
  readonly #words = new Uint32Array(4)

  /** @param seed so that no sender can choose nonces that all fall into one place */
  constructor(seed: number) {
    this.#seed = seed
  }

  /** Where to `put` a nonce next, or undefined where it is. */
  placeOf(sender: number, nonce: Uint8Array): number | undefined {
    if (this.#count + 1 > this.#capacity * mostLoad) this.#grow()
    const words = this.#words
    for (let i = 0; i < 4; i++) {
      const at = 4 * i
      words[i] = nonce[at]! | (nonce[at + 1]! << 8) | (nonce[at + 2]! << 16) | (nonce[at + 3]! << 24)
    }
    const at = this.#find(sender + 1, words)
    return this.#slots[at] === 0 ? at : undefined
  }

  /** Adds the nonce whose place was asked for last. */
  put(place: number, sender: number): void {
    this.#fill(place, sender + 1, this.#words)
    this.#count++
  }

  /** How many there are of each sender. */
  countEach(tell: (sender: number, count: number) => void): void {
    const counts = new Map<number, number>()
    for (let at = 0; at < this.#slots.length; at += width) {
      const owner = this.#slots[at]!
      if (owner !== 0) counts.set(owner - 1, (counts.get(owner - 1) ?? 0) + 1)
    }
    for (const [sender, count] of counts) tell(sender, count)
  }

  #fill(at: number, owner: number, words: Uint32Array): void {
    const slots = this.#slots
    slots[at] = owner
    for (let i = 0; i < 4; i++) slots[at + 1 + i] = words[i]!
  }

  /** The slot that has it, or the empty one in which it belongs. */
  #find(owner: number, words: Uint32Array): number {
    const slots = this.#slots
    let slot = this.#hash(owner, words) % this.#capacity
    for (;;) {
      const at = slot * width
      if (slots[at] === 0) return at
      if (
        slots[at] === owner &&
        slots[at + 1] === words[0] &&
        slots[at + 2] === words[1] &&
        slots[at + 3] === words[2] &&
        slots[at + 4] === words[3]
      ) {
        return at
      }
      slot = slot + 1 === this.#capacity ? 0 : slot + 1
    }
  }

  #hash(owner: number, words: Uint32Array): number {
    let hash = this.#seed ^ owner
    for (let i = 0; i < 4; i++) {
      // The finalizer of MurmurHash3: every bit of the input reaches every bit of the result.
      hash ^= words[i]!
      hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
      hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
      hash ^= hash >>> 16
    }
    return hash >>> 0
  }

  #grow(): void {
    const old = this.#slots
    this.#capacity = Math.ceil(this.#capacity * 1.5)
    this.#slots = new Uint32Array(width * this.#capacity)
    for (let at = 0; at < old.length; at += width) {
      const owner = old[at]!
      if (owner === 0) continue
      const words = old.subarray(at + 1, at + width)
      this.#fill(this.#find(owner, words), owner, words)
    }
  }
}
