import { existsSync, renameSync } from 'node:fs'
import { Refused } from '@mintmark/core/errors'
import { dataFiles, settingsOf, writeSettings } from './data-files.ts'
import { openKeeper } from './keeper/keeper.ts'
import { type AuditReport, auditDatabase, copyDatabase, openPostgres, openSqlite } from './store/index.ts'

export interface Moved {
  readonly rows: number
  readonly report: AuditReport & { readonly ok: true }
  /** Where the file is now that was the database. */
  readonly left: string
}

/** How far it is: entries that were checked here, rows that were copied, entries that were checked there. */
export type MoveProgress = (step: 'checked here' | 'copied' | 'checked there', count: number) => void

/**
 * Takes a platform that does not run from the file in its data directory to a PostgreSQL database. Until the data
 * directory says so, which is the last step, the file is the database; run again after it was interrupted, it finishes.
 * @throws Refused `data-in-use` where the platform runs, `database-not-empty`, `ledger-broken` where the file is damaged
 */
export async function moveData(data: string, to: string, progress: MoveProgress = () => undefined): Promise<Moved> {
  const { database: file, keeper, moved: left } = dataFiles(data)
  const settings = settingsOf(data)
  if (settings?.database !== undefined) {
    throw new Refused('database-other', 'it is on PostgreSQL already', { hint: 'nothing is left to be done' })
  }
  if (settings === undefined || !existsSync(file)) throw new Refused('data-missing', data)

  // Held to the end: nobody else writes into what is being copied.
  const from = openSqlite(file)
  try {
    const platformKey = openKeeper(keeper).key('ledger-platform').publicKey
    const known = { domain: settings.domain, platformKey }
    const whole = await auditDatabase(from, { ...known, progress: count => progress('checked here', count) })
    if (!whole.ok) throw new Refused('ledger-broken', `${whole.where}: ${whole.why}`)
    const there = { ...known, progress: (count: number) => progress('checked there', count) }
    const target = await openPostgres(to, { patient: true })
    try {
      const damage = await target.inspect()
      if (damage) throw new Refused('database-not-empty', damage.why)
      const copied = await copyDatabase(from, target, there, count => progress('copied', count)).catch(lost)
      writeSettings(data, { ...settings, database: to }, { replace: true })
      return { ...copied, left }
    } finally {
      await target.close()
    }
  } finally {
    await from.close()
    // Out of the way: as a database it would go on from here, and know of no revocation that comes after.
    if (settingsOf(data)?.database !== undefined) putAside(file, left)
  }
}

/** Nothing was changed here. Whether it was there is seen by running it again. */
function lost(error: unknown): never {
  if (!(error instanceof Refused && error.code === 'unavailable')) throw error
  throw new Refused('database-unreachable', error.detail, { hint: 'run it again when it is back', cause: error })
}

function putAside(file: string, left: string): void {
  for (const suffix of ['', '-wal', '-shm', '-head']) {
    if (existsSync(`${file}${suffix}`)) renameSync(`${file}${suffix}`, `${left}${suffix}`)
  }
}
