import { Refused } from '@mintmark/core/errors'
import { readFleetName, readName } from '@mintmark/core/names'
import { type OperatorRole, operatorRoles, readGrants, writeGrants } from '@mintmark/core/rules'
import type { Connection } from '@mintmark/device'
import { type Command, Option } from 'commander'
import { type AsOperator, asOperator } from '../operator.ts'
import {
  dataOption,
  example,
  helpGroups,
  jsonOption,
  operatorOption,
  readTokenLife,
  reasonOption,
  whyOption,
} from '../options.ts'
import { lines, moment, print, shown, table } from '../print.ts'
import { type Fields, fieldsOf, listOf } from '../reply.ts'

/** `operator invite`, `operator list`, `operator show`, `operator grant`, `operator revoke` */
export function registerOperator(program: Command): void {
  const operator = program
    .command('operator')
    .helpGroup(helpGroups.operator)
    .description('invite and revoke operators, and say what each may do to which fleets')
  example(operator, 'mintmark operator invite alice --role fleet-operator --fleet acme')

  const invite = operator
    .command('invite')
    .description('make a token for one operator, good for one use')
    .argument('<name>', 'name of the operator', readName)
  for (const option of grantOptions()) invite.addOption(option)
  invite
    .addOption(
      new Option('--ttl <time>', 'how long: 90s, 15m, 1h, 7d').argParser(readTokenLife).default(3_600_000, '1h'),
    )
    .addOption(whyOption())
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(inviteOperator)
  example(
    invite,
    'mintmark operator invite alice --role fleet-operator --fleet acme',
    'mintmark operator invite bob --role admin --all-fleets --ttl 15m',
  )

  const list = operator
    .command('list')
    .description('list the operators and the open invitations that have to do with your fleets')
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(listOperators)
  example(list, 'mintmark operator list')

  const show = operator
    .command('show')
    .description('show one operator')
    .argument('<name>', 'name of the operator', readName)
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(showOperator)
  example(show, 'mintmark operator show alice')

  const grant = operator
    .command('grant')
    .description('say what an operator may do from now on, for the fleets that you govern')
    .argument('<name>', 'name of the operator', readName)
  for (const option of grantOptions()) grant.addOption(option)
  grant
    .addOption(new Option('--none', 'nothing any more').conflicts(['role', 'fleet', 'allFleets', 'grants']))
    .option('--yourself', 'also where that is you who ask')
    .addOption(reasonOption())
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(grantOperator)
  example(
    grant,
    'mintmark operator grant alice --role auditor --fleet acme,beta --reason "moved to audit"',
    "mintmark operator grant alice --grants 'auditor:acme fleet-operator:beta' --reason 'helps out at beta'",
  )

  const revoke = operator
    .command('revoke')
    .description('revoke an operator for good, or take back an invitation')
    .argument('<name>', 'name of the operator', readName)
    .option('--yourself', 'also where that is you who ask')
    .addOption(reasonOption())
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(revokeOperator)
  example(revoke, 'mintmark operator revoke alice --reason "left the company"')
}

const grantOptions = (): readonly Option[] => [
  new Option('--role <role>', 'what the operator may do').choices(operatorRoles),
  new Option('--fleet <fleets>', 'to which fleets: one, or more with a comma between').argParser(readFleets),
  new Option('--all-fleets', 'to all fleets, and to the platform').conflicts('fleet'),
  new Option('--grants <grants>', "several at once, such as 'auditor:acme fleet-operator:beta'").conflicts([
    'role',
    'fleet',
    'allFleets',
  ]),
]

const readFleets = (text: string): readonly string[] => text.split(',').map(readFleetName)

interface GrantOptions extends AsOperator {
  readonly role?: OperatorRole
  readonly fleet?: readonly string[]
  readonly allFleets?: boolean
  readonly grants?: string
  readonly none?: boolean
}

function grantsOf({ role, fleet, allFleets, grants, none }: GrantOptions, command: Command): string {
  if (none) return ''
  if (grants !== undefined) return writeGrants(readGrants(grants))
  const fleets = allFleets ? ('*' as const) : fleet
  if (role === undefined || fleets === undefined) command.error('error: say --role with --fleet or --all-fleets')
  return writeGrants(new Map([[role!, fleets!]]))
}

interface Invitation extends GrantOptions {
  readonly ttl: number
  readonly reason?: string
}

