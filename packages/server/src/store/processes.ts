import { Refused } from '@mintmark/core/errors'
import type { Connection, Database, Signals } from './database.ts'
import { Beats, type Clocks, Lease, lease } from './lease.ts'
import type { Audience, News, NewsHolder, NewsListener } from './news.ts'
import { type Queries, queries } from './queries.ts'
import { Standings } from './standings.ts'

export interface ProcessesOptions {
  readonly clocks: Clocks
  /** Of this process: never used before. */
  readonly id: string
  /** Told of a beat that failed; the lease lapses by itself where no other succeeds. */
  failed(error: unknown): void
}

/** News kept in the database for those who were away; whoever was away for longer looks at everything again. */
const newsKept = 10_000
/** A silent process is taken off the list after this long. Its lease ended long before. */
const forgottenAfter = 60_000

/**
 * This process among those that share the database. News is a numbered list there, written in the transaction of the
 * change that makes it; numbers are given out under a row lock, so they are committed in order. Each process says on
 * its own row up to where it has acted on them, and beats.
 *
 * A change with news is acknowledged when every process has acted on it, except those that have been silent for longer
 * than a lease lasts: these answer nothing from memory, and look at the list before they do so again.
 */
export class Processes implements Audience {
  readonly standings: Standings
  readonly #signals: Signals
  readonly #line: Connection
  readonly #queries: Queries
  readonly #id: string
  readonly #lease: Lease
  readonly #beats: Beats
  readonly #failed: (error: unknown) => void
  readonly #listeners: NewsListener[] = []
  readonly #holders: NewsHolder[] = []
  /** The news up to which this process has acted, up to which nobody is waited for here, and up to which it has said so. */
  #applied = 0
  #free = 0
  #said = 0
  #sought = 0
  /** Whom this process waits for, one after the other. */
  #held: Promise<void> = Promise.resolve()
  #catching: Promise<void> | undefined
  #woken = Promise.withResolvers<void>()
  #timer: NodeJS.Timeout | undefined
  #beating: Promise<void> | undefined
  #deafen: (() => Promise<void>) | undefined
  #closed = false

  private constructor(
    { signals, dialect }: Pick<Database, 'signals' | 'dialect'>,
    { clocks, id, failed }: ProcessesOptions,
  ) {
    if (signals === undefined) throw new TypeError('a database that one process has for itself')
    this.#signals = signals
    this.#line = signals.connection
    this.#queries = queries(dialect)
    this.#id = id
    this.#lease = new Lease(clocks)
    this.#beats = new Beats(clocks)
    this.#failed = failed
    this.standings = new Standings(() => this.isLive)
  }

  /** Joins the others: from here on they wait for this process. */
  static async join(database: Pick<Database, 'signals' | 'dialect'>, options: ProcessesOptions): Promise<Processes> {
    const processes = new Processes(database, options)
    await processes.#join()
    return processes
  }

  /** Whether this process may answer from what it remembers. */
  get isLive(): boolean {
    return this.#lease.isLive
  }

  /** Milliseconds for which it may go on to. */
  get left(): number {
    return this.#lease.left
  }

  listen(listener: NewsListener): void {
    this.#listeners.push(listener)
  }

  hold(holder: NewsHolder): void {
    this.#holders.push(holder)
  }

