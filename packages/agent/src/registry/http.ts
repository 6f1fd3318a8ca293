import { base64url } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import type { Change } from './http-changes.ts'
import type { Told } from './http-entry.ts'
import { askChanges, askEntry, endLease, type Fetch, hearChanges, type Reach } from './http-platform.ts'
import type { Entry, TrustRegistry } from './registry.ts'

export interface HttpRegistryOptions {
  /** `https://host[:port]` of the platform. */
  readonly url: string
  /** Not said: the runtime's own. The platform tells devices that were given `registry:read`, so it proves who asks. */
  readonly fetch?: Fetch
  /** Milliseconds that only go forward. */
  readonly monotonic?: () => number
  /** Unix milliseconds: they go on while the computer sleeps. */
  readonly now?: () => number
}

/** Milliseconds. */
const times = {
  /** Between two leases, of which each lasts for two seconds. */
  renewal: 800,
  /** For one answer, and for the silence of a stream that beats twice a second. */
  patience: 2_000,
  /** For which somebody who is unknown, or whose key was replaced, stays so. */
  refused: 1_000,
  /** Before a stream or a lease is asked for again that was not to be had. */
  again: 250,
} as const
const bounds = { known: 10_000, refused: 1_000, underWay: 64, tries: 8 } as const

/** What changes who is meant by a name somewhere else. */
const ofKeys = /^(?:key\.|identity\.enrolled$)/

/**
 * Senders that a platform knows. What it told is remembered under a live lease alone, and forgotten when it changes;
 * without a lease it is asked for each message, and where it does not answer nobody is trusted. After a revocation was
 * acknowledged, nothing of that name is accepted here.
 */
export class HttpTrustRegistry implements TrustRegistry {
  readonly #reach: Reach
  readonly #clocks: { readonly monotonic: () => number; readonly now: () => number }
  readonly #client = base64url(crypto.getRandomValues(new Uint8Array(16)))
  readonly #closing = new AbortController()
  readonly #known = new Map<string, Told>()
  /** Names of whom nothing is accepted, and since when. */
  readonly #refused = new Map<string, Refusal>()
  readonly #underWay = new Map<string, Promise<Entry | undefined>>()
  #lease = { monotonic: Number.NEGATIVE_INFINITY, now: Number.NEGATIVE_INFINITY }
  /** The entry of the ledger up to which everything that is remembered here is right. */
  #applied: number | undefined
  /** Grows with everything that is forgotten: an answer that was asked for before may be older. */
  #forgotten = 0
  #asked = 0
  #isRunning = false
  #wake: () => void = () => undefined

  constructor({
    url,
    fetch = (...args) => globalThis.fetch(...args),
    monotonic = () => performance.now(),
    now = Date.now,
  }: HttpRegistryOptions) {
    const { origin, protocol } = new URL(url)
    // What is said there is who may send.
    if (protocol !== 'https:') throw new RangeError(`not https: ${url}`)
    this.#reach = { origin, fetch, patience: times.patience, closing: this.#closing.signal }
    this.#clocks = { monotonic, now }
  }

  /** Whether it may answer from what it remembers. */
  get isLive(): boolean {
    const { monotonic, now } = this.#clocks
    return monotonic() < this.#lease.monotonic && now() < this.#lease.now
  }

  lookup(key: string, issuer: string | undefined): Entry | undefined | Promise<Entry | undefined> {
    if (this.#closing.signal.aborted) throw new Refused('unavailable', 'the registry is closed')
    const name = issuer ?? key
    // A key under a name of another method; what the platform calls its own is did:web.
    if (issuer !== undefined && !issuer.startsWith('did:web:')) return undefined
    this.#run()
    const told = this.#known.get(name)
    if (told && this.isLive) return told.entry
    const refused = this.#refusalOf(name)
    if (refused === 'key-superseded') throw new Refused(refused, name)
    return refused === undefined ? this.#ask(name) : undefined
  }

  /** From now on it knows nobody, and when this resolves no revocation waits for it any more. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    this.#known.clear()
    this.#wake()
    // Where that cannot be said, the lease ends by itself.
    if (this.isLive) await endLease(this.#reach, this.#client).catch(() => undefined)
  }

  /** Whoever asks for the same at once shares one question, as long as nothing was forgotten in between. */
  async #ask(name: string): Promise<Entry | undefined> {
    const shared = this.isLive ? this.#underWay.get(`${this.#forgotten} ${name}`) : undefined
    if (shared) return shared
    if (this.#asked >= bounds.underWay) throw new Refused('unavailable', 'too many questions at once')
    this.#asked++
    const question = `${this.#forgotten} ${name}`
    const answer = this.#answer(name).finally(() => {
      this.#asked--
      if (this.#underWay.get(question) === answer) this.#underWay.delete(question)
    })
    this.#underWay.set(question, answer)
    return answer
  }

