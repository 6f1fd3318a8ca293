import type { Command } from 'commander'
import { type AsOperator, asOperator } from '../operator.ts'
import {
  type DeviceName,
  dataOption,
  devicePath,
  example,
  fleetOption,
  helpGroups,
  jsonOption,
  operatorOption,
  readDeviceName,
} from '../options.ts'
import { readPages } from '../pages.ts'
import { lines, moment, print, shown, table } from '../print.ts'
import { type Fields, fieldsOf, listOf } from '../reply.ts'
import { printStream } from '../stream.ts'

/** `device list`, `device show` */
export function registerDevice(program: Command): void {
  const device = program.command('device').helpGroup(helpGroups.operator).description('list and show devices')
  example(device, 'mintmark device list --fleet acme')

  const list = device
    .command('list')
    .description("list a fleet's devices and their standing")
    .addOption(fleetOption())
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(listDevices)
  example(list, 'mintmark device list --fleet acme')

  const show = device
    .command('show')
    .description('show what the registry knows of one device')
    .argument('<fleet/device>', 'the device', readDeviceName)
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(showDevice)
  example(show, 'mintmark device show acme/device-104')
}

async function listDevices(options: AsOperator & { readonly fleet: string }, command: Command): Promise<void> {
  const { fleet } = options
  const path = `/v1/fleets/${fleet}/devices?limit=1000`
  const listing = {
    name: 'devices',
    json: {},
    heads: ['DEVICE', 'STANDING', 'KEY', 'CERTIFIED UNTIL', 'DID'],
    cells: ({ name, standing, tier, notAfter, did }: Fields) => [
      shown(name),
      shown(standing),
      shown(tier),
      moment(notAfter),
      shown(did),
    ],
    none: `No devices in ${fleet} yet.`,
  }
  await asOperator(options, platform =>
    printStream(command, listing, readPages(platform, { path, name: 'devices', cursor: 'after' })),
  )
}

async function showDevice(device: DeviceName, options: AsOperator, command: Command): Promise<void> {
  const found = fieldsOf(await asOperator(options, async platform => (await platform.get(devicePath(device))).body))
  const reason = found.reason === null || found.reason === undefined ? '' : ` (${shown(found.reason)})`
  const text = lines([
    ['device', `${device.fleet}/${device.name}`],
    ['standing', `${shown(found.standing)}${reason}`],
    ['identity', shown(found.identity)],
    ['did', shown(found.did)],
    ...(typeof found.pendingDid === 'string' ? [['next did', shown(found.pendingDid)] as const] : []),
    ['key', shown(found.tier)],
    ['enrolled', moment(found.enrolled)],
    ['certificate', `${shown(found.serial)}, until ${moment(found.notAfter)}`],
    ...(typeof found.wiped === 'string' ? [['wiped', moment(found.wiped)] as const] : []),
  ])
  const rows = listOf(found, 'keys').map(({ state, since, until, did }) => [
    shown(state),
    moment(since),
    moment(until),
    shown(did),
  ])
  const keys = rows.length < 2 ? [] : ['', table(command, ['KEY', 'SINCE', 'UNTIL', 'DID'], rows)]
  print(command, { json: found, text: [text, ...keys].join('\n') })
}
