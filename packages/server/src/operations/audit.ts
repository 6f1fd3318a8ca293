import { existsSync } from 'node:fs'
import { Refused } from '@mintmark/core/errors'
import { dataFiles, domainOf } from '../data-files.ts'
import { openKeeper } from '../keeper/keeper.ts'
import { type AuditReport, auditDatabase, openSqlite } from '../store/index.ts'

/**
 * Audits a data directory, with the platform running or not: it opens the database for reading only.
 * @param progress called now and then with the number of entries done
 */
export async function auditData(data: string, progress?: (entries: number) => void): Promise<AuditReport> {
  const files = dataFiles(data)
  const domain = domainOf(data)
  if (domain === undefined || !existsSync(files.database)) throw new Refused('data-missing', data)
  const platformKey = openKeeper(files.keeper).key('ledger-platform').publicKey
  const database = openSqlite(files.database, { readOnly: true })
  try {
    return await auditDatabase(database, { domain, platformKey, ...(progress ? { progress } : {}) })
  } finally {
    database.close()
  }
}
