import { readFleetName } from '@mintmark/core/names'
import { readLateRenewal, readMessagesPerMinute } from '@mintmark/core/rules'
import { type Command, Option } from 'commander'
import { type AsOperator, asOperator } from '../operator.ts'
import {
  dataOption,
  example,
  helpGroups,
  jsonOption,
  operatorOption,
  readDuration,
  readIndex,
  reasonOption,
  whyOption,
} from '../options.ts'
import { duration, moment, print, shown, table } from '../print.ts'
import { fieldsOf, listOf } from '../reply.ts'

/** `fleet create`, `fleet set`, `fleet list` */
export function registerFleet(program: Command): void {
  const fleet = program
    .command('fleet')
    .helpGroup(helpGroups.operator)
    .description('make and list fleets, and say what holds in them')
  example(fleet, 'mintmark fleet create acme')

  const create = fleet
    .command('create')
    .description('make a fleet: its own issuing CA, names and ledger')
    .argument('<fleet>', 'name of the fleet, a DNS label', readFleetName)
    .option('--public', 'let anyone read its CA, its ledger and its DID documents')
    .addOption(whyOption())
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(createFleet)
  example(create, 'mintmark fleet create acme')

  const set = fleet
    .command('set')
    .description('say what holds for every device of a fleet')
    .argument('<fleet>', 'name of the fleet', readFleetName)
    .addOption(
      new Option(
        '--late-renewal <time>',
        'for how long after its end a certificate still renews: 90d; 0d is never',
      ).argParser(text => readLateRenewal(readDuration(text))),
    )
    .option('--messages-per-minute <count>', 'how many messages of one key are recorded, 60000 at most', text =>
      readMessagesPerMinute(readIndex(text)),
    )
    .addOption(reasonOption())
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(setPolicy)
  example(set, 'mintmark fleet set acme --late-renewal 90d --reason "boxed for the winter"')

  const list = fleet
    .command('list')
    .description('list the fleets')
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(listFleets)
  example(list, 'mintmark fleet list')
}

interface NewFleet extends AsOperator {
  readonly public?: boolean
  readonly reason?: string
}

async function createFleet(name: string, options: NewFleet, command: Command): Promise<void> {
  const body = { name, public: options.public === true, reason: options.reason }
  const made = fieldsOf(await asOperator(options, async platform => (await platform.post('/v1/fleets', body)).body))
  const next =
    made.state === 'active'
      ? `Next: mintmark token create --fleet ${name}${sameAs(command, options)}`
      : `It waits for its ceremony. Next: mintmark ceremony request${sameAs(command, options)}`
  print(command, { json: made, text: `Fleet ${name} is ${shown(made.state)}.\n${next}` })
}

/** What was said here of where the platform is and of who asks. */
function sameAs(command: Command, options: AsOperator): string {
  const said = (['data', 'operator'] as const).filter(name => command.getOptionValueSource(name) === 'cli')
  return said.map(name => ` --${name} ${quoted(String(options[name]))}`).join('')
}

/** As a shell takes it for one word. */
const quoted = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`)

interface PolicyOptions extends AsOperator {
  readonly lateRenewal?: number
  readonly messagesPerMinute?: number
  readonly reason: string
}

async function setPolicy(name: string, options: PolicyOptions, command: Command): Promise<void> {
  const { lateRenewal, messagesPerMinute, reason } = options
  if (lateRenewal === undefined && messagesPerMinute === undefined) {
    command.error('error: say --late-renewal, --messages-per-minute or both')
  }
  const path = `/v1/fleets/${name}/policy`
  const set = fieldsOf(
    await asOperator(
      options,
      async platform => (await platform.put(path, { lateRenewal, messagesPerMinute, reason })).body,
    ),
  )
  const late =
    set.lateRenewal === 0
      ? `A certificate of ${name} that has ended does not renew.`
      : `Devices of ${name} may renew for ${duration(set.lateRenewal)} after the end of their certificate.`
  const pace = `Of one key of ${name} ${shown(set.messagesPerMinute)} messages a minute are recorded.`
  const lines = [lateRenewal !== undefined && late, messagesPerMinute !== undefined && pace].filter(Boolean)
  print(command, { json: set, text: lines.join('\n') })
}

async function listFleets(options: AsOperator, command: Command): Promise<void> {
  const body = await asOperator(options, async platform => (await platform.get('/v1/fleets')).body)
  const rows = listOf(body, 'fleets').map(({ fleet, state, public: isPublic, created }) => [
    shown(fleet),
    shown(state),
    isPublic === true ? 'yes' : 'no',
    moment(created),
  ])
  const text = rows.length === 0 ? 'No fleets yet.' : table(command, ['FLEET', 'STATE', 'PUBLIC', 'CREATED'], rows)
  print(command, { json: body, text })
}
