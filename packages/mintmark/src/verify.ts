import { existsSync, statSync } from 'node:fs'
import { Refused } from '@mintmark/core/errors'
import type { Pinned } from '@mintmark/core/evidence'
import type { AuditReport } from '@mintmark/server'
import type { Command } from 'commander'
import { Told } from './failure.ts'
import { counted, isJson, print } from './print.ts'
import { verifyProofFile } from './proof.ts'

export interface VerifyOptions extends Pinned {
  readonly data: string
  readonly database?: string
  readonly ledger?: string
  readonly against?: readonly string[]
  readonly body?: string
}

/** What `audit verify` does: the path says what is to be checked. */
export async function verifyWhat(path: string | undefined, options: VerifyOptions, command: Command): Promise<void> {
  const { ledger, against = [], body } = options
  for (const each of body === undefined ? against : [...against, body])
    if (!existsSync(each)) throw new Refused('not-found', each)
  const isProof = path !== undefined && existsSync(path) && !statSync(path).isDirectory()
  if (body !== undefined && !isProof) command.error('error: --body is for a proof file, which is one entry')
  if (path === undefined) {
    if (ledger !== undefined) command.error('error: --ledger is for an export; a data directory is checked as a whole')
    return verifyData(options, command)
  }
  if (!existsSync(path)) throw new Refused('not-found', path)
  if (statSync(path).isDirectory()) return verifyExport(path, options, command)
  if (options.root === undefined && options.ledgerKey === undefined) {
    command.error("error: name the root with --root, or the key of the platform's own ledger with --ledger-key")
  }
  if (against.length > 0 || ledger !== undefined) {
    command.error('error: --against and --ledger are for whole ledgers, and this is one entry')
  }
  print(command, await verifyProofFile(path, options))
}

async function verifyData({ data, database, against }: VerifyOptions, command: Command): Promise<void> {
  const { auditData } = await import('@mintmark/server')
  const report = await auditData(data, { database, against, progress: progressOf(command) })
  tell(command, report, 'Whole: every entry, tree, checkpoint and table agrees.', remarks(against))
}

async function verifyExport(path: string, options: VerifyOptions, command: Command): Promise<void> {
  const { auditExport } = await import('@mintmark/server')
  const { root, ledgerKey, ledger, against } = options
  const report = await auditExport(path, { root, ledgerKey }, { ledger, against, progress: progressOf(command) })
  const whole = 'Whole: every entry follows from those before it, and every hash, tile, charter and head agrees.'
  const rests = [
    ...(root === undefined ? [] : [`  charters by the root that you named, ${root}`]),
    ...(ledgerKey === undefined ? [] : ["  the platform's own ledger by the key that you named"]),
  ]
  tell(command, report, whole, [...rests, ...remarks(against)])
}

/** What an audit cannot see by itself. */
const remarks = (against: readonly string[] = []): string[] =>
  against.length > 0
    ? [`  goes on from ${against.join(', ')}`]
    : [
        'Nothing older was held against it: a ledger that was set back looks whole. Keep heads, and name them with --against.',
      ]

function tell(command: Command, report: AuditReport, whole: string, more: readonly string[]): void {
  if (!report.ok) {
    const { entries, where, why } = report
    print(command, { json: report, text: `NOT WHOLE after ${entries} entries.\n  ${where}: ${why}` })
    throw new Told(1)
  }
  const ledgers = report.ledgers.map(
    ({ ledger, size, root }) => `  ${ledger}: ${counted(size, 'entry', 'entries')}, root ${root}`,
  )
  print(command, { json: report, text: [whole, ...ledgers, ...more].join('\n') })
}

/** Counts along on a terminal. */
function progressOf(command: Command): ((entries: number) => void) | undefined {
  if (!process.stderr.isTTY || isJson(command)) return undefined
  return entries => process.stderr.write(`\r${entries} entries`)
}