async function inviteOperator(name: string, options: Invitation, command: Command): Promise<void> {
  const body = { name, grants: grantsOf(options, command), ttl: options.ttl, reason: options.reason }
  const made = fieldsOf(await asOperator(options, async platform => (await platform.post('/v1/operators', body)).body))
  const text = [
    shown(made.token),
    '',
    `Makes ${name} an operator (${shown(made.grants)}), once, until ${moment(made.expires)}.`,
    'It is not shown again. On the computer of the operator, so that it stands in no list of processes:',
    `  mintmark enroll - --home ./${name}    (and paste the token)`,
    `Then there: mintmark fleet list --operator ./${name}`,
  ]
  print(command, { json: made, text: text.join('\n') })
}

async function listOperators(options: AsOperator, command: Command): Promise<void> {
  const body = await asOperator(options, async platform => (await platform.get('/v1/operators')).body)
  const rows = [
    ...listOf(body, 'operators').map(({ name, standing, grants, notAfter }) => [
      shown(name),
      shown(standing),
      grantsText(grants),
      `certified until ${moment(notAfter)}`,
    ]),
    ...listOf(body, 'invitations').map(({ name, grants, expires }) => [
      shown(name),
      'invited',
      grantsText(grants),
      `until ${moment(expires)}`,
    ]),
  ]
  print(command, { json: body, text: table(command, ['OPERATOR', 'STANDING', 'GRANTS', ''], rows) })
}

async function showOperator(name: string, options: AsOperator, command: Command): Promise<void> {
  const found = fieldsOf(await asOperator(options, async platform => (await platform.get(operatorPath(name))).body))
  print(command, { json: found, text: operatorText(found) })
}

interface Because extends AsOperator {
  readonly reason: string
  readonly yourself?: boolean
}

async function grantOperator(name: string, options: GrantOptions & Because, command: Command): Promise<void> {
  const { reason, yourself } = options
  const body = { grants: grantsOf(options, command), reason, yourself }
  const path = `${operatorPath(name)}/grants`
  const found = fieldsOf(await asOperator(options, async platform => (await platform.put(path, body)).body))
  print(command, { json: found, text: operatorText(found) })
}

async function revokeOperator(name: string, options: Because, command: Command): Promise<void> {
  const { reason, yourself = false } = options
  const done = await asOperator(options, async platform => {
    const known = (await platform.get('/v1/operators')).body
    const invitations = listOf(known, 'invitations').filter(each => each.name === name)
    const isOperator = listOf(known, 'operators').some(each => each.name === name)
    if (!isOperator && invitations.length === 0) throw new Refused('operator-unknown', name)
    for (const { id } of invitations) await platform.post(`/v1/invitations/${id}/revoke`, { reason })
    const operator = isOperator ? await revokeOne(platform, name, { reason, yourself }) : undefined
    return { operator, invitations: invitations.length }
  })
  print(command, { json: done, text: revokedText(name, done) })
}

async function revokeOne(
  platform: Connection,
  name: string,
  body: { readonly reason: string; readonly yourself: boolean },
): Promise<Fields> {
  try {
    return fieldsOf((await platform.post(`${operatorPath(name)}/revoke`, body)).body)
  } catch (error) {
    // Whoever revokes himself is cut off before he is answered, and is refused when he asks again.
    if (!(body.yourself && error instanceof Refused && error.code === 'unreachable')) throw error
    const after = await platform.get('/v1/me').catch((cause: unknown) => cause)
    if (!(after instanceof Refused && after.code === 'revoked')) throw error
    return { name, standing: 'revoked', openTokens: [] }
  }
}

function revokedText(name: string, { operator, invitations }: { operator: Fields | undefined; invitations: number }) {
  const taken = invitations === 0 ? [] : [`${invitations} of ${name}'s invitations taken back.`]
  if (operator === undefined) return taken.join('\n')
  const tokens = Array.isArray(operator.openTokens) ? operator.openTokens.map(fieldsOf) : []
  const open = tokens.map(({ fleet, id }) => `  mintmark token revoke ${shown(id)} --fleet ${shown(fleet)}`)
  return [
    `${name} is ${shown(operator.standing)}: refused from now on everywhere, and signed out.`,
    ...taken,
    ...(open.length === 0 ? [] : [`Tokens that ${name} made can still enroll devices. To end them:`, ...open]),
  ].join('\n')
}

const operatorText = (found: Fields): string =>
  lines([
    ['operator', shown(found.name)],
    ['standing', `${shown(found.standing)}${found.reason == null ? '' : ` (${shown(found.reason)})`}`],
    ['grants', grantsText(found.grants)],
    ['identity', shown(found.identity)],
    ['enrolled', moment(found.enrolled)],
    ['certificate', `until ${moment(found.notAfter)}`],
  ])

const grantsText = (grants: unknown): string => (grants === '' ? 'none' : shown(grants))

const operatorPath = (name: string): string => `/v1/operators/${name}`
