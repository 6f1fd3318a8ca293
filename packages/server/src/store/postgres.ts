import { createHash } from 'node:crypto'
import { Refused } from '@mintmark/core/errors'
import pg, { type QueryResult } from 'pg'
import {
  type Connection,
  Contended,
  Damaged,
  type Database,
  type Query,
  type Signals,
  type Transaction,
} from './database.ts'
import { postgresDialect } from './dialects.ts'
import { inspectSchema, migrateSchema, schemaVersion } from './postgres-schema.ts'
import { channel, type Limits, Session, type Manner as SessionManner, type Wire } from './postgres-session.ts'
import { readDatabaseUrl } from './postgres-url.ts'

// A request never waits for longer than five seconds, whatever happens to the server: it is refused as `unavailable`.
const reading: Limits = { connect: 2_000, statement: 2_500, lock: 2_000, idle: 2_000 }
const writing: Limits = { connect: 2_000, statement: 4_000, lock: 3_000, idle: 2_000 }
const longestTransaction = 4_000
/** An audit, a move or a change of the schema looks at everything there is. */
const unhurried: Limits = { connect: 5_000, statement: 600_000, lock: 60_000, idle: 60_000 }

/** As many as a small server has processors; each answers many requests, one after another. */
const readers = 4

export interface PostgresOptions {
  /** Reads one snapshot, and for as long as it takes; a number that no platform wrote comes as bigint. */
  readonly readOnly?: boolean
  /** Nobody waits for an answer: a transaction takes as long as it takes. */
  readonly patient?: boolean
}

/**
 * A PostgreSQL database, which several processes may have at once: one session writes, others read, and each connects
 * again by itself. Its schema is brought to the present one.
 * @param url `postgres://user@host/name`
 * @throws Refused `bad-database`, `database-unreachable`, `database-unfit`, and `data-missing` where one that is only
 * to be read has no tables yet
 */
export async function openPostgres(url: string, options: PostgresOptions = {}): Promise<Database> {
  const { readOnly = false, patient = readOnly } = options
  const config = readDatabaseUrl(url)
  const begin = (manner: SessionManner): Session => new Session(config, manner)
  const patiently = <T>(work: (wire: Wire) => Promise<T>): Promise<T> => once(begin({ limits: unhurried }), work)
  await patiently(async wire => {
    if (!readOnly) await migrateSchema(wire)
    else if ((await schemaVersion(wire)) === undefined) throw new Refused('data-missing', 'the database has no tables')
  })

  const writer = begin({ limits: patient ? unhurried : writing })
  const crowd = readOnly ? [writer] : Array.from({ length: readers }, () => begin({ limits: reading, readOnly: true }))
  const over = (choose: () => Session) =>
    connectionOf(async (sql, values, name) => {
      try {
        return await (await choose().wire()).send(sql, values, name)
      } catch (error) {
        throw translated(error)
      }
    }, readOnly)
  const reader = over(() => crowd.reduce((a, b) => (b.pending < a.pending ? b : a)))
  const ears = new Set<() => void>()
  const line = begin({
    limits: reading,
    woken: () => {
      for (const ear of ears) ear()
    },
  })

  let last: Promise<unknown> = Promise.resolve()
  return {
    dialect: postgresDialect,
    reader,
    ...(readOnly
      ? {}
      : {
          signals: signalsOver(
            over(() => line),
            ears,
          ),
        }),
    transaction(work, locks = []) {
      const mode = readOnly ? 'isolation level repeatable read, read only' : 'isolation level read committed'
      const longest = patient ? undefined : longestTransaction
      // One session, so one after another.
      const done = last.then(() => transact(writer, { mode, longest, exact: readOnly }, work, locks))
      last = done.catch(() => undefined)
      return done
    },
    inspect: () => patiently(inspectSchema),
    async close() {
      await last
      await Promise.all([writer, line, ...crowd].map(session => session.close()))
    },
  }
}

const notify: Query<object, unknown> = { sql: `select pg_notify('${channel}', '')`, bind: () => [] }

const signalsOver = (connection: Connection, ears: Set<() => void>): Signals => ({
  connection,
  notify,
  async listen(woken) {
    ears.add(woken)
    return async () => void ears.delete(woken)
  },
})

/** One session for one piece of work, of someone who can be told why there is none. */
async function once<T>(session: Session, work: (wire: Wire) => Promise<T>): Promise<T> {
  try {
    const wire = await session.wire().catch((cause: unknown) => {
      throw cause instanceof Refused ? cause : new Refused('database-unreachable', reasonOf(cause), { cause })
    })
    const send: Wire['send'] = (...statement) =>
      wire.send(...statement).catch((error: unknown) => {
        throw denied(error) ?? translated(error)
      })
    return await work({ ...wire, send })
  } finally {
    await session.close()
  }
}

/** insufficient_privilege, invalid_schema_name: a role that may not make tables where it is. */
function denied(error: unknown): Refused | undefined {
  if (!(error instanceof pg.DatabaseError && /^(42501|3F000)$/.test(error.code ?? ''))) return undefined
  return new Refused('database-unfit', error.message, {
    hint: 'the role of the URL must own the database',
    cause: error,
  })
}

