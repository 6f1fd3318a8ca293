import { renew } from '@mintmark/device'
import type { Command } from 'commander'
import { enrolledOutcome } from '../enrolled.ts'
import { example, helpGroups, homeOption, jsonOption, keyOption, readAlgorithm } from '../options.ts'
import { print } from '../print.ts'

/** `renew` */
export function registerRenew(program: Command): void {
  const command = program
    .command('renew')
    .helpGroup(helpGroups.device)
    .description('get another certificate, and prove it before the old one goes')
    .option('--new-key', 'change the key as well: the old one signs for the new one, and is refused once that was seen')
    .addOption(keyOption('with --new-key, the kind that there is'))
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(renewHere)
  example(command, 'mintmark renew', 'mintmark renew --new-key --key p256')
}

interface Options {
  readonly home: string
  readonly newKey?: boolean
  readonly key?: string
}

async function renewHere({ home, newKey, key }: Options, command: Command): Promise<void> {
  if (key !== undefined && newKey !== true) command.error('--key says what kind the new key is: say --new-key as well')
  const wanted = newKey === true ? { algorithm: readAlgorithm(key) } : undefined
  print(command, enrolledOutcome('Renewed', await renew({ home, now: Date.now, newKey: wanted })))
}
