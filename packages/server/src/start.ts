import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { type AddressInfo, Server as NetServer } from 'node:net'
import { base64url, hex, utf8 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { admitRaw, type PublicKey } from '@mintmark/core/keys'
import { nodeSha256, removeTornWrites, writeFileDurably } from '@mintmark/elements'
import pino, { type Logger } from 'pino'
import { steadyClock } from './clock.ts'
import { dataFiles, settingsOf, writeSettings } from './data-files.ts'
import { unsyncedFile } from './disk.ts'
import { openConsole } from './inbound/console.ts'
import { openMachine } from './inbound/machine.ts'
import { makeMetrics } from './inbound/metrics.ts'
import { Pipeline } from './inbound/pipeline.ts'
import { type Jobs, startJobs } from './jobs/jobs.ts'
import { type Keeper, type KeyName, openKeeper } from './keeper/keeper.ts'
import { openDatabase } from './open-database.ts'
import { rehearseCeremony } from './operations/fleets.ts'
import { found, requestFounding } from './operations/found.ts'
import { provideNoticeCertificate, provideOperatorHome, provideServerCertificate } from './operations/own.ts'
import { RegistryChanges } from './operations/registry-changes.ts'
import { Sessions } from './operations/sessions.ts'
import { keyNameOf, ledgerSigner, type Platform, readTrust, type Trust } from './platform.ts'
import { openSinks } from './relay/open-sinks.ts'
import { Relay } from './relay/relay.ts'
import { type Database, Processes, Store, sharedKeys, speaksInClear, Verifiers } from './store/index.ts'
import { serverVerify } from './verify.ts'

export interface StartOptions {
  /** The data directory; made where it is not there. */
  readonly data: string
  readonly domain: string
  /** Address to listen on, and the names and addresses devices dial; the first is in tokens. */
  readonly host: string
  readonly hostnames: readonly string[]
  /** Where devices reach the platform, as tokens say it, where that is not this process: a balancer in front of it. */
  readonly url?: string | undefined
  /** URL of a PostgreSQL database; a new data directory remembers it, and has SQLite inside where there is none. */
  readonly database?: string | undefined
  /** 0 for any free one. */
  readonly port: number
  readonly consolePort: number
  /** Where sealed messages are handed on to: `https://...`, `mqtt://...`, `nats://...` */
  readonly sinks?: readonly string[] | undefined
  /** PEM file of CAs that the sinks have their certificates of, beside those that Node trusts. */
  readonly sinkCa?: string | undefined
  /** The directory that the console was built into; undefined where it was not. */
  readonly consoleAssets?: string | undefined
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
  /** What the clock does by itself, to be done now. */
  readonly jobs: Jobs
  /**
   * Rejects (`disk-failed`) where nobody knows any more what is on the disk. The process then ends at once and as it is,
   * without `stop`: the next one reads what is there.
   */
  readonly failed: Promise<never>
  /** Refuses new connections, lets running requests end, and closes what is open. Asked again, it is the same end. */
  stop(): Promise<void>
}

/** Brings a platform up from its data directory, founding it by rehearsal where the directory is new. */
export async function startPlatform(options: StartOptions): Promise<Running> {
  const { promise: failed, reject } = Promise.withResolvers<never>()
  // Whoever does not ask is told by each refusal.
  failed.catch(() => undefined)
  const fail = (cause: Error): void => {
    options.log?.fatal({ err: cause }, 'the disk failed')
    reject(new Refused('disk-failed', cause.message, { cause }))
  }
  const { keeper, store } = await openData(options, fail)
  /** What is open, and is closed in the opposite order. */
  const ends: (() => Promise<void>)[] = [
    () => store.close().then(() => rmSync(dataFiles(options.data).verifiers, { force: true })),
  ]
  const stop = async (): Promise<void> => {
    for (let end = ends.pop(); end !== undefined; end = ends.pop()) await end()
  }
  try {
    const running = await run(options, keeper, store, ends, fail)
    let stopped: Promise<void> | undefined
    return {
      ...running,
      failed,
      stop() {
        stopped ??= stop()
        return stopped
      },
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function run(
  options: StartOptions,
  keeper: Keeper,
  store: Store,
  ends: (() => Promise<void>)[],
  failed: (error: Error) => void,
): Promise<Omit<Running, 'stop' | 'failed'>> {
  const { data, log = pino({ level: 'silent' }) } = options
  const files = dataFiles(data)
  if (!(await store.platform())) await foundByRehearsal(options, store, keeper)
  const now = steadyClock(options.now, await store.lastRecorded(), (late, isBelieved) => {
    const what = isBelieved ? 'time goes back with it' : 'time goes on at half its speed'
    log.error({ seconds: Math.round(late / 1_000) }, `the clock is behind what was recorded: ${what}`)
  })

  let trust: Trust
  // Before it is read for the first time: another process may make a fleet meanwhile.
  store.onNews(async ({ kind }) => {
    if (kind === 'fleet.created' || kind === 'missed') await keeper.share()
    if (kind === 'fleet.activated' || kind === 'missed') trust = await readTrust(store, now(), serverVerify)
  })
  trust = await readTrust(store, now(), serverVerify)
  checkOurs(trust, { ...options, now })
  await checkKeys(trust, store, keeper)
  const platform: Platform = {
    store,
    keeper,
    now,
    random: options.random,
    verify: serverVerify,
    changes: new RegistryChanges(store, error => log.error({ err: error }, 'changes of a registry not read')),
    relay: new Relay(),
    sessions: new Sessions({ ...options, now }),
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
  await provideNoticeCertificate(platform)
  let addresses = { machine: '', console: '' }
  // What devices are told may be a balancer; the command on this host speaks to this process.
  const told = () => ({ ...addresses, machine: options.url ?? addresses.machine })
  const metrics = makeMetrics()
  const pipeline = new Pipeline({ platform, log, metrics, addresses: told, failed })
  // Before it listens: a URL that is none is said at once.
  ends.push(openSinks(platform.relay, options.sinks ?? [], { ca: options.sinkCa, log, metrics }))
  const machine = openMachine(pipeline, await certificate())
  const console = openConsole(pipeline, { assets: options.consoleAssets, machine: () => told().machine })
  ends.push(async () => {
    const drain = store.isShared ? 2_000 : 0
    pipeline.streams.close()
    await Promise.all([close(machine.server, drain), close(console, 0)])
    // The last of what was counted; where it cannot be committed, the rest must still be closed.
    await pipeline.refusals.flush().catch((error: unknown) => log.error({ err: error }, 'refusals lost'))
  })
  await listen(machine.server, options.port, options.host)
  await listen(console, options.consolePort, '127.0.0.1')
  const own = `https://${bracketed(options.hostnames[0]!)}:${portOf(machine.server)}`
  addresses = { machine: own, console: `http://127.0.0.1:${portOf(console)}/` }
  await provideOperatorHome(platform, files.operator, own)
  writeFileDurably(files.endpoint, utf8(`${JSON.stringify(addresses)}\n`), { mode: 0o644, replace: true })

  const jobs: Jobs = {
    everyMinute: () => pipeline.refusals.flush(),
    async everyHour() {
      machine.reload(await certificate())
      await provideNoticeCertificate(platform)
      await provideOperatorHome(platform, files.operator, own)
    },
  }
  const clock = startJobs(jobs, log, error => {
    const unsynced = unsyncedFile(error)
    if (unsynced) failed(unsynced)
  })
  ends.push(async () => clock.stop())
  log.info({ ...addresses, development: trust.development }, 'ready')
  return {
    ...addresses,
    root: hex(nodeSha256(trust.root.der)),
    development: trust.development,
    jobs,
  }
}

/**
 * Opens keeper and store of a data directory; its domain is fixed when it is made.
 * @param failed told where the disk failed, and the process must end
 */
export async function openData(
  options: Pick<StartOptions, 'data' | 'domain' | 'database' | 'now' | 'random' | 'log'>,
  failed?: (error: Error) => void,
): Promise<{ keeper: Keeper; store: Store }> {
  const { data, domain } = options
  const files = dataFiles(data)
  mkdirSync(data, { recursive: true, mode: 0o700 })
  const kept = settingsOf(data)
  if (kept === undefined) {
    // It is written before SQLite's file, so where there is that it was lost, and another might name another domain.
    if (existsSync(files.database)) throw new Error(`${files.platform} is gone: take it from a backup`)
    if (options.database === undefined) writeSettings(data, { domain }, { replace: false })
  } else checkDomain(data, kept.domain, domain)
  const url = options.database ?? kept?.database
  if (url !== undefined && speaksInClear(url)) options.log?.warn('the connection to the database is not encrypted')
  const database = await openDatabase(data, options, failed)
  try {
    const processes = await joinProcesses(database, options)
    const keeper = openKeeper(files.keeper, processes && sharedKeys(database))
    await keeper.share()
    // Now that it is known to be a database of ours: one that is not is not remembered.
    if (settingsOf(data) === undefined) writeSettings(data, { domain, database: options.database }, { replace: false })
    const verifiers = openVerifiers(files.verifiers, processes)
    const store = new Store(database, ledgerSigner(keeper, domain), processes, verifiers)
    if (!(await store.checkEnd())) options.log?.warn(`${files.lastHead} cannot be read, and is written anew`)
    // Of a platform that was killed. Where the database is shared, another process may be writing here.
    const before = processes ? Date.now() - minute : undefined
    for (const directory of [data, files.keeper, files.server, files.operator]) removeTornWrites(directory, before)
    return { keeper, store }
  } catch (error) {
    await database.close()
    throw error
  }
}

const minute = 60_000

/**
 * A process that was killed may have left verifiers that rely on its leases. Others that share the database wait for it
 * by its row there; where there are no others, it leaves a file.
 */
function openVerifiers(file: string, processes: Processes | undefined): Verifiers {
  const monotonic = () => performance.now()
  if (processes) return new Verifiers({ monotonic, left: () => processes.left })
  const verifiers = new Verifiers({ monotonic, first: () => writeFileSync(file, '', { mode: 0o600 }) })
  if (existsSync(file)) verifiers.presume()
  return verifiers
}

/** Where the database can be shared, this process becomes one of those that share it. */
async function joinProcesses(
  database: Database,
  { now, random, log }: Pick<StartOptions, 'now' | 'random' | 'log'>,
): Promise<Processes | undefined> {
  if (database.signals === undefined) return undefined
  return Processes.join(database, {
    clocks: { monotonic: () => performance.now(), now },
    id: base64url(random(16)),
    failed: error => log?.warn({ err: error }, 'no news from the database'),
  })
}

function checkDomain(data: string, kept: string, asked: string): void {
  if (kept === asked) return
  throw new Refused('bad-domain', `${data} is the platform of ${kept}`, {
    hint: `leave --domain out, or say ${kept}`,
  })
}

/** What the database holds is the platform of this directory and domain, and it can issue. */
function checkOurs(trust: Trust, { data, domain, now }: StartOptions): void {
  checkDomain(data, trust.domain, domain)
  const { authorities } = trust
  for (const use of ['server', 'people'] as const) {
    if ([...authorities.values()].some(authority => authority.use === use && authority.fleet === 'platform')) continue
    throw new Refused('ledger-broken', `no ${use} CA leads to the root at ${new Date(now()).toISOString()}`, {
      hint: 'mintmark audit verify tells whether the database was changed; otherwise the CA has ended, or the clock is wrong',
    })
  }
}

/** The keeper has the keys that the root and the ledgers know; with any other nothing would be believed. */
async function checkKeys({ authorities }: Trust, store: Store, keeper: Keeper): Promise<void> {
  const ledgers = [{ name: 'platform', ledger_key: (await store.platform())!.ledger_key }, ...(await store.fleets())]
  const due = [
    ...[...authorities.values()].map(each => [keyNameOf(each), each.certificate.publicKey] as const),
    ...ledgers.map(({ name, ledger_key }) => [`ledger-${name}`, admitRaw('Ed25519', ledger_key)] as const),
  ] as readonly (readonly [KeyName, PublicKey])[]
  for (const [name, publicKey] of due) {
    if (keeper.key(name).publicKey.equals(publicKey)) continue
    throw new Refused('ledger-broken', `the keeper's key ${name} is another one than the database knows`, {
      hint: 'take both from one backup; mintmark audit verify tells whether the database was changed',
    })
  }
}

/**
 * A platform is founded before it certifies its own listener, so where that has happened the database was lost. A new
 * ledger under the old keys would contradict the one that devices have receipts of, and know of no revocation.
 */
export function checkNeverFounded(data: string): void {
  const { database, server } = dataFiles(data)
  if (!existsSync(server)) return
  const name = settingsOf(data)?.database === undefined ? database : 'the database'
  throw new Refused('ledger-broken', `${name} has no platform any more`, { hint: 'take it from a backup' })
}

async function foundByRehearsal(options: StartOptions, store: Store, keeper: Keeper): Promise<void> {
  const { data, rehearse, domain, now, random } = options
  checkNeverFounded(data)
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
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(cause.code === 'EADDRINUSE' ? new Refused('address-in-use', `${host}:${port}`, { cause }) : cause)
    })
    server.listen(port, host, () => {
      server.removeAllListeners('error')
      resolve()
    })
  })
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port
const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host)

/**
 * Takes no more connections; running requests have five seconds. Idle connections are closed at once, or after `drain`
 * milliseconds where another process takes over: what is on its way on them then is answered, and its sender told to
 * come back on another one.
 */
function close(server: Server, drain: number): Promise<void> {
  return new Promise(resolve => {
    const hard = setTimeout(() => server.closeAllConnections(), 5_000)
    const soft = setTimeout(() => server.closeIdleConnections(), drain)
    // Not `server.close`, which closes the idle ones at once.
    NetServer.prototype.close.call(server, () => {
      clearTimeout(hard)
      clearTimeout(soft)
      server.close()
      resolve()
    })
  })
}
