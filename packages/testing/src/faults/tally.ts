import type { FaultName } from './counts.ts'

/** What is broken where a promise is: one of the columns that must be zero. */
export type Loss = 'lost' | 'overspent' | 'unrecorded'

/** What came of one fault, in one test. */
export interface Outcome {
  readonly fault: FaultName
  readonly times: number
  /** What clients were told meanwhile. */
  readonly acknowledged: number
  /** Of that, what was not there afterwards. */
  readonly lost: number
  /** Tokens of which more uses were granted than they had. */
  readonly overspent: number
  /** Certificates that were handed out and that no ledger has. */
  readonly unrecorded: number
  /** Milliseconds, of the longest that it took to be ready again; 0 where nothing was started again. */
  readonly slowest: number
  readonly passed: boolean
}

export interface TallyOptions {
  readonly fault: FaultName
  /** What clients were told so far. */
  readonly acknowledged?: () => number
  /** Told of each fault that was made. */
  readonly made?: (times: number) => void
}

/** Counts while a test makes a fault again and again. It counts what happened, not what was meant to. */
export class Tally {
  readonly #options: TallyOptions
  readonly #losses: Record<Loss, number> = { lost: 0, overspent: 0, unrecorded: 0 }
  #times = 0
  #slowest = 0

  constructor(options: TallyOptions) {
    this.#options = options
  }

  get times(): number {
    return this.#times
  }

  made(times = 1): void {
    this.#times += times
    this.#options.made?.(times)
  }

  /** @param after milliseconds from a start until it was ready */
  readyAgain(after: number): void {
    this.#slowest = Math.max(this.#slowest, after)
  }

  found(loss: Loss): void {
    this.#losses[loss]++
  }

  outcome(passed: boolean): Outcome {
    const { fault, acknowledged } = this.#options
    return {
      fault,
      times: this.#times,
      acknowledged: acknowledged?.() ?? 0,
      ...this.#losses,
      slowest: Math.round(this.#slowest),
      passed,
    }
  }
}
