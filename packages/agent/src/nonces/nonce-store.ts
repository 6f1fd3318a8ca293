/** What was received, so that nothing is received twice. Whoever cannot tell refuses. */
export interface NonceStore {
  /**
   * Spends a nonce, atomically.
   * @param key id of the sender's key, 64 hex characters
   * @param nonce 16 bytes
   * @param expires Unix milliseconds until which it is kept; by then the message is refused for its time
   * @param now Unix milliseconds. What expired once stays so, whatever this says later
   * @throws Refused `message-expired`, `nonces-full`, `unavailable`
   */
  spend(key: string, nonce: Uint8Array, expires: number, now: number): Spent | Promise<Spent>
  /**
   * Spends a number of a sender that counts: each once, and none that is more than 63 behind the highest.
   * @throws Refused `unavailable`
   */
  advance(key: string, sequence: number, now: number): Spent | Promise<Spent>
}

export interface Spent {
  /** False where it was spent before, or, of a number, is too far behind. */
  readonly isFirst: boolean
  /**
   * Unix milliseconds: what was spent before is not known to the store, so `isFirst` says nothing about it. -Infinity
   * where all is known. A store that others run can lose what it knew at any time, so each answer has it.
   */
  readonly knowsSince: number
}

/** A message is accepted so long after it was issued, by clocks that differ so much at most. Milliseconds. */
export const window = { length: 30_000, skew: 5_000 } as const

/**
 * When a nonce may be forgotten. Twice the skew, as the receiver's clock may be wrong by it when it spends and, other
 * processes share the store, when another one looks; a second for stores that count in seconds.
 */
export const keptUntil = (issued: number): number => issued + window.length + 2 * window.skew + 1_000
