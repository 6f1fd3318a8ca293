import { closeSync, existsSync, openSync } from 'node:fs'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { Refused } from '@mintmark/core/errors'
import type { Connection, Damage, Database, Query, Transaction } from './database.ts'
import { sqliteDialect } from './dialects.ts'
import { lastHeadFile } from './last-head.ts'
import { isSqliteError, isUnsynced, Log, writeLogAgain } from './sqlite-log.ts'
import { migrations } from './tables.ts'

/**
 * The embedded database: WAL with synchronous=FULL, so a commit is on the disk when it returns; one connection writes,
 * another reads. One process has it for writing, as a revocation cuts the sockets of its own process only; others may
 * read, an audit beside the running platform for one.
 * @param path a file, or ':memory:' for one connection that does both
 * @throws Refused `data-in-use` where another process has it for writing; `data-missing` where one that is only to be
 * read has no tables yet
 */
export function openSqlite(path: string, { readOnly = false, failed }: SqliteOptions = {}): Database {
  const lock = readOnly || path === ':memory:' ? undefined : lockOf(path)
  try {
    if (lock) writeLogAgain(path)
    return opened(path, readOnly, lock, failed)
  } catch (error) {
    lock?.close()
    throw error
  }
}

export interface SqliteOptions {
  readonly readOnly?: boolean
  /**
   * Called once, when the disk did not say that it has what was written: asked again, it would say so of something that
   * it has dropped. From then on nothing is written, and the process must end as it is.
   */
  readonly failed?: ((error: Error) => void) | undefined
}

function opened(
  path: string,
  readOnly: boolean,
  lock: DatabaseSync | undefined,
  failed: SqliteOptions['failed'],
): Database {
  const writer = readOnly ? bare(path, true) : open(path, false)
  if (!readOnly) migrate(writer)
  else if (isEmpty(writer)) {
    writer.close()
    throw new Refused('data-missing', path)
  }
  const reader = path === ':memory:' || readOnly ? writer : open(path, true)
  // Only a reader of its own, such as an audit, must be able to read numbers that were never written by us.
  const writing = connection(writer, readOnly)
  let isLost = false
  const lose = (error: unknown): void => {
    if (!isUnsynced(error) || isLost) return
    isLost = true
    failed?.(error)
  }
  const log = readOnly ? undefined : new Log(writer)
  const lastHead = path === ':memory:' ? undefined : lastHeadFile(`${path}-head`)
  return {
    dialect: sqliteDialect,
    ...(lastHead ? { lastHead } : {}),
    reader: reader === writer ? writing : answering(connection(reader, false)),
    // Whatever the locks: one transaction at a time has the database.
    async transaction(work) {
      if (isLost) throw new Refused('unavailable', 'the disk failed')
      // immediate: a transaction that reads first and writes later would fail as busy beside another process.
      writer.exec(readOnly ? 'begin' : 'begin immediate')
      let result: Awaited<ReturnType<typeof work>>
      try {
        result = await work(writing)
        writer.exec('commit')
      } catch (error) {
        lose(error)
        if (writer.isTransaction) writer.exec('rollback')
        throw error
      }
      try {
        log?.keepShort()
      } catch (error) {
        // What was committed is in the log, and stays there until it is elsewhere.
        lose(error)
      }
      return result
    },
    inspect: () => inspect(writer),
    close() {
      // Closing moves the log into the file and removes it, and a disk that failed is not to be believed that it did.
      if (isLost) return
      if (reader !== writer) reader.close()
      writer.close()
      lastHead?.close()
      lock?.close()
    },
  }
}

function open(path: string, readOnly: boolean): DatabaseSync {
  const db = bare(path, readOnly)
  // Names, keys and serials are random, so a group touches many pages: room to keep them, and to write each back once.
  db.exec('pragma cache_size = -65536')
  if (!readOnly) {
    db.exec('pragma journal_mode = wal; pragma synchronous = full; pragma wal_autocheckpoint = 0')
  }
  return db
}

/** Nothing is read yet, so a file that is damaged can still be opened and inspected. */
const bare = (path: string, readOnly: boolean): DatabaseSync => new DatabaseSync(path, { timeout: 5_000, readOnly })

/**
 * A lock of the operating system's, held through an empty file beside the database: it ends with the process, however
 * that ends, and a file that was left locks nothing.
 */
