import { type Kysely, sql } from 'kysely'
import { type Dialect, type Query, query, row } from './database.ts'
import { messagesQueries } from './messages-queries.ts'
import { kindsOfNames } from './news.ts'
import { operatorQueries } from './operator-queries.ts'
import { rightsQueries } from './rights-queries.ts'
import { settingsQueries } from './settings-queries.ts'
import type { Tables } from './tables.ts'

/** Every query of the platform, compiled once for a dialect. */
export type Queries = ReturnType<typeof queries>

type Row<T extends keyof Tables> = Tables[T]

export const queries = ({ builder: db }: Dialect) => ({
  // Ledger
  head: query((v: { ledger: string }) => db.selectFrom('ledger_head').selectAll().where('ledger', '=', v.ledger)),
  setHead: query((v: Row<'ledger_head'>) =>
    db
      .insertInto('ledger_head')
      .values(row(v, ['ledger', 'size', 'frontier', 'checkpoint']))
      .onConflict(conflict =>
        conflict.column('ledger').doUpdateSet(set => ({
          size: set.ref('excluded.size'),
          frontier: set.ref('excluded.frontier'),
          checkpoint: set.ref('excluded.checkpoint'),
        })),
      ),
  ),
  addEntry: query((v: Row<'ledger_entry'>) =>
    db.insertInto('ledger_entry').values(row(v, ['ledger', 'idx', 'kind', 'at', 'about', 'leaf', 'change'])),
  ),
  addTile: query((v: Row<'ledger_tile'>) =>
    db.insertInto('ledger_tile').values(row(v, ['ledger', 'level', 'idx', 'hash'])),
  ),
  entries: query((v: { ledger: string; from: number; to: number }) =>
    db
      .selectFrom('ledger_entry')
      .selectAll()
      .where('ledger', '=', v.ledger)
      .where('idx', '>=', v.from)
      .where('idx', '<', v.to)
      .orderBy('idx'),
  ),
  newsInLedger: query((v: { ledger: string; from: number; to: number; limit: number }) =>
    db
      .selectFrom('ledger_entry')
      .selectAll()
      .where('ledger', '=', v.ledger)
      .where('kind', 'in', kindsOfNames)
      .where('idx', '>=', v.from)
      .where('idx', '<', v.to)
      .orderBy('idx')
      .limit(v.limit),
  ),
  newest: newest(db),
  newestAbout: newest(db, 'about'),
  newestOfKind: newest(db, 'kind'),
  newestOfKindAbout: newest(db, 'kind', 'about'),
  leaves: query((v: { ledger: string; from: number; to: number }) =>
    db
      .selectFrom('ledger_entry')
      .select('leaf as hash')
      .where('ledger', '=', v.ledger)
      .where('idx', '>=', v.from)
      .where('idx', '<', v.to)
      .orderBy('idx'),
  ),
  tiles: query((v: { ledger: string; level: number; from: number; to: number }) =>
    db
      .selectFrom('ledger_tile')
      .select('hash')
      .where('ledger', '=', v.ledger)
      .where('level', '=', v.level)
      .where('idx', '>=', v.from)
      .where('idx', '<', v.to)
      .orderBy('idx'),
  ),

  // Platform, fleets, authorities
  platform: query((_: object) => db.selectFrom('platform').selectAll().where('id', '=', 1)),
  addPlatform: query((v: Row<'platform'>) =>
    db.insertInto('platform').values(row(v, ['id', 'domain', 'root', 'ledger_key', 'development', 'founded'])),
  ),
  authorities: query((_: object) => db.selectFrom('authority').selectAll().orderBy('since').orderBy('key_id')),
  addAuthority: query((v: Row<'authority'>) =>
    db.insertInto('authority').values(row(v, ['key_id', 'fleet', 'use', 'certificate', 'since'])),
  ),
  fleet: query((v: { name: string }) => db.selectFrom('fleet').selectAll().where('name', '=', v.name)),
  fleets: query((_: object) => db.selectFrom('fleet').selectAll().orderBy('name')),
  addFleet: query((v: Row<'fleet'>) =>
    db
      .insertInto('fleet')
      .values(
        row(v, [
          'name',
          'state',
          'public',
          'authority_key',
          'ledger_key',
          'created',
          'charter',
          'activated',
          'late_renewal',
          'messages_per_minute',
        ]),
      ),
  ),
  activateFleet: query((v: { name: string; charter: Uint8Array; activated: number }) =>
    db
      .updateTable('fleet')
      .set({ state: 'active', charter: v.charter, activated: v.activated })
      .where('name', '=', v.name),
  ),

  setLateRenewal: query((v: { name: string; lateRenewal: number }) =>
    db.updateTable('fleet').set({ late_renewal: v.lateRenewal }).where('name', '=', v.name),
  ),
  setMessagesPerMinute: query((v: { name: string; messagesPerMinute: number }) =>
    db.updateTable('fleet').set({ messages_per_minute: v.messagesPerMinute }).where('name', '=', v.name),
  ),

  // Permits
  permit: query((v: { id: string }) => db.selectFrom('permit').selectAll().where('id', '=', v.id)),
  permits: query((v: { fleet: string }) =>
    db.selectFrom('permit').selectAll().where('fleet', '=', v.fleet).orderBy('created').orderBy('id'),
  ),
  permitPage: query((v: PermitValues) => permitPage(db, v)),
  usablePermitPage: query((v: PermitValues & { at: number }) =>
    permitPage(db, v).where('revoked', 'is', null).where('uses_left', '>', 0).where('expires', '>', v.at),
  ),
  addPermit: query((v: Row<'permit'>) =>
    db
      .insertInto('permit')
      .values(
        row(v, [
          'id',
          'fleet',
          'role',
          'secret_hash',
          'uses',
          'uses_left',
          'expires',
          'pattern',
          'tier',
          'replaces',
          'grants',
          'created',
          'created_by',
          'revoked',
        ]),
      ),
  ),
  spendPermit: query((v: { id: string }) =>
    db
      .updateTable('permit')
      .set(set => ({ uses_left: set('uses_left', '-', 1) }))
      .where('id', '=', v.id),
  ),
  revokePermit: query((v: { id: string; revoked: number }) =>
    db.updateTable('permit').set({ revoked: v.revoked }).where('id', '=', v.id),
  ),

  // Registry, keys, certificates
  record: query((v: { identity: string }) => db.selectFrom('registry').selectAll().where('identity', '=', v.identity)),
  recordWithKeys: query((v: { identity: string }) => besideKeys(db).where('registry.identity', '=', v.identity)),
  /** Names of one fleet and role lie together in the primary key: `acme/device/...` */
  devices: deviceQueries(db),
  /** The name so many places on, where there are so many. */
  deviceAt: query((v: { from: string; to: string; places: number }) =>
    db
      .selectFrom('registry')
      .select('identity')
      .where('identity', '>', v.from)
      .where('identity', '<', v.to)
      .orderBy('identity')
      .limit(1)
      .offset(v.places),
  ),
  labelledAt: query((v: { label: string; from: string; to: string; places: number }) =>
    db
      .selectFrom('label')
      .select('identity')
      .where('label', '=', v.label)
      .where('identity', '>', v.from)
      .where('identity', '<', v.to)
      .orderBy('identity')
      .limit(1)
      .offset(v.places),
  ),
  addRecord: query((v: Row<'registry'>) =>
    db
      .insertInto('registry')
      .values(
        row(v, [
          'identity',
          'fleet',
          'role',
          'name',
          'standing',
          'standing_at',
          'standing_idx',
          'reason',
          'key',
          'pending',
          'tier',
          'enrolled',
          'serial',
          'not_after',
          'wiped',
          'wiped_idx',
        ]),
      ),
  ),
  setCertificate: query((v: { identity: string; serial: string; notAfter: number }) =>
    db.updateTable('registry').set({ serial: v.serial, not_after: v.notAfter }).where('identity', '=', v.identity),
  ),
  setStanding: query((v: { identity: string; standing: string; at: number; idx: number; reason: string }) =>
    db
      .updateTable('registry')
      .set({ standing: v.standing, standing_at: v.at, standing_idx: v.idx, reason: v.reason })
      .where('identity', '=', v.identity),
  ),
  setPending: query((v: { identity: string; pending: string; tier: string }) =>
    db.updateTable('registry').set({ pending: v.pending, tier: v.tier }).where('identity', '=', v.identity),
  ),
  /** The pending key is the current one, with the newest of its certificates. */
  setKey: query((v: { identity: string; key: string; serial: string; notAfter: number }) =>
    db
      .updateTable('registry')
      .set({ key: v.key, pending: null, serial: v.serial, not_after: v.notAfter })
      .where('identity', '=', v.identity),
  ),
  /** The name goes on with another key, whatever it had. */
  replaceKey: query((v: { identity: string; key: string; tier: string; serial: string; notAfter: number }) =>
    db
      .updateTable('registry')
      .set({ key: v.key, pending: null, tier: v.tier, serial: v.serial, not_after: v.notAfter })
      .where('identity', '=', v.identity),
  ),
  setWiped: query((v: { identity: string; at: number; idx: number }) =>
    db.updateTable('registry').set({ wiped: v.at, wiped_idx: v.idx }).where('identity', '=', v.identity),
  ),
  supersedeKey: query((v: { id: string; at: number }) =>
    db.updateTable('key').set({ until: v.at }).where('id', '=', v.id),
  ),
  ...operatorQueries(db),

  keysBetween: query((v: { from: string; to: string; limit: number }) =>
    db.selectFrom('key').selectAll().where('id', '>=', v.from).where('id', '<', v.to).orderBy('id').limit(v.limit),
  ),
  keyOwner: query((v: { id: string }) => db.selectFrom('key').selectAll().where('id', '=', v.id)),
  addKey: query((v: Row<'key'>) =>
    db.insertInto('key').values(row(v, ['id', 'identity', 'permit', 'spki', 'since', 'until', 'ledger', 'idx'])),
  ),
  keysOf: query((v: { identity: string }) =>
    db.selectFrom('key').selectAll().where('identity', '=', v.identity).orderBy('idx').orderBy('id'),
  ),
  addCertificate: query((v: Row<'certificate'>) =>
    db.insertInto('certificate').values(row(v, ['serial', 'identity', 'key', 'issued', 'not_after', 'ledger', 'idx'])),
  ),
  /** When the newest certificates of a name were issued, of those after `from` and not after `to`. */
  issued: query((v: { identity: string; from: number; to: number; limit: number }) =>
    db
      .selectFrom('certificate')
      .select('issued')
      .where('identity', '=', v.identity)
      .where('issued', '>', v.from)
      .where('issued', '<=', v.to)
      .orderBy('issued', 'desc')
      .limit(v.limit),
  ),
  /** The newest certificate of one of a name's keys. */
  certificateOf: query((v: { identity: string; key: string }) =>
    db
      .selectFrom('certificate')
      .selectAll()
      .where('identity', '=', v.identity)
      .where('key', '=', v.key)
      .orderBy('idx', 'desc')
      .limit(1),
  ),
  certificate: query((v: { serial: string }) =>
    db.selectFrom('certificate').selectAll().where('serial', '=', v.serial),
  ),
  /** The one that was issued last. */
  newestCertificate: query((v: { identity: string }) =>
    db.selectFrom('certificate').selectAll().where('identity', '=', v.identity).orderBy('idx', 'desc').limit(1),
  ),
  /** Of keys whose names go on without them. */
  supersededCertificates: query((v: { fleet: string; at: number }) =>
    db
      .selectFrom('key')
      .innerJoin('certificate', 'certificate.key', 'key.id')
      .select(['certificate.serial', 'key.until'])
      .where('key.ledger', '=', v.fleet)
      .where('key.until', 'is not', null)
      .where('certificate.not_after', '>=', v.at)
      .orderBy('certificate.serial'),
  ),
  /** Of names that are not in good standing. */
  revokedCertificates: query((v: { fleet: string; at: number }) =>
    db
      .selectFrom('certificate')
      .innerJoin('registry', 'registry.identity', 'certificate.identity')
      .select(['certificate.serial', 'registry.standing', 'registry.standing_at'])
      .where('registry.fleet', '=', v.fleet)
      .where('registry.standing', '!=', 'good')
      .where('certificate.not_after', '>=', v.at)
      .orderBy('certificate.serial'),
  ),

  ...settingsQueries(db),
  ...rightsQueries(db),
  ...messagesQueries(db),

  // Processes that share the database
  keeperKeys: query((_: object) => db.selectFrom('keeper_key').selectAll().orderBy('name')),
  keeperKey: query((v: { name: string }) => db.selectFrom('keeper_key').selectAll().where('name', '=', v.name)),
  addKeeperKey: query((v: Row<'keeper_key'>) =>
    db
      .insertInto('keeper_key')
      .values(row(v, ['name', 'wrapped']))
      .onConflict(conflict => conflict.column('name').doNothing()),
  ),
  processes: query((_: object) => db.selectFrom('process').selectAll().orderBy('id')),
  addProcess: query((v: Row<'process'>) => db.insertInto('process').values(row(v, ['id', 'beat', 'applied']))),
  beat: query((v: { id: string }) =>
    db
      .updateTable('process')
      .set(set => ({ beat: set('beat', '+', 1) }))
      .where('id', '=', v.id),
  ),
  setApplied: query((v: { id: string; applied: number }) =>
    db.updateTable('process').set({ applied: v.applied }).where('id', '=', v.id),
  ),
  removeProcess: query((v: { id: string }) => db.deleteFrom('process').where('id', '=', v.id)),
  newsHead: query((_: object) => db.selectFrom('news_head').select('version').where('id', '=', 1)),
  /** The row stays locked until the transaction ends, so numbers are committed in their order. */
  nextNews: query((_: object) =>
    db
      .updateTable('news_head')
      .set(set => ({ version: set('version', '+', 1) }))
      .where('id', '=', 1)
      .returning('version'),
  ),
  addNews: query((v: Row<'news'>) => db.insertInto('news').values(row(v, ['version', 'kind', 'about']))),
  news: query((v: { after: number }) =>
    db.selectFrom('news').selectAll().where('version', '>', v.after).orderBy('version'),
  ),
  removeNews: query((v: { before: number }) => db.deleteFrom('news').where('version', '<', v.before)),
})

