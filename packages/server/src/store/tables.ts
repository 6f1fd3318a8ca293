import { type CreateTableBuilder, type Kysely, sql } from 'kysely'
import type { Dialect } from './database.ts'

// The ledger is the truth. Every other table is a projection of it: replaying the ledger makes the same rows, and
// `mintmark audit verify` compares them. Not so `config_content`, which the ledger has the digests of, nor
// `keeper_key`, `process`, `news` and `news_head`, by which the processes of one platform know of each other. Times are Unix milliseconds, flags 0 or 1.

export interface Tables {
  ledger_entry: {
    ledger: string
    idx: number
    kind: string
    at: number
    /** The registry path, token or fleet that the fact is about; '' where it is about none. */
    about: string
    /** RFC 9162 leaf hash of `change`. */
    leaf: Uint8Array
    change: Uint8Array
  }
  ledger_head: { ledger: string; size: number; frontier: Uint8Array; checkpoint: string }
  ledger_tile: { ledger: string; level: number; idx: number; hash: Uint8Array }
  platform: {
    id: number
    domain: string
    root: Uint8Array
    ledger_key: Uint8Array
    development: number
    founded: number
  }
  authority: { key_id: string; fleet: string; use: string; certificate: Uint8Array; since: number }
  fleet: {
    name: string
    state: string
    public: number
    /** SPKI of the issuing CA's key. */
    authority_key: Uint8Array
    ledger_key: Uint8Array
    created: number
    charter: Uint8Array | null
    activated: number | null
    /** Milliseconds for which its devices may renew after their certificate's end. */
    late_renewal: number
    /** Of one key; null where nothing was said, and the platform's own bound holds. */
    messages_per_minute: number | null
  }
  permit: {
    id: string
    fleet: string
    role: string
    secret_hash: Uint8Array
    uses: number
    uses_left: number
    expires: number
    pattern: string | null
    tier: string
    /** Id of the key that it replaces. */
    replaces: string | null
    /** Of an operator's. */
    grants: string | null
    created: number
    created_by: string
    revoked: number | null
  }
  registry: {
    identity: string
    fleet: string
    role: string
    name: string
    standing: string
    standing_at: number
    /** The ledger entry that gave it its standing. */
    standing_idx: number
    reason: string | null
    /** Id of the current key. */
    key: string
    /** Id of the key that becomes current with its first connection. */
    pending: string | null
    tier: string
    enrolled: number
    serial: string
    not_after: number
    /** When a decommissioned device's word came that it wiped its key, and the ledger entry that holds it. */
    wiped: number | null
    wiped_idx: number | null
  }
  /** What each operator may do (`readGrants`). */
  operator: { identity: string; grants: string }
  /** Every key that ever belonged to a name here, our own CAs included: no key has two owners. */
  key: {
    id: string
    identity: string
    permit: string | null
    spki: Uint8Array
    since: number
    /** When another key took its place. */
    until: number | null
    ledger: string
    idx: number
  }
  /** Every certificate issued; `idx` is the ledger entry that holds it. */
  certificate: {
    serial: string
    identity: string
    key: string
    issued: number
    not_after: number
    ledger: string
    idx: number
  }
  /** All labels of a device that ever had one, in one text, and the version of its fleet when they last changed. */
  labelled: { identity: string; labels: string; version: number }
  /** Who has a label, to be found by it. */
  label: { label: string; identity: string }
  /** The last number that was given to a change of labels or configuration in a fleet. */
  config_version: { fleet: string; version: number }
  /** Every configuration that was ever set or unset; the newest of a target holds. */
  config: {
    fleet: string
    version: number
    target: string
    /** Null where it was unset. */
    digest: Uint8Array | null
    set_at: number
    set_by: string
    reason: string | null
  }
  /** What a name may do with messages (`readRights`); lists as text, with a blank between. */
  rights: {
    identity: string
    scopes: string
    /** Null where it may send to all. */
    recipients: string | null
    devices: string
    counts: number
    set_at: number
    set_by: string
    reason: string | null
  }
  /** What messages to a name are sealed to: its newest statement (`readEncryptionKey`). */
  sealing: {
    identity: string
    /** Id of the key that signed it; of no use with another one. */
    key: string
    version: number
    statement: Uint8Array
    /** The hour (Unix) of it, and how many there were in that hour. */
    hour: number
    published: number
  }
  /** Of each fleet the time of its newest message, which never goes back, and how many there were in that minute. */
  message_fleet: { fleet: string; time: number; minute: number; count: number }
  /** Of each key that ever sent: how many in its last minute, and of one that counts, which numbers were there. */
  message_sender: {
    key: string
    minute: number
    count: number
    /** -1 of one that does not count. */
    highest: number
    /** Hex of 64 bits: bit i says that highest - i was there. */
    seen: string
  }
  /** Nonces that are spent and whose time is not over, by the key that signed them. */
  message_nonce: { key: string; nonce: string; fleet: string; expires: number }
  /** How often who was refused with what code where; from the ledger, so that it needs no reading through. */
  refusal: {
    ledger: string
    who: string
    code: string
    operation: string
    first_at: number
    last_at: number
    count: number
    /** The newest entry. */
    idx: number
  }
  /** Not projected: the ledger holds only digests of configurations. */
  config_content: { digest: Uint8Array; content: string }
  /** Private keys of the keeper, wrapped: how a process that has a copy of the data directory gets those made since. */
  keeper_key: { name: string; wrapped: Uint8Array }
  /** Processes that share the database now, each with the version of the news up to which it has acted. */
  process: { id: string; beat: number; applied: number }
  /** What every process must act on, in order of commit. */
  news: { version: number; kind: string; about: string }
  news_head: { id: number; version: number }
}

