import { readLabel, readLabelChange } from '@mintmark/core/rules'
import { type Command, Option } from 'commander'
import { type AsOperator, asOperator } from '../operator.ts'
import {
  type DeviceName,
  dataOption,
  devicePath,
  example,
  fleetOption,
  helpGroups,
  jsonOption,
  labelOption,
  operatorOption,
  readDeviceName,
  whyOption,
} from '../options.ts'
import { readPages } from '../pages.ts'
import { lines, moment, print, shown, table } from '../print.ts'
import { type Fields, fieldsOf, listOf } from '../reply.ts'
import { printStream } from '../stream.ts'
import { registerDeviceScope, rightsLines } from './device-scope.ts'

/** `device list`, `device show`, `device label`, `device scope` */
export function registerDevice(program: Command): void {
  const device = program
    .command('device')
    .helpGroup(helpGroups.operator)
    .description('list, show and label devices, and say what they may send')
  example(device, 'mintmark device list --fleet acme')

  const list = device
    .command('list')
    .description("list a fleet's devices and their standing")
    .addOption(fleetOption())
    .addOption(labelOption('only those with this label').argParser(text => readLabel(text).join('=')))
    .option('--search <text>', 'only those with this in their names')
    .addOption(
      new Option('--standing <standing>', 'only those in this standing').choices(['good', 'revoked', 'decommissioned']),
    )
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(listDevices)
  example(
    list,
    'mintmark device list --fleet acme',
    'mintmark device list --fleet acme --label site=berlin --search 104 --standing revoked',
  )

  const show = device
    .command('show')
    .description('show what the registry knows of one device')
    .argument('<fleet/device>', 'the device', readDeviceName)
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(showDevice)
  example(show, 'mintmark device show acme/device-104')

  const label = device
    .command('label')
    .description('set labels of a device, and take some away')
    .argument('<fleet/device>', 'the device', readDeviceName)
    .argument('<labels...>', 'site=berlin to set one, -site to take it away')
    .addOption(whyOption())
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(labelDevice)
  example(
    label,
    'mintmark device label acme/device-104 site=berlin floor=3',
    'mintmark device label acme/device-104 -floor',
  )
  registerDeviceScope(device)
}

interface ListOptions extends AsOperator {
  readonly fleet: string
  readonly label?: string
  readonly search?: string
  readonly standing?: string
}

async function listDevices(options: ListOptions, command: Command): Promise<void> {
  const { fleet, label, search, standing } = options
  const criteria = Object.entries({ label, search, standing }).filter(([, value]) => value !== undefined)
  const query = new URLSearchParams([['limit', '1000'], ...(criteria as [string, string][])])
  const path = `/v1/fleets/${fleet}/devices?${query}`
  const listing = {
    name: 'devices',
    json: {},
    heads: ['DEVICE', 'STANDING', 'KEY', 'CERTIFIED UNTIL', 'LABELS', 'DID'],
    cells: ({ name, standing, tier, notAfter, labels, did }: Fields) => [
      shown(name),
      shown(standing),
      shown(tier),
      moment(notAfter),
      labelText(labels),
      shown(did),
    ],
    none: criteria.length === 0 ? `No devices in ${fleet} yet.` : `No such devices in ${fleet}.`,
  }
  await asOperator(options, platform =>
    printStream(command, listing, readPages(platform, { path, name: 'devices', cursor: 'after' })),
  )
}

interface LabelOptions extends AsOperator {
  readonly reason?: string
}

async function labelDevice(
  device: DeviceName,
  labels: readonly string[],
  options: LabelOptions,
  command: Command,
): Promise<void> {
  readLabelChange(labels)
  const input = { labels, reason: options.reason }
  const path = `${devicePath(device)}/labels`
  const body = fieldsOf(await asOperator(options, async platform => (await platform.post(path, input)).body))
  print(command, { json: body, text: `Labels of ${device.fleet}/${device.name}: ${labelText(body.labels)}` })
}

/** `floor=3 site=berlin`, in order of key. */
function labelText(labels: unknown): string {
  const all = Object.entries(fieldsOf(labels ?? {})).map(([key, value]) => `${shown(key)}=${shown(value)}`)
  return all.length === 0 ? '-' : all.toSorted().join(' ')
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
    ['labels', labelText(found.labels)],
    ['key', shown(found.tier)],
    ...rightsLines(fieldsOf(found.rights)),
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
