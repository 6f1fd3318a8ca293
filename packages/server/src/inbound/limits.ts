const minute = 60_000
const mostAddresses = 10_000

/**
 * Counts failed proofs, per address and over all, in the present minute. Nothing that succeeds is ever counted or held
 * up; beyond the limit a failure is only told to slow down. Tokens have 256-bit secrets, so this is about noise, not
 * about guessing.
 */
export class FailureLimit {
  readonly #now: () => number
  readonly #perAddress: number
  readonly #overall: number
  #counts = new Map<string, number>()
  #total = 0
  #minute = 0

  constructor(now: () => number, limits: { readonly perAddress: number; readonly overall: number }) {
    this.#now = now
    this.#perAddress = limits.perAddress
    this.#overall = limits.overall
  }

  /** Counts one failure. @returns whether its address, or everyone, has had too many */
  fail(address: string): boolean {
    const now = Math.floor(this.#now() / minute)
    if (now !== this.#minute) {
      this.#minute = now
      this.#counts = new Map()
      this.#total = 0
    }
    this.#total++
    const count = (this.#counts.get(address) ?? 0) + 1
    if (this.#counts.size < mostAddresses || this.#counts.has(address)) this.#counts.set(address, count)
    return count > this.#perAddress || this.#total > this.#overall
  }
}
