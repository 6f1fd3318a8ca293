import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type PostgresServer, startPostgres } from '@mintmark/testing'
import { afterAll, onTestFinished } from 'vitest'
import { need } from '../../../scripts/services.ts'
import { type Database, openPostgres, openSqlite } from '../src/store/index.ts'

/** A database that a test can open, and attack from aside. */
export interface TestDatabase {
  open(options?: { readonly readOnly?: boolean }): Promise<Database>
  /** Runs statements on it as whoever may do anything. */
  attack(sql: string): Promise<void>
  /** Bytes as the dialect writes them. */
  bytes(hex: string): string
}

export interface Kind {
  readonly kind: 'SQLite' | 'PostgreSQL'
  /** Why tests on it are skipped here. */
  readonly missing: string | undefined
  make(): Promise<TestDatabase>
}

const sqlite: Kind = {
  kind: 'SQLite',
  missing: undefined,
  async make() {
    const directory = mkdtempSync(join(tmpdir(), 'mintmark-store-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    const path = join(directory, 'mintmark.db')
    return {
      open: async options => openSqlite(path, options),
      async attack(sql) {
        const db = new DatabaseSync(path, { timeout: 5_000 })
        db.exec(sql)
        db.close()
      },
      bytes: hex => `x'${hex}'`,
    }
  },
}

let server: Promise<PostgresServer> | undefined

const postgres: Kind = {
  kind: 'PostgreSQL',
  missing: need('postgres'),
  async make() {
    server ??= startPostgres()
    const running = await server
    const url = await running.makeDatabase()
    return {
      open: options => openPostgres(url, options),
      attack: async sql => void (await running.sql(sql, new URL(url).pathname.slice(1))),
      bytes: hex => `'\\x${hex}'::bytea`,
    }
  },
}

/** What every test of a store runs on. */
export const kinds: readonly Kind[] = [sqlite, postgres]

afterAll(async () => (await server)?.remove())
