import type { ReadHashes, Receipt } from '@mintmark/core/ledger'
import { readPath } from '@mintmark/core/names'
import { type Change, type Permit, type RegistryRecord, type Rights, readChange } from '@mintmark/core/rules'
import { Committer, type LedgerSigner } from './commit.ts'
import { Correspondents } from './correspondents.ts'
import type { Connection, Database } from './database.ts'
import { checkLastHead, readLastHead } from './last-head.ts'
import { type Audience, type News, type NewsListener, newsOf, OneProcess } from './news.ts'
import type { Processes } from './processes.ts'
import { deviceCriteria, type Queries, queries } from './queries.ts'
import { hashesOf, permitOf, recordOf, rightsOf } from './rows.ts'
import type { Tables } from './tables.ts'
import { Verifiers } from './verifiers.ts'

export type Row<T extends keyof Tables> = Readonly<Tables[T]>

/** A registry record beside its keys: the current one, and the pending one where there is one. */
export interface RecordWithKeys extends Row<'registry'> {
  readonly spki: Uint8Array
  readonly pending_spki: Uint8Array | null
  /** Null where it never had one. */
  readonly labels: string | null
}

interface Page {
  readonly before: number
  readonly limit: number
}

interface Chosen {
  readonly kind?: string | undefined
  readonly about?: string | undefined
}

interface Sought {
  /** A name; '' for the first page. */
  readonly after: string
  readonly limit: number
  /** `site=berlin` */
  readonly label?: string | undefined
  /** A part of a name: characters of names only. */
  readonly search?: string | undefined
  readonly standing?: string | undefined
}

export interface DevicePage {
  readonly rows: readonly RecordWithKeys[]
  /** Goes on behind this name; undefined where there are no more. */
  readonly next: string | undefined
}

interface PermitQuestion {
  /** The token that was listed last; undefined for the first page. */
  readonly after: Pick<Row<'permit'>, 'created' | 'id'> | undefined
  readonly limit: number
  readonly usableAt: number | undefined
}

export interface PermitPage {
  readonly rows: readonly Row<'permit'>[]
  /** Goes on behind this one; undefined where there are no more. */
  readonly next: Row<'permit'> | undefined
}

export interface LedgerNews {
  readonly news: readonly (News & { readonly idx: number })[]
  /** Whether there are no more. */
  readonly isAll: boolean
}

/** Before every token, newest first. */
const newest = { created: Number.MAX_SAFE_INTEGER, id: '' } as const

/** So many names are looked at for a page: a search that finds little is no long one, but one of more pages. */
const mostSeen = 10_000

/**
 * Few named reads and one write. A read sees every change whose commit resolved before it; a commit is durable when it
 * resolves, and is refused, with nothing written, where a precondition of the change does not hold.
 */
export class Store {
  readonly #connection: Connection
  readonly #queries: Queries
  readonly #database: Database
  readonly #signer: (ledger: string) => LedgerSigner
  readonly #committer: Committer
  readonly #processes: Processes | undefined
  readonly #audience: Audience
  readonly #verifiers: Verifiers
  #closed: Promise<void> | undefined

  /**
   * @param signer the name and the checkpoint key of a ledger
   * @param processes this process among those that share the database, where it is not alone
   * @param verifiers those that have a lease of this process
   */
  constructor(
    database: Database,
    signer: (ledger: string) => LedgerSigner,
    processes?: Processes,
    verifiers = new Verifiers({ monotonic: () => performance.now() }),
  ) {
    this.#processes = processes
    this.#verifiers = verifiers
    this.#audience = processes ?? new OneProcess()
    this.#audience.hold(news => this.#hold(news))
    this.#queries = queries(database.dialect)
    this.#database = database
    this.#connection = database.reader
    this.#signer = signer
    this.#committer = new Committer(database, this.#queries, signer, this.#audience)
  }

  commit(change: Change, content?: string): Promise<Receipt> {
    return this.#committer.commit(change, content)
  }

