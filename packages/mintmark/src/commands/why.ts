import type { Command } from 'commander'
import { type AsOperator, asOperator } from '../operator.ts'
import {
  type DeviceName,
  dataOption,
  devicePath,
  example,
  helpGroups,
  jsonOption,
  operatorOption,
  readDeviceName,
} from '../options.ts'
import { moment, print, shown } from '../print.ts'
import { type Fields, fieldsOf, listOf } from '../reply.ts'

/** `why` */
export function registerWhy(program: Command): void {
  const command = program
    .command('why')
    .helpGroup(helpGroups.operator)
    .description('explain why a device is, or is not, let in')
    .argument('<fleet/device>', 'the device', readDeviceName)
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(explain)
  example(command, 'mintmark why acme/device-104')
}

async function explain(device: DeviceName, options: AsOperator, command: Command): Promise<void> {
  const path = `${devicePath(device)}/why`
  const found = fieldsOf(await asOperator(options, async platform => (await platform.get(path)).body))
  const name = `${device.fleet}/${device.name}`
  const paragraphs = [about(name, found), refusals(found), strangers(found)]
  print(command, { json: found, text: paragraphs.map(sentences => sentences.join('\n')).join('\n\n') })
}

/** What it is and has. */
function about(name: string, found: Fields): string[] {
  if (found.standing === 'unknown') return [`${name} never enrolled: the registry does not know the name.`]
  return [standing(name, found), certificate(fieldsOf(found.certificate)), ...keys(found)]
}

function standing(name: string, { standing, since, by, reason, wiped }: Fields): string {
  const state = `${name} is ${standing === 'good' ? 'in good standing' : shown(standing)}, since ${moment(since)}`
  const cause = reason === null ? '' : `: ${shown(reason)}`
  const word = typeof wiped === 'string' ? ` It said that it wiped its key, ${moment(wiped)}.` : ''
  // A reason may end as it likes.
  return `${state}, by ${shown(by)}${cause}${cause.endsWith('.') ? '' : '.'}${word}`
}

function certificate({ serial, notAfter, state, renewsUntil }: Fields): string {
  const of = `Its certificate ${shown(serial)}`
  if (state === 'valid') return `${of} is inside its time, until ${moment(notAfter)}.`
  const ended = `${of} ended ${moment(notAfter)}`
  if (state === 'late') return `${ended}. It is good for a renewal, and nothing else, until ${moment(renewsUntil)}.`
  return `${ended}, and does not renew any more: the device needs a token that replaces.`
}

function keys(found: Fields): string[] {
  const all = listOf(found, 'keys')
  const of = (state: string) => all.filter(key => key.state === state)
  const old = of('superseded').length
  return [
    ...of('current').map(({ did, since }) => `Its key is ${shown(did)}, since ${moment(since)}.`),
    ...of('pending').map(({ did }) => `The key ${shown(did)} takes its place with its first connection.`),
    ...(old === 0 ? [] : [`${old === 1 ? 'One key' : `${old} keys`} before it would be refused as key-superseded.`]),
  ]
}

function refusals(found: Fields): string[] {
  const own = listOf(found, 'refusals')
  if (own.length > 0) return own.flatMap(each => refusal('It was refused', each))
  if (found.standing !== 'unknown') return ['Under its own name it was never refused.']
  const tokens = listOf(found, 'tokens')
  if (tokens.length === 0) return ['No token of the fleet was refused in the last day.']
  return [
    'Tokens of the fleet that were refused in the last day; its own may be among them:',
    ...tokens.flatMap(each => refusal(`  ${shown(each.who)} was refused`, each)),
  ]
}

/** Callers who proved nothing may have been anyone. */
function strangers(found: Fields): string[] {
  const all = listOf(found.anonymous, 'refusals')
  const note =
    'A device whose certificate does not even prove (of another platform, broken, or none) has no name here, and is counted among them.'
  if (all.length === 0) return ['In the last hour nobody was refused without a name, on the whole platform.', note]
  return [
    'Refused in the last hour without a name, on the whole platform:',
    ...all.flatMap(each => refusal('  Someone was refused', each)),
    note,
  ]
}

function refusal(begin: string, { code, operation, count, last, says, advice }: Fields): string[] {
  const times = count === 1 ? '' : ` ${shown(count)} times`
  const where = operation === 'none' ? 'before it asked for anything that there is' : `at ${shown(operation)}`
  const latest = count === 1 ? moment(last) : `the last time ${moment(last)}`
  const indent = ' '.repeat(begin.length - begin.trimStart().length + 2)
  return [
    `${begin}${times} as ${shown(code)} ${where}, ${latest}.`,
    ...(says === '' ? [] : [`${indent}${shown(says)}`, `${indent}What to do: ${shown(advice)}`]),
  ]
}
