import { readFileSync } from 'node:fs'
import { Command, Help, type Option, type OutputConfiguration } from 'commander'
import { registerAudit } from './commands/audit.ts'
import { registerCeremony } from './commands/ceremony.ts'
import { registerConfig } from './commands/config.ts'
import { registerConsole } from './commands/console.ts'
import { registerDaemon } from './commands/daemon.ts'
import { registerDecommission } from './commands/decommission.ts'
import { registerDemo } from './commands/demo.ts'
import { registerDevice } from './commands/device.ts'
import { registerEnroll } from './commands/enroll.ts'
import { registerFleet } from './commands/fleet.ts'
import { registerOperator } from './commands/operator.ts'
import { registerRenew } from './commands/renew.ts'
import { registerRevoke } from './commands/revoke.ts'
import { registerSidecar } from './commands/sidecar.ts'
import { registerStore } from './commands/store.ts'
import { registerToken } from './commands/token.ts'
import { registerUp } from './commands/up.ts'
import { registerWarnings } from './commands/warnings.ts'
import { registerWhoami } from './commands/whoami.ts'
import { registerWhy } from './commands/why.ts'
import { registerWipe } from './commands/wipe.ts'
import { fail } from './failure.ts'

/** Every subcommand, in the order of the help. Each registers itself and loads what is heavy when it is run. */
const commands: readonly ((program: Command) => void)[] = [
  registerUp,
  registerDemo,
  registerFleet,
  registerToken,
  registerDevice,
  registerWhy,
  registerWarnings,
  registerRevoke,
  registerDecommission,
  registerConfig,
  registerOperator,
  registerConsole,
  registerCeremony,
  registerAudit,
  registerStore,
  registerEnroll,
  registerWhoami,
  registerRenew,
  registerDaemon,
  registerSidecar,
  registerWipe,
]

/** Runs one command line. @returns the exit code: 0 done, 1 refused, 2 wrong use, 3 unreachable */
export async function run(args: readonly string[], output: OutputConfiguration = {}): Promise<number> {
  const program = makeProgram(output)
  try {
    await program.parseAsync(hyphensLast(namesFirst(program, args)), { from: 'user' })
    return 0
  } catch (error) {
    return fail(program, args, error)
  }
}

export function makeProgram(output: OutputConfiguration = {}): Command {
  const program = new Command('mintmark')
    .description('Device identity: minted once, proven on every contact, revoked in one move.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .configureHelp({ optionDescription })
    .addHelpText('after', afterHelp)
    // Inherited by every subcommand: whatever goes wrong comes back here as an exception and is told in one form.
    .configureOutput({ ...output, outputError: () => undefined })
    .exitOverride()
  for (const register of commands) register(program)
  for (const command of program.commands) command.helpCommand(false)
  return program
}

/** Of a command that is not there no help can be asked: that on all others is no answer. */
function namesFirst(program: Command, args: readonly string[]): readonly string[] {
  let command = program
  for (const [i, name] of args.entries()) {
    if (name.startsWith('-') || command.commands.length === 0) break
    const next = command.commands.find(each => each.name() === name)
    if (next === undefined) return args.slice(0, i + 1)
    command = next
  }
  return args
}

/** Of commander's own a reader could not tell what has to be said. */
function optionDescription(option: Option): string {
  const text = new Help().optionDescription(option)
  return option.mandatory ? `${text} (required)` : text
}

/**
 * Behind `--` nothing is taken for an option: ids are base64url, and one in 64 begins with a hyphen; `-site` takes a
 * label away.
 */
function hyphensLast(args: readonly string[]): string[] {
  const isLabel = (arg: string) => args[0] === 'device' && args[1] === 'label' && /^-(?!h$)[a-z][a-z0-9-]*$/.test(arg)
  const isNoOption = (arg: string) => /^-[\w-]{21}$/.test(arg) || isLabel(arg)
  if (args.includes('--') || !args.some(isNoOption)) return [...args]
  return [...args.filter(arg => !isNoOption(arg)), '--', ...args.filter(isNoOption)]
}

const afterHelp = `
Every command has --help with an example, and --json for one JSON document on stdout.
Exit codes: 0 done, 1 refused, 2 wrong use, 3 unreachable.

Example:
  $ mintmark fleet create acme
  $ mintmark token create --fleet acme
  $ mintmark enroll - --name device-104`

function version(): string {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  return String(version)
}
