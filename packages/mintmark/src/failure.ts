import { adviceOn, codes, Refused } from '@mintmark/core/errors'
import { type Command, CommanderError } from 'commander'
import { paint, printable } from './print.ts'

/** Ends a command that has said itself what it found. */
export class Told extends Error {
  readonly exitCode: 1 | 70

  constructor(exitCode: 1 | 70) {
    super('told')
    this.exitCode = exitCode
  }
}

interface Failure {
  /** One of core's table, `wrong-use` for the command line itself, `failed` for a fault. */
  readonly code: string
  readonly message: string
  readonly hint: string | undefined
  readonly exitCode: 1 | 2 | 3
}

/** Tells what went wrong, on stderr and with `--json` on stdout too. @returns the exit code */
export function fail(program: Command, args: readonly string[], error: unknown): number {
  if (error instanceof CommanderError && error.exitCode === 0) return 0
  if (error instanceof Told) return error.exitCode
  const { code, message, hint, exitCode } = failureOf(program, args, error)
  const { writeErr, writeOut, getErrHasColors } = program.configureOutput()
  const colours = getErrHasColors?.() ?? false
  writeErr?.(`mintmark: ${paint(colours, 'red', code)}: ${message}\n`)
  if (hint !== undefined) writeErr?.(`hint: ${hint}\n`)
  if (args.includes('--json')) writeOut?.(`${JSON.stringify({ error: { code, message, hint } })}\n`)
  return exitCode
}

function failureOf(program: Command, args: readonly string[], error: unknown): Failure {
  if (error instanceof CommanderError) {
    const message = error.code === 'commander.help' ? 'a command is missing' : error.message.replace(/^error: /, '')
    const hint = `${nameOf(program, args)} --help`
    return { code: 'wrong-use', message: printable(message.replaceAll('\n', ' ')), hint, exitCode: 2 }
  }
  if (error instanceof Refused) {
    const message = said(error)
    return {
      code: error.code,
      message,
      hint: whatNext(program, args, error),
      exitCode: /unreachable$/.test(error.code) ? 3 : 1,
    }
  }
  return { code: 'failed', message: printable(chain(error).join(': ')), hint: undefined, exitCode: 1 }
}

/** What the code says to everyone is not for the command line where the form of a request is meant. */
function whatNext(program: Command, args: readonly string[], { code, hint }: Refused): string {
  if (hint === undefined && code === 'bad-request') return `${nameOf(program, args)} --help`
  return printable(hint ?? adviceOn(code))
}

/** The table's sentence, and what is special about this case in brackets. */
function said({ code, detail }: Refused): string {
  const { message } = codes[code]
  return detail === undefined ? message : `${message.replace(/\.$/, '')} (${printable(detail)}).`
}

/** An error and what caused it, so that the reason of a fault is not lost. */
function chain(error: unknown): string[] {
  if (!(error instanceof Error)) return [String(error)]
  return error.cause === undefined ? [error.message] : [error.message, ...chain(error.cause)]
}

/** The subcommand that was meant, as far as its names are known. */
function nameOf(program: Command, args: readonly string[]): string {
  let command = program
  const names = [program.name()]
  for (const arg of args) {
    const next = command.commands.find(each => each.name() === arg)
    if (next === undefined) break
    command = next
    names.push(arg)
  }
  return names.join(' ')
}