function lockOf(path: string): DatabaseSync {
  for (const file of [path, `${path}-lock`]) {
    // Made here, for nobody else to read; SQLite would leave that to the umask. Never opened where it is: closing it
    // would end the locks that this process already has on it (POSIX fcntl).
    if (!existsSync(file)) closeSync(openSync(file, 'a', 0o600))
  }
  const db = new DatabaseSync(`${path}-lock`, { timeout: 0 })
  try {
    db.exec('begin exclusive')
    return db
  } catch (cause) {
    db.close()
    throw new Refused('data-in-use', path, { cause })
  }
}

/** Each statement once; `user_version` counts how many have run. */
function migrate(db: DatabaseSync): void {
  const done = schemaOf(db)
  const all = migrations(sqliteDialect)
  if (done > all.length) throw new Error(`the database has schema ${done}, this program knows ${all.length}`)
  if (done === all.length) return
  db.exec('begin immediate')
  for (const { sql } of all.slice(done)) db.exec(sql)
  db.exec(`pragma user_version = ${all.length}`)
  db.exec('commit')
}

const schemaOf = (db: DatabaseSync): number =>
  (db.prepare('pragma user_version').get() as { user_version: number }).user_version

/** Whether it has no tables; what is damaged has some, as far as anyone knows. */
function isEmpty(db: DatabaseSync): boolean {
  try {
    return db.prepare('select 1 from sqlite_schema').all().length === 0
  } catch (error) {
    if (isSqliteError(error)) return false
    throw error
  }
}

/** Broken pages, indexes that leave rows out, and whatever acts on rows without being one: triggers, views. */
function inspect(db: DatabaseSync): Damage | undefined {
  try {
    const [found] = db.prepare('pragma integrity_check(1)').all() as { integrity_check: string }[]
    if (found?.integrity_check !== 'ok') return { part: 'pages', why: String(found?.integrity_check) }
    const fresh = new DatabaseSync(':memory:')
    migrate(fresh)
    const [is, ought] = [db, fresh].map(
      each =>
        new Map(
          each
            .prepare('select name, sql from sqlite_schema')
            .all()
            .map(row => [row.name, row.sql]),
        ),
    ) as [Map<unknown, unknown>, Map<unknown, unknown>]
    const version = schemaOf(fresh)
    fresh.close()
    const names = new Set([...is.keys(), ...ought.keys()])
    const other = [...names].find(name => is.get(name) !== ought.get(name))
    if (other !== undefined) return { part: 'schema', why: `${other} is not as this program makes it` }
    if (schemaOf(db) !== version) return { part: 'schema', why: 'another version than its tables' }
    return undefined
  } catch (error) {
    if (!isSqliteError(error)) throw error
    return { part: 'pages', why: error.message }
  }
}

/** @param exact gives what JavaScript cannot count as bigint, where otherwise reading it fails */
function connection(db: DatabaseSync, exact: boolean): Transaction {
  const statements = new Map<string, StatementSync>()
  const statement = (sql: string): StatementSync => {
    const known = statements.get(sql)
    if (known) return known
    const made = db.prepare(sql)
    made.setReadBigInts(exact)
    statements.set(sql, made)
    return made
  }
  const write = <P>(query: Query<P, unknown>, values: P): number =>
    Number(statement(query.sql).run(...(query.bind(values) as SQLInputValue[])).changes)
  return {
    all: <P, R>(query: Query<P, R>, values: P) => {
      const rows = statement(query.sql).all(...(query.bind(values) as SQLInputValue[])) as R[]
      return exact ? rows.map(counted) : rows
    },
    first: <P, R>(query: Query<P, R>, values: P) => {
      const row = statement(query.sql).get(...(query.bind(values) as SQLInputValue[])) as R | undefined
      return exact && row ? counted(row) : row
    },
    run: write,
    post: (query, values) => void write(query, values),
  }
}

/** https://sqlite.org/rescode.html: busy, locked, no memory, read-only, I/O error, full, cannot open. */
const away = new Set([5, 6, 7, 8, 10, 13, 14])

/** A connection whose disk does not answer refuses as one whose server does not. */
function answering({ all, first, run }: Connection): Connection {
  const asked =
    <P extends unknown[], R>(ask: (...question: P) => R) =>
    (...question: P): R => {
      try {
        return ask(...question)
      } catch (error) {
        if (!(isSqliteError(error) && away.has(error.errcode & 0xff))) throw error
        throw new Refused('unavailable', error.message, { cause: error })
      }
    }
  return { all: asked(all) as Connection['all'], first: asked(first) as Connection['first'], run: asked(run) }
}

/** Numbers as numbers, where they are. */
const counted = <R>(row: R): R =>
  Object.fromEntries(
    Object.entries(row as object).map(([name, value]) => [
      name,
      typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value,
    ]),
  ) as R