/** What only an audit asks. */
export type AuditQueries = ReturnType<typeof auditQueries>

export const auditQueries = ({ builder: db }: Dialect) => ({
  ledgers: query((_: object) => db.selectFrom('ledger_entry').select('ledger').distinct().orderBy('ledger')),
  heads: query((_: object) => db.selectFrom('ledger_head').select('ledger').orderBy('ledger')),
  tileLedgers: query((_: object) => db.selectFrom('ledger_tile').select('ledger').distinct().orderBy('ledger')),
  tilePlaces: query((v: { ledger: string }) =>
    db
      .selectFrom('ledger_tile')
      .select(['level', 'idx'])
      .where('ledger', '=', v.ledger)
      .orderBy('level')
      .orderBy('idx'),
  ),
  /** Entries outside the tree. */
  strayEntries: query((v: { ledger: string; size: number }) =>
    db
      .selectFrom('ledger_entry')
      .select('idx')
      .where('ledger', '=', v.ledger)
      .where(entry => entry.or([entry('idx', '<', 0), entry('idx', '>=', v.size)]))
      .orderBy('idx')
      .limit(1),
  ),
})

export interface Pages<T extends keyof Tables> {
  readonly first: Query<{ limit: number }, Tables[T]>
  /** Behind the row that was the last. */
  readonly next: Query<Last, Tables[T]>
}

