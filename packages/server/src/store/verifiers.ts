import { Refused } from '@mintmark/core/errors'
import { lease } from './lease.ts'

/** A verifier that may answer from memory, and up to which entry of its ledger it has acted. */
interface Held {
  applied: number
  /** By our monotonic clock: later than the verifier itself thinks. */
  until: number
}

export interface VerifiersOptions {
  /** Milliseconds that only go forward. */
  monotonic(): number
  /** Milliseconds for which this process may itself rely on what it knows; a verifier's lease is no longer. */
  left?(): number
  /** Called before the first lease is given. */
  first?(): void
  /** Of one identity, and of all; of one fleet half of what the others leave, so that none keeps another out. */
  readonly most?: { readonly each: number; readonly all: number }
}

const usual = { each: 16, all: 10_000 } as const
/** Less is of no use to anybody. */
const shortest = 100

/**
 * Verifiers elsewhere that keep what the registry told them, each for the length of a lease. What takes something from a
 * name is acknowledged when each of them has asked again, knowing of it, or its lease has ended. A lease that is given
 * after the change need not be waited for: it is registered before the ledger is read, so its answer tells.
 */
export class Verifiers {
  readonly #options: VerifiersOptions
  readonly #ledgers = new Map<string, Map<string, Held>>()
  #woken = Promise.withResolvers<void>()
  #given = false
  #barrier = Number.NEGATIVE_INFINITY

  constructor(options: VerifiersOptions) {
    this.#options = options
  }

  /**
   * @param who the identity and the verifier of it
   * @param applied the entry up to which it has acted, -1 for none
   * @returns for how many milliseconds, from when it asked
   * @throws Refused `slow-down`, `unavailable`
   */
  give(ledger: string, identity: string, verifier: string, applied: number): number {
    const lasts = Math.floor(Math.min(lease.lasts, this.#options.left?.() ?? lease.lasts))
    if (!(lasts >= shortest)) throw new Refused('unavailable', 'this process may not rely on what it knows')
    const held = this.#ledgers.get(ledger) ?? new Map<string, Held>()
    const who = `${identity} ${verifier}`
    if (!held.has(who)) this.#makeRoom(identity)
    if (!this.#given) this.#options.first?.()
    this.#given = true
    const until = this.#now() + lasts + lease.margin
    const before = held.get(who)
    // It may still be at work under the one before.
    held.set(who, { applied, until: Math.max(until, before?.until ?? until) })
    this.#ledgers.set(ledger, held)
    // However often it asks, whoever waits looks again only where it knows more.
    if (applied > (before?.applied ?? applied)) this.#wake()
    return lasts
  }

  /** The verifier gives its lease back: it has forgotten all. */
  end(ledger: string, identity: string, verifier: string): void {
    if (this.#ledgers.get(ledger)?.delete(`${identity} ${verifier}`)) this.#wake()
  }

  /** Leases that a process before this one may have given are waited for. */
  presume(): void {
    this.#barrier = this.#now() + lease.lasts + lease.margin
  }

  /** Whether anybody of this ledger is waited for. */
  isHeld(ledger: string): boolean {
    return this.#now() < this.#barrier || (this.#ledgers.get(ledger)?.size ?? 0) > 0
  }

  /** Resolves when no verifier relies on what was before this entry. */
  async settled(ledger: string, entry: number): Promise<void> {
    const ends = new Map<string, number>()
    for (const [who, { applied, until }] of this.#ledgers.get(ledger) ?? []) if (applied < entry) ends.set(who, until)
    await this.#waited(ends, who => (this.#ledgers.get(ledger)?.get(who)?.applied ?? entry) >= entry)
  }

  /** Resolves when every lease that is given now has ended, whatever its holder knows. */
  async lapsed(): Promise<void> {
    const all = [...this.#ledgers].flatMap(([ledger, held]) =>
      [...held].map(([who, { until }]) => [`${ledger} ${who}`, until] as const),
    )
    await this.#waited(new Map(all), () => false)
  }

  async #waited(ends: Map<string, number>, knows: (who: string) => boolean): Promise<void> {
    for (;;) {
      const [now, woken] = [this.#now(), this.#woken.promise]
      for (const [who, until] of ends) if (until <= now || knows(who)) ends.delete(who)
      const next = Math.min(...ends.values(), this.#barrier > now ? this.#barrier : Number.POSITIVE_INFINITY)
      if (next === Number.POSITIVE_INFINITY) return
      await inTime(woken, next - now)
    }
  }

  #wake(): void {
    this.#woken.resolve()
    this.#woken = Promise.withResolvers()
  }

  #makeRoom(identity: string): void {
    const now = this.#now()
    const [ofIdentity, ofItsFleet] = [`${identity} `, `${identity.split('/')[0]}/`]
    let [own, ofFleet, all] = [0, 0, 0]
    for (const held of this.#ledgers.values()) {
      for (const [who, { until }] of held) {
        if (until <= now) {
          held.delete(who)
          continue
        }
        all++
        if (who.startsWith(ofItsFleet)) ofFleet++
        if (who.startsWith(ofIdentity)) own++
      }
    }
    const { most = usual } = this.#options
    if (own < most.each && ofFleet < most.all - all) return
    throw new Refused('slow-down', 'too many verifiers', { retryAfter: lease.lasts })
  }

  #now(): number {
    return this.#options.monotonic()
  }
}

/** Until it is so, or the time is over, and nothing of it stays: whoever waits may be woken thousands of times. */
async function inTime(woken: Promise<void>, milliseconds: number): Promise<void> {
  const over = Promise.withResolvers<void>()
  const timer = setTimeout(over.resolve, milliseconds)
  await Promise.race([woken, over.promise])
  clearTimeout(timer)
}
