import { randomBytes } from 'node:crypto'
import { codes, hintOf, Refused } from '@mintmark/core/errors'
import { readArguments } from './arguments.ts'
import { type Command, type Desk, WrongUse } from './command.ts'
import { answer } from './commands/answer.ts'
import { keysCreate } from './commands/keys-create.ts'
import { keysShow } from './commands/keys-show.ts'
import { rehearse } from './commands/rehearse.ts'
import { show } from './commands/show.ts'
import { helpOf, overview } from './help.ts'
import { failureOf } from './system-error.ts'
import { processTerminal } from './terminal.ts'

const commands: readonly Command[] = [keysCreate, keysShow, show, answer, rehearse]

const args = process.argv.slice(2)
const json = args.includes('--json')
try {
  await run(args)
} catch (error) {
  process.exitCode = report(error)
}

async function run(args: readonly string[]): Promise<void> {
  const command = commands.find(({ name }) => name.split(' ').every((word, at) => args[at] === word))
  if (command === undefined) {
    if (!args.includes('--help')) {
      throw new WrongUse(args.length === 0 ? 'no command' : `unknown command ${args[0]}`, 'mintmark-ceremony --help')
    }
    process.stdout.write(overview(commands))
    return
  }
  const given = readArguments(command, args.slice(command.name.split(' ').length))
  if (given.flag('help')) {
    process.stdout.write(helpOf(command))
    return
  }
  const { json: document, lines } = await command.run(given, desk())
  process.stdout.write(json ? `${JSON.stringify(document)}\n` : `${lines.join('\n')}\n`)
}

function desk(): Desk {
  // With --json, standard output holds one document and nothing else.
  const screen = json ? process.stderr : process.stdout
  return {
    terminal: processTerminal,
    say: line => screen.write(`${line}\n`),
    now: () => Date.now(),
    random: length => randomBytes(length),
  }
}

/** Tells what went wrong and what to do next; the exit code. */
function report(error: unknown): number {
  const { code, message, hint, exit } = explain(error)
  process.stderr.write(`mintmark-ceremony: ${code}: ${message}\n${hint === undefined ? '' : `  hint: ${hint}\n`}`)
  if (json) process.stdout.write(`${JSON.stringify({ code, message, ...(hint === undefined ? {} : { hint }) })}\n`)
  return exit
}

function explain(error: unknown): { code: string; message: string; hint?: string | undefined; exit: number } {
  if (error instanceof WrongUse) return { code: 'wrong-use', message: error.message, hint: error.hint, exit: 2 }
  if (error instanceof Refused) {
    const { code, detail } = error
    return {
      code,
      message: detail === undefined ? codes[code].message : `${codes[code].message} (${detail})`,
      hint: hintOf(error),
      exit: 1,
    }
  }
  const message = error instanceof Error ? error.message : String(error)
  // A file or directory that was named and cannot be used so.
  const named = /^(ENOENT|ENOTDIR|EISDIR|EACCES|EPERM|EROFS)$/.test(failureOf(error) ?? '')
  return { code: named ? 'wrong-use' : 'failed', message, exit: named ? 2 : 1 }
}