/** The tables that a replay of the ledger makes again, each with the columns that identify a row. */
export const projected = {
  platform: ['id'],
  authority: ['key_id'],
  fleet: ['name'],
  permit: ['id'],
  registry: ['identity'],
  operator: ['identity'],
  key: ['id'],
  certificate: ['serial'],
  labelled: ['identity'],
  label: ['label', 'identity'],
  config_version: ['fleet'],
  config: ['fleet', 'version'],
  rights: ['identity'],
  sealing: ['identity'],
  message_fleet: ['fleet'],
  message_sender: ['key'],
  message_nonce: ['key', 'nonce'],
  refusal: ['ledger', 'who', 'code', 'operation'],
} as const satisfies { readonly [T in keyof Tables]?: readonly (keyof Tables[T])[] }

/**
 * Statements that bring an empty database to the present schema, in order. Forward only: a released entry is never
 * edited, a new one is added.
 */
export const migrations = (dialect: Dialect): readonly { sql: string }[] => statements(dialect, dialect.builder)

const statements = (dialect: Dialect, db: Kysely<Tables>): { sql: string }[] => [
  ...ended(dialect, tables(dialect)),
  // Made with its one row: numbers are given out by counting it up.
  { sql: 'insert into news_head (id, version) values (1, 0)' },
  db.schema.createIndex('ledger_entry_about').on('ledger_entry').columns(['ledger', 'about', 'idx']).compile(),
  db.schema.createIndex('ledger_entry_kind').on('ledger_entry').columns(['ledger', 'kind', 'idx']).compile(),
  db.schema.createIndex('certificate_of_identity').on('certificate').columns(['identity', 'issued']).compile(),
  db.schema.createIndex('key_of_identity').on('key').column('identity').compile(),
  // Few rows too: keys that others took the place of.
  db.schema.createIndex('key_superseded').on('key').column('ledger').where(sql.ref('until'), 'is not', null).compile(),
  db.schema.createIndex('permit_of_fleet').on('permit').columns(['fleet', 'created', 'id']).compile(),
  db.schema.createIndex('config_of_target').on('config').columns(['fleet', 'target', 'version']).compile(),
  // Few rows, as most names are in good standing: what a revocation list is made from.
  db.schema
    .createIndex('registry_not_good')
    .on('registry')
    .column('fleet')
    .where(sql.ref('standing'), '!=', 'good')
    .compile(),
  ...ended(dialect, tablesOfMessages(dialect)),
  db.schema.createIndex('message_nonce_ends').on('message_nonce').columns(['fleet', 'expires']).compile(),
  db.schema.alterTable('fleet').addColumn('messages_per_minute', dialect.types.bigint).compile(),
]

/** Columns of tables that were there before them. */
type Added = 'messages_per_minute'

const ended = (dialect: Dialect, tables: CreateTableBuilder<string, string>[]) =>
  tables.map(table => (dialect.tableEnd ? table.modifyEnd(dialect.tableEnd) : table).compile())

