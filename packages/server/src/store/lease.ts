/** How often a process says that it lives, and for how long it may rely on having said so. Milliseconds. */
export const lease = {
  beat: 500,
  lasts: 2_000,
  /** Clocks of two computers do not run equally fast: a lease is waited for a little longer than its holder uses it. */
  margin: 200,
} as const

/** Both clocks of one computer, in milliseconds. */
export interface Clocks {
  /** Does not step. It may stand still while the computer sleeps. */
  monotonic(): number
  /** Time of day: it goes on while the computer sleeps, and may step. */
  now(): number
}

/**
 * For how long this process may answer from what it remembers. Counted from before the beat was sent, so that it ends
 * here no later than anyone else thinks; whichever clock says that it is over is believed.
 */
export class Lease {
  readonly #clocks: Clocks
  #until = { monotonic: Number.NEGATIVE_INFINITY, now: Number.NEGATIVE_INFINITY }

  constructor(clocks: Clocks) {
    this.#clocks = clocks
  }

  /** To be asked for at the moment before a beat is sent, and called once everything that the beat brought is acted on. */
  begin(): () => void {
    const [monotonic, now] = [this.#clocks.monotonic() + lease.lasts, this.#clocks.now() + lease.lasts]
    return () => {
      this.#until = { monotonic, now }
    }
  }

  get isLive(): boolean {
    return this.left > 0
  }

  /** Milliseconds until it ends, by the clock that says so first. */
  get left(): number {
    return Math.min(this.#until.monotonic - this.#clocks.monotonic(), this.#until.now - this.#clocks.now())
  }
}

/** When each of the others was last seen to beat, by our own monotonic clock: nobody's time of day is compared. */
export class Beats {
  readonly #clocks: Clocks
  readonly #seen = new Map<string, { beat: number; at: number }>()

  constructor(clocks: Clocks) {
    this.#clocks = clocks
  }

  /** @param rows read just now */
  observe(rows: readonly { readonly id: string; readonly beat: number }[]): void {
    const at = this.#clocks.monotonic()
    for (const { id, beat } of rows) if (this.#seen.get(id)?.beat !== beat) this.#seen.set(id, { beat, at })
    const here = new Set(rows.map(({ id }) => id))
    for (const id of this.#seen.keys()) if (!here.has(id)) this.#seen.delete(id)
  }

  /** Whether this process has been silent for so long that it cannot be relying on its lease. */
  hasLapsed(id: string): boolean {
    return this.silence(id) > lease.lasts + lease.margin
  }

  /** Milliseconds since its last beat was seen; 0 for one that was never seen. */
  silence(id: string): number {
    const seen = this.#seen.get(id)
    return seen === undefined ? 0 : this.#clocks.monotonic() - seen.at
  }
}