  async #answer(name: string): Promise<Entry | undefined> {
    for (let left = bounds.tries; left > 0; left--) {
      const before = this.#forgotten
      const told = await askEntry(this.#reach, name).catch(ifSuperseded)
      // Something was taken from somebody while this was on its way: it may be what the answer does not know of.
      if (before !== this.#forgotten) continue
      if (told === undefined || told instanceof Refused) {
        const code = told ? 'key-superseded' : 'unknown'
        keep(this.#refused, name, { code, since: this.#clocks.monotonic() }, bounds.refused)
        if (told) throw told
        return undefined
      }
      if (this.isLive) keep(this.#known, name, told, bounds.known)
      return told.entry
    }
    throw new Refused('unavailable', 'the registry changes faster than it can be asked')
  }

  #refusalOf(name: string): Refusal['code'] | undefined {
    const refusal = this.#refused.get(name)
    if (refusal === undefined) return undefined
    const age = this.#clocks.monotonic() - refusal.since
    if (age >= 0 && age < times.refused) return refusal.code
    this.#refused.delete(name)
    return undefined
  }

  /** Begins with the first question, and goes on until it is closed. */
  #run(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    void this.#renew()
    void this.#hear()
  }

  async #renew(): Promise<void> {
    let failures = 0
    while (!this.#closing.signal.aborted) {
      const woken = new Promise<void>(resolve => {
        this.#wake = resolve
      })
      const again = await this.#renewOnce().then(
        next => {
          failures = 0
          return next
        },
        () => pauseAfter(failures++),
      )
      if (again > 0) await Promise.race([woken, pause(again)])
    }
  }

  /** @returns when to ask next */
  async #renewOnce(): Promise<number> {
    const { monotonic, now } = this.#clocks
    const began = { monotonic: monotonic(), now: now() }
    // Nobody waited for this meanwhile, and the ledger that it knew may have been put back: then an entry of another
    // history has the same number.
    if (!this.isLive && this.#applied !== undefined) {
      this.#forgetAll()
      this.#applied = undefined
    }
    const { version, lease, reset, changes } = await askChanges(this.#reach, this.#client, this.#applied)
    if (reset) this.#forgetAll()
    for (const change of changes) this.#forget(change)
    this.#applied = reset ? version : Math.max(version, this.#applied ?? -1)
    // Only now, and from when it was asked for: what it is given for was acted on.
    this.#lease = { monotonic: began.monotonic + lease, now: began.now + lease }
    // Somebody waits to hear that this is known here.
    return reset || changes.length > 0 ? 0 : times.renewal
  }

  async #hear(): Promise<void> {
    let failures = 0
    while (!this.#closing.signal.aborted) {
      await hearChanges(this.#reach, this.#applied, what => {
        failures = 0
        if (what === 'reset') this.#forgetAll()
        else if (what !== 'beat') {
          this.#forget(what.change)
          // Everything before it came on this stream too.
          if (this.#applied !== undefined) this.#applied = Math.max(this.#applied, what.change.version)
        }
        if (what !== 'beat') this.#wake()
      }).catch(() => undefined)
      if (!this.#closing.signal.aborted) await pause(pauseAfter(failures++))
    }
  }

  #forget({ kind, identity }: Change): void {
    if (ofKeys.test(kind)) {
      this.#forgetAll()
      return
    }
    this.#forgotten++
    this.#refused.clear()
    for (const [name, { path }] of this.#known) if (path === identity) this.#known.delete(name)
  }

  #forgetAll(): void {
    this.#forgotten++
    this.#refused.clear()
    this.#known.clear()
  }
}

interface Refusal {
  readonly code: 'unknown' | 'key-superseded'
  /** Milliseconds that only go forward. */
  readonly since: number
}

function ifSuperseded(error: unknown): Refused {
  if (error instanceof Refused && error.code === 'key-superseded') return error
  throw error
}

function keep<T>(map: Map<string, T>, name: string, value: T, most: number): void {
  map.delete(name)
  if (map.size >= most) map.delete(map.keys().next().value!)
  map.set(name, value)
}

/** Longer each time: a platform that refuses, or is away, is not to be asked as often as one that answers. */
const pauseAfter = (failures: number): number => Math.min(times.again * 2 ** failures, times.patience)

const pause = (milliseconds: number): Promise<void> => new Promise(resolve => setTimeout(resolve, milliseconds))
