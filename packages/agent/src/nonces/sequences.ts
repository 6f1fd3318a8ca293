/** How far behind the highest a number may be. */
export const sequenceWindow = 64

/** Numbers of one sender: the highest, and which of the 64 up to it were seen (RFC 6479's window in two words). */
export class Sequences {
  #highest: number
  /** Bit i: highest - i was seen. */
  #seen: bigint

  /** Goes on with what another one had; anew where nothing is said. */
  constructor({ highest, seen }: SequenceState = noSequences) {
    this.#highest = highest
    this.#seen = seen
  }

  get state(): SequenceState {
    return { highest: this.#highest, seen: this.#seen }
  }

  /** @returns false where it was seen before, or is too far behind to know */
  advance(sequence: number): boolean {
    if (!(Number.isSafeInteger(sequence) && sequence >= 0)) return false
    const ahead = sequence - this.#highest
    if (ahead > 0) {
      this.#seen = ahead >= sequenceWindow ? 1n : BigInt.asUintN(sequenceWindow, (this.#seen << BigInt(ahead)) | 1n)
      this.#highest = sequence
      return true
    }
    if (-ahead >= sequenceWindow) return false
    const bit = 1n << BigInt(-ahead)
    if ((this.#seen & bit) !== 0n) return false
    this.#seen |= bit
    return true
  }
}

export interface SequenceState {
  /** -1 before the first. */
  readonly highest: number
  readonly seen: bigint
}

const noSequences: SequenceState = { highest: -1, seen: 0n }
