import type { Connection } from '@mintmark/device'
import type { Command } from 'commander'
import { asOperator } from '../operator.ts'
import {
  type DeviceName,
  dataOption,
  devicePath,
  example,
  fleetOption,
  helpGroups,
  jsonOption,
  readDeviceName,
} from '../options.ts'
import { lines, moment, print, shown, table } from '../print.ts'
import { type Fields, fieldsOf, listOf } from '../reply.ts'

/** `device list`, `device show` */
export function registerDevice(program: Command): void {
  const device = program.command('device').helpGroup(helpGroups.operator).description('list and show devices')
  example(device, 'mintmark device list --fleet acme')

  const list = device
    .command('list')
    .description("list a fleet's devices and their standing")
    .addOption(fleetOption())
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(listDevices)
  example(list, 'mintmark device list --fleet acme')

  const show = device
    .command('show')
    .description('show what the registry knows of one device')
    .argument('<fleet/device>', 'the device', readDeviceName)
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(showDevice)
  example(show, 'mintmark device show acme/device-104')
}

interface Options {
  readonly data: string
}

async function listDevices(options: Options & { readonly fleet: string }, command: Command): Promise<void> {
  const devices = await asOperator(options.data, platform => readAll(platform, options.fleet))
  const rows = devices.map(({ name, standing, tier, notAfter, did }) => [
    shown(name),
    shown(standing),
    shown(tier),
    moment(notAfter),
    shown(did),
  ])
  const heads = ['DEVICE', 'STANDING', 'KEY', 'CERTIFIED UNTIL', 'DID']
  const text = rows.length === 0 ? `No devices in ${options.fleet} yet.` : table(command, heads, rows)
  print(command, { json: { devices }, text })
}

/** Page after page, in order of name. */
async function readAll(platform: Connection, fleet: string): Promise<Fields[]> {
  const devices: Fields[] = []
  const seen = new Set<string>()
  let after: string | undefined
  do {
    const query = after === undefined ? '' : `&after=${encodeURIComponent(after)}`
    const { body } = await platform.get(`/v1/fleets/${fleet}/devices?limit=1000${query}`)
    devices.push(...listOf(body, 'devices'))
    const { next } = fieldsOf(body)
    after = typeof next === 'string' ? next : undefined
    if (after !== undefined && seen.has(after)) throw new Error('the pages do not end')
    if (after !== undefined) seen.add(after)
  } while (after !== undefined)
  return devices
}

async function showDevice(device: DeviceName, { data }: Options, command: Command): Promise<void> {
  const found = fieldsOf(await asOperator(data, async platform => (await platform.get(devicePath(device))).body))
  const reason = found.reason === null || found.reason === undefined ? '' : ` (${shown(found.reason)})`
  const text = lines([
    ['device', `${device.fleet}/${device.name}`],
    ['standing', `${shown(found.standing)}${reason}`],
    ['identity', shown(found.identity)],
    ['did', shown(found.did)],
    ['key', shown(found.tier)],
    ['enrolled', moment(found.enrolled)],
    ['certificate', `${shown(found.serial)}, until ${moment(found.notAfter)}`],
  ])
  print(command, { json: found, text })
}
