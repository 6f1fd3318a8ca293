import { type Code, codes, hintOf, Refused } from '@mintmark/core/errors'
import { keepConfiguration, keptConfiguration } from './configuration.ts'
import { type Home, homeState, leafOf, readHome } from './home.ts'
import { connect } from './https.ts'
import { type Lock, lockHome } from './lock.ts'
import { renew } from './renew.ts'
import { retire } from './retire.ts'
import { beforeEnd, Clock, dueAt, type Life, nap, pollWait, startWait, waitAfter } from './schedule.ts'
import { openHome } from './settle.ts'

/** What the daemon has to say. Names, codes and times; never a key, a token or what is in a configuration. */
export interface Line {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly event: string
  readonly facts: Readonly<Record<string, string | number>>
}

export interface DaemonOptions {
  /** Directory of the home. */
  readonly home: string
  /** Unix milliseconds; it may be set at any moment. */
  now(): number
  /** Milliseconds since any moment; only ever goes on. */
  monotonic(): number
  /** A number from 0 to before 1. */
  chance(): number
  /** Resolves after so many milliseconds, or as soon as the signal says so. */
  wait(milliseconds: number, signal: AbortSignal): Promise<void>
  log(line: Line): void
}

/** What ends a daemon without a fault. */
export type End = 'stopped' | 'retired'

/** Nothing that this device does brings it back. */
const final: ReadonlySet<Code> = new Set<Code>(['revoked', 'key-superseded', 'unknown', 'home-missing'])

/**
 * Keeps a device in its fleet: renews its certificate at two thirds of its life, fetches the fleet's configuration, and
 * wipes the home where the platform says, with a notice that proves it, that it is over. One a home.
 */
export class Daemon {
  readonly #options: DaemonOptions
  readonly #poll = new Task()
  readonly #renewal = new Task()
  readonly #retirement = new Task()
  /** Of the certificate in the home. */
  #held: { readonly certificate: string; readonly life: Life; readonly due: number; readonly clock: Clock } | undefined
  /** The platform says that the certificate has ended, whatever the clock of this device says. */
  #isExpired = false
  #isStopped = false
  #sleep = new AbortController()

  constructor(options: DaemonOptions) {
    this.#options = options
  }

