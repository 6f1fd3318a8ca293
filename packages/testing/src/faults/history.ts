/** One thing that a client asked for, and when: what it did took place at one moment in between. */
export interface Operation<I, O> {
  readonly asked: I
  readonly begun: number
  /** Infinity where no answer came: then it may have taken place at any time, or never. */
  readonly ended: number
  /** Undefined where no answer came. */
  readonly answer: O | undefined
}

/** What one thing would do if everything happened one after the other. */
export interface Model<S, I, O> {
  readonly initial: S
  /** The state after it; undefined where this answer cannot come of this state. Without an answer, any will do. */
  next(state: S, asked: I, answer: O | undefined): S | undefined
  /** The same text for the same state. */
  key(state: S): string
}

/** What clients asked of one thing, and what they were told. */
export class History<I, O> {
  readonly #answered: Operation<I, O>[] = []
  readonly #open = new Set<Pick<Operation<I, O>, 'asked' | 'begun'>>()

  /** @returns to be called with the answer; where it never is, nobody knows what happened */
  begin(asked: I): (answer: O) => void {
    const open = { asked, begun: performance.now() }
    this.#open.add(open)
    return answer => {
      this.#open.delete(open)
      this.#answered.push({ ...open, ended: performance.now(), answer })
    }
  }

  get operations(): readonly Operation<I, O>[] {
    const open = [...this.#open].map(each => ({ ...each, ended: Number.POSITIVE_INFINITY, answer: undefined }))
    return [...this.#answered, ...open]
  }
}

/**
 * Whether there is an order in which all operations, each at one moment between its question and its answer, give the
 * answers that came (Herlihy and Wing 1990; the search is that of Wing and Gong, with Lowe's memory of dead ends).
 */
export function isLinearizable<S, I, O>(model: Model<S, I, O>, operations: readonly Operation<I, O>[]): boolean {
  const all = operations.toSorted((a, b) => a.begun - b.begun)
  const dead = new Set<string>()
  const search = (state: S, left: readonly number[]): boolean => {
    // Those that were never answered need not have happened.
    if (left.every(i => all[i]!.answer === undefined)) return true
    const key = `${model.key(state)} ${left.join()}`
    if (dead.has(key)) return false
    const firstEnd = Math.min(...left.map(i => all[i]!.ended))
    for (const i of left) {
      const { asked, begun, answer } = all[i]!
      // Another one had been answered before this one was asked, so that one goes first.
      if (begun > firstEnd) break
      const after = model.next(state, asked, answer)
      if (after === undefined) continue
      if (
        search(
          after,
          left.filter(other => other !== i),
        )
      )
        return true
    }
    dead.add(key)
    return false
  }
  return search(model.initial, [...all.keys()])
}

export type BudgetAsked = 'claim' | 'read'
/** For a claim whether it was granted or the token was spent; for a read what is left. */
export type BudgetAnswer = 'granted' | 'spent' | number

/** The uses of a token: each claim takes one while there is one. */
export const budget = (uses: number): Model<number, BudgetAsked, BudgetAnswer> => ({
  initial: uses,
  next(left, asked, answer) {
    if (asked === 'read') return answer === undefined || answer === left ? left : undefined
    if (answer === 'granted') return left > 0 ? left - 1 : undefined
    if (answer === 'spent') return left === 0 ? left : undefined
    return Math.max(0, left - 1)
  },
  key: String,
})

export type StandingAsked = 'use' | 'revoke'
export type StandingAnswer = 'good' | 'revoked'

/** The standing of a device: good until it is revoked, and never again. */
export const standing: Model<StandingAnswer, StandingAsked, StandingAnswer> = {
  initial: 'good',
  next(is, asked, answer) {
    if (asked === 'revoke') return 'revoked'
    return answer === undefined || answer === is ? is : undefined
  },
  key: String,
}
