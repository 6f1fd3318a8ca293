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

/** `decommission` */
export function registerDecommission(program: Command): void {
  const decommission = program
    .command('decommission')
    .helpGroup(helpGroups.operator)
    .description('end the life of a device: refused everywhere once this returns, and told that it is for good')
    .argument('<fleet/device>', 'the device', readDeviceName)
    .addOption(reasonOption())
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(lowerStanding('decommission'))
  example(decommission, 'mintmark decommission acme/device-104 --reason "sold"')
}
