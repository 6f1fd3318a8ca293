import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { rehearsalSigner } from '@mintmark/ceremony'
import { pem } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { type Connection, connect, enroll, readHome, renew, retire, whoami } from '@mintmark/device'
import { randomBytes } from '@mintmark/elements'
import { auditData, dataFiles, type Running, startPlatform } from '@mintmark/server'
import { consolePages } from '../console-pages.ts'
import { fieldsOf } from '../reply.ts'
import type { Stage } from './stage.ts'

export interface Scene {
  /** Platform and homes are made in it. */
  readonly directory: string
  readonly devices: number
  /** It must not be there yet. */
  readonly isNew: boolean
}

export interface Played {
  readonly platform: Running
  readonly facts: { readonly fleet: string; readonly devices: number; readonly entries: number }
}

const now = Date.now
const reason = 'lost at the gate'

/**
 * The life of a fleet on a platform of its own: real certificates, real connections, and after each step the answer
 * that is due. @throws where any is another
 */
export async function play({ directory, devices, isNew }: Scene, stage: Stage): Promise<Played> {
  if (isNew && existsSync(directory)) throw new Refused('home-exists', directory, { hint: 'name a new directory' })
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const data = join(directory, 'platform')
  const homeOf = (name: string): string => join(directory, name)
  const names = Array.from({ length: devices }, (_, i) => `device-${String(i + 1).padStart(2, '0')}`)
  let platform!: Running
  await stage.step('A platform, its root made in a rehearsed ceremony', async () => {
    platform = await start(data)
    return `root ${platform.root.slice(0, 16)}…`
  })
  try {
    const operator = operatorOf(data, platform)
    const entries = await playWith({ stage, data, operator, homeOf, names })
    operator.close()
    return { platform, facts: { fleet: 'acme', devices, entries } }
  } catch (error) {
    await platform.stop()
    throw error
  }
}

interface Cast {
  readonly stage: Stage
  readonly data: string
  readonly operator: Connection
  homeOf(name: string): string
  readonly names: readonly string[]
}

async function playWith({ stage, data, operator, homeOf, names }: Cast): Promise<number> {
  const [stolenBy, cloned, revoked, retired] = ['thief', names[6]!, names[2]!, names[3]!] as const
  const token = async (input: object): Promise<string> => {
    const { body } = await operator.post('/v1/fleets/acme/tokens', { uses: 1, ttl: 600_000, ...input })
    return String(fieldsOf(body).token)
  }
  let shared = ''

  await stage.step('A fleet', async () => {
    const { body } = await operator.post('/v1/fleets', { name: 'acme' })
    return `acme is ${fieldsOf(body).state}`
  })
  await stage.step(`${names.length} devices make their keys and enroll with one token`, async progress => {
    shared = await token({ uses: names.length })
    await each(names, progress, name => enroll({ token: shared, name, home: homeOf(name), now }))
    return `${names.length} certificates, each with its receipt`
  })
  await stage.step('All of them call', async progress => {
    const answers = await each(names, progress, name => whoami({ home: homeOf(name), now }))
    return `${answers.filter(me => fieldsOf(me).standing === 'good').length} known by their certificates`
  })
  await stage.step('Five renew', async progress => {
    const before = names.slice(0, 5).map(name => readHome(homeOf(name)).certificate)
    await each(names.slice(0, 5), progress, name => renew({ home: homeOf(name), now }))
    const changed = names.slice(0, 5).filter((name, i) => readHome(homeOf(name)).certificate !== before[i])
    return `${changed.length} new certificates, tried out before the old ones went`
  })
  await stage.step('A thief has the token', () =>
    refused(() => enroll({ token: shared, name: stolenBy, home: homeOf(stolenBy), now }), 'token-spent'),
  )
  await stage.step(`A copy of ${cloned} enrolls its key again`, async () => {
    cpSync(homeOf(cloned), homeOf('copy'), { recursive: true })
    const second = await token({})
    const fresh = join(homeOf('copy'), 'again')
    mkdirSync(fresh, { mode: 0o700 })
    cpSync(join(homeOf('copy'), 'key.pem'), join(fresh, 'key.pem'))
    return refused(() => enroll({ token: second, name: 'copy', home: fresh, now }), 'key-in-use')
  })
  await stage.step(`${cloned} is given a new key, and its copy calls`, async () => {
    const replacing = await token({ replaces: cloned })
    await enroll({ token: replacing, name: cloned, home: homeOf(`${cloned}-reset`), now })
    return refused(() => whoami({ home: homeOf('copy'), now }), 'key-superseded')
  })
  await stage.step(`${revoked} is revoked while it is connected`, async () => {
    const { closed } = await held(homeOf(revoked))
    const asked = performance.now()
    await operator.post(`/v1/fleets/acme/devices/${revoked}/revoke`, { reason })
    const after = (await closed) - asked
    const code = await refused(() => whoami({ home: homeOf(revoked), now }), 'revoked')
    return `socket cut after ${after.toFixed(0)} ms, then ${code}`
  })
  await stage.step(`${retired} is decommissioned`, async () => {
    await operator.post(`/v1/fleets/acme/devices/${retired}/decommission`, { reason: 'end of life' })
    await retire({ home: homeOf(retired), now })
    const left = readdirSync(homeOf(retired)).filter(name => name.endsWith('.pem') && name !== 'anchor.pem')
    if (left.length > 0) throw new Error(`${left.join()} is left in ${homeOf(retired)}`)
    return 'it proved the notice, wiped key and certificate, and confirmed'
  })
  let entries = 0
  await stage.step('The ledger is replayed', async () => {
    const report = await auditData(data)
    if (!report.ok) throw new Error(`${report.where}: ${report.why}`)
    entries = report.entries
    return `${entries} entries whole, every table as they say`
  })
  await stage.step('Someone edits the database', async () => {
    const report = await auditData(await tampered(data, homeOf('tampered')))
    if (report.ok) throw new Error('the audit did not find it')
    return `found in ${report.where}`
  })
  return entries
}

