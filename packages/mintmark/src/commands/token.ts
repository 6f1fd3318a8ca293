import { readName, readNamePattern } from '@mintmark/core/names'
import { readTier, type Tier } from '@mintmark/core/rules'
import { type Command, Option } from 'commander'
import { type AsOperator, asOperator } from '../operator.ts'
import {
  type DeviceName,
  dataOption,
  example,
  fleetOption,
  helpGroups,
  jsonOption,
  operatorOption,
  readCount,
  readDeviceName,
  readTokenLife,
  whyOption,
} from '../options.ts'
import { readPages } from '../pages.ts'
import { moment, print, shown } from '../print.ts'
import { type Fields, fieldsOf } from '../reply.ts'
import { printStream } from '../stream.ts'

/** `token create`, `token list`, `token revoke` */
export function registerToken(program: Command): void {
  const token = program
    .command('token')
    .helpGroup(helpGroups.operator)
    .description('make, list and revoke enrollment tokens')
  example(token, 'mintmark token create --fleet acme --uses 2 --ttl 1h')

  const create = token
    .command('create')
    .description('make a token: the right to enroll so many devices until it expires')
    .addOption(fleetOption())
    .addOption(new Option('--uses <count>', 'how many devices it enrolls').argParser(readCount).default(1))
    .addOption(
      new Option('--ttl <time>', 'how long: 90s, 15m, 1h, 7d').argParser(readTokenLife).default(3_600_000, '1h'),
    )
    .addOption(new Option('--name <device>', 'the one name it enrolls').argParser(readName).conflicts('namePattern'))
    .addOption(new Option('--name-pattern <pattern>', 'names it enrolls, such as sensor-*').argParser(readNamePattern))
    .addOption(
      new Option('--replaces <fleet/device>', 'the device that goes on with a new key, as after a factory reset')
        .argParser(readDeviceName)
        .conflicts(['uses', 'name', 'namePattern']),
    )
    .addOption(new Option('--key-tier <tier>', 'weakest kind of key it takes').argParser(readTier))
    .addOption(whyOption())
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(createToken)
  example(
    create,
    'mintmark token create --fleet acme --uses 2 --ttl 1h',
    "mintmark token create --fleet acme --name-pattern 'sensor-*'",
    'mintmark token create --fleet acme --replaces acme/device-104',
  )

  const list = token
    .command('list')
    .description("list a fleet's tokens, newest first, without their secrets")
    .addOption(fleetOption())
    .option('--good', 'only those that can still be used')
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(listTokens)
  example(list, 'mintmark token list --fleet acme', 'mintmark token list --fleet acme --good')

  const revoke = token
    .command('revoke')
    .description('revoke a token: it enrolls nobody from now on')
    .argument('<id>', 'id of the token, from token list')
    .addOption(fleetOption())
    .addOption(whyOption())
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(revokeToken)
  example(revoke, 'mintmark token revoke 0aGVsbG8gdGhlcmUhISEhIQ --fleet acme')
}

interface Options extends AsOperator {
  readonly fleet: string
}

interface ListOptions extends Options {
  readonly good?: true
}

interface Revocation extends Options {
  readonly reason?: string
}

interface NewToken extends Options {
  readonly uses: number
  readonly ttl: number
  readonly name?: string
  readonly namePattern?: string
  readonly keyTier?: Tier
  readonly replaces?: DeviceName
  readonly reason?: string
}

async function createToken(options: NewToken, command: Command): Promise<void> {
  const { fleet, uses, ttl, name, namePattern: pattern, keyTier: tier, reason } = options
  if (options.replaces !== undefined && options.replaces.fleet !== fleet) {
    command.error(`--replaces names a device of ${options.replaces.fleet}, and --fleet is ${fleet}`)
  }
  const replaces = options.replaces?.name
  const made = fieldsOf(
    await asOperator(options, async platform => {
      // What is undefined is left out of the JSON.
      return (await platform.post(`/v1/fleets/${fleet}/tokens`, { uses, ttl, name, pattern, tier, replaces, reason }))
        .body
    }),
  )
  const covers = replaces ?? name ?? pattern ?? 'any name'
  const enrolls = `${uses === 1 ? 'one device' : `${uses} devices`} of ${fleet} (${covers})`
  const until = moment(made.expires)
  const text = [
    shown(made.token),
    '',
    replaces === undefined
      ? `Enrolls ${enrolls} until ${until}.`
      : `Gives ${fleet}/${replaces} a new key, once, until ${until}. The one that it has is refused when that is done.`,
    'It is not shown again. On the device, so that it stands in no list of processes:',
    `  mintmark enroll -${name === undefined ? '' : ` --name ${name}`}    (and paste the token)`,
  ].join('\n')
  print(command, { json: made, text })
}

async function listTokens(options: ListOptions, command: Command): Promise<void> {
  const { fleet, good } = options
  const path = `/v1/fleets/${fleet}/tokens?limit=1000${good ? '&state=good' : ''}`
  const listing = {
    name: 'tokens',
    json: {},
    heads: ['TOKEN', 'STATE', 'LEFT', 'COVERS', 'KEY', 'EXPIRES'],
    cells: (token: Fields) => [
      shown(token.id),
      stateOf(token),
      `${shown(token.left)} of ${shown(token.uses)}`,
      token.covers === null
        ? 'any name'
        : `${shown(token.covers)}${typeof token.replaces === 'string' ? ' (replaces)' : ''}`,
      shown(token.tier),
      moment(token.expires),
    ],
    none: good ? `No tokens of ${fleet} that can be used.` : `No tokens of ${fleet}.`,
  }
  await asOperator(options, platform =>
    printStream(command, listing, readPages(platform, { path, name: 'tokens', cursor: 'after' })),
  )
}

async function revokeToken(id: string, options: Revocation, command: Command): Promise<void> {
  const { fleet, reason } = options
  const path = `/v1/fleets/${fleet}/tokens/${encodeURIComponent(id)}/revoke`
  const body = await asOperator(options, async platform => (await platform.post(path, { reason })).body)
  print(command, { json: body, text: `Token ${shown(id)} is revoked.` })
}

function stateOf({ revoked, expires, left }: Fields): string {
  if (revoked !== null && revoked !== undefined) return 'revoked'
  if (typeof expires === 'string' && Date.parse(expires) <= Date.now()) return 'expired'
  return left === 0 ? 'spent' : 'good'
}
