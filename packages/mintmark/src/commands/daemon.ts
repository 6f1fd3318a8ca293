import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Refused } from '@mintmark/core/errors'
import { Daemon, type End, type Line } from '@mintmark/device'
import { type Command, Option } from 'commander'
import { Told } from '../failure.ts'
import { jsonLine, messageOf, textLine } from '../log-line.ts'
import { example, helpGroups, homeOption } from '../options.ts'
import { print } from '../print.ts'

/** `daemon` */
export function registerDaemon(program: Command): void {
  const command = program
    .command('daemon')
    .helpGroup(helpGroups.device)
    .description(
      'stay, and do what this home needs: renew, fetch the configuration of the device, wipe it when it is over',
    )
    .option('--once', 'do what is due now, and end')
    .addOption(new Option('--log-level <level>', 'the least that is said on stderr').choices(levels).default('info'))
    .addOption(homeOption())
    .option('--json', 'the log as one JSON object a line, and how it ended as one JSON document')
    .addHelpText('after', ends)
    .action(runDaemon)
  example(command, 'mintmark daemon --home /var/lib/mintmark-device')
}

const levels = ['debug', 'info', 'warn', 'error'] as const

const ends = `
SIGTERM ends it, SIGHUP makes it look at everything now. Exit codes: 0 ended or retired, 1 refused for good (revoked,
say), 3 unreachable (with --once), 70 a fault of its own: start it again.`

interface Options {
  readonly home: string
  readonly once?: boolean
  readonly logLevel: Line['level']
  readonly json?: boolean
}

async function runDaemon({ home, once, logLevel, json }: Options, command: Command): Promise<void> {
  const { writeErr } = command.configureOutput()
  const log = (line: Line): void => {
    if (levels.indexOf(line.level) < levels.indexOf(logLevel)) return
    writeErr?.(`${(json === true ? jsonLine : textLine)(line, new Date())}\n`)
  }
  const daemon = new Daemon({
    home,
    now: Date.now,
    monotonic: () => performance.now(),
    chance: () => randomInt(2 ** 32) / 2 ** 32,
    wait: (milliseconds, signal) => sleep(milliseconds, undefined, { signal }).catch(() => undefined),
    log,
  })
  const fault = (error: unknown): void => log({ level: 'error', event: 'fault', facts: { message: messageOf(error) } })
  const listeners = {
    SIGTERM: () => daemon.stop(),
    SIGINT: () => daemon.stop(),
    SIGHUP: () => daemon.look(),
    uncaughtException: (error: unknown) => {
      fault(error)
      process.exit(faultCode)
    },
  }
  for (const [event, listener] of Object.entries(listeners)) process.on(event, listener)
  try {
    const end = await (once === true ? daemon.once() : daemon.run())
    print(command, { json: { ended: end }, text: said[end] })
  } catch (error) {
    if (error instanceof Refused) throw error
    fault(error)
    throw new Told(faultCode)
  } finally {
    for (const [event, listener] of Object.entries(listeners)) process.off(event, listener)
  }
}

/** EX_SOFTWARE of sysexits.h: a supervisor starts it again, which it must not do after a refusal. */
const faultCode = 70

const said = {
  stopped: 'Ended.',
  retired: 'Retired: the key and the certificate of this home are wiped.',
} as const satisfies Record<End, string>
