import { existsSync, readFileSync } from 'node:fs'
import { Refused } from '@mintmark/core/errors'
import { dataFiles } from '../data-files.ts'
import { openKeeper } from '../keeper/keeper.ts'
import { type AuditReport, auditDatabase, openSqlite } from '../store/index.ts'

/**
 * Audits a data directory, with the platform running or not: it opens the database for reading only.
 * @param progress called now and then with the number of entries done
 */
export async function auditData(data: string, progress?: (entries: number) => void): Promise<AuditReport> {
  const files = dataFiles(data)
  if (!existsSync(files.platform) || !existsSync(files.database)) throw new Refused('data-missing', data)
  const { domain } = JSON.parse(readFileSync(files.platform, 'utf8')) as { domain: string }
  const platformKey = openKeeper(files.keeper).key('ledger-platform').publicKey
  const database = openSqlite(files.database, { readOnly: true })
  try {
    return await auditDatabase(database, { domain, platformKey, ...(progress ? { progress } : {}) })
  } finally {
    database.close()
  }
}
