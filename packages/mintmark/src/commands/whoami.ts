import { whoami } from '@mintmark/device'
import type { Command } from 'commander'
import { example, helpGroups, homeOption, jsonOption } from '../options.ts'
import { lines, moment, print, shown } from '../print.ts'
import { fieldsOf } from '../reply.ts'

/** `whoami` */
export function registerWhoami(program: Command): void {
  const command = program
    .command('whoami')
    .helpGroup(helpGroups.device)
    .description('prove the certificate of this home, and print what the platform says of it')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(askHere)
  example(command, 'mintmark whoami')
}

async function askHere({ home }: { readonly home: string }, command: Command): Promise<void> {
  const me = fieldsOf(await whoami({ home, now: Date.now }))
  const facts = lines([
    ['standing', shown(me.standing)],
    ['did', shown(me.did)],
    ['key', shown(me.tier)],
    ['certificate', `${shown(me.serial)}, until ${moment(me.notAfter)}`],
  ])
  print(command, { json: me, text: `${shown(me.identity)}\n${facts}` })
}
