import { Refused } from '@mintmark/core/errors'

/** What cannot be had is not asked for again within this time, or within the lease where that is shorter. */
const pause = 1_000
const bounds = { good: 10_000, bad: 1_000, underWay: 64 } as const

interface Answer<T> {
  /** When it was asked for: what the answer says was so no earlier. */
  readonly asked: number
  readonly value: Promise<T | undefined>
}

/**
 * Answers that are good for a lease, counted from the question. Then they are asked for again, and where nobody answers
 * there is none: no answer outlives its lease. Whoever asks for the same at once shares one question.
 */
export class Leases<T> {
  readonly #lease: number
  readonly #now: () => number
  readonly #ask: (name: string) => Promise<T | undefined>
  readonly #good = new Map<string, Answer<T>>()
  /** Apart from the good ones, so that names which somebody made up take no room of theirs. */
  readonly #bad = new Map<string, Answer<T>>()
  readonly #underWay = new Map<string, Answer<T>>()

  /** @param now milliseconds that only go forward */
  constructor(lease: number, now: () => number, ask: (name: string) => Promise<T | undefined>) {
    this.#lease = lease
    this.#now = now
    this.#ask = ask
  }

  /** How many answers are kept. */
  get size(): number {
    return this.#good.size + this.#bad.size
  }

  /** @returns undefined where there is nothing of this name @throws Refused `unavailable`, and what asking throws */
  async answer(name: string): Promise<T | undefined> {
    const kept = this.#kept(this.#good, name, this.#lease) ?? this.#kept(this.#bad, name, Math.min(pause, this.#lease))
    const answer = kept ?? this.#underWay.get(name) ?? this.#question(name)
    const value = await answer.value
    if (!this.#isWithin(answer, this.#lease)) throw new Refused('unavailable', 'the answer took longer than its lease')
    return value
  }

  #question(name: string): Answer<T> {
    if (this.#underWay.size >= bounds.underWay) throw new Refused('unavailable', 'too many documents at once')
    const answer = { asked: this.#now(), value: this.#ask(name) }
    this.#underWay.set(name, answer)
    answer.value.then(
      value => this.#keep(name, answer, value !== undefined),
      () => this.#keep(name, answer, false),
    )
    return answer
  }

  #keep(name: string, answer: Answer<T>, isGood: boolean): void {
    this.#underWay.delete(name)
    const [kept, most] = isGood ? [this.#good, bounds.good] : [this.#bad, bounds.bad]
    kept.set(name, answer)
    if (kept.size > most) kept.delete(kept.keys().next().value!)
  }

  #kept(answers: Map<string, Answer<T>>, name: string, length: number): Answer<T> | undefined {
    const answer = answers.get(name)
    if (answer === undefined || this.#isWithin(answer, length)) return answer
    answers.delete(name)
    return undefined
  }

  #isWithin({ asked }: Answer<T>, length: number): boolean {
    const age = this.#now() - asked
    return age >= 0 && age < length
  }
}
