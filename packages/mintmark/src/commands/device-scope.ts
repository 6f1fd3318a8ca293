import { compileScopes, readRights } from '@mintmark/core/rules'
import { type Command, Option } from 'commander'
import { type AsOperator, asOperator } from '../operator.ts'
import {
  type DeviceName,
  dataOption,
  devicePath,
  example,
  jsonOption,
  operatorOption,
  readDeviceName,
  whyOption,
} from '../options.ts'
import { lines, print, shown } from '../print.ts'
import { type Fields, fieldsOf } from '../reply.ts'

/** `device scope` */
export function registerDeviceScope(device: Command): void {
  const scope = device
    .command('scope')
    .description('show what a device may do with messages, or say all that it may from now on')
    .argument('<fleet/device>', 'the device', readDeviceName)
    .argument(
      '[scopes...]',
      "what it may send for: telemetry:write 'floor3.*:read'; registry:read for whoever receives",
    )
    .option(
      '--recipient <name>',
      'it may send to this device of its fleet, or DID, and to no other; may be repeated',
      add,
    )
    .option('--behind <device>', 'it is a gateway and speaks for this device; may be repeated', add)
    .option('--counts', 'it has no clock and counts its messages')
    .addOption(new Option('--none', 'it may send for nothing').conflicts(['recipient', 'behind', 'counts']))
    .addOption(whyOption())
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(setOrShow)
  example(
    scope,
    'mintmark device scope acme/device-104',
    "mintmark device scope acme/device-104 telemetry:write 'floor3.*:read' --recipient hub-1",
    'mintmark device scope acme/hub-1 registry:read',
    'mintmark device scope acme/device-104 --none --reason "moved to the store"',
  )
}

const add = (value: string, before: readonly string[] = []): readonly string[] => [...before, value]

interface Options extends AsOperator {
  readonly recipient?: readonly string[]
  readonly behind?: readonly string[]
  readonly counts?: boolean
  readonly none?: boolean
  readonly reason?: string
}

async function setOrShow(
  device: DeviceName,
  scopes: readonly string[],
  options: Options,
  command: Command,
): Promise<void> {
  const { recipient, behind = [], counts = false, none, reason } = options
  const path = `${devicePath(device)}/scope`
  if (scopes.length > 0 && none) command.error('--none is all there is to say')
  if (scopes.length === 0 && !none) {
    const says = recipient ?? reason ?? (behind.length > 0 || counts)
    if (says) command.error('say for which scopes, or --none')
    const found = fieldsOf(await asOperator(options, async platform => (await platform.get(path)).body))
    return print(command, { json: found, text: lines(rightsLines(found)) })
  }
  const { recipients, ...rights } = readRights({ scopes, recipients: recipient, devices: behind, counts })
  const input = { ...rights, ...(recipients && { recipients }), ...(reason !== undefined && { reason }) }
  const { before, body } = await asOperator(options, async platform => ({
    before: fieldsOf((await platform.get(path)).body),
    body: fieldsOf((await platform.put(path, input)).body),
  }))
  const head = ['device', `${device.fleet}/${device.name}`] as const
  print(command, { json: body, text: lines([head, ...rightsLines(body), ...lostLines(before, body)]) })
}

/** What is otherwise than before: all is said anew, and something is easily forgotten. */
function lostLines(before: Fields, now: Fields): readonly (readonly [string, string])[] {
  const granted = wordsOf(now.scopes)
  const covers = compileScopes(granted)
  const scopes = wordsOf(before.scopes).filter(scope => !granted.includes(scope) && !covers(scope))
  const behind = wordsOf(now.devices)
  const devices = wordsOf(before.devices).flatMap(device => (behind.includes(device) ? [] : [`for ${device}`]))
  const lost = [...scopes, ...devices].map(shown)
  return [
    ...(lost.length === 0 ? [] : [['no longer', lost.join(' ')] as const]),
    ...(Array.isArray(before.recipients) && !Array.isArray(now.recipients) ? [['now to', 'everybody'] as const] : []),
  ]
}

const wordsOf = (list: unknown): readonly string[] => (Array.isArray(list) ? list.map(String) : [])

/** What a device may do with messages, a line each. */
export function rightsLines({ scopes, recipients, devices, counts }: Fields): readonly (readonly [string, string])[] {
  const words = (list: unknown): string => (Array.isArray(list) ? list.map(shown).join(' ') : '')
  return [
    ['scopes', words(scopes) || 'none'],
    ...(recipients === null || recipients === undefined ? [] : [['recipients', words(recipients)] as const]),
    ...(words(devices) === '' ? [] : [['behind it', words(devices)] as const]),
    ...(counts === true ? [['messages', 'counted'] as const] : []),
  ]
}
