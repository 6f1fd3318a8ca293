import type { MoveProgress } from '@mintmark/server'
import type { Command } from 'commander'
import { dataOption, example, helpGroups, jsonOption } from '../options.ts'
import { counted, isJson, print, shown } from '../print.ts'

/** `store move` */
export function registerStore(program: Command): void {
  const store = program
    .command('store')
    .helpGroup(helpGroups.operator)
    .description('move the database of a platform to PostgreSQL')
  example(store, 'mintmark store move --to postgres://platform@db.example.com/mintmark')

  const move = store
    .command('move')
    .description('from the data directory to an empty PostgreSQL database, while the platform does not run')
    .requiredOption('--to <url>', 'the database, postgres://user@host/name')
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(moveStore)
  example(move, 'mintmark store move --to postgres://platform@db.example.com/mintmark --data ./mintmark-data')
}

interface Options {
  readonly to: string
  readonly data: string
}

async function moveStore({ to, data }: Options, command: Command): Promise<void> {
  const { moveData } = await import('@mintmark/server')
  const progress = progressOf(command)
  const { rows, report, left } = await moveData(data, to, progress).finally(() => progress && clearLine())
  const { entries, ledgers } = report
  const text = [
    `Moved: ${rows} rows, and every ledger is whole there.`,
    ...ledgers.map(({ ledger, size, root }) => `  ${ledger}: ${counted(size, 'entry', 'entries')}, root ${root}`),
    `The platform of ${data} has its database there from now on. ${left} is what it was until now.`,
    `Next: mintmark up --data ${data}`,
  ]
  print(command, { json: { moved: true, rows, entries, ledgers, left: shown(left) }, text: text.join('\n') })
}

/** Counts along on a terminal. */
function progressOf(command: Command): MoveProgress | undefined {
  if (!process.stderr.isTTY || isJson(command)) return undefined
  return (step, count) => {
    clearLine()
    process.stderr.write(`${count} ${step === 'copied' ? 'rows' : 'entries'} ${step}`)
  }
}

const clearLine = (): void => void process.stderr.write('\r\u001b[K')
