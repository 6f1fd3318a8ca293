import type { Command } from 'commander'
import { type AsOperator, asOperator } from '../operator.ts'
import { dataOption, example, helpGroups, jsonOption, operatorOption } from '../options.ts'
import { moment, print, shown } from '../print.ts'
import { type Fields, fieldsOf, listOf } from '../reply.ts'

/** `warnings` */
export function registerWarnings(program: Command): void {
  const command = program
    .command('warnings')
    .helpGroup(helpGroups.operator)
    .description(
      'list what to look at: CAs that end, what is stored and not signed with, who was refused in the last day',
    )
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(listWarnings)
  example(command, 'mintmark warnings')
}

async function listWarnings(options: AsOperator, command: Command): Promise<void> {
  const body = await asOperator(options, async platform => (await platform.get('/v1/warnings')).body)
  const found = listOf(body, 'warnings')
  const text = found.length === 0 ? ['Nothing to look at, of what you may see.'] : found.flatMap(sentences)
  if (fieldsOf(body).more === true) text.push('There are more than are listed.')
  print(command, { json: body, text: text.join('\n') })
}

function sentences(warning: Fields): string[] {
  const { says, advice, code, count, operation, since, last, identity } = warning
  const what = typeof advice === 'string' && advice !== '' ? [`  What to do: ${shown(advice)}.`] : []
  if (typeof code !== 'string') return [shown(says), ...what]
  const where = operation === 'none' ? 'before it asked for anything that there is' : `at ${shown(operation)}`
  const times = count === 1 ? `Once ${where}` : `${shown(count)} times ${where} since ${moment(since)}`
  const [, fleet, name] = /^spiffe:\/\/([^./]+)\.[^/]+\/device\/([^/]+)$/.exec(String(identity)) ?? []
  const more = name === undefined ? [] : [`  More: mintmark why ${shown(`${fleet}/${name}`)}`]
  return [shown(says), `  ${times}, ${count === 1 ? '' : 'the last time '}${moment(last)}.`, ...what, ...more]
}
