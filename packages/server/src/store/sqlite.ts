import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely'
import type { Connection, Database, Query } from './database.ts'
import { migrations, type Tables } from './tables.ts'

/** Kysely as a compiler only: it makes the SQL, our connections run it. */
export const sqliteBuilder = (): Kysely<Tables> =>
  new Kysely<Tables>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: db => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  })

/**
 * The embedded database: WAL with synchronous=FULL, so a commit is on the disk when it returns; one connection writes,
 * another reads.
 * @param path a file, or ':memory:' for one connection that does both
 */
export function openSqlite(path: string, options: { readonly readOnly?: boolean } = {}): Database {
  const writer = open(path, options.readOnly ?? false)
  if (!options.readOnly) migrate(writer)
  const reader = path === ':memory:' || options.readOnly ? writer : open(path, true)
  const writing = connection(writer)
  return {
    reader: reader === writer ? writing : connection(reader),
    async transaction(work) {
      // immediate: a transaction that reads first and writes later would fail as busy beside another process.
      writer.exec(options.readOnly ? 'begin' : 'begin immediate')
      try {
        const result = await work(writing)
        writer.exec('commit')
        return result
      } catch (error) {
        if (writer.isTransaction) writer.exec('rollback')
        throw error
      }
    },
    close() {
      if (reader !== writer) reader.close()
      writer.close()
    },
  }
}

function open(path: string, readOnly: boolean): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: 5_000, readOnly })
  if (!readOnly) db.exec('pragma journal_mode = wal; pragma synchronous = full')
  return db
}

/** Each statement once; `user_version` counts how many have run. */
function migrate(db: DatabaseSync): void {
  const { user_version: done } = db.prepare('pragma user_version').get() as { user_version: number }
  const all = migrations(sqliteBuilder(), 'sqlite')
  if (done > all.length) throw new Error(`the database has schema ${done}, this program knows ${all.length}`)
  if (done === all.length) return
  db.exec('begin immediate')
  for (const { sql } of all.slice(done)) db.exec(sql)
  db.exec(`pragma user_version = ${all.length}`)
  db.exec('commit')
}

function connection(db: DatabaseSync): Connection {
  const statements = new Map<string, StatementSync>()
  const statement = (sql: string): StatementSync => {
    const known = statements.get(sql)
    if (known) return known
    const made = db.prepare(sql)
    statements.set(sql, made)
    return made
  }
  return {
    all: <P, R>(query: Query<P, R>, values: P) =>
      statement(query.sql).all(...(query.bind(values) as SQLInputValue[])) as R[],
    run: (query, values) => Number(statement(query.sql).run(...(query.bind(values) as SQLInputValue[])).changes),
  }
}