type Last = Readonly<Record<string, unknown>> & { readonly limit: number }

/** Pages of a table in order of its key: two databases are compared side by side. The first has no lower bound. */
export const pages = <T extends keyof Tables>(
  { builder }: Dialect,
  table: T,
  key: readonly (keyof Tables[T] & string)[],
): Pages<T> => {
  const columns = key.map(column => sql.ref(column))
  const ordered = () =>
    columns.reduce(
      (all, column) => all.orderBy(column),
      (builder as unknown as Kysely<Record<string, Record<string, unknown>>>).selectFrom(table as string).selectAll(),
    )
  return {
    first: query((v: { limit: number }) => ordered().limit(v.limit)) as Pages<T>['first'],
    next: query((v: Last) =>
      ordered()
        .where(sql<boolean>`(${sql.join(columns)}) > (${sql.join(key.map(column => v[column]))})`)
        .limit(v.limit),
    ) as Pages<T>['next'],
  }
}

/** Records beside their keys: a page of them is one query. */
const besideKeys = (db: Kysely<Tables>) =>
  db
    .selectFrom('registry')
    .innerJoin('key', 'key.id', 'registry.key')
    .leftJoin('key as pending_key', 'pending_key.id', 'registry.pending')
    .leftJoin('labelled', 'labelled.identity', 'registry.identity')
    .selectAll('registry')
    .select(['key.spki', 'pending_key.spki as pending_spki', 'labelled.labels'])

