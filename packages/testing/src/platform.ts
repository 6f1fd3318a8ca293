import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rehearsalSigner } from '@mintmark/ceremony'
import { pem, readPemBlocks } from '@mintmark/core/bytes'
import type { KeyAlgorithm } from '@mintmark/core/keys'
import type { Key } from '@mintmark/core/keys/sign'
import { readBundle, tilePath } from '@mintmark/core/ledger'
import { type Change, type ChangeKind, readChange } from '@mintmark/core/rules'
import {
  type Certificate,
  type EnrollmentToken,
  readCertificate,
  readToken,
  signSigningRequest,
} from '@mintmark/core/signed'
import { createKeyFile, openKeyFile } from '@mintmark/elements'
import { auditData, dataFiles, type Running, type StartOptions, startPlatform } from '@mintmark/server'
import { type Forger, forge, keyIdOf, time } from './forge.ts'

/** What TLS takes: the leaf and its chain, and the key, as PEM. */
export interface TlsClient {
  readonly cert: string
  readonly key: string
}

/** A key in a file, as a device has it. */
export interface TestKey {
  readonly key: Key
  /** PKCS#8, PEM. */
  readonly pem: string
  /** PKCS#10, DER. */
  readonly csr: Uint8Array
}

export interface TestDevice extends TestKey {
  readonly name: string
  /** `acme/device/device-104` */
  readonly path: string
  readonly certificate: Certificate
  readonly tls: TlsClient
}

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** The body as JSON; an empty object where it is none. */
  readonly body: Readonly<Record<string, unknown>>
}

export interface Send {
  readonly as?: TlsClient
  readonly headers?: Readonly<Record<string, string>>
  /** Bytes and text go as they are, anything else as JSON. */
  readonly body?: unknown
}

/** A fact of a ledger, as short as a test wants to read it. */
export interface Fact {
  readonly ledger: string
  readonly kind: ChangeKind
  readonly by: string
  readonly body: Readonly<Record<string, unknown>>
}

/** Everything that the platform keeps: the entries of its ledgers, and the names of its files. */
export interface Snapshot {
  readonly sizes: ReadonlyMap<string, number>
  readonly files: readonly string[]
}

export interface TestOptions {
  readonly log?: NonNullable<StartOptions['log']>
  /** URL of an empty PostgreSQL database; SQLite where it is left out. */
  readonly database?: string
  /** Where sealed messages are handed on to. */
  readonly sinks?: readonly string[]
  /** PEM file of CAs that the sinks have their certificates of. */
  readonly sinkCa?: string
  /** What the console was built into. */
  readonly consoleAssets?: string
}

const day = 86_400_000
const minute = 60_000

/** A real platform on free ports in a directory of its own, founded by a rehearsal, with a clock that tests can move. */
export async function startTestPlatform(options: TestOptions = {}): Promise<TestPlatform> {
  const data = mkdtempSync(join(tmpdir(), 'mintmark-platform-'))
  const clock = new TestClock()
  const domain = 'example.test'
  const ports = { now: () => clock.now(), random: (length: number) => new Uint8Array(randomBytes(length)) }
  const running = await startPlatform({
    data,
    domain,
    host: '127.0.0.1',
    hostnames: ['localhost', '127.0.0.1'],
    port: 0,
    consolePort: 0,
    ...ports,
    ...options,
    rehearse: async request => (await rehearsalSigner(dataFiles(data).development, domain, ports)).answer(request),
  })
  return new TestPlatform({ data, domain, clock, running })
}

/** The time of day, moved forward by the test. */
export class TestClock {
  #ahead = 0

  now(): number {
    return Date.now() + this.#ahead
  }

  advance(milliseconds: number): void {
    this.#ahead += milliseconds
  }
}

export class TestPlatform {
  readonly data: string
  readonly domain: string
  readonly clock: TestClock
  readonly url: string
  readonly console: string
  readonly port: number
  readonly #running: Running
  readonly #keys: string
  /** For what is asked on the side of a test, which would otherwise be mostly handshakes. */
  readonly #agent = new Agent({ keepAlive: true })
  #nextKey = 0

  constructor({ data, domain, clock, running }: { data: string; domain: string; clock: TestClock; running: Running }) {
    this.data = data
    this.domain = domain
    this.clock = clock
    this.url = running.machine
    this.console = running.console
    this.port = Number(new URL(running.machine).port)
    this.#running = running
    this.#keys = mkdtempSync(join(tmpdir(), 'mintmark-keys-'))
  }

