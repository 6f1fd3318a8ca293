import type { Command } from 'commander'
import {
  dataOption,
  example,
  helpGroups,
  jsonOption,
  operatorOption,
  readDeviceName,
  reasonOption,
} from '../options.ts'
import { lowerStanding } from '../standing.ts'

/** `revoke` */
export function registerRevoke(program: Command): void {
  const revoke = program
    .command('revoke')
    .helpGroup(helpGroups.operator)
    .description('revoke a device for good: refused everywhere once this returns')
    .argument('<fleet/device>', 'the device', readDeviceName)
    .addOption(reasonOption())
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(lowerStanding('revoke'))
  example(revoke, 'mintmark revoke acme/device-104 --reason "stolen from the van"')
}