  /**
   * Until it is told to stop, or there is nothing more to do.
   * @throws Refused where this identity is refused for good, or another daemon has the home
   */
  async run(): Promise<End> {
    const { chance } = this.#options
    const lock = await this.#lock()
    try {
      this.#say('info', 'started', this.#introduction())
      const begin = this.#monotonic() + startWait(chance())
      this.#poll.at = begin
      this.#renewal.at = begin
      while (!this.#isStopped) {
        if (await this.#turn()) return 'retired'
      }
      this.#say('info', 'stopped', {})
      return 'stopped'
    } finally {
      lock.release()
    }
  }

  /** Everything that is due, once. What fails is thrown. */
  async once(): Promise<End> {
    const lock = await this.#lock()
    try {
      if (homeState(this.#options.home) === 'retired') return await this.#retire()
      try {
        if (this.#renewIn() <= 0) await this.#renew()
        await this.#ask()
        if (this.#isExpired) {
          await this.#renew()
          await this.#ask()
        }
      } catch (error) {
        if (!isCode(error, 'decommissioned')) throw error
        return await this.#retire()
      }
      return 'stopped'
    } finally {
      lock.release()
    }
  }

  /** Looks at everything now, whatever it was waiting for. */
  look(): void {
    for (const task of [this.#poll, this.#renewal, this.#retirement]) task.at = Number.NEGATIVE_INFINITY
    this.#sleep.abort()
  }

  /** What is running comes to its end first. */
  stop(): void {
    this.#isStopped = true
    this.#sleep.abort()
  }

  async #lock(): Promise<Lock> {
    const { home } = this.#options
    // Refused where nobody lives, before anything is made there.
    if (homeState(home) !== 'retired') readHome(home)
    return lockHome(home, 'daemon')
  }

  /** One thing that is due, or a nap. @returns whether the home is retired */
  async #turn(): Promise<boolean> {
    if (homeState(this.#options.home) === 'retired') return this.#retireAtLast()
    const renewIn = this.#renewIn()
    // Nothing but a renewal is answered, and each question would be another refusal in the ledger.
    const pollIn = this.#isExpired ? Number.POSITIVE_INFINITY : this.#poll.at - this.#monotonic()
    if (renewIn <= 0) return this.#attempt('renew', this.#renewal, () => this.#renew())
    if (pollIn <= 0) return this.#attempt('poll', this.#poll, () => this.#ask())
    await this.#nap(Math.min(renewIn, pollIn))
    return false
  }

  /** What fails is said, and put off. @returns whether the home is retired */
  async #attempt(name: string, task: Task, work: () => Promise<End | undefined>): Promise<boolean> {
    try {
      const end = await work()
      task.failures = 0
      return end === 'retired'
    } catch (error) {
      if (isCode(error, 'decommissioned') && task !== this.#retirement) {
        this.#say('warn', 'decommissioned', {})
        return this.#retireAtLast()
      }
      if (error instanceof Refused && final.has(error.code)) {
        this.#say('error', 'refused', { ...factsOf(error), meaning: 'for good: it ends' })
        throw error
      }
      this.#putOff(name, task, error)
      return false
    }
  }

  /** Nothing else is asked any more: the notice first, then the platform is told that it was obeyed. */
  async #retireAtLast(): Promise<boolean> {
    while (!this.#isStopped) {
      const wait = this.#retirement.at - this.#monotonic()
      if (wait > 0) await this.#nap(wait)
      else if (await this.#attempt('retire', this.#retirement, () => this.#retire())) return true
    }
    return false
  }

  #putOff(name: string, task: Task, error: unknown): void {
    const { chance } = this.#options
    task.failures++
    const retryAfter = error instanceof Refused ? error.retryAfter : undefined
    const wait = waitAfter(task.failures, chance(), retryAfter)
    const held = this.#held
    const capped = task === this.#renewal && held ? beforeEnd(wait, held.clock.now(), held.life) : wait
    task.at = this.#monotonic() + capped
    this.#say('warn', 'failed', { task: name, ...factsOf(error), retryInSeconds: Math.round(capped / 1_000) })
  }

  /** How long until the renewal is due, and may be tried. */
  #renewIn(): number {
    return Math.max(this.#dueIn(), this.#renewal.at - this.#monotonic())
  }

  #dueIn(): number {
    try {
      const { certificate } = readHome(this.#options.home)
      if (this.#held?.certificate !== certificate) this.#held = this.#readLife(certificate)
      return this.#isExpired ? 0 : this.#held.due - this.#held.clock.now()
    } catch {
      // Whatever is wrong with the home, the attempt to renew it says so.
      return 0
    }
  }

  #readLife(certificate: string) {
    const { now, monotonic, chance } = this.#options
    const { notBefore, notAfter } = leafOf(certificate)
    const life = { notBefore, notAfter }
    this.#isExpired = false
    return { certificate, life, due: dueAt(life, chance()), clock: new Clock(now, monotonic) }
  }

  async #renew(): Promise<undefined> {
    const { home, now, chance } = this.#options
    const { serial, notAfter } = await renew({ home, now })
    this.#say('info', 'renewed', { serial, until: timeOf(notAfter) })
    // What it slept through is asked for at once.
    this.#poll.at = this.#monotonic() + startWait(chance())
  }

  /** Its configuration; of whoever is no device, that it is in good standing. */
  async #ask(): Promise<undefined> {
    const { home: directory, now, chance } = this.#options
    const home = await openHome(directory, now)
    try {
      const body = await read(home, now)
      const changed = home.role === 'device' ? keepConfiguration(directory, body) : undefined
      if (changed) this.#say('info', 'configured', { version: changed.version, digest: changed.digest })
      else this.#say('debug', 'asked', {})
    } catch (error) {
      if (!isCode(error, 'certificate-expired')) throw error
      // The renewal says what comes of it.
      this.#isExpired = true
      this.#say('info', 'expired', {})
    }
    this.#poll.at = this.#monotonic() + pollWait(chance())
  }

  async #retire(): Promise<End> {
    const { home, now } = this.#options
    const { identity, retired } = await retire({ home, now })
    this.#say('info', 'retired', { identity, at: retired })
    return 'retired'
  }

  async #nap(milliseconds: number): Promise<void> {
    if (this.#isStopped) return
    this.#sleep = new AbortController()
    await this.#options.wait(nap(milliseconds), this.#sleep.signal)
  }

  #introduction(): Line['facts'] {
    const { home } = this.#options
    if (homeState(home) === 'retired') return { home: 'retired' }
    const { identity, url, certificate } = readHome(home)
    const { notAfter } = leafOf(certificate)
    this.#renewIn()
    return { identity, url, until: timeOf(notAfter), renewal: timeOf(this.#held!.due) }
  }

  #monotonic(): number {
    return this.#options.monotonic()
  }

  #say(level: Line['level'], event: string, facts: Line['facts']): void {
    this.#options.log({ level, event, facts })
  }
}

/** Something that is done again and again. */
class Task {
  /** Not before this moment of the monotonic clock. */
  at = Number.NEGATIVE_INFINITY
  /** In a row. */
  failures = 0
}

async function read(home: Home, now: () => number): Promise<unknown> {
  const { url, anchor, certificate, keyFile, directory, role } = home
  const platform = connect({ url, anchor, identity: { certificate, key: keyFile }, now })
  try {
    const known = role === 'device' ? keptConfiguration(directory) : undefined
    const query = known === undefined ? '' : `?known=${known.version}`
    return (await platform.get(role === 'device' ? `/v1/config${query}` : '/v1/me')).body
  } finally {
    platform.close()
  }
}

const isCode = (error: unknown, code: Code): boolean => error instanceof Refused && error.code === code
const timeOf = (at: number): string => new Date(at).toISOString()

/** Of a fault, with what caused it. */
function factsOf(error: unknown): Readonly<Record<string, string>> {
  if (error instanceof Refused) {
    const { code, detail } = error
    const hint = hintOf(error)
    return { code, message: codes[code].message, ...(detail && { detail }), ...(hint && { hint }) }
  }
  const messages: string[] = []
  for (let each = error; each !== undefined; each = each instanceof Error ? each.cause : undefined) {
    messages.push(each instanceof Error ? each.message : String(each))
  }
  return { code: 'fault', message: messages.join(': ') }
}