function tables(db: Dialect) {
  return [
    table(
      db,
      'ledger_entry',
      { ledger: 'text', idx: 'bigint', kind: 'text', at: 'bigint', about: 'text', leaf: 'blob', change: 'blob' },
      ['ledger', 'idx'],
    ),
    table(db, 'ledger_head', { ledger: 'text', size: 'bigint', frontier: 'blob', checkpoint: 'text' }, ['ledger']),
    table(db, 'ledger_tile', { ledger: 'text', level: 'integer', idx: 'bigint', hash: 'blob' }, [
      'ledger',
      'level',
      'idx',
    ]),
    table(
      db,
      'platform',
      { id: 'integer', domain: 'text', root: 'blob', ledger_key: 'blob', development: 'integer', founded: 'bigint' },
      ['id'],
    ),
    table(db, 'authority', { key_id: 'text', fleet: 'text', use: 'text', certificate: 'blob', since: 'bigint' }, [
      'key_id',
    ]),
    table(
      db,
      'fleet',
      {
        name: 'text',
        state: 'text',
        public: 'integer',
        authority_key: 'blob',
        ledger_key: 'blob',
        created: 'bigint',
        charter: 'blob?',
        activated: 'bigint?',
        late_renewal: 'bigint',
      },
      ['name'],
    ),
    table(
      db,
      'permit',
      {
        id: 'text',
        fleet: 'text',
        role: 'text',
        secret_hash: 'blob',
        uses: 'integer',
        uses_left: 'integer',
        expires: 'bigint',
        pattern: 'text?',
        tier: 'text',
        replaces: 'text?',
        grants: 'text?',
        created: 'bigint',
        created_by: 'text',
        revoked: 'bigint?',
      },
      ['id'],
    ),
    table(
      db,
      'registry',
      {
        identity: 'text',
        fleet: 'text',
        role: 'text',
        name: 'text',
        standing: 'text',
        standing_at: 'bigint',
        standing_idx: 'bigint',
        reason: 'text?',
        key: 'text',
        pending: 'text?',
        tier: 'text',
        enrolled: 'bigint',
        serial: 'text',
        not_after: 'bigint',
        wiped: 'bigint?',
        wiped_idx: 'bigint?',
      },
      ['identity'],
    ),
    table(db, 'operator', { identity: 'text', grants: 'text' }, ['identity']),
    table(
      db,
      'key',
      {
        id: 'text',
        identity: 'text',
        permit: 'text?',
        spki: 'blob',
        since: 'bigint',
        until: 'bigint?',
        ledger: 'text',
        idx: 'bigint',
      },
      ['id'],
    ),
    table(
      db,
      'certificate',
      {
        serial: 'text',
        identity: 'text',
        key: 'text',
        issued: 'bigint',
        not_after: 'bigint',
        ledger: 'text',
        idx: 'bigint',
      },
      ['serial'],
    ),
    table(db, 'labelled', { identity: 'text', labels: 'text', version: 'bigint' }, ['identity']),
    table(db, 'label', { label: 'text', identity: 'text' }, ['label', 'identity']),
    table(db, 'config_version', { fleet: 'text', version: 'bigint' }, ['fleet']),
    table(
      db,
      'config',
      {
        fleet: 'text',
        version: 'bigint',
        target: 'text',
        digest: 'blob?',
        set_at: 'bigint',
        set_by: 'text',
        reason: 'text?',
      },
      ['fleet', 'version'],
    ),
    table(
      db,
      'refusal',
      {
        ledger: 'text',
        who: 'text',
        code: 'text',
        operation: 'text',
        first_at: 'bigint',
        last_at: 'bigint',
        count: 'bigint',
        idx: 'bigint',
      },
      ['ledger', 'who', 'code', 'operation'],
    ),
    table(db, 'config_content', { digest: 'blob', content: 'text' }, ['digest']),
    table(db, 'keeper_key', { name: 'text', wrapped: 'blob' }, ['name']),
    table(db, 'process', { id: 'text', beat: 'bigint', applied: 'bigint' }, ['id']),
    table(db, 'news', { version: 'bigint', kind: 'text', about: 'text' }, ['version']),
    table(db, 'news_head', { id: 'integer', version: 'bigint' }, ['id']),
  ]
}

/** What was added since: behind everything, as the statements before are what a database already has. */
function tablesOfMessages(db: Dialect) {
  return [
    table(
      db,
      'rights',
      {
        identity: 'text',
        scopes: 'text',
        recipients: 'text?',
        devices: 'text',
        counts: 'integer',
        set_at: 'bigint',
        set_by: 'text',
        reason: 'text?',
      },
      ['identity'],
    ),
    table(
      db,
      'sealing',
      { identity: 'text', key: 'text', version: 'bigint', statement: 'blob', hour: 'bigint', published: 'integer' },
      ['identity'],
    ),
    table(db, 'message_fleet', { fleet: 'text', time: 'bigint', minute: 'bigint', count: 'bigint' }, ['fleet']),
    table(db, 'message_sender', { key: 'text', minute: 'bigint', count: 'bigint', highest: 'bigint', seen: 'text' }, [
      'key',
    ]),
    table(db, 'message_nonce', { key: 'text', nonce: 'text', fleet: 'text', expires: 'bigint' }, ['key', 'nonce']),
  ]
}

type ColumnType = 'text' | 'text?' | 'blob' | 'blob?' | 'integer' | 'bigint' | 'bigint?'

/** Every column NOT NULL unless it ends in `?`. */
function table<T extends keyof Tables & string>(
  db: Dialect,
  name: T,
  columns: { readonly [C in Exclude<keyof Tables[T] & string, Added>]: ColumnType },
  key: readonly (keyof Tables[T] & string)[],
) {
  let builder: CreateTableBuilder<string, string> = db.builder.schema.createTable(name as string)
  for (const [column, type] of Object.entries(columns) as [string, ColumnType][]) {
    const [bare, optional] = [type.replace('?', '') as keyof Dialect['types'], type.endsWith('?')]
    builder = builder.addColumn(column, db.types[bare], definition => (optional ? definition : definition.notNull()))
  }
  return builder.addPrimaryKeyConstraint(`${name}_pk`, [...key])
}
