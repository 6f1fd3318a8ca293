import { readFileSync } from 'node:fs'
import { readJson } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { readFleetName } from '@mintmark/core/names'
import type { Command } from 'commander'
import { readInput } from '../input.ts'
import { type AsOperator, asOperator } from '../operator.ts'
import { dataOption, example, helpGroups, jsonOption, operatorOption, whyOption } from '../options.ts'
import { print, shown } from '../print.ts'
import { fieldsOf } from '../reply.ts'

/** `config set`, `config show` */
export function registerConfig(program: Command): void {
  const config = program
    .command('config')
    .helpGroup(helpGroups.operator)
    .description('set and show the configuration that devices read')
  example(config, 'mintmark config set acme acme.json')

  const set = config
    .command('set')
    .description('set the configuration of a fleet')
    .argument('<fleet>', 'name of the fleet', readFleetName)
    .argument('<file>', 'file with one JSON object; - for standard input')
    .addOption(whyOption())
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(setConfiguration)
  example(set, 'mintmark config set acme acme.json', `echo '{"interval":60}' | mintmark config set acme -`)

  const show = config
    .command('show')
    .description('show the configuration of a fleet')
    .argument('<fleet>', 'name of the fleet', readFleetName)
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(showConfiguration)
  example(show, 'mintmark config show acme')
}

interface NewConfiguration extends AsOperator {
  readonly reason?: string
}

async function setConfiguration(
  fleet: string,
  file: string,
  options: NewConfiguration,
  command: Command,
): Promise<void> {
  // Strictly: a name given twice is a mistake, and JSON.parse would hide it.
  const configuration = readJson(file === '-' ? await readInput(longest) : readFileSync(file))
  if (typeof configuration !== 'object' || configuration === null || Array.isArray(configuration)) {
    throw new Refused('bad-json', 'a configuration is one JSON object')
  }
  const path = `/v1/fleets/${fleet}/config`
  const sent = { configuration, reason: options.reason }
  const body = fieldsOf(await asOperator(options, async platform => (await platform.put(path, sent)).body))
  const text = `Configuration ${shown(body.version)} of ${fleet} is set (SHA-256 ${shown(body.digest)}).`
  print(command, { json: body, text })
}

/** More than the platform takes: it is the one to refuse. */
const longest = 1_048_576

async function showConfiguration(fleet: string, options: AsOperator, command: Command): Promise<void> {
  const path = `/v1/fleets/${fleet}/config`
  const body = fieldsOf(await asOperator(options, async platform => (await platform.get(path)).body))
  // JSON escapes control characters by itself.
  print(command, { json: body, text: JSON.stringify(body.configuration, undefined, 2) })
}
