import type { Command } from 'commander'
import { Told } from '../failure.ts'
import { dataOption, example, helpGroups, jsonOption } from '../options.ts'
import { print } from '../print.ts'

/** `audit verify` */
export function registerAudit(program: Command): void {
  const audit = program.command('audit').helpGroup(helpGroups.operator).description('check the ledger')
  example(audit, 'mintmark audit verify')

  const verify = audit
    .command('verify')
    .description('replay every ledger and compare trees, checkpoints and tables; reads only')
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(verifyLedgers)
  example(verify, 'mintmark audit verify --data ./mintmark-data')
}

async function verifyLedgers({ data }: { readonly data: string }, command: Command): Promise<void> {
  const { auditData } = await import('@mintmark/server')
  const report = await auditData(data, progressOf(command))
  if (!report.ok) {
    print(command, {
      json: report,
      text: `NOT WHOLE after ${report.entries} entries.\n  ${report.where}: ${report.why}`,
    })
    throw new Told(1)
  }
  const ledgers = report.ledgers.map(({ ledger, size, root }) => `  ${ledger}: ${size} entries, root ${root}`)
  const text = ['Whole: every entry, tree, checkpoint and table agrees.', ...ledgers].join('\n')
  print(command, { json: report, text })
}

/** Counts along on a terminal. */
function progressOf(command: Command): ((entries: number) => void) | undefined {
  if (!process.stderr.isTTY || command.opts<{ json?: boolean }>().json) return undefined
  return entries => process.stderr.write(`\r${entries} entries`)
}
