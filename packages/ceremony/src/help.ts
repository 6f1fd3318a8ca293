import { common } from './arguments.ts'
import type { Command } from './command.ts'

export function overview(commands: readonly Command[]): string {
  const rows = commands.map(({ name, summary }) => `  ${name.padEnd(12)}  ${summary}`)
  return [
    'mintmark-ceremony: the offline root of a Mintmark platform, on a computer that is connected to nothing',
    '',
    ...rows,
    '',
    'mintmark-ceremony COMMAND --help tells more.',
    'Exit codes: 0 done, 1 refused, 2 wrong use.',
    '',
  ].join('\n')
}

export function helpOf({ name, summary, operand, options, example }: Command): string {
  const rows = Object.entries({ ...options, ...common }).map(
    ([option, { value, meaning }]) =>
      `  ${`--${option}${value === undefined ? '' : ` ${value}`}`.padEnd(26)}  ${meaning}`,
  )
  const required = Object.entries(options).flatMap(([option, { value, required }]) =>
    required ? [`--${option}${value === undefined ? '' : ` ${value}`}`] : [],
  )
  const usage = ['mintmark-ceremony', name, ...(operand === undefined ? [] : [operand]), ...required, '[options]']
  return [usage.join(' '), '', summary, '', ...rows, '', 'Example:', `  ${example}`, ''].join('\n')
}
