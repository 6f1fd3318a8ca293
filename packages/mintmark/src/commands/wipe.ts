import { retire } from '@mintmark/device'
import type { Command } from 'commander'
import { example, helpGroups, homeOption, jsonOption } from '../options.ts'
import { lines, moment, print } from '../print.ts'

/** `wipe` */
export function registerWipe(program: Command): void {
  const command = program
    .command('wipe')
    .helpGroup(helpGroups.device)
    .description('where this device is decommissioned: fetch the signed notice, and wipe its key and certificate')
    .addOption(homeOption('the device'))
    .addOption(jsonOption())
    .action(wipeHere)
  example(command, 'mintmark wipe')
}

async function wipeHere({ home }: { readonly home: string }, command: Command): Promise<void> {
  const { identity, did, retired, confirmed } = await retire({ home, now: Date.now })
  const facts = lines([
    ['did', did],
    ['retired', moment(retired)],
    ['confirmed', moment(confirmed)],
  ])
  const text = `Wiped: the key and the certificate of ${identity}.\n${facts}`
  print(command, { json: { identity, did, retired, confirmed }, text })
}
