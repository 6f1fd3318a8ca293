import { equal, hex, sha256, utf8 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { admitRaw, type PublicKey } from '@mintmark/core/keys'
import {
  append,
  emptyFrontier,
  type Frontier,
  leafHash,
  readCheckpoint,
  root,
  writeFrontier,
} from '@mintmark/core/ledger'
import { type Change, readChange } from '@mintmark/core/rules'
import { readCertificate, readCharter } from '@mintmark/core/signed'
import { nodeSha256, nodeVerify } from '@mintmark/elements'
import { type Connection, type Database, first } from './database.ts'
import { Projection } from './projection.ts'
import { page, queries } from './queries.ts'
import { openSqlite, sqliteBuilder } from './sqlite.ts'
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
      /** `ledger acme, entry 17` or `table registry, row acme/device/device-104`. */
      readonly where: string
      readonly why: string
    }

interface Expected {
  readonly domain: string
  /** The platform ledger's key, from custody and not from the database that is audited. */
  readonly platformKey: PublicKey
  /** Called now and then with the number of entries done. */
  progress?(entries: number): void
}

const batch = 256

/**
 * Replays every ledger into an empty database and compares: leaf hashes, stored tiles, frontiers, checkpoints and their
 * signatures, then each projected table row by row. Reads one snapshot; writes nothing.
 */
export async function auditDatabase(database: Database, expected: Expected): Promise<AuditReport> {
  return database.transaction(async connection => {
    const audit = new Audit(connection, expected)
    try {
      return { ok: true, ...(await audit.run()) }
    } catch (error) {
      if (!(error instanceof Finding)) throw error
      return { ok: false, entries: audit.entries, where: error.where, why: error.why }
    } finally {
      audit.close()
    }
  })
}

class Finding extends Error {
  readonly where: string
  readonly why: string
  constructor(where: string, why: string) {
    super(`${where}: ${why}`)
    this.where = where
    this.why = why
  }
}

class Audit {
  readonly #connection: Connection
  readonly #expected: Expected
  readonly #queries = queries(sqliteBuilder())
  readonly #replayed = openSqlite(':memory:')
  entries = 0

  constructor(connection: Connection, expected: Expected) {
    this.#connection = connection
    this.#expected = expected
  }

  close(): void {
    this.#replayed.close()
  }

  async run(): Promise<{ entries: number; ledgers: LedgerReport[] }> {
    const found = (await this.#connection.all(this.#queries.ledgers, {})).map(({ ledger }) => ledger)
    const heads = (await this.#connection.all(this.#queries.heads, {})).map(({ ledger }) => ledger)
    for (const ledger of ['platform', ...heads]) {
      if (!found.includes(ledger)) throw new Finding(`ledger ${ledger}, entry 0`, 'the ledger has no entries')
    }
    // Fleets are created in the platform's ledger, so that one goes first.
    const ledgers: LedgerReport[] = []
    for (const ledger of ['platform', ...found.filter(name => name !== 'platform')])
      ledgers.push(await this.#ledger(ledger))
    for (const table of Object.keys(projected) as (keyof typeof projected)[]) await this.#table(table)
    await this.#contents()
    return { entries: this.entries, ledgers }
  }

  async #ledger(ledger: string): Promise<LedgerReport> {
    let tree: Frontier = emptyFrontier
    let key: PublicKey | undefined = ledger === 'platform' ? this.#expected.platformKey : undefined
    for (;;) {
      const rows = await this.#connection.all(this.#queries.entries, { ledger, from: tree.size, to: tree.size + batch })
      if (rows.length === 0) break
      const leaves: Uint8Array[] = []
      await this.#replayed.transaction(async connection => {
        const projection = new Projection(this.#queries, connection)
        for (const [i, row] of rows.entries()) {
          const fact = await this.#entry(row, ledger, tree.size + i)
          key ??= await this.#charteredKey(fact, ledger)
          await this.#apply(projection, fact, ledger, tree.size + i)
          leaves.push(row.leaf)
          this.entries++
        }
      })
      const after = append(tree, leaves, nodeSha256)
      for (const tile of after.tiles) await this.#tile(ledger, tile)
      tree = after.frontier
      this.#expected.progress?.(this.entries)
    }
    return this.#head(ledger, tree, key!)
  }

  /** One row: in its place, read strictly, and with the leaf hash that its bytes give. */
  async #entry(row: Tables['ledger_entry'], ledger: string, idx: number): Promise<Change> {
    const where = `ledger ${ledger}, entry ${idx}`
    if (row.idx !== idx) throw new Finding(where, 'the entry is missing')
    if (!equal(leafHash(row.change, nodeSha256), row.leaf)) throw new Finding(where, 'the entry was changed')
    try {
      const fact = readChange(row.change)
      const same = fact.ledger === ledger && fact.kind === row.kind && fact.at === row.at
      if (!same) throw new Finding(where, 'the row says other than the entry')
      checkCertificateFacts(fact)
      return fact
    } catch (error) {
      throw error instanceof Finding ? error : new Finding(where, reasonOf(error))
    }
  }