  /**
   * Ends it, and throws where a table is anything but what the ledgers say: then something was written that no test
   * could see in them.
   */
  async stop(): Promise<void> {
    this.#agent.destroy()
    await this.#running.stop()
    const report = await auditData(this.data)
    for (const directory of [this.data, this.#keys]) rmSync(directory, { recursive: true, force: true })
    if (!report.ok) throw new Error(`the audit fails at ${report.where}: ${report.why}`)
  }

  /** One request on a connection of its own. The server is proven by name and root, as a well-kept client would. */
  async call(method: string, path: string, send: Send = {}): Promise<Reply> {
    const { body: bytes, ...reply } = await this.#exchange(method, path, send, false)
    const text = bytes.toString()
    return { ...reply, text, body: readObject(text) }
  }

  /** As the operator home of the data directory. */
  async operator(method: string, path: string, body?: unknown): Promise<Reply> {
    const as = await this.operatorTls()
    const { body: bytes, ...reply } = await this.#exchange(method, path, { as, body }, this.#agent)
    const text = bytes.toString()
    return { ...reply, text, body: readObject(text) }
  }

  #exchange(method: string, path: string, { as, headers = {}, body }: Send, agent: Agent | false) {
    const plain = typeof body === 'string' || body instanceof Uint8Array || body === undefined
    const sent = plain ? body : JSON.stringify(body)
    const length = sent === undefined ? {} : { 'content-length': String(Buffer.byteLength(sent)) }
    const type = plain ? {} : { 'content-type': 'application/json' }
    const place = { host: '127.0.0.1', port: this.port, servername: 'localhost', ca: this.anchor, agent, method, path }
    return new Promise<{ status: number; headers: IncomingHttpHeaders; body: Buffer }>((resolve, reject) => {
      httpsRequest({ ...place, headers: { ...type, ...length, ...headers }, ...as }, response => {
        const chunks: Buffer[] = []
        response.on('data', chunk => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
        )
      })
        .on('error', reject)
        .end(sent)
    })
  }

  /** One request to the console's listener, as the console's own page would send it where nothing else is said. */
  browse(method: string, path: string, { headers = {}, body }: Omit<Send, 'as'> = {}): Promise<Reply> {
    const { origin, port } = new URL(this.console)
    const sent = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
    const own = { origin, 'sec-fetch-site': 'same-origin', ...(sent === undefined ? {} : jsonOf(sent)) }
    return new Promise((resolve, reject) => {
      httpRequest(
        { host: '127.0.0.1', port, method, path, headers: { ...own, ...headers }, agent: false },
        response => {
          const chunks: Buffer[] = []
          response.on('data', chunk => chunks.push(chunk))
          response.on('error', reject)
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString()
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text, body: readObject(text) })
          })
        },
      )
        .on('error', reject)
        .end(sent)
    })
  }

  /** The secret of a new sign-in link of an operator. */
  async makeLink(as?: TlsClient): Promise<string> {
    const tls = as ?? (await this.operatorTls())
    const { url } = must(await this.call('POST', '/v1/console/links', { as: tls }), 201).body
    return new URL(String(url)).hash.replace('#link=', '')
  }

  /** Signs an operator in. @returns the session, as a header has it */
  async signIn(as?: TlsClient): Promise<{ readonly authorization: string }> {
    const body = { link: await this.makeLink(as) }
    const { session } = must(await this.browse('POST', '/console/session', { body }), 201).body
    return { authorization: `Session ${session}` }
  }

  /**
   * The operator's certificate and key. Where a test moved the clock past it, another one by the people CA: the hourly
   * job would have renewed it.
   */
  async operatorTls(): Promise<TlsClient> {
    const home = dataFiles(this.data).operator
    const key = readFileSync(join(home, 'key.pem'), 'utf8')
    const cert = readFileSync(join(home, 'cert.pem'), 'utf8')
    if (this.clock.now() < readLeaf(cert).notAfter) return { cert, key }
    const { spki } = openKeyFile(join(home, 'key.pem')).publicKey
    const uris = [`spiffe://platform.${this.domain}/operator/local`]
    // No longer than the CA: what outlasts its issuer is refused.
    const end = Math.min(this.clock.now() + day, readCertificate(this.#issuerOf(home)).notAfter)
    const again = await forge(this.people(), { spki, uris, notAfter: time(end) }, this.clock.now())
    return { cert: pem('CERTIFICATE', again), key }
  }

  /** The root, PEM. */
  get anchor(): string {
    return readFileSync(join(dataFiles(this.data).operator, 'anchor.pem'), 'utf8')
  }

  async makeFleet(name: string, { isPublic = false } = {}): Promise<void> {
    must(await this.operator('POST', '/v1/fleets', { name, public: isPublic }), 201)
  }

  async makeToken(
    fleet: string,
    input: { uses?: number; ttl?: number; name?: string; pattern?: string; replaces?: string } = {},
  ): Promise<EnrollmentToken & { readonly text: string; readonly idText: string }> {
    const reply = await this.operator('POST', `/v1/fleets/${fleet}/tokens`, { uses: 1, ttl: 30 * day, ...input })
    const { id, token } = must(reply, 201).body as { id: string; token: string }
    return { ...readToken(token), text: token, idText: id }
  }

  async makeKey(algorithm: KeyAlgorithm = 'Ed25519'): Promise<TestKey> {
    const file = join(this.#keys, `${this.#nextKey++}.pem`)
    const key = createKeyFile(file, algorithm)
    return { key, pem: readFileSync(file, 'utf8'), csr: await signSigningRequest(key) }
  }

  /** Sends a signing request with a token, as a device does. */
  enroll(token: string, csr: Uint8Array, name?: string): Promise<Reply> {
    return this.call('POST', '/v1/enroll', {
      headers: { authorization: `Bearer ${token}` },
      body: { csr: pem('CERTIFICATE REQUEST', csr), ...(name === undefined ? {} : { name }) },
    })
  }

  async enrollDevice(fleet: string, name: string, algorithm?: KeyAlgorithm): Promise<TestDevice> {
    const [made, token] = [await this.makeKey(algorithm), await this.makeToken(fleet)]
    const { certificate, chain } = must(await this.enroll(token.text, made.csr, name), 201).body
    const tls = { cert: `${certificate}${chain}`, key: made.pem }
    return { ...made, name, path: `${fleet}/device/${name}`, certificate: readLeaf(tls.cert), tls }
  }

  /** Invites and enrolls an operator who may do this: `auditor:acme`. */
  async enrollOperator(name: string, grants: string, as?: TlsClient): Promise<TestDevice> {
    const invited = { as: as ?? (await this.operatorTls()), body: { name, grants, ttl: day } }
    const { token } = must(await this.call('POST', '/v1/operators', invited), 201).body
    const made = await this.makeKey()
    const { certificate, chain } = must(await this.enroll(String(token), made.csr), 201).body
    const tls = { cert: `${certificate}${chain}`, key: made.pem }
    return { ...made, name, path: `platform/operator/${name}`, certificate: readLeaf(tls.cert), tls }
  }

  async revoke(device: Pick<TestDevice, 'path'>, reason = 'a test'): Promise<Reply> {
    const [fleet, , name] = device.path.split('/')
    return must(await this.operator('POST', `/v1/fleets/${fleet}/devices/${name}/revoke`, { reason }), 200)
  }

  async decommission(device: Pick<TestDevice, 'path'>, reason = 'a test'): Promise<Reply> {
    const [fleet, , name] = device.path.split('/')
    return must(await this.operator('POST', `/v1/fleets/${fleet}/devices/${name}/decommission`, { reason }), 200)
  }

  /** Gives a device these scopes, and no others. */
  async grant(device: Pick<TestDevice, 'path'>, ...scopes: readonly string[]): Promise<Reply> {
    const [fleet, , name] = device.path.split('/')
    return must(await this.operator('PUT', `/v1/fleets/${fleet}/devices/${name}/scope`, { scopes }), 200)
  }

  /** What a thief of a fleet CA's key can sign. */
  async fleetAuthority(fleet: string): Promise<Forger> {
    const activated = (await this.facts(fleet)).find(({ kind }) => kind === 'fleet.activated')
    return this.#forger(`fleet-ca-${fleet}`, (activated as Change<'fleet.activated'>).body.certificate)
  }

  people(): Forger {
    return this.#forger('people-ca', this.#issuerOf(dataFiles(this.data).operator))
  }

  server(): Forger {
    return this.#forger('server-ca', this.#issuerOf(dataFiles(this.data).server))
  }

  /** The CA behind the leaf of one of the platform's own homes. */
  #issuerOf(home: string): Uint8Array {
    return readPemBlocks('CERTIFICATE', readFileSync(join(home, 'cert.pem'), 'utf8'))[1]!
  }

  #forger(name: string, certificate: Uint8Array): Forger {
    const key = openKeyFile(join(dataFiles(this.data).keeper, `${name}.pem`))
    return { key, subject: readCertificate(certificate).subject, keyId: keyIdOf(key.publicKey) }
  }

  /** All entries of a ledger from one on, over the same door as any auditor. */
  async facts(ledger: string, from = 0): Promise<Change[]> {
    const size = await this.#size(ledger)
    const facts: Change[] = []
    for (let index = Math.floor(from / 256); index * 256 < size; index++) {
      const width = Math.min(256, size - index * 256)
      const path = `/log/${ledger}/${tilePath({ level: 'entries', index, width })}`
      const bundle = readBundle(await this.#download(path), width)
      facts.push(...bundle.slice(Math.max(0, from - index * 256)).map(readChange))
    }
    return facts
  }

  async #size(ledger: string): Promise<number> {
    const checkpoint = Buffer.from(await this.#download(`/log/${ledger}/checkpoint`)).toString()
    return Number(checkpoint.split('\n')[1])
  }

  async #download(path: string): Promise<Uint8Array> {
    const { status, body } = await this.#exchange('GET', path, { as: await this.operatorTls() }, this.#agent)
    if (status !== 200) throw new Error(`${path}: ${status} ${body}`)
    return body
  }

  /** All that is kept now, with every refusal counted so far written down. */
  async snapshot(): Promise<Snapshot> {
    await this.#turnMinute()
    const { fleets } = (await this.operator('GET', '/v1/fleets')).body as { fleets: { fleet: string }[] }
    const sizes = new Map<string, number>()
    for (const ledger of ['platform', ...fleets.map(({ fleet }) => fleet)]) sizes.set(ledger, await this.#size(ledger))
    return { sizes, files: this.#files() }
  }

  /**
   * The facts that came since, refusals of one kind added up. Tables are projections of the ledgers, which `stop`
   * audits; so these facts are all that has changed. @throws where files came or went
   */
  async since(before: Snapshot): Promise<Fact[]> {
    const { sizes } = await this.snapshot()
    const facts: Fact[] = []
    for (const ledger of sizes.keys()) {
      for (const { kind, by, body } of await this.facts(ledger, before.sizes.get(ledger) ?? 0)) {
        facts.push({ ledger, kind, by, body: { ...body } })
      }
    }
    const [were, are] = [before.files.join(), this.#files().join()]
    if (were !== are) throw new Error(`files were ${were} and are ${are}`)
    return addUp(facts.filter(fact => !isTurn(fact)))
  }

  /**
   * Refusals of the anonymous are one fact a minute; the first one of the next minute writes them. A test goes on at
   * the begin of that minute, so that what it counts is not cut in two.
   */
  async #turnMinute(): Promise<void> {
    this.clock.advance(minute - (this.clock.now() % minute))
    await this.#exchange('PUT', turning, {}, this.#agent)
  }

  #files(): string[] {
    // The log of the database comes and goes by itself.
    const names = readdirSync(this.data, { recursive: true }).map(String)
    return names.filter(name => !/\.db-(?:wal|shm)$/.test(name)).toSorted()
  }
}

/** A refusal that nothing else here asks for, so that it can be told from those a test is about. */
const turning = '/healthz'
const isTurn = ({ by, body }: Fact): boolean =>
  by === 'anonymous' && body.code === 'method-not-allowed' && body.operation === 'none'

function addUp(facts: readonly Fact[]): Fact[] {
  const sums = new Map<string, Fact & { body: { count?: number } }>()
  const all: Fact[] = []
  for (const fact of facts) {
    const key = fact.kind === 'refused' ? [fact.ledger, fact.by, fact.body.code, fact.body.operation].join(' ') : ''
    const known = sums.get(key)
    if (known) known.body.count! += Number(fact.body.count)
    else {
      all.push(fact)
      if (key) sums.set(key, fact as Fact & { body: { count: number } })
    }
  }
  return all
}

const jsonOf = (text: string) => ({
  'content-type': 'application/json',
  'content-length': String(Buffer.byteLength(text)),
})

/** The leaf of a PEM chain. */
const readLeaf = (chain: string): Certificate => readCertificate(readPemBlocks('CERTIFICATE', chain)[0]!)

function must(reply: Reply, status: number): Reply {
  if (reply.status !== status) throw new Error(`${reply.status} where ${status} is due: ${reply.text}`)
  return reply
}

function readObject(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return {}
  }
}