async function start(data: string): Promise<Running> {
  const domain = 'demo.test'
  const ports = { now, random: randomBytes }
  return startPlatform({
    data,
    domain,
    host: '127.0.0.1',
    hostnames: ['localhost', '127.0.0.1', '::1'],
    port: 0,
    consolePort: 0,
    consoleAssets: consolePages(),
    ...ports,
    rehearse: async request => (await rehearsalSigner(dataFiles(data).development, domain, ports)).answer(request),
  })
}

function operatorOf(data: string, { machine }: Running): Connection {
  const { anchor, certificate, keyFile } = readHome(dataFiles(data).operator)
  return connect({ url: machine, anchor, identity: { certificate, key: keyFile }, now })
}

/** A few at a time. */
async function each<T, R>(
  all: readonly T[],
  progress: (done: number, of: number) => void,
  work: (one: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    for (let i = next++; i < all.length; i = next++) {
      results[i] = await work(all[i]!)
      progress(results.filter(result => result !== undefined).length, all.length)
    }
  }
  await Promise.all(Array.from({ length: 4 }, worker))
  return results
}

/** @returns that it was refused with this code; anything else is a fault of the platform, and ends the demo */
async function refused(work: () => Promise<unknown>, code: string): Promise<string> {
  try {
    await work()
  } catch (error) {
    if (error instanceof Refused && error.code === code) return `refused: ${code}`
    throw error
  }
  throw new Error(`it was not refused, where ${code} is due`)
}

/** A connection of this home that was answered once. @returns when it was closed */
async function held(home: string): Promise<{ closed: Promise<number> }> {
  const { url, anchor, certificate, keyFile } = readHome(home)
  const { hostname, port } = new URL(url)
  const ca = pem('CERTIFICATE', anchor)
  const socket = connectTls({
    host: hostname,
    port: Number(port),
    servername: hostname,
    ca,
    cert: certificate,
    key: readFileSync(keyFile),
  })
  socket.on('error', () => undefined)
  const closed = new Promise<number>(resolve => socket.once('close', () => resolve(performance.now())))
  await new Promise<void>((resolve, reject) => {
    socket.once('close', () => reject(new Error('closed before it was answered')))
    socket.once('data', () => resolve())
    socket.write('GET /v1/me HTTP/1.1\r\nhost: localhost\r\n\r\n')
  })
  return { closed }
}

/** A copy of the data directory in which someone wrote another reason for the revocation. */
async function tampered(data: string, copy: string): Promise<string> {
  cpSync(data, copy, { recursive: true })
  // Its end brings everything from the write-ahead log, which has checksums, into the file, which has none.
  await (await start(copy)).stop()
  const path = dataFiles(copy).database
  const bytes = readFileSync(path)
  for (let at = bytes.indexOf(reason); at >= 0; at = bytes.indexOf(reason, at + 1)) bytes.write('sold', at)
  writeFileSync(path, bytes)
  return copy
}
