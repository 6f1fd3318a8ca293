import { existsSync, mkdirSync } from 'node:fs'
import { readDomain } from '@mintmark/core/names'
import { randomBytes } from '@mintmark/elements'
import { type Command, InvalidArgumentError } from 'commander'
import { consolePages } from '../console-pages.ts'
import { fail } from '../failure.ts'
import { databaseOption, dataOption, example, helpGroups, jsonOption } from '../options.ts'
import { print } from '../print.ts'

/** `up` */
export function registerUp(program: Command): void {
  const up = program
    .command('up')
    .helpGroup(helpGroups.operator)
    .description('run the platform; an empty data directory rehearses a development ceremony first')
    .addOption(dataOption())
    .addOption(databaseOption())
    .option(
      '--domain <domain>',
      'domain of the platform, fixed when it is founded (default: mintmark.test)',
      readDomain,
    )
    .option('--port <port>', 'port for devices', readPort, 8443)
    .option(
      '--console-port <port>',
      'port of the console, the Trust Center, health and metrics, on 127.0.0.1',
      readPort,
      8080,
    )
    .option('--host <address>', 'address to listen on for devices', '127.0.0.1')
    .option('--hostname <names...>', 'names and addresses that devices dial; the first goes into tokens')
    .option(
      '--url <url>',
      'https://host[:port] that goes into tokens, where devices reach the platform through a balancer',
      readUrl,
    )
    .option(
      '--sink <url>',
      'where sealed messages are handed on to: https://, mqtt(s)://, nats:// or tls://; may be given again',
      (url: string, before: readonly string[] = []) => [...before, url],
    )
    .option('--sink-ca <file>', 'certificates of CAs of your own that the sinks may be proven by, too (PEM)')
    .option('--log-level <level>', 'trace, debug, info, warn, error or silent', readLevel, 'info')
    .addOption(jsonOption())
    .action(runPlatform)
  example(up, 'mintmark up --data ./mintmark-data', 'mintmark up --hostname platform.example.com --host 0.0.0.0')
}

interface Options {
  readonly data: string
  readonly database?: string
  readonly domain?: string
  readonly port: number
  readonly consolePort: number
  readonly host: string
  readonly hostname?: readonly string[]
  readonly url?: URL
  readonly sink?: readonly string[]
  readonly sinkCa?: string
  readonly logLevel: string
}

/** Every platform answers to these, so that a newcomer needs no DNS. */
const local = ['localhost', '127.0.0.1', '::1']

async function runPlatform(options: Options, command: Command): Promise<void> {
  const { domainOf, makeLog, startPlatform } = await import('@mintmark/server')
  const consoleAssets = consolePages()
  const { data } = options
  const now = Date.now
  const domain = options.domain ?? domainOf(data) ?? 'mintmark.test'
  const running = await startPlatform({
    data,
    domain,
    database: options.database,
    host: options.host,
    hostnames: [...new Set([...(options.hostname ?? []), ...hostOf(options.url), ...local])],
    url: options.url?.origin,
    port: options.port,
    consolePort: options.consolePort,
    sinks: options.sink,
    sinkCa: options.sinkCa,
    consoleAssets,
    log: makeLog(options.logLevel),
    now,
    random: randomBytes,
    rehearse: await rehearsalOf(data, domain, { now, random: randomBytes }),
  })

  // Before it says that it is ready: whoever waits for that may end it at once.
  const ended = new Promise<void>(resolve => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve())
  })
  const { machine, console: page, root, development } = running
  const text = [
    development ? 'DEVELOPMENT platform: its root was made on this machine. Do not trust it with anything real.' : '',
    'Mintmark is ready.',
    `  devices       ${machine}`,
    `  Trust Center  ${page}trust`,
    `  console       ${consoleAssets === undefined ? 'not built: npm run prepare' : `mintmark console --data ${data}`}`,
    `  root          ${root}`,
    `Next: mintmark fleet create acme --data ${data}`,
  ].filter(line => line !== '')
  print(command, { json: { ready: true, machine, console: page, root, development }, text: text.join('\n') })

  await Promise.race([ended, running.failed.catch((error: unknown) => endAtOnce(command, error))])
  await running.stop()
}

/** Without closing what is open: that would write once more to a disk that failed. */
function endAtOnce(command: Command, error: unknown): never {
  process.exit(fail(command.parent!, process.argv.slice(2), error))
}

/** The development root of a new directory, or of one that was founded by a rehearsal; none where the root is offline. */
async function rehearsalOf(data: string, domain: string, ports: { now(): number; random(length: number): Uint8Array }) {
  const { dataFiles, domainOf } = await import('@mintmark/server')
  const files = dataFiles(data)
  if (existsSync(files.platform) && !existsSync(files.development)) return undefined
  // Made for another domain: the platform is the one to say so.
  if ((domainOf(data) ?? domain) !== domain) return undefined
  mkdirSync(data, { recursive: true, mode: 0o700 })
  const { rehearsalSigner } = await import('@mintmark/ceremony')
  return (await rehearsalSigner(files.development, domain, ports)).answer
}

function readUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol === 'https:' && url.href === `${url.origin}/`) return url
  throw new InvalidArgumentError('Say https://host or https://host:port.')
}

/** The certificate is for the name that devices dial. */
const hostOf = (url: URL | undefined): string[] => (url ? [url.hostname.replace(/^\[|\]$/g, '')] : [])

function readPort(text: string): number {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new InvalidArgumentError('Say a port, 0 for any free one.')
  return port
}

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'silent']

function readLevel(text: string): string {
  if (!levels.includes(text)) throw new InvalidArgumentError(`Say one of ${levels.join(', ')}.`)
  return text
}
