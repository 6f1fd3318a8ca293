import { Refused } from '@mintmark/core/errors'
import { type AuditReport, auditTables } from './audit.ts'
import { type Connection, type Database, type Dialect, query } from './database.ts'
import { auditQueries, pages, queries } from './queries.ts'
import type { Known } from './replay.ts'
import { projected, type Tables } from './tables.ts'

/** Every table that a platform takes with it, each with the columns that identify a row. */
const taken = {
  ledger_entry: ['ledger', 'idx'],
  ledger_tile: ['ledger', 'level', 'idx'],
  ledger_head: ['ledger'],
  ...projected,
  config_content: ['digest'],
} as const satisfies { readonly [T in Exclude<keyof Tables, Passing>]: readonly (keyof Tables[T])[] }

/** Of the processes that run now, on the database that they have. */
type Passing = 'keeper_key' | 'process' | 'news' | 'news_head'

export interface Copied {
  readonly rows: number
  /** Of the copy: it was audited before it was committed. */
  readonly report: AuditReport & { readonly ok: true }
}

const pageSize = 500

/**
 * Copies a platform into an empty database: in one transaction, in which the copy is also audited and its heads are
 * compared. Where the very same platform is there already, an earlier run came so far, and nothing is copied.
 * @throws Refused `database-not-empty` where there is anything else
 */
export async function copyDatabase(
  from: Database,
  to: Database,
  known: Known,
  copied: (rows: number) => void = () => undefined,
): Promise<Copied> {
  const ledgers = (await from.reader.all(auditQueries(from.dialect).heads, {})).map(({ ledger }) => ledger)
  // A platform that is founded there at this moment would begin with this lock.
  const locks = ['platform', ...ledgers].map(ledger => `ledger ${ledger}`)
  return to.transaction(
    async connection => {
      const [here, there] = [await contentsOf(from.dialect, from.reader), await contentsOf(to.dialect, connection)]
      const rows = Object.values(here.counts).reduce((sum, count) => sum + count, 0)
      if (Object.values(there.counts).every(count => count === 0))
        await copyTables(from, to.dialect, connection, copied)
      else checkSame(here, there)
      const report = await auditTables(to.dialect, connection, known)
      if (!report.ok) throw new Refused('ledger-broken', `the copy, ${report.where}: ${report.why}`)
      checkSame(here, await contentsOf(to.dialect, connection))
      return { rows, report }
    },
    [...new Set(locks)],
  )
}

/** What an audit does not compare: heads say which ledger it is, counts that nothing was left behind. */
interface Contents {
  readonly heads: string
  readonly counts: Readonly<Record<string, number>>
}

async function contentsOf(dialect: Dialect, connection: Connection): Promise<Contents> {
  const { head: headOf } = queries(dialect)
  const heads: unknown[] = []
  for (const { ledger } of await connection.all(auditQueries(dialect).heads, {})) {
    const head = await connection.first(headOf, { ledger })
    heads.push([ledger, head?.size, head?.checkpoint])
  }
  const counts: Record<string, number> = {}
  for (const table of Object.keys(taken) as (keyof typeof taken)[]) {
    const counted = await connection.first(
      query((_: object) => dialect.builder.selectFrom(table).select(of => of.fn.countAll<number>().as('rows'))),
      {},
    )
    counts[table] = counted!.rows
  }
  return { heads: JSON.stringify(heads), counts }
}

function checkSame(here: Contents, there: Contents): void {
  if (here.heads !== there.heads)
    throw new Refused('database-not-empty', 'it has another platform, or this one as it was')
  const table = Object.keys(here.counts).find(name => here.counts[name] !== there.counts[name])
  if (table !== undefined) throw new Refused('database-not-empty', `it has other rows in ${table}`)
}

async function copyTables(from: Database, dialect: Dialect, to: Connection, copied: (rows: number) => void) {
  let rows = 0
  for (const table of Object.keys(taken) as (keyof typeof taken)[]) {
    const page = pages(from.dialect, table as keyof Tables, taken[table] as never)
    let found = await from.reader.all(page.first, { limit: pageSize })
    while (found.length > 0) {
      const { sql, parameters } = dialect.builder
        .insertInto(table)
        .values(found as never)
        .compile()
      await to.run({ sql, bind: () => [...parameters] }, {})
      rows += found.length
      copied(rows)
      found = await from.reader.all(page.next, { ...found.at(-1)!, limit: pageSize })
    }
  }
}
