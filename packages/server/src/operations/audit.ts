import { Refused } from '@mintmark/core/errors'
import { dataFiles, domainOf } from '../data-files.ts'
import { openKeeper } from '../keeper/keeper.ts'
import { type DatabaseChoice, openForReading } from '../open-database.ts'
import { type AuditReport, auditDatabase } from '../store/index.ts'
import { keptHeads } from './audit-export.ts'

export interface AuditOptions extends DatabaseChoice {
  /** Called now and then with the number of entries done. */
  readonly progress?: ((entries: number) => void) | undefined
  /** Exports, checkpoints or receipts of an earlier day. */
  readonly against?: readonly string[] | undefined
}

/** Audits a data directory, with the platform running or not: it opens the database for reading only. */
export async function auditData(
  data: string,
  { progress, against = [], ...choice }: AuditOptions = {},
): Promise<AuditReport> {
  const domain = domainOf(data)
  const database = domain === undefined ? undefined : await openForReading(data, choice)
  if (domain === undefined || database === undefined) throw new Refused('data-missing', data)
  try {
    const platformKey = openKeeper(dataFiles(data).keeper).key('ledger-platform').publicKey
    const kept = against.flatMap(keptHeads)
    return await auditDatabase(database, { domain, platformKey, kept, ...(progress ? { progress } : {}) })
  } finally {
    await database.close()
  }
}
