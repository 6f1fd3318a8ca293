import { type Command, type Given, type Option, WrongUse } from './command.ts'

/** What every command takes. */
export const common: Readonly<Record<string, Option>> = {
  json: { meaning: 'one JSON document on standard output' },
  help: { meaning: 'this text' },
}

/** `--name value`, `--name=value`, flags, at most one operand; `--` ends the options. Nothing is guessed. */
export function readArguments(command: Command, args: readonly string[]): Given {
  const options = { ...command.options, ...common }
  const wrong = (why: string): WrongUse => new WrongUse(why, `mintmark-ceremony ${command.name} --help`)
  const given = new Map<string, string>()
  const operands: string[] = []
  for (let at = 0; at < args.length; at++) {
    const argument = args[at]!
    if (argument === '--') {
      operands.push(...args.slice(at + 1))
      break
    }
    if (!argument.startsWith('-') || argument === '-') {
      operands.push(argument)
      continue
    }
    const [, name = '', inline] = /^--([a-z-]+)(?:=(.*))?$/s.exec(argument) ?? []
    if (!Object.hasOwn(options, name)) throw wrong(`unknown option ${argument}`)
    if (given.has(name)) throw wrong(`--${name} is given twice`)
    if (options[name]!.value === undefined) {
      if (inline !== undefined) throw wrong(`--${name} takes no value`)
      given.set(name, '')
      continue
    }
    const value = inline ?? args[++at]
    if (value === undefined || value === '') throw wrong(`--${name} takes a value`)
    given.set(name, value)
  }
  const needs = command.operand === undefined ? 0 : 1
  if (!given.has('help')) {
    for (const [name, { required }] of Object.entries(options)) {
      if (required && !given.has(name)) throw wrong(`--${name} is missing`)
    }
    if (operands.length < needs) throw wrong(`${command.operand} is missing`)
  }
  if (operands.length > needs) throw wrong(`unexpected argument ${operands[needs]}`)
  return {
    operand: operands[0] ?? '',
    value: option => given.get(option)!,
    optional: option => given.get(option),
    flag: option => given.has(option),
  }
}