  /**
   * Holds the ledgers against the head that was committed last, where the database keeps one apart from itself.
   * @returns whether what it keeps could be read
   * @throws Refused `ledger-broken` where the database has lost its end
   */
  async checkEnd(): Promise<boolean> {
    const text = this.#database.lastHead?.read()
    if (text === undefined) return true
    const noted = await readLastHead(text, this.#signer)
    if (noted) await checkLastHead(this.#connection, this.#queries, noted, this.#signer)
    return noted !== undefined
  }

  /** Called with all news once it is durable and before whoever committed it is told. */
  onNews(listener: NewsListener): void {
    this.#audience.listen(listener)
  }

  /** Waits for what was already handed to `commit`, then lets the database go. Asked again, it is the same end. */
  close(): Promise<void> {
    this.#closed ??= this.#committer
      .idle()
      // Nobody waits for this process any more when it has left; until then its leases are its own affair.
      .then(() => this.#verifiers.lapsed())
      .then(() => this.#processes?.close())
      .then(() => this.#database.close())
    return this.#closed
  }

  /** Whether other processes may have the same database. */
  get isShared(): boolean {
    return this.#processes !== undefined
  }

  /** Whether what was read a moment ago still holds: another process may acknowledge a revocation without us if not. */
  get isLive(): boolean {
    return this.#processes?.isLive ?? true
  }

  /** Resolves when every process has acted on all news until now: what is so already is then so everywhere. */
  async settled(): Promise<void> {
    await this.#audience.settled()
  }

  /**
   * Lets a verifier keep what it knows of a fleet, for a lease; to be called before the ledger is read for its answer.
   * @param applied the entry of the fleet's ledger up to which it has acted, -1 for none
   * @returns milliseconds, from when it asked
   */
  giveLease(fleet: string, identity: string, verifier: string, applied: number): number {
    return this.#verifiers.give(fleet, identity, verifier, applied)
  }

  endLease(fleet: string, identity: string, verifier: string): void {
    this.#verifiers.end(fleet, identity, verifier)
  }

  /** What was told of a name is forgotten by every verifier before it is acknowledged that it is not so any more. */
  #hold({ kind, about }: News): Promise<void> | undefined {
    const [fleet = '', ...rest] = about.split('/')
    // This process may have been away, and does not know what for.
    if (kind === 'missed') return this.#verifiers.lapsed()
    if (rest.length === 0 || !this.#verifiers.isHeld(fleet)) return undefined
    const page = { before: Number.MAX_SAFE_INTEGER, limit: 1, kind, about }
    return this.newest(fleet, page).then(
      ([entry]) => this.#verifiers.settled(fleet, entry?.idx ?? Number.MAX_SAFE_INTEGER),
      // Where the ledger cannot be asked, nobody who was told by it is relied on.
      () => this.#verifiers.lapsed(),
    )
  }

  async platform(): Promise<Row<'platform'> | undefined> {
    return this.#connection.first(this.#queries.platform, {})
  }

  async authorities(): Promise<Row<'authority'>[]> {
    return this.#connection.all(this.#queries.authorities, {})
  }

  async fleet(name: string): Promise<Row<'fleet'> | undefined> {
    return this.#connection.first(this.#queries.fleet, { name })
  }

  async fleets(): Promise<Row<'fleet'>[]> {
    return this.#connection.all(this.#queries.fleets, {})
  }

  async permit(id: string): Promise<Permit | undefined> {
    return permitOf(await this.#connection.first(this.#queries.permit, { id }))
  }

  async permitRow(id: string): Promise<Row<'permit'> | undefined> {
    return this.#connection.first(this.#queries.permit, { id })
  }

  /** One page, newest first, behind a token; of those that can be used at a time, where it is given. */
  async permitPage(fleet: string, { after, limit, usableAt }: PermitQuestion): Promise<PermitPage> {
    // One more than a page, which is how it is known whether there is another.
    const values = { fleet, ...(after ?? newest), limit: limit + 1 }
    const { permitPage, usablePermitPage } = this.#queries
    const rows = await (usableAt === undefined
      ? this.#connection.all(permitPage, values)
      : this.#connection.all(usablePermitPage, { ...values, at: usableAt }))
    const page = rows.slice(0, limit)
    return { rows: page, next: rows.length > limit ? page.at(-1) : undefined }
  }

  async permits(fleet: string): Promise<Row<'permit'>[]> {
    return this.#connection.all(this.#queries.permits, { fleet })
  }

  /** What the gate asks on every request: the database where that is embedded, memory while the lease is live. */
  async standing(identity: string): Promise<RegistryRecord | undefined> {
    const load = () => this.standingNow(identity)
    return this.#processes ? this.#processes.standings.read(identity, load) : load()
  }

  /** Not from memory: after a commit was refused that may be older than what refused it. */
  async standingNow(identity: string): Promise<RegistryRecord | undefined> {
    return recordOf(await this.#connection.first(this.#queries.record, { identity }))
  }

  async record(identity: string): Promise<Row<'registry'> | undefined> {
    return this.#connection.first(this.#queries.record, { identity })
  }

  async recordWithKeys(identity: string): Promise<RecordWithKeys | undefined> {
    return this.#connection.first(this.#queries.recordWithKeys, { identity })
  }

  /** What an operator may do; undefined where it is none. */
  async grants(identity: string): Promise<string | undefined> {
    return (await this.#connection.first(this.#queries.operator, { identity }))?.grants
  }

  async operators() {
    return this.#connection.all(this.#queries.operators, {})
  }

  async operator(identity: string) {
    return this.#connection.first(this.#queries.operatorBesideRegistry, { identity })
  }

  /** Tokens for devices that someone made and that can still be used at `at`. */
  async openPermitsBy(by: string, at: number) {
    return this.#connection.all(this.#queries.openPermitsBy, { by, at })
  }

  /** What a name may do with messages; undefined where nobody ever said. */
  async rights(identity: string): Promise<Rights | undefined> {
    return rightsOf(await this.rightsRow(identity))
  }

  async rightsRow(identity: string): Promise<Row<'rights'> | undefined> {
    return this.#connection.first(this.#queries.rights, { identity })
  }

  /** The newest statement of what messages to a name are sealed to. */
  async sealing(identity: string): Promise<Row<'sealing'> | undefined> {
    return this.#connection.first(this.#queries.sealing, { identity })
  }

  /** Who can send and receive messages in a fleet. */
  correspondents(fleet: string, domain: string): Correspondents {
    return new Correspondents(this.#queries, this.#connection, { fleet, domain })
  }

  /** One page in order of name, after a name ('' for the first). */
  async devices(fleet: string, { after, limit, ...sought }: Sought): Promise<DevicePage> {
    const { devices } = this.#queries
    // '0' is the character after '/'.
    const range = { from: `${fleet}/device/${after}`, to: `${fleet}/device0` }
    const chosen = deviceCriteria.filter(name => sought[name] !== undefined).join(' ')
    const last = chosen === '' ? undefined : await this.#lastSeen(range, sought.label)
    // Of the characters of names this one has a meaning in a pattern, and there are no others in what is looked for.
    const search = `%${sought.search?.replaceAll('_', '\\_')}%`
    const values = {
      label: '',
      standing: '',
      ...sought,
      search,
      from: range.from,
      to: last?.identity ?? range.to,
      limit,
    }
    const rows = await this.#connection.all(devices.get(chosen)!, values)
    const end = rows.length === limit ? rows.at(-1)!.identity : last?.identity
    return { rows, next: end === undefined ? undefined : readPath(end).name }
  }

  /** Where a search ends for now; undefined where it gets to the end, as it does where everything is found. */
  #lastSeen(range: { readonly from: string; readonly to: string }, label: string | undefined) {
    const { deviceAt, labelledAt } = this.#queries
    const places = mostSeen - 1
    return label === undefined
      ? this.#connection.first(deviceAt, { ...range, places })
      : this.#connection.first(labelledAt, { ...range, places, label })
  }

  async keyOwner(id: string): Promise<Row<'key'> | undefined> {
    return this.#connection.first(this.#queries.keyOwner, { id })
  }

  /** Keys whose ids begin so, a few; there is one, unless somebody took pains. */
  async keysThatBegin(hex: string): Promise<Row<'key'>[]> {
    // 'g' is behind every digit.
    return this.#connection.all(this.#queries.keysBetween, { from: hex, to: `${hex}g`, limit: 16 })
  }

  /** Every key that the name ever had, oldest first. */
  async keysOf(identity: string): Promise<Row<'key'>[]> {
    return this.#connection.all(this.#queries.keysOf, { identity })
  }

  async newestCertificate(identity: string): Promise<Row<'certificate'> | undefined> {
    return this.#connection.first(this.#queries.newestCertificate, { identity })
  }

  async certificate(serial: string): Promise<Row<'certificate'> | undefined> {
    return this.#connection.first(this.#queries.certificate, { serial })
  }

  /** The newest certificate of one of a name's keys. */
  async certificateOf(identity: string, key: string): Promise<Row<'certificate'> | undefined> {
    return this.#connection.first(this.#queries.certificateOf, { identity, key })
  }

  /** Serials of certificates that did not end before `at` and whose names are not in good standing. */
  async revokedCertificates(fleet: string, at: number) {
    return this.#connection.all(this.#queries.revokedCertificates, { fleet, at })
  }

  /** Serials of certificates that did not end before `at` and whose keys others took the place of. */
  async supersededCertificates(fleet: string, at: number) {
    return this.#connection.all(this.#queries.supersededCertificates, { fleet, at })
  }

  async labelled(identity: string): Promise<Row<'labelled'> | undefined> {
    return this.#connection.first(this.#queries.labelled, { identity })
  }

  /** The last number that was given to a change of labels or configuration in a fleet. */
  async configVersion(fleet: string): Promise<number> {
    return (await this.#connection.first(this.#queries.configVersion, { fleet }))?.version ?? 0
  }

  async configuration(fleet: string, version: number): Promise<Row<'config'> | undefined> {
    return this.#connection.first(this.#queries.config, { fleet, version })
  }

  /** Configurations before a version, newest first, of one target where that is asked for. */
  async configurations(
    fleet: string,
    { target, ...page }: Page & { readonly target?: string | undefined },
  ): Promise<Row<'config'>[]> {
    if (target === undefined) return this.#connection.all(this.#queries.configs, { fleet, ...page })
    return this.#connection.all(this.#queries.configsOf, { fleet, target, ...page })
  }

  async configContent(digest: Uint8Array): Promise<string | undefined> {
    return (await this.#connection.first(this.#queries.configContent, { digest }))?.content
  }

  /** How who was refused in a ledger, latest first. */
  async refusals(ledger: string, who: string, limit: number): Promise<Row<'refusal'>[]> {
    return this.#connection.all(this.#queries.refusals, { ledger, who, limit })
  }

  /** The same of everyone with a name in that ledger, since a time. */
  async refusalsOfNames(ledger: string, since: number, limit: number): Promise<Row<'refusal'>[]> {
    // '0' is the character after '/'.
    const range = { ledger, from: `${ledger}/`, to: `${ledger}0` }
    return this.#connection.all(this.#queries.refusalsOfMany, { ...range, since, limit })
  }

  /** Those of keys that others took the place of; asked for alone, so that no number of others hides them. */
  async supersededRefusals(ledger: string, since: number, limit: number): Promise<Row<'refusal'>[]> {
    return this.#connection.all(this.#queries.supersededRefusals, { ledger, since, limit })
  }

  /** The same of the holders of tokens. */
  async tokenRefusals(ledger: string, since: number, limit: number): Promise<Row<'refusal'>[]> {
    // ';' is the character after ':'.
    return this.#connection.all(this.#queries.refusalsOfMany, { ledger, from: 'token:', to: 'token;', since, limit })
  }

  /** The time of the newest fact, in any ledger; 0 where there is none. */
  async lastRecorded(): Promise<number> {
    const ledgers = ['platform', ...(await this.fleets()).map(({ name }) => name)]
    const page = { before: Number.MAX_SAFE_INTEGER, limit: 1 }
    const last = await Promise.all(
      ledgers.map(ledger => this.#connection.all(this.#queries.newest, { ledger, ...page })),
    )
    return last.flat().reduce((newest, { at }) => Math.max(newest, at), 0)
  }

  async head(ledger: string): Promise<Row<'ledger_head'> | undefined> {
    return this.#connection.first(this.#queries.head, { ledger })
  }

  /** Entries from `from` to before `to`. */
  async entries(ledger: string, from: number, to: number): Promise<Row<'ledger_entry'>[]> {
    return this.#connection.all(this.#queries.entries, { ledger, from, to })
  }

  /** Of entries from `from` to before `to` those that are news about names; so many that may be are looked at. */
  async newsInLedger(ledger: string, from: number, to: number, limit: number): Promise<LedgerNews> {
    const rows = await this.#connection.all(this.#queries.newsInLedger, { ledger, from, to, limit })
    const news = rows.flatMap(({ idx, change }) => {
      const found = newsOf(readChange(change))
      return found ? [{ idx, ...found }] : []
    })
    return { news, isAll: rows.length < limit }
  }

  /** Entries before one, newest first; of one kind, about one thing, where that is asked for. */
  async newest(ledger: string, { before, limit, kind, about }: Page & Chosen): Promise<Row<'ledger_entry'>[]> {
    const page = { ledger, before, limit }
    if (kind === undefined && about === undefined) return this.#connection.all(this.#queries.newest, page)
    if (about === undefined) return this.#connection.all(this.#queries.newestOfKind, { ...page, kind: kind! })
    if (kind === undefined) return this.#connection.all(this.#queries.newestAbout, { ...page, about })
    return this.#connection.all(this.#queries.newestOfKindAbout, { ...page, kind, about })
  }

  /** Stored hashes of a ledger's tree, for proofs and tiles. */
  hashes(ledger: string): ReadHashes {
    return hashesOf(this.#connection, this.#queries, ledger)
  }
}
