import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
} from 'kysely'
import type { Dialect } from './database.ts'

// Kysely as a compiler only: it makes the SQL, our connections run it.

export const sqliteDialect: Dialect = {
  name: 'sqlite',
  builder: new Kysely({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: db => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  }),
  types: { text: sql`text`, blob: sql`blob`, integer: sql`integer`, bigint: sql`bigint` },
  // A table in its primary key only when asked to: one tree to write instead of two.
  tableEnd: sql`without rowid`,
}

export const postgresDialect: Dialect = {
  name: 'postgres',
  builder: new Kysely({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: db => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  }),
  // By bytes, as SQLite orders text: ranges of keys are the same on both, whatever language the server was set up in.
  types: { text: sql`text collate "C"`, blob: sql`bytea`, integer: sql`bigint`, bigint: sql`bigint` },
  tableEnd: undefined,
}