interface PermitValues {
  readonly fleet: string
  /** The token that was listed last. */
  readonly created: number
  readonly id: string
  readonly limit: number
}

/** Newest first. */
const permitPage = (db: Kysely<Tables>, v: PermitValues) =>
  db
    .selectFrom('permit')
    .selectAll()
    .where('fleet', '=', v.fleet)
    .where('created', '<=', v.created)
    .where(row => row.or([row('created', '<', v.created), row('id', '<', v.id)]))
    .orderBy('created', 'desc')
    .orderBy('id', 'desc')
    .limit(v.limit)

/** What devices can be looked for by. */
export const deviceCriteria = ['label', 'search', 'standing'] as const

interface DeviceValues {
  /** Names behind this, up to and with that. */
  readonly from: string
  readonly to: string
  readonly limit: number
  readonly label: string
  /** A pattern of LIKE. */
  readonly search: string
  readonly standing: string
}

/** One query for each choice of criteria, by their names. */
function deviceQueries(db: Kysely<Tables>) {
  const choices = Array.from({ length: 2 ** deviceCriteria.length }, (_, bits) =>
    deviceCriteria.filter((_, i) => (bits >> i) % 2 === 1),
  )
  return new Map(choices.map(chosen => [chosen.join(' '), query((v: DeviceValues) => devices(db, v, chosen))]))
}

