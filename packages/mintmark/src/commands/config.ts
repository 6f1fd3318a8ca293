import { readFileSync } from 'node:fs'
import { readJson } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { readFleetName, readName } from '@mintmark/core/names'
import { readLabel } from '@mintmark/core/rules'
import { type Command, Option } from 'commander'
import { readInput } from '../input.ts'
import { type AsOperator, asOperator } from '../operator.ts'
import {
  dataOption,
  example,
  helpGroups,
  jsonOption,
  labelOption,
  operatorOption,
  readIndex,
  whyOption,
} from '../options.ts'
import { readPages } from '../pages.ts'
import { moment, print, printableJson, shown } from '../print.ts'
import { type Fields, fieldsOf } from '../reply.ts'
import { printStream } from '../stream.ts'

/** `config set`, `config show`, `config history`, `config unset` */
export function registerConfig(program: Command): void {
  const config = program
    .command('config')
    .helpGroup(helpGroups.operator)
    .description('set and show the configuration that devices read')
  example(config, 'mintmark config set acme acme.json')

  const set = withTarget(config.command('set'))
    .description('set the configuration of a fleet, of the devices with a label, or of one device')
    .argument('<fleet>', 'name of the fleet', readFleetName)
    .argument('<file>', 'file with one JSON object; - for standard input')
    .addOption(whyOption())
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(setConfiguration)
  example(
    set,
    'mintmark config set acme acme.json',
    `echo '{"interval":60}' | mintmark config set acme - --label site=berlin`,
  )

  const show = withTarget(config.command('show'))
    .description('show a configuration as it was set, or what a device reads')
    .argument('<fleet>', 'name of the fleet', readFleetName)
    .addOption(
      new Option('--effective <device>', 'what this device reads: fleet, labels and its own, merged')
        .argParser(readName)
        .conflicts(['label', 'device', 'at']),
    )
    .addOption(
      new Option('--at <version>', 'as it was, from config history')
        .argParser(readIndex)
        .conflicts(['label', 'device']),
    )
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(showConfiguration)
  example(show, 'mintmark config show acme', 'mintmark config show acme --effective device-104')

  const history = withTarget(config.command('history'))
    .description('list what was set and unset, newest first')
    .argument('<fleet>', 'name of the fleet', readFleetName)
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(listHistory)
  example(history, 'mintmark config history acme')

  const unset = withTarget(config.command('unset'))
    .description('take a configuration away; what it was stays in the history')
    .argument('<fleet>', 'name of the fleet', readFleetName)
    .addOption(whyOption())
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(unsetConfiguration)
  example(unset, 'mintmark config unset acme --device device-104')
}

const withTarget = (command: Command): Command =>
  command
    .addOption(labelOption('for the devices with this label').argParser(text => readLabel(text).join('=')))
    .addOption(new Option('--device <device>', 'for this device').argParser(readName).conflicts('label'))

interface Options extends AsOperator {
  readonly label?: string
  readonly device?: string
  readonly reason?: string
}

/** What the options name, as the platform writes it. */
function targetOf({ label, device }: Options): string {
  if (label !== undefined) return `label:${label}`
  return device === undefined ? 'fleet' : `device:${device}`
}

const forWhom = (target: string): string => (target === 'fleet' ? '' : ` for ${target}`)

async function setConfiguration(fleet: string, file: string, options: Options, command: Command): Promise<void> {
  // Strictly: a name given twice is a mistake, and JSON.parse would hide it.
  const configuration = readJson(file === '-' ? await readInput(longest) : readFileSync(file))
  if (typeof configuration !== 'object' || configuration === null || Array.isArray(configuration)) {
    throw new Refused('bad-json', 'a configuration is one JSON object')
  }
  const target = targetOf(options)
  const path = `/v1/fleets/${fleet}/config`
  const input = { configuration, target, reason: options.reason }
  const body = fieldsOf(await asOperator(options, async platform => (await platform.put(path, input)).body))
  const text = `Configuration ${shown(body.version)} of ${fleet} is set${forWhom(target)} (SHA-256 ${shown(body.digest)}).`
  print(command, { json: body, text })
}

/** More than the platform takes: it is the one to refuse. */
const longest = 1_048_576

interface ShowOptions extends Options {
  readonly effective?: string
  readonly at?: number
}

async function showConfiguration(fleet: string, options: ShowOptions, command: Command): Promise<void> {
  const { effective, at } = options
  const query = new URLSearchParams(
    effective !== undefined
      ? { effective }
      : at !== undefined
        ? { version: String(at) }
        : { target: targetOf(options) },
  )
  const path = `/v1/fleets/${fleet}/config?${query}`
  const body = fieldsOf(await asOperator(options, async platform => (await platform.get(path)).body))
  const { configuration } = body
  const text = configuration === null ? 'Nothing is set.' : printableJson(configuration)
  print(command, { json: body, text })
}

async function listHistory(fleet: string, options: Options, command: Command): Promise<void> {
  const chosen = options.label !== undefined || options.device !== undefined
  const query = new URLSearchParams({ limit: '200', ...(chosen ? { target: targetOf(options) } : {}) })
  const path = `/v1/fleets/${fleet}/config/history?${query}`
  const listing = {
    name: 'configurations',
    json: {},
    heads: ['VERSION', 'WHEN', 'FOR', 'SHA-256', 'BY', 'WHY'],
    cells: ({ version, set, target, digest, by, reason }: Fields) => [
      shown(version),
      moment(set),
      shown(target),
      digest === null ? 'unset' : shown(digest),
      shown(by),
      reason === null ? '' : shown(reason),
    ],
    none: 'No configuration was ever set.',
  }
  const pages = { path, name: 'configurations', cursor: 'before' } as const
  await asOperator(options, platform => printStream(command, listing, readPages(platform, pages)))
}

async function unsetConfiguration(fleet: string, options: Options, command: Command): Promise<void> {
  const target = targetOf(options)
  const path = `/v1/fleets/${fleet}/config/unset`
  const input = { target, reason: options.reason }
  const body = fieldsOf(await asOperator(options, async platform => (await platform.post(path, input)).body))
  print(command, { json: body, text: `No configuration of ${fleet} is set${forWhom(target)} any more.` })
}
