import { base64, equal, hex, sha256, utf8 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { type Frontier, leafHash, readFrontier, root, writeFrontier } from '@mintmark/core/ledger'
import { aboutOf } from '@mintmark/core/rules'
import { nodeSha256 } from '@mintmark/elements'
import { type Connection, Damaged, type Database, type Dialect, type Query } from './database.ts'
import { entryOf, Finding, rowOf, sameValue, shown } from './finding.ts'
import { type AuditQueries, auditQueries, type Pages, pages, type Queries, queries } from './queries.ts'
import { type Known, Replay } from './replay.ts'
import { projected, type Tables } from './tables.ts'

export interface LedgerReport {
  readonly ledger: string
  readonly size: number
  /** Base64 of the Merkle root. */
  readonly root: string
}

/** What an audit found: every ledger whole and every table as the ledgers say, or the first place where it is not. */
export type AuditReport =
  | { readonly ok: true; readonly entries: number; readonly ledgers: readonly LedgerReport[] }
  | {
      readonly ok: false
      readonly entries: number
      /** `ledger acme, entry 17`, `table registry, row acme/device/device-104` or `database, pages`. */
      readonly where: string
      readonly why: string
    }

const batch = 256

/**
 * Replays every ledger into an empty database and compares: leaf hashes, stored tiles, frontiers, checkpoints and their
 * signatures, then each projected table row by row, and that there is nothing else. Reads one snapshot; writes nothing.
 *
 * It cannot see that all of a ledger, with what was projected from it, was put back to what it once was: that takes a
 * checkpoint that someone else kept.
 */
export async function auditDatabase(database: Database, known: Known): Promise<AuditReport> {
  // Before anything is read: damaged pages end a transaction in ways of their own.
  const damage = await database.inspect()
  if (damage) return { ok: false, entries: 0, where: `database, ${damage.part}`, why: damage.why }
  try {
    return await database.transaction(connection => auditTables(database.dialect, connection, known))
  } catch (error) {
    // PostgreSQL reads a page when it is asked for.
    if (!(error instanceof Damaged)) throw error
    return { ok: false, entries: 0, where: `database, ${error.damage.part}`, why: error.damage.why }
  }
}

/** As `auditDatabase`, of what a transaction sees. */
export async function auditTables(dialect: Dialect, connection: Connection, known: Known): Promise<AuditReport> {
  const replay = new Replay(known)
  try {
    const ledgers = await new Audit(dialect, connection, replay).run()
    return { ok: true, entries: replay.entries, ledgers }
  } catch (error) {
    if (!(error instanceof Finding)) throw error
    return { ok: false, entries: replay.entries, where: error.where, why: error.why }
  } finally {
    replay.close()
  }
}

class Audit {
  readonly #dialect: Dialect
  readonly #connection: Connection
  readonly #queries: Queries
  readonly #asks: AuditQueries
  readonly #replay: Replay

  constructor(dialect: Dialect, connection: Connection, replay: Replay) {
    this.#dialect = dialect
    this.#queries = queries(dialect)
    this.#asks = auditQueries(dialect)
    this.#connection = connection
    this.#replay = replay
  }

  async run(): Promise<LedgerReport[]> {
    const found = await this.#ledgers(this.#asks.ledgers)
    for (const ledger of ['platform', ...(await this.#ledgers(this.#asks.heads))]) {
      if (!found.includes(ledger)) throw new Finding(entryOf(ledger, 0), 'the ledger has no entries')
    }
    // Fleets are created in the platform's ledger, so that one goes first.
    const ledgers: LedgerReport[] = []
    for (const ledger of ['platform', ...found.filter(name => name !== 'platform')])
      ledgers.push(await this.#ledger(ledger))
    for (const ledger of await this.#ledgers(this.#asks.tileLedgers)) {
      if (!found.includes(ledger)) throw new Finding(entryOf(ledger, 0), 'a tile of a ledger that has no entries')
    }
    this.#replay.checkKept()
    for (const [table, key] of Object.entries(projected)) await this.#table(table as keyof Tables, key)
    await this.#contents()
    return ledgers
  }

  async #ledgers(query: Query<object, { ledger: string }>): Promise<string[]> {
    return (await this.#connection.all(query, {})).map(({ ledger }) => ledger)
  }

  async #ledger(ledger: string): Promise<LedgerReport> {
    for (;;) {
      const from = this.#replay.tree(ledger).size
      const rows = await this.#connection.all(this.#queries.entries, { ledger, from, to: from + batch })
      if (rows.length === 0) break
      const tiles = await this.#replay.extend(ledger, entriesOf(rows, from), ({ fact, idx }) => {
        const { kind, at, about } = rows[idx - from]!
        const same = fact.kind === kind && fact.at === at && aboutOf(fact) === about
        if (!same) throw new Finding(entryOf(ledger, idx), 'the row says other than the entry')
      })
      for (const tile of tiles) await this.#tile(ledger, tile)
    }
    const tree = this.#replay.tree(ledger)
    await this.#nothingElse(ledger, tree.size)
    return this.#head(ledger, tree)
  }

  async #tile(
    ledger: string,
    { level, index, hash }: { level: number; index: number; hash: Uint8Array },
  ): Promise<void> {
    const range = { ledger, level, from: index, to: index + 1 }
    const [stored] = await this.#connection.all(this.#queries.tiles, range)
    if (stored && sameValue(stored.hash, hash)) return
    const span = 256 ** level
    throw new Finding(entryOf(ledger, index * span), `one of ${span} entries from here on was changed`)
  }

  /** No entry and no tile outside the tree: one that waits there would be in the way when the tree gets there. */
  async #nothingElse(ledger: string, size: number): Promise<void> {
    const [stray] = await this.#connection.all(this.#asks.strayEntries, { ledger, size })
    if (stray) throw new Finding(entryOf(ledger, stray.idx), 'an entry outside the ledger')
    for (const { level, idx } of await this.#connection.all(this.#asks.tilePlaces, { ledger })) {
      const belongs = Number.isInteger(level) && level > 0 && Number.isInteger(idx) && idx >= 0
      if (belongs && idx < Math.floor(size / 256 ** level)) continue
      const entry = belongs ? idx * 256 ** level : idx
      throw new Finding(entryOf(ledger, entry), `a tile of level ${shown(level)} outside the ledger`)
    }
  }

  async #head(ledger: string, tree: Frontier): Promise<LedgerReport> {
    const where = entryOf(ledger, tree.size)
    const head = await this.#connection.first(this.#queries.head, { ledger })
    if (head === undefined) throw new Finding(where, 'the ledger has no head')
    if (head.size !== tree.size) {
      const end = Math.min(tree.size, Number(head.size))
      throw new Finding(entryOf(ledger, end), `the head speaks of ${shown(head.size)} entries, not ${tree.size}`)
    }
    const signed = await this.#replay.head(ledger, head.checkpoint)
    if (!signed.same) throw changedWhere(ledger, tree, head.frontier, signed.root)
    if (!sameValue(writeFrontier(tree), head.frontier)) throw new Finding(where, 'the frontier was changed')
    return { ledger, size: tree.size, root: base64(signed.root) }
  }

  /** The stored table beside the replayed one, both in order of their key. */
  async #table(table: keyof Tables, key: readonly string[]): Promise<void> {
    const [ofStored, ofReplayed] = [this.#dialect, this.#replay.dialect].map(of => pages(of, table, key as never))
    const read = async (
      page: Pages<keyof Tables>,
      connection: Connection,
      after: Record<string, unknown> | undefined,
    ) => {
      const rows = after
        ? connection.all(page.next, { ...after, limit: 1_000 })
        : connection.all(page.first, { limit: 1_000 })
      return (await rows) as unknown as Record<string, unknown>[]
    }
    for (let after: Record<string, unknown> | undefined; ; ) {
      const stored = await read(ofStored!, this.#connection, after)
      const replayed = await read(ofReplayed!, this.#replay.tables, after)
      for (let i = 0; i < Math.max(stored.length, replayed.length); i++) {
        const [is, ought] = [stored[i], replayed[i]]
        const why = differenceOf(is, ought)
        if (why) throw new Finding(rowOf(table, ...firstOf(keyOf(is, key), keyOf(ought, key))), why)
      }
      if (stored.length === 0) return
      after = stored.at(-1)!
    }
  }

  /** Configurations are in the ledger by digest: all of them are kept, and nothing else. */
  async #contents(): Promise<void> {
    const missing = new Set(this.#replay.configurations)
    const page = pages(this.#dialect, 'config_content', ['digest'])
    let rows = await this.#connection.all(page.first, { limit: 100 })
    while (rows.length > 0) {
      for (const { digest, content } of rows) {
        const known = digest instanceof Uint8Array && this.#replay.configurations.has(hex(digest))
        if (!known) throw new Finding(rowOf('config_content', digest), 'the ledger does not have this digest')
        if (typeof content !== 'string' || !equal(sha256(utf8(content)), digest)) {
          throw new Finding(rowOf('config_content', digest), 'not what the ledger has the digest of')
        }
        missing.delete(hex(digest))
      }
      rows = await this.#connection.all(page.next, { ...rows.at(-1)!, limit: 100 })
    }
    const [digest] = missing
    if (digest !== undefined) throw new Finding(rowOf('config_content', digest), 'the row is missing')
  }
}

/**
 * The signed tree is another one. Where the stored frontier is still that of the signed tree, it tells which of its
 * subtrees has the change.
 */
function changedWhere(ledger: string, tree: Frontier, stored: Uint8Array, signed: Uint8Array): Finding {
  const why = 'the signed head is of another tree: an entry was changed'
  const before = frontierOf(stored)
  if (before?.size !== tree.size || !equal(root(before, nodeSha256), signed)) {
    return new Finding(entryOf(ledger, tree.size), why)
  }
  let start = 0
  let span = 1
  for (const [i, hash] of tree.hashes.entries()) {
    // The largest power of two that fits: a frontier lists full subtrees, largest first.
    for (span = 1; span * 2 <= tree.size - start; ) span *= 2
    if (!equal(hash, before.hashes[i]!)) break
    start += span
  }
  return new Finding(entryOf(ledger, start), `one of ${span} entries from here on was changed`)
}

function frontierOf(bytes: Uint8Array): Frontier | undefined {
  try {
    return bytes instanceof Uint8Array ? readFrontier(bytes) : undefined
  } catch (error) {
    if (error instanceof Refused) return undefined
    throw error
  }
}

/** The bytes of rows that are in their place, with the leaf hash that their bytes give. */
function* entriesOf(rows: readonly Tables['ledger_entry'][], from: number): Generator<Uint8Array> {
  for (const [i, { ledger, idx, change, leaf }] of rows.entries()) {
    const where = entryOf(ledger, from + i)
    if (idx !== from + i) throw new Finding(where, 'the entry is missing')
    if (!(change instanceof Uint8Array) || !sameValue(leaf, leafHash(change, nodeSha256))) {
      throw new Finding(where, 'the entry was changed')
    }
    yield change
  }
}

function differenceOf(is: Record<string, unknown> | undefined, ought: Record<string, unknown> | undefined) {
  if (!is) return 'the row is missing'
  if (!ought) return 'no fact in the ledger makes this row'
  for (const column of Object.keys(ought)) {
    if (!sameValue(is[column], ought[column])) return `${column} is not what the ledger says`
  }
  return undefined
}

const keyOf = (row: Record<string, unknown> | undefined, key: readonly string[]): readonly unknown[] | undefined =>
  row && key.map(column => row[column])

/** Where the rows differ in their keys, the smaller key is the row that one side lacks. */
function firstOf(a: readonly unknown[] | undefined, b: readonly unknown[] | undefined): readonly unknown[] {
  if (a === undefined || b === undefined) return a ?? b ?? []
  const at = a.findIndex((value, i) => !sameValue(value, b[i]))
  return (a[at] as string) < (b[at] as string) ? a : b
}