function devices(db: Kysely<Tables>, v: DeviceValues, chosen: readonly (typeof deviceCriteria)[number][]) {
  let found = besideKeys(db).where('registry.identity', '>', v.from).where('registry.identity', '<=', v.to)
  if (chosen.includes('label')) {
    const labelled = db.selectFrom('label').select('identity').where('label', '=', v.label)
    const here = labelled.where('identity', '>', v.from).where('identity', '<=', v.to)
    found = found.where('registry.identity', 'in', here)
  }
  if (chosen.includes('search')) {
    found = found.where(sql<boolean>`${sql.ref('registry.name')} like ${v.search} escape '\\'`)
  }
  if (chosen.includes('standing')) found = found.where('registry.standing', '=', v.standing)
  return found.orderBy('registry.identity').limit(v.limit)
}

/** Entries before one, newest first, that have these values in these columns. */
const newest = <C extends 'kind' | 'about' = never>(db: Kysely<Tables>, ...columns: readonly C[]) =>
  query((v: { ledger: string; before: number; limit: number } & Record<C, string>) => {
    const all = db.selectFrom('ledger_entry').selectAll().where('ledger', '=', v.ledger).where('idx', '<', v.before)
    const chosen = columns.reduce((some, column) => some.where(column as 'kind' | 'about', '=', v[column]), all)
    return chosen.orderBy('idx', 'desc').limit(v.limit)
  })
