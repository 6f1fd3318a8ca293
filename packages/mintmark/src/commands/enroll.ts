import { readName } from '@mintmark/core/names'
import { enroll } from '@mintmark/device'
import { type Command, Option } from 'commander'
import { enrolledOutcome } from '../enrolled.ts'
import { readLine } from '../input.ts'
import { example, helpGroups, homeOption, jsonOption, keyOption, readAlgorithm } from '../options.ts'
import { print } from '../print.ts'

/** `enroll` */
export function registerEnroll(program: Command): void {
  const command = program
    .command('enroll')
    .helpGroup(helpGroups.device)
    .description('make a key here and have the platform certify it')
    .argument('[token]', 'enrollment token; - reads it from standard input, absent: MINTMARK_TOKEN')
    .addOption(new Option('--name <device>', 'name to ask for').argParser(readName))
    .addOption(keyOption('ed25519'))
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(enrollHere)
  example(command, 'mintmark enroll - --name device-104 < token.txt', 'mintmark enroll - --home ./alice')
}

interface Options {
  readonly name?: string
  readonly key?: string
  readonly home: string
}

async function enrollHere(given: string | undefined, options: Options, command: Command): Promise<void> {
  const token = await readToken(given, command)
  const { name, home } = options
  const algorithm = readAlgorithm(options.key)
  const enrolled = await enroll({
    token,
    home,
    now: Date.now,
    ...(name !== undefined && { name }),
    ...(algorithm !== undefined && { algorithm }),
  })
  print(command, enrolledOutcome('Enrolled as', enrolled))
}

async function readToken(given: string | undefined, command: Command): Promise<string> {
  const token = given ?? process.env.MINTMARK_TOKEN
  if (token === undefined || token === '') {
    command.error('no token: give it, pipe it in and say -, or set MINTMARK_TOKEN')
  }
  if (token !== '-') return token
  if (process.stdin.isTTY) command.configureOutput().writeErr?.('Token: ')
  return readLine(1_024)
}
