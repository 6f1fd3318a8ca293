import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hex, utf8 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { readDomain } from '@mintmark/core/names'
import { nodeSha256, writeFileDurably } from '@mintmark/elements'
import pino, { type Logger } from 'pino'
import { dataFiles } from './data-files.ts'
import { openConsole } from './inbound/console.ts'
import { openMachine } from './inbound/machine.ts'
import { makeMetrics } from './inbound/metrics.ts'
import { startJobs } from './jobs/jobs.ts'
import { type Keeper, openKeeper } from './keeper/keeper.ts'
import { rehearseCeremony } from './operations/fleets.ts'
import { found, requestFounding } from './operations/found.ts'
import { provideOperatorHome, provideServerCertificate } from './operations/own.ts'
import { ledgerSigner, type Platform, readTrust } from './platform.ts'
import { openSqlite, Store } from './store/index.ts'
import { serverVerify } from './verify.ts'

export interface StartOptions {
  /** The data directory; made where it is not there. */
  readonly data: string
  readonly domain: string
  /** Address to listen on, and the names and addresses devices dial; the first is in tokens. */
  readonly host: string
  readonly hostnames: readonly string[]
  /** 0 for any free one. */
  readonly port: number
  readonly consolePort: number
  readonly log?: Logger
  now(): number
  random(length: number): Uint8Array
  /** The development root that answers ceremonies here, where there is one. */
  readonly rehearse?: ((request: Uint8Array) => Promise<Uint8Array>) | undefined
}

export interface Running {
  /** `https://localhost:8443` */
  readonly machine: string
  /** `http://127.0.0.1:8080/` */
  readonly console: string
  /** SHA-256 (hex) of the root certificate's DER. */
  readonly root: string
  readonly development: boolean
  /** Refuses new requests, lets the running ones end, and closes what is open. */
  stop(): Promise<void>
}

/** Brings a platform up from its data directory, founding it by rehearsal where the directory is new. */
export async function startPlatform(options: StartOptions): Promise<Running> {
  const { data, now, log = pino({ level: 'silent' }) } = options
  const files = dataFiles(data)
  const { keeper, store } = openData(options)
  if (!(await store.platform())) await foundByRehearsal(options, store, keeper)

  let trust = await readTrust(store, now(), serverVerify)
  store.onCommit(async ({ kind }) => {
    if (kind === 'fleet.activated') trust = await readTrust(store, now(), serverVerify)
  })
  const platform: Platform = {
    store,
    keeper,
    now,
    random: options.random,
    verify: serverVerify,
    rehearse: trust.development ? options.rehearse : undefined,
    get trust() {
      return trust
    },
  }
  // A fleet whose rehearsal was cut short is finished now.
  if (platform.rehearse) await rehearseCeremony(platform, platform.rehearse)

  const certificate = async () => {
    const { chain, keyFile } = await provideServerCertificate(platform, files.server, options.hostnames)
    return { cert: chain, key: readFileSync(keyFile) }
  }
  const metrics = makeMetrics()
  let url = ''
  const machine = openMachine({ platform, certificate: await certificate(), log, metrics, url: () => url })
  const console = openConsole({ platform, metrics, log, url: () => url })
  await listen(machine.server, options.port, options.host)
  await listen(console, options.consolePort, '127.0.0.1')
  url = `https://${bracketed(options.hostnames[0]!)}:${portOf(machine.server)}`
  const consoleUrl = `http://127.0.0.1:${portOf(console)}/`
  await provideOperatorHome(platform, files.operator, url)
  const endpoint = { machine: url, console: consoleUrl }
  writeFileDurably(files.endpoint, utf8(`${JSON.stringify(endpoint)}\n`), { mode: 0o644, replace: true })

  const jobs = startJobs({
    log,
    everyMinute: () => machine.refusals.flush(),
    everyHour: async () => {
      machine.reload(await certificate())
      await provideOperatorHome(platform, files.operator, url)
    },
  })
  log.info({ machine: url, console: consoleUrl, development: trust.development }, 'ready')
  return {
    machine: url,
    console: consoleUrl,
    root: hex(nodeSha256(trust.root.der)),
    development: trust.development,
    async stop() {
      jobs.stop()
      await Promise.all([close(machine.server), close(console)])
      await machine.refusals.flush()
      await store.close()
    },
  }
}

/** Opens keeper and store of a data directory; its domain is fixed when it is made. */
export function openData({ data, domain }: Pick<StartOptions, 'data' | 'domain'>): { keeper: Keeper; store: Store } {
  const files = dataFiles(data)
  mkdirSync(data, { recursive: true, mode: 0o700 })
  if (!existsSync(files.platform)) {
    const text = `${JSON.stringify({ v: 1, domain: readDomain(domain) })}\n`
    writeFileDurably(files.platform, utf8(text), { mode: 0o644, replace: false })
  }
  const kept = (JSON.parse(readFileSync(files.platform, 'utf8')) as { domain: string }).domain
  if (kept !== domain) {
    throw new Refused('bad-domain', `${data} is the platform of ${kept}`, {
      hint: `leave --domain out, or say ${kept}`,
    })
  }
  const keeper = openKeeper(files.keeper)
  return { keeper, store: new Store(openSqlite(files.database), ledgerSigner(keeper, kept)) }
}

async function foundByRehearsal({ rehearse, domain, now, random }: StartOptions, store: Store, keeper: Keeper) {
  if (!rehearse) {
    throw new Refused('data-missing', 'this platform waits for its founding ceremony', {
      hint: 'mintmark ceremony request, answer it at the air gap, mintmark ceremony merge',
    })
  }
  const request = await requestFounding({ keeper, domain, now, random })
  await found(store, keeper, await rehearse(request), now(), serverVerify)
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port
const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host)

/** Idle connections are closed at once, running requests have five seconds. */
function close(server: Server): Promise<void> {
  return new Promise(resolve => {
    const hard = setTimeout(() => server.closeAllConnections(), 5_000)
    server.close(() => {
      clearTimeout(hard)
      resolve()
    })
    server.closeIdleConnections()
  })
}