  async announce(connection: Connection, { kind, about }: News): Promise<() => Promise<void>> {
    const next = await connection.first(this.#queries.nextNews, {})
    await connection.run(this.#queries.addNews, { version: next!.version, kind, about })
    await connection.run(this.#signals.notify, {})
    return () => this.settled(next!.version)
  }

  /**
   * Resolves when every process that could answer from memory has acted on the news up to a version.
   * @param version everything committed until now where it is not said
   */
  async settled(version?: number): Promise<void> {
    const until = version ?? (await this.#head())
    await this.#catchUp()
    await this.#held
    for (;;) {
      const woken = this.#woken.promise
      const rows = await this.#line.all(this.#queries.processes, {})
      this.#beats.observe(rows)
      const behind = rows.filter(row => row.applied < until && row.id !== this.#id && !this.#beats.hasLapsed(row.id))
      if (behind.length === 0) return
      await Promise.race([woken, pause(50)])
    }
  }

  /** Leaves the others: nobody waits for this process any more. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#beating
    await this.#catching?.catch(() => undefined)
    await this.#deafen?.()
    // Where the database is gone too, the lease ends by itself.
    await this.#leave().catch(this.#failed)
  }

  async #join(): Promise<void> {
    const began = this.#lease.begin()
    await this.#line.run(this.#queries.addProcess, { id: this.#id, beat: 0, applied: 0 })
    // Read after the row was committed: whoever does not see the row made its news before this.
    await this.#seek(await this.#head())
    this.#deafen = await this.#signals.listen(() => this.#wake())
    began()
    this.#schedule()
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      this.#beating = this.#beat()
        .catch(this.#failed)
        .then(() => {
          if (!this.#closed) this.#schedule()
        })
    }, lease.beat)
  }

  async #beat(): Promise<void> {
    const began = this.#lease.begin()
    const beaten = await this.#line.run(this.#queries.beat, { id: this.#id })
    // Silent for so long that it was taken off the list; what it remembers is of no use to it now.
    if (beaten === 0) await this.#rejoin()
    // In a statement after the beat: whoever saw no beat had committed its news before.
    await this.#catchUp()
    began()
    // Where that failed before.
    if (this.#said < this.#free) await this.#say(this.#free)
    const rows = await this.#line.all(this.#queries.processes, {})
    this.#beats.observe(rows)
    for (const { id } of rows) {
      if (this.#beats.silence(id) > forgottenAfter) await this.#line.run(this.#queries.removeProcess, { id })
    }
    await this.#line.run(this.#queries.removeNews, { before: this.#applied - newsKept })
  }

  async #rejoin(): Promise<void> {
    await this.#line.run(this.#queries.addProcess, { id: this.#id, beat: 0, applied: 0 })
    const head = await this.#head()
    await this.#missed()
    await this.#seek(head)
  }

  async #leave(): Promise<void> {
    await this.#line.run(this.#queries.removeProcess, { id: this.#id })
    await this.#line.run(this.#signals.notify, {})
  }

  #wake(): void {
    this.#woken.resolve()
    this.#woken = Promise.withResolvers()
    this.#catchUp().catch(this.#failed)
  }

  /** Acts on the news that this process has not heard yet. Whoever asks while that is done asks for what comes after. */
  async #catchUp(): Promise<void> {
    const before = this.#catching
    const mine = (before ?? Promise.resolve()).catch(() => undefined).then(() => this.#act())
    this.#catching = mine
    await mine
  }

  async #act(): Promise<void> {
    const rows = await this.#line.all(this.#queries.news, { after: this.#applied })
    if (rows.length === 0) {
      // A database that was put back has fewer news than this process has heard.
      if ((await this.#head()) >= this.#applied) return
      await this.#missed()
      return this.#seek(await this.#head())
    }
    const { version } = rows.at(-1)!
    if (rows[0]!.version === this.#applied + 1) {
      for (const news of rows) await this.#tell(news as unknown as News)
      this.#release(version, rows as unknown as News[])
    } else {
      await this.#missed()
      this.#release(version, [{ kind: 'missed', about: '' }])
    }
    this.#applied = version
    // Where nobody is waited for that is at once.
    if (this.#free === version) await this.#say(version)
  }

  /** The others are told that it is done here when nobody is waited for any more; the beats go on meanwhile. */
  #release(version: number, news: readonly News[]): void {
    const waits = this.#holders.flatMap(holder => news.map(holder)).filter(wait => wait !== undefined)
    if (waits.length === 0 && this.#free === this.#applied) {
      this.#free = version
      return
    }
    const [before, sought] = [this.#held, this.#sought]
    this.#held = before.then(async () => {
      await Promise.all(waits)
      // The list begins anew, or somewhere else: what was counted by the one before is not said of it.
      if (sought !== this.#sought) return
      this.#free = Math.max(this.#free, version)
      await this.#say(this.#free).catch(this.#failed)
    })
  }

  async #tell(news: News): Promise<void> {
    this.standings.forget(news.about)
    for (const listener of this.#listeners) await listener(news)
  }

  /** What happened meanwhile is not known any more: everything that is remembered is looked at again. */
  async #missed(): Promise<void> {
    this.standings.forgetAll()
    for (const listener of this.#listeners) await listener({ kind: 'missed', about: '' })
  }

  async #seek(version: number): Promise<void> {
    this.#sought++
    this.#applied = version
    this.#free = version
    await this.#say(version)
  }

  async #say(version: number): Promise<void> {
    await this.#line.run(this.#queries.setApplied, { id: this.#id, applied: version })
    this.#said = version
    await this.#line.run(this.#signals.notify, {})
  }

  async #head(): Promise<number> {
    const head = await this.#line.first(this.#queries.newsHead, {})
    if (head === undefined) throw new Refused('unavailable', 'the database has no list of news')
    return head.version
  }
}

const pause = (milliseconds: number): Promise<void> => new Promise(resolve => setTimeout(resolve, milliseconds))