  /** The root's charter names the key that signs a fleet's ledger, so a rewritten ledger cannot bring its own. */
  async #charteredKey(fact: Change, ledger: string): Promise<PublicKey> {
    const where = `ledger ${ledger}, entry 0`
    if (fact.kind !== 'fleet.activated') throw new Finding(where, 'the ledger does not begin with its charter')
    try {
      const platform = await first(this.#replayed.reader, this.#queries.platform, {})
      const anchor = readCertificate(platform!.root).publicKey
      const charter = await readCharter((fact as Change<'fleet.activated'>).body.charter, anchor, nodeVerify)
      if (charter.fleet !== ledger) throw new Refused('bad-statement', 'charter of another fleet')
      return admitRaw('Ed25519', charter.ledgerKey)
    } catch (error) {
      throw new Finding(where, reasonOf(error))
    }
  }

  async #apply(projection: Projection, fact: Change, ledger: string, idx: number): Promise<void> {
    try {
      await projection.apply(fact, idx)
    } catch (error) {
      throw new Finding(`ledger ${ledger}, entry ${idx}`, `the fact does not follow: ${reasonOf(error)}`)
    }
  }

  async #tile(
    ledger: string,
    { level, index, hash }: { level: number; index: number; hash: Uint8Array },
  ): Promise<void> {
    const range = { ledger, level, from: index, to: index + 1 }
    const [stored] = await this.#connection.all(this.#queries.tiles, range)
    if (stored && equal(stored.hash, hash)) return
    const span = 256 ** level
    throw new Finding(`ledger ${ledger}, entry ${index * span}`, `one of ${span} entries from here on was changed`)
  }

  async #head(ledger: string, tree: Frontier, publicKey: PublicKey): Promise<LedgerReport> {
    const where = `ledger ${ledger}, entry ${tree.size}`
    const head = await first(this.#connection, this.#queries.head, { ledger })
    if (head === undefined) throw new Finding(where, 'the ledger has no head')
    if (head.size !== tree.size) throw new Finding(where, `the head speaks of ${head.size} entries`)
    const origin = `${ledger}.${this.#expected.domain}/ledger`
    const computed = root(tree, nodeSha256)
    try {
      const checkpoint = await readCheckpoint(head.checkpoint, { origin, publicKey, verify: nodeVerify })
      if (checkpoint.size !== tree.size || !equal(checkpoint.root, computed)) {
        throw new Refused('bad-checkpoint', 'the signed head is of another tree: an entry was changed')
      }
    } catch (error) {
      throw new Finding(where, reasonOf(error))
    }
    if (!equal(writeFrontier(tree), head.frontier)) throw new Finding(where, 'the frontier was changed')
    return { ledger, size: tree.size, root: Buffer.from(computed).toString('base64') }
  }

  /** The stored table beside the replayed one, both in order of their key. */
  async #table(table: keyof typeof projected): Promise<void> {
    const query = page(sqliteBuilder(), table)
    const column = projected[table]
    let after: string | number = table === 'platform' ? 0 : ''
    for (;;) {
      const values = { after, limit: 1_000 }
      const stored = await this.#connection.all(query, values)
      const replayed = await this.#replayed.reader.all(query, values)
      for (let i = 0; i < Math.max(stored.length, replayed.length); i++) {
        const [is, ought] = [stored[i], replayed[i]]
        const why = differenceOf(is, ought)
        if (why) throw new Finding(`table ${table}, row ${firstOf(is?.[column], ought?.[column])}`, why)
      }
      if (stored.length === 0) return
      after = stored.at(-1)![column] as string | number
    }
  }

  /** Configurations are in the ledger by digest; each that is in force must be there and have that digest. */
  async #contents(): Promise<void> {
    for (const { name: fleet } of await this.#connection.all(this.#queries.fleets, {})) {
      const row = await first(this.#connection, this.#queries.config, { fleet })
      if (row === undefined) continue
      const stored = await first(this.#connection, this.#queries.configContent, { digest: row.digest })
      if (!stored || !equal(sha256(utf8(stored.content)), row.digest)) {
        throw new Finding(`table config_content, row ${hex(row.digest)}`, 'not what the ledger has the digest of')
      }
    }
  }
}

/** What an entry says of its certificate is what the certificate says. */
function checkCertificateFacts({ kind, body }: Change): void {
  if (kind !== 'identity.enrolled' && kind !== 'identity.renewed') return
  const said = body as Change<'identity.enrolled'>['body']
  const { serial, notAfter, publicKey } = readCertificate(said.certificate)
  const spki = kind === 'identity.renewed' || equal(publicKey.spki, said.spki)
  if (serial !== said.serial || notAfter !== said.notAfter || !spki) throw new Refused('bad-certificate', 'facts')
}

function differenceOf(is: Record<string, unknown> | undefined, ought: Record<string, unknown> | undefined) {
  if (!is) return 'the row is missing'
  if (!ought) return 'no fact in the ledger makes this row'
  for (const column of Object.keys(ought)) {
    if (!sameValue(is[column], ought[column])) return `${column} is not what the ledger says`
  }
  return undefined
}

const sameValue = (a: unknown, b: unknown): boolean =>
  a instanceof Uint8Array && b instanceof Uint8Array ? equal(a, b) : a === b

/** Where the rows differ in their keys, the smaller key is the row that one side lacks. */
const firstOf = (a: unknown, b: unknown): string => {
  if (a === undefined || b === undefined) return String(a ?? b)
  return String((a as string) < (b as string) ? a : b)
}

const reasonOf = (error: unknown): string =>
  error instanceof Refused ? (error.detail ?? error.code) : error instanceof Error ? error.message : String(error)
