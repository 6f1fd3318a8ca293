import { renew } from '@mintmark/device'
import type { Command } from 'commander'
import { enrolledOutcome } from '../enrolled.ts'
import { example, helpGroups, homeOption, jsonOption } from '../options.ts'
import { print } from '../print.ts'

/** `renew` */
export function registerRenew(program: Command): void {
  const command = program
    .command('renew')
    .helpGroup(helpGroups.device)
    .description('get another certificate for the same key, and prove it before the old one goes')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(renewHere)
  example(command, 'mintmark renew')
}

async function renewHere({ home }: { readonly home: string }, command: Command): Promise<void> {
  print(command, enrolledOutcome('Renewed', await renew({ home, now: Date.now })))
}
