import { join } from 'node:path'
import { Refused } from '@mintmark/core/errors'
import type { Line } from '@mintmark/device'
import { type Command, InvalidArgumentError } from 'commander'
import type { Outcome } from '../announcing.ts'
import { jsonLine, messageOf, textLine } from '../log-line.ts'
import { example, helpGroups, homeOption } from '../options.ts'
import { lines, print } from '../print.ts'

/** `sidecar` */
export function registerSidecar(program: Command): void {
  const command = program
    .command('sidecar')
    .helpGroup(helpGroups.device)
    .description('sign and check messages for other programs of this computer, with the key of this home')
    .addOption(homeOption('the device, or of a service'))
    .option('--socket <path>', 'Unix socket, or named pipe of Windows (default: sidecar.sock in the home)')
    .option(
      '--uid <uid...>',
      'accounts that may use the socket, by their numbers (default: the one that runs this)',
      readUids,
    )
    .option(
      '--http <address>',
      '127.0.0.1:PORT or [::1]:PORT, for programs that read the secret of the home',
      readAddress,
    )
    .option(
      '--announce',
      'have messages sealed to this home: make a key for it, announce it at the platform, and keep it announced',
    )
    .option('--json', 'the log as one JSON object a line, and one JSON document when it is ready')
    .addHelpText('after', whatItTakes)
    .action(runSidecar)
  example(command, 'mintmark sidecar --home /var/lib/mintmark-device --announce', 'mintmark sidecar --http 127.0.0.1:0')
}

const whatItTakes = `
GET /whoami, POST /send, POST /receive. The socket is for whoever runs this alone, or for --uid; over HTTP a program says
Authorization: Bearer with what is in sidecar.secret of the home. With --http and without --socket there is no socket.
Sealed messages are opened with what was announced here once, also when it is started without --announce. SIGTERM ends
it.`

interface Options {
  readonly home: string
  readonly socket?: string
  readonly uid?: readonly number[]
  readonly http?: { readonly host: '127.0.0.1' | '::1'; readonly port: number }
  readonly announce?: boolean
  readonly json?: boolean
}

async function runSidecar({ home, uid, http, announce, json, ...options }: Options, command: Command): Promise<void> {
  const { Agent } = await import('@mintmark/agent')
  const { openSidecar, peerUid, provideSecret } = await import('@mintmark/agent/sidecar')
  const { openIdentity } = await import('../home-identity.ts')
  const { announcedLine } = await import('../announcing.ts')
  const { writeErr } = command.configureOutput()
  const log = (line: Line): void => writeErr?.(`${(json === true ? jsonLine : textLine)(line, new Date())}\n`)
  const told = announce === true ? (outcome: Outcome) => log(announcedLine(outcome, factsOf)) : undefined
  const { identity, announced, close } = await openIdentity(home, told)
  const socket = options.socket ?? (http === undefined ? join(home, 'sidecar.sock') : undefined)
  const secret = join(home, 'sidecar.secret')

  try {
    // Before it says that it is ready: whoever waits for that may end it at once.
    const over = new Promise<void>(resolve => {
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve())
    })
    const { did } = await Agent.create(await identity())
    const sidecar = await openSidecar({
      identity,
      ...(socket !== undefined && { socket }),
      ...(uid !== undefined && { uids: uid }),
      ...(http !== undefined && { http }),
      peerUid: socket === undefined ? () => undefined : peerUid((await import('koffi')).default),
      secret: () => provideSecret(secret),
      told: error => log(lineOf(error)),
    })
    // Whoever waits for it finds the key announced. It serves already: others need not wait for a platform that is away.
    await Promise.race([announced, over])
    const ready = { ready: true, did, socket: sidecar.socket, http: sidecar.http, ...(http && { secret }) }
    const facts: [string, string][] = [['did', did]]
    if (sidecar.socket !== undefined) facts.push(['socket', sidecar.socket])
    if (sidecar.http !== undefined) facts.push(['HTTP', `${sidecar.http}, with the secret in ${secret}`])
    print(command, { json: ready, text: `Mintmark's sidecar is ready.\n${lines(facts)}` })
    await over
    await sidecar.close()
  } finally {
    await close()
  }
}

function lineOf(error: unknown): Line {
  const isRefused = error instanceof Refused
  return { level: isRefused ? 'info' : 'error', event: isRefused ? 'refused' : 'fault', facts: factsOf(error) }
}

function factsOf(error: unknown): Line['facts'] {
  if (!(error instanceof Refused)) return { message: messageOf(error) }
  const { code, detail } = error
  return { code, ...(detail !== undefined && { detail }) }
}

function readUids(text: string, before: readonly number[] = []): number[] {
  if (!/^(?:0|[1-9][0-9]{0,9})$/.test(text))
    throw new InvalidArgumentError('Say the number of an account, as id -u does.')
  return [...before, Number(text)]
}

function readAddress(text: string): NonNullable<Options['http']> {
  const [, host, port] = /^(127\.0\.0\.1|\[::1\]):(0|[1-9][0-9]{0,4})$/.exec(text) ?? []
  if (host === undefined || Number(port) > 65_535) {
    throw new InvalidArgumentError('Say 127.0.0.1:PORT or [::1]:PORT, with 0 for any free port.')
  }
  return { host: host === '127.0.0.1' ? host : '::1', port: Number(port) }
}
