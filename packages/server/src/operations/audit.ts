import { Refused } from '@mintmark/core/errors'
import { dataFiles, domainOf } from '../data-files.ts'
import { openKeeper } from '../keeper/keeper.ts'
import { type DatabaseChoice, openForReading } from '../open-database.ts'
import { ledgerSigner } from '../platform.ts'
import { type AuditReport, auditDatabase, type KeptHead, readLastHead } from '../store/index.ts'
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
    const signer = ledgerSigner(openKeeper(dataFiles(data).keeper), domain)
    // Before the ledgers, which may grow meanwhile.
    const last = await readLastHead(database.lastHead?.read() ?? '', signer)
    const beside: KeptHead[] = last ? [{ name: dataFiles(data).lastHead, ...last }] : []
    const kept = [...beside, ...against.flatMap(keptHeads)]
    const platformKey = signer('platform').key.publicKey
    return await auditDatabase(database, { domain, platformKey, kept, ...(progress ? { progress } : {}) })
  } finally {
    await database.close()
  }
}
