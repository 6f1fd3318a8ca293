import { Refused } from '@mintmark/core/errors'
import type { Command } from 'commander'
import { type AsOperator, asOperator } from '../operator.ts'
import { dataOption, example, helpGroups, jsonOption, operatorOption } from '../options.ts'
import { moment, print, shown } from '../print.ts'
import { fieldsOf } from '../reply.ts'

/** `console` */
export function registerConsole(program: Command): void {
  const command = program
    .command('console')
    .helpGroup(helpGroups.operator)
    .description('print a link that signs you in to the console in a browser on this computer, once')
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(printLink)
  example(command, 'mintmark console')
}

async function printLink(options: AsOperator, command: Command): Promise<void> {
  // Before anything is asked, and with --json too: in a pipe, a file or the log of a script the link would be for
  // whoever reads there.
  if (!process.stdout.isTTY) throw new Refused('terminal-required')
  const link = fieldsOf(
    await asOperator(options, async platform => (await platform.post('/v1/console/links', {})).body),
  )
  const text = `${shown(link.url)}\nOpen it in a browser on this computer. It signs you in once, until ${moment(link.expires)}.`
  print(command, { json: link, text })
}