interface Manner {
  readonly mode: string
  readonly longest: number | undefined
  readonly exact: boolean
}

async function transact<T>(
  session: Session,
  { mode, longest, exact }: Manner,
  work: (connection: Transaction) => Promise<T>,
  locks: readonly string[],
): Promise<T> {
  let wire: Wire | undefined
  // It may run out while there is no connection yet.
  let late = false
  const giveUp = (): void => {
    late = true
    wire?.cut('the transaction takes too long')
  }
  const timer = longest === undefined ? undefined : setTimeout(giveUp, longest)
  try {
    wire = await session.wire().catch((error: unknown) => {
      throw translated(error)
    })
    if (late) throw new Refused('unavailable', 'no connection in time')
    return await within(new Course(wire), mode, exact, work, locks)
  } finally {
    clearTimeout(timer)
  }
}

async function within<T>(
  course: Course,
  mode: string,
  exact: boolean,
  work: (connection: Transaction) => Promise<T>,
  locks: readonly string[],
): Promise<T> {
  course.post(`begin ${mode}`)
  for (const lock of locks.toSorted()) course.post('select pg_advisory_xact_lock($1)', [lockId(lock)], 'lock')
  const connection: Transaction = {
    ...connectionOf((sql, values, name) => course.send(sql, values, name), exact),
    post: (query, values) => course.post(query.sql, query.bind(values), nameOf(query.sql)),
  }
  let result: T
  try {
    result = await work(connection)
  } catch (error) {
    await course.rollback()
    throw course.failure ? translated(course.failure.error) : error
  }
  const ended = await course.send('commit').then(
    ({ command }) => command,
    () => undefined,
  )
  // Where something failed, committing rolls back and says so.
  if (course.failure) throw translated(course.failure.error)
  if (ended !== 'COMMIT') throw new Error(`committing ended in ${ended}`)
  return result
}

/** The statements of one transaction. */
class Course {
  readonly #wire: Wire
  /** The first one; what comes after it fails because of it. */
  failure: { readonly error: unknown } | undefined

  constructor(wire: Wire) {
    this.#wire = wire
  }

  async send(sql: string, values?: readonly unknown[], name?: string): Promise<QueryResult> {
    try {
      return await this.#wire.send(sql, values, name)
    } catch (error) {
      this.failure ??= { error }
      throw this.failure.error
    }
  }

  /** Not waited for: `failure` has what became of it. */
  post(sql: string, values?: readonly unknown[], name?: string): void {
    this.send(sql, values, name).catch(() => undefined)
  }

  async rollback(): Promise<void> {
    await this.#wire.send('rollback').catch(() => this.#wire.cut('not rolled back'))
  }
}

type Ask = (sql: string, values: readonly unknown[], name: string) => Promise<QueryResult>

function connectionOf(ask: Ask, exact: boolean): Connection {
  const all = async <P, R>(query: Query<P, R>, values: P): Promise<R[]> => {
    const { rows } = await ask(query.sql, query.bind(values), nameOf(query.sql))
    if (!exact) for (const row of rows) checkCounted(row)
    return rows as R[]
  }
  return {
    all,
    first: async (query, values) => (await all(query, values))[0],
    run: async (query, values) => (await ask(query.sql, query.bind(values), nameOf(query.sql))).rowCount ?? 0,
  }
}

function checkCounted(row: Record<string, unknown>): void {
  for (const [column, value] of Object.entries(row)) {
    if (typeof value === 'bigint') throw new RangeError(`${column} is ${value}, which no platform wrote`)
  }
}

const names = new Map<string, string>()

/** A statement is parsed once a session, under this name. */
function nameOf(sql: string): string {
  const known = names.get(sql)
  if (known !== undefined) return known
  const name = createHash('sha256').update(sql).digest('hex').slice(0, 16)
  names.set(sql, name)
  return name
}

/** 64 bits, as advisory locks are numbers; decimal, because JavaScript cannot count that far. */
const lockId = (name: string): string =>
  createHash('sha256').update(`mintmark ${name}`).digest().readBigInt64BE().toString()

// https://www.postgresql.org/docs/current/errcodes-appendix.html
const contended = new Set(['23505', '40001', '40P01'])
/** Read-only, resources, locks not had, operator intervention, system, internal; a plan of an older schema. */
const away = /^(08|25|28|3D|53|54|55|57|58|XX|0A000|26000)/

/** data_corrupted, index_corrupted */
const damaged = /^XX00[12]$/

/** What a session failed with, as callers know it. Whatever is not the server's answer, is the connection's. */
function translated(error: unknown): unknown {
  const code = error instanceof pg.DatabaseError ? (error.code ?? '') : undefined
  if (damaged.test(code ?? '')) return new Damaged({ part: 'pages', why: (error as Error).message }, error)
  if (code === undefined || away.test(code)) return new Refused('unavailable', reasonOf(error), { cause: error })
  return contended.has(code) ? new Contended(error) : error
}

const reasonOf = (error: unknown): string => {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ')
  if (error instanceof Refused) return error.detail ?? error.code
  if (error instanceof pg.DatabaseError) return `PostgreSQL ${error.code}: ${error.message}`
  return error instanceof Error ? error.message : String(error)
}
