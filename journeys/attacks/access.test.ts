import { didKey } from '@mintmark/core/keys'
import {
  openTcp,
  openTls,
  type RawConnection,
  startTestPlatform,
  type TestDevice,
  type TestPlatform,
  type TlsClient,
} from '@mintmark/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { access } from '../../packages/server/src/inbound/access.ts'
import { Store } from '../../packages/server/src/store/index.ts'

// Every operation, asked by everyone, about every fleet, over real sockets at both listeners. What is due is computed
// from this table, which knows nothing of the one in the server: an operation that has no row here fails.

/** Who passes the gate, where the path names a fleet and where it does not. */
type Due =
  | 'anyone'
  | 'token'
  | 'device'
  | 'member'
  /** Of devices those that were given the scope. */
  | 'registry:read'
  /** The same, of the fleet that the query names. */
  | 'registry:read fleet'
  | 'operator'
  /** Who was decommissioned, and nobody in good standing. */
  | 'decommissioned'
  /** Anyone for what is public, members and viewers of the rest. */
  | 'reader'
  | `${Act} fleet`
  | `${Act} ledger`
  | `${Act} platform`
type Act = 'view' | 'operate' | 'govern' | 'audit'
/** The listeners: for machines, for people, or both. */
type At = 'm' | 'p' | 'mp'

const due: Readonly<Record<string, readonly [Due, At]>> = {
  'POST /v1/enroll': ['token', 'm'],
  'POST /v1/renew': ['member', 'm'],
  'POST /v1/notice': ['decommissioned', 'm'],
  'POST /v1/notice/confirmation': ['anyone', 'm'],
  'GET /v1/me': ['member', 'mp'],
  'GET /v1/config': ['device', 'm'],
  'PUT /v1/encryption-key': ['device', 'm'],
  'GET /v1/messages': ['device', 'm'],
  'POST /v1/messages': ['device', 'm'],
  'GET /v1/registry/changes': ['registry:read fleet', 'm'],
  'DELETE /v1/registry/changes': ['registry:read fleet', 'm'],
  'GET /v1/registry/:did': ['registry:read', 'mp'],
  'GET /v1/trust': ['anyone', 'mp'],
  'GET /trust/root.pem': ['anyone', 'm'],
  'GET /fleets/:fleet/devices/:name/did.json': ['anyone', 'm'],
  'GET /crl/:fleet': ['reader', 'm'],
  'GET /log/:fleet/checkpoint': ['reader', 'm'],
  'GET /log/:fleet/tile/:path{.+}': ['reader', 'm'],
  'GET /receipts/:fleet/:index': ['reader', 'm'],
  'GET /openapi.json': ['anyone', 'm'],
  'GET /healthz': ['anyone', 'm'],
  'POST /v1/console/links': ['operator', 'm'],
  'POST /console/session': ['anyone', 'p'],
  'DELETE /console/session': ['operator', 'p'],
  'GET /v1/warnings': ['operator', 'mp'],
  'GET /v1/operators': ['operator', 'mp'],
  'POST /v1/operators': ['operator', 'mp'],
  'GET /v1/operators/:name': ['operator', 'mp'],
  'PUT /v1/operators/:name/grants': ['operator', 'mp'],
  'POST /v1/operators/:name/revoke': ['govern platform', 'mp'],
  'POST /v1/invitations/:id/revoke': ['operator', 'mp'],
  'GET /v1/fleets': ['operator', 'mp'],
  'POST /v1/fleets': ['govern platform', 'mp'],
  'GET /v1/fleets/:fleet': ['view fleet', 'mp'],
  'PUT /v1/fleets/:fleet/policy': ['govern fleet', 'mp'],
  'GET /v1/fleets/:fleet/tokens': ['view fleet', 'mp'],
  'POST /v1/fleets/:fleet/tokens': ['operate fleet', 'mp'],
  'POST /v1/fleets/:fleet/tokens/:id/revoke': ['operate fleet', 'mp'],
  'GET /v1/fleets/:fleet/devices': ['view fleet', 'mp'],
  'GET /v1/fleets/:fleet/devices/:name': ['view fleet', 'mp'],
  'POST /v1/fleets/:fleet/devices/:name/labels': ['operate fleet', 'mp'],
  'POST /v1/fleets/:fleet/devices/:name/revoke': ['operate fleet', 'mp'],
  'POST /v1/fleets/:fleet/devices/:name/decommission': ['operate fleet', 'mp'],
  'GET /v1/fleets/:fleet/config': ['view fleet', 'mp'],
  'PUT /v1/fleets/:fleet/config': ['operate fleet', 'mp'],
  'POST /v1/fleets/:fleet/config/unset': ['operate fleet', 'mp'],
  'GET /v1/fleets/:fleet/config/history': ['view fleet', 'mp'],
  'GET /v1/fleets/:fleet/devices/:name/events': ['audit fleet', 'mp'],
  'GET /v1/fleets/:fleet/devices/:name/scope': ['view fleet', 'mp'],
  'PUT /v1/fleets/:fleet/devices/:name/scope': ['operate fleet', 'mp'],
  'GET /v1/fleets/:fleet/devices/:name/why': ['view fleet', 'mp'],
  'GET /v1/audit/:fleet': ['audit ledger', 'mp'],
  'GET /v1/audit/:fleet/:index': ['audit ledger', 'mp'],
  'GET /v1/audit/:fleet/:index/proof': ['audit ledger', 'mp'],
  'GET /v1/ceremony': ['govern platform', 'mp'],
  'POST /v1/ceremony': ['govern platform', 'mp'],
}

/** What each role is for. */
const roles: Readonly<Record<string, readonly Act[]>> = {
  admin: ['view', 'operate', 'govern', 'audit'],
  'fleet-operator': ['view', 'operate', 'audit'],
  factory: ['view'],
  releaser: ['view'],
  auditor: ['view', 'audit'],
}

// Of equal length, so that an answer that counts letters shows it too.
const [ours, theirs, nobodys] = ['acme', 'beta', 'none']
const fleets = [ours, theirs, nobodys, 'platform']

interface Caller {
  readonly title: string
  readonly kind: 'nobody' | 'token' | 'device' | 'decommissioned' | 'operator' | 'revoked' | 'expired'
  readonly at: 'm' | 'p'
  /** Of a device its own; of an operator those that the role is for. */
  readonly fleets?: string
  readonly acts?: readonly Act[]
  /** A device that was given `registry:read`. */
  readonly reads?: boolean
  /** Sends with what the caller shows. */
  ask(method: string, path: string, body?: string): Promise<Answer>
}

interface Answer {
  readonly status: number
  readonly code: unknown
  /** Everything that came, as bytes on the wire say it, but the time of day. */
  readonly whole: string
}

let platform: TestPlatform
const callers: Caller[] = []
/** A key of a device of each fleet. */
const dids: Record<string, string> = {}
const ends: (() => void)[] = []

beforeAll(async () => {
  watchStore()
  platform = await startTestPlatform()
  for (const fleet of [ours, theirs]) {
    await platform.makeFleet(fleet)
    const device = await platform.enrollDevice(fleet, 'device-104')
    dids[fleet] = didKey(device.key.publicKey)
    callers.push({ title: `a device of ${fleet}`, kind: 'device', at: 'm', fleets: fleet, ask: overTls(device.tls) })
  }
  for (const fleet of [ours, theirs]) {
    const device = await platform.enrollDevice(fleet, 'device-reader')
    await platform.grant(device, 'registry:read')
    const title = `a device of ${fleet} that may read the registry`
    callers.push({ title, kind: 'device', reads: true, at: 'm', fleets: fleet, ask: overTls(device.tls) })
  }
  dids[nobodys] = didKey((await platform.makeKey()).key.publicKey)
  dids.platform = dids[nobodys]!
  const retired = await platform.enrollDevice(ours, 'device-retired')
  const retire = `/v1/fleets/${ours}/devices/device-retired/decommission`
  await platform.operator('POST', retire, { reason: 'a test' })
  callers.push({
    title: 'a decommissioned device',
    kind: 'decommissioned',
    at: 'm',
    fleets: ours,
    ask: overTls(retired.tls),
  })
  const { text } = await platform.makeToken(ours, { uses: 5 })
  callers.push({ title: 'nobody', kind: 'nobody', at: 'm', ask: overTls(undefined) })
  callers.push({
    title: 'a token',
    kind: 'token',
    at: 'm',
    ask: overTls(undefined, { authorization: `Bearer ${text}` }),
  })
  callers.push({ title: 'a browser', kind: 'nobody', at: 'p', ask: overTcp(async () => ({})) })

  for (const [role, acts] of [...Object.entries(roles), ['none', [] as Act[]] as const]) {
    for (const scope of role === 'none' ? [''] : [ours, theirs, '*']) {
      const name = `${role}-${scope.replace('*', 'all')}`.replace(/-$/, '')
      const one = await platform.enrollOperator(name, scope === '' ? `auditor:${theirs}` : `${role}:${scope}`)
      if (scope === '') {
        await platform.operator('PUT', `/v1/operators/${name}/grants`, { grants: '', reason: 'a test' })
      }
      const operator = { kind: 'operator', fleets: scope, acts } as const
      const title = `${role} of ${scope || 'no fleet'}`
      callers.push({ ...operator, title, at: 'm', ask: overTls(one.tls) })
      callers.push({ ...operator, title: `${title} in a browser`, at: 'p', ask: overTcp(sessionOf(one)) })
    }
  }
  const revoked = await platform.enrollOperator('revoked', 'admin:*')
  await platform.operator('POST', '/v1/operators/revoked/revoke', { reason: 'a test' })
  callers.push({ title: 'a revoked operator', kind: 'revoked', at: 'm', ask: overTls(revoked.tls) })
  const expired = await platform.signIn()
  platform.clock.advance(16 * 60_000)
  callers.push({ title: 'a session that has ended', kind: 'expired', at: 'p', ask: overTcp(async () => expired) })
})
afterAll(async () => {
  for (const end of ends) end()
  await platform.stop()
})

/** One connection for a caller, as a machine keeps it. */
const overTls = (as: TlsClient | undefined, headers: Headers = {}): Caller['ask'] =>
  keeping(
    () => openTls(platform.port, { ...as }),
    async () => ({ host: 'localhost', ...headers }),
  )

function overTcp(shown: () => Promise<Headers>): Caller['ask'] {
  const { origin, host, port } = new URL(platform.console)
  const own = { host, origin, 'sec-fetch-site': 'same-origin' }
  return keeping(
    () => openTcp(Number(port)),
    async () => ({ ...own, ...(await shown()) }),
  )
}

type Headers = Readonly<Record<string, string>>

/** Head and body go in one piece: whether the rest of a body has come when it is refused would be chance. */
function keeping(open: () => Promise<RawConnection>, shown: () => Promise<Headers>): Caller['ask'] {
  let connection: RawConnection | undefined
  ends.push(() => connection?.close())
  return async (method, path, body) => {
    const typed = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length }
    const fields = Object.entries({ ...(await shown()), ...typed }).map(([name, value]) => `${name}: ${value}\r\n`)
    if (!connection || connection.isClosed) connection = await open()
    connection.send(`${method} ${path} HTTP/1.1\r\n${fields.join('')}\r\n${body ?? ''}`)
    const { status, headers, text } = (await connection.response())!
    if (headers.get('connection') === 'close') await connection.closed
    const said = [...headers].filter(([name]) => name !== 'date').map(field => field.join(': '))
    const code = status >= 400 && text.startsWith('{') ? JSON.parse(text).code : undefined
    return { status, code, whole: [status, ...said, text].join('\n') }
  }
}

/** Signs in, and again where the test ended it. */
function sessionOf(operator: TestDevice): () => Promise<Headers> {
  let session: Headers | undefined
  return async () => {
    const isOpen = session && (await platform.browse('GET', '/v1/me', { headers: session })).status === 200
    if (!isOpen) session = { ...(await platform.signIn(operator.tls)) }
    return session!
  }
}

const takesBody = (operation: string): boolean => !/^(?:GET|DELETE)/.test(operation)
/** Refused as `bad-request` by every operation that reads one: a gate that was passed shows, and nothing is done. */
const unreadable = '{"no such field":1}'

function pathOf(operation: string, fleet: string): string {
  const [, template = ''] = operation.split(' ')
  if (operation.endsWith('/changes')) return `${template}?fleet=${fleet}&client=${'A'.repeat(22)}`
  return template
    .replace(':fleet', fleet)
    .replace(':did', dids[fleet]!)
    .replace(':name', operation.includes('/operators/') ? 'admin-acme' : 'device-104')
    .replace(':index', '0')
    .replace(':id', 'A'.repeat(22))
    .replace(':path{.+}', 'entries/000.p/1')
}

const may = ({ acts = [], fleets: scope }: Caller, act: Act, fleet: string | undefined): boolean =>
  acts.includes(act) && (scope === '*' || (fleet !== undefined && scope === fleet))

/** The codes that are due; undefined where the gate is passed, whatever the operation answers then. */
function codeDue(operation: string, caller: Caller, fleet: string): string | undefined {
  const [who, at] = due[operation]!
  const { kind } = caller
  if (!at.includes(caller.at)) return 'not-found'
  if (kind === 'expired') return 'session-ended'
  if (kind === 'revoked' && operation !== 'POST /v1/notice/confirmation') return 'revoked'
  if (kind === 'decommissioned') {
    if (who === 'decommissioned' || operation === 'POST /v1/notice/confirmation') return undefined
    return 'decommissioned'
  }
  if (who === 'token') return kind === 'token' ? undefined : 'refused'
  if (who === 'anyone') return undefined
  if (who === 'reader') return readerDue(operation, caller, fleet)
  // Whoever shows a token and no certificate has shown nothing here.
  if (kind === 'nobody' || kind === 'token') return caller.at === 'm' ? 'certificate-required' : 'session-ended'
  if (who === 'decommissioned') return 'not-decommissioned'
  if (who === 'member') return undefined
  if (who === 'registry:read') return kind === 'device' && !caller.reads ? 'scope-refused' : undefined
  if (who === 'registry:read fleet') {
    if (kind === 'device' && !caller.reads) return 'scope-refused'
    const mayRead = kind === 'device' ? caller.fleets === fleet : may(caller, 'view', fleet)
    return mayRead && fleet !== 'platform' ? undefined : 'fleet-unknown'
  }
  if (who === 'device') return kind === 'device' ? undefined : 'forbidden'
  if (kind === 'device') return 'forbidden'
  if (who === 'operator') return undefined
  const [act, over] = who.split(' ') as [Act, 'fleet' | 'ledger' | 'platform']
  if (over === 'platform' || (over === 'ledger' && fleet === 'platform')) {
    return may(caller, act, undefined) ? undefined : 'forbidden'
  }
  if (fleet === 'platform' || !may(caller, 'view', fleet)) return 'fleet-unknown'
  return may(caller, act, fleet) ? undefined : 'forbidden'
}

/** Both fleets are private here; of the platform's ledger the head is for anyone. */
function readerDue(operation: string, caller: Caller, fleet: string): string | undefined {
  if (operation.includes('checkpoint') && fleet === 'platform') return undefined
  const isMember = caller.kind === 'device' && caller.fleets === fleet
  return isMember || may(caller, 'view', fleet === 'platform' ? undefined : fleet) ? undefined : 'not-found'
}

/** What the platform, which is in this process, asked its store. */
const reads: string[] = []

/** Writes down each question to the store; the answers stay what they are. */
function watchStore(): void {
  const methods = Store.prototype as unknown as Record<string, (...values: unknown[]) => unknown>
  for (const name of Object.getOwnPropertyNames(Store.prototype)) {
    const method = Object.getOwnPropertyDescriptor(Store.prototype, name)?.value
    // Refusals that were counted are committed by the clock.
    if (typeof method !== 'function' || name === 'constructor' || name === 'commit') continue
    methods[name] = function (this: unknown, ...values) {
      reads.push(name)
      return method.apply(this, values)
    }
  }
}

/** What only the gate, or what stands in for it, refuses with. */
const ofTheGate = [
  ...['certificate-required', 'session-ended', 'forbidden', 'revoked', 'decommissioned', 'refused', 'slow-down'],
  ...['scope-refused', 'not-decommissioned', 'method-not-allowed', 'origin-refused', 'broken', 'unavailable'],
]
/** What an operation answers of a fleet that is not there, to whoever may see all. */
const ofNobodys = ['fleet-unknown', 'not-found', 'no-receipt']

const operations = Object.keys(access)
const isAbout = (operation: string): boolean => /:fleet|:did|\/changes/.test(operation)
const fleetsOf = (operation: string): readonly string[] => (isAbout(operation) ? fleets : [ours])

test('every operation is in the table here, and every row here is of an operation', () => {
  expect(Object.keys(due).toSorted()).toEqual(operations.toSorted())
})

describe('I110 A14 every caller, of every fleet, at both listeners', () => {
  test.each(operations)('%s', { timeout: 120_000 }, async operation => {
    // So that refusals of the anonymous do not add up to a flood.
    platform.clock.advance(60_000)
    const [method = ''] = operation.split(' ')
    const wrong: string[] = []
    for (const caller of callers) {
      // The people's listener has pages of its own beside the calls.
      if (caller.at === 'p' && !/ \/(?:v1|console)\//.test(operation)) continue
      for (const fleet of fleetsOf(operation)) {
        const body = takesBody(operation) ? unreadable : undefined
        const { status, code } = await caller.ask(method, pathOf(operation, fleet), body)
        const [wanted, isThere] = [codeDue(operation, caller, fleet), fleet === ours || fleet === theirs]
        const passed =
          status < 400 || (!ofTheGate.includes(String(code)) && (!isThere || !ofNobodys.includes(String(code))))
        const isOther = ['POST /v1/notice/confirmation', 'GET /fleets/:fleet/devices/:name/did.json'].includes(
          operation,
        )
        if (isOther ? code === 'forbidden' : wanted === undefined ? !passed : code !== wanted) {
          wrong.push(`${caller.title}, ${fleet}: ${status} ${code}, and ${wanted ?? 'the gate passed'} is due`)
        }
      }
    }
    expect(wrong).toEqual([])
  })
})

describe('I110 an operator who may not see a fleet is told what he is told of one that is not there', () => {
  const long = 'x'.repeat(9_000)
  const blind = (): Caller[] =>
    callers.filter(({ kind, fleets: scope }) => kind === 'operator' && scope !== '*' && scope !== theirs)

  test.each(operations.filter(isAbout))('%s, letter by letter', { timeout: 120_000 }, async operation => {
    const [method = ''] = operation.split(' ')
    const sizes = async () => (await platform.snapshot()).sizes
    const before = await sizes()
    const counts: Record<string, number> = {}
    for (const caller of blind()) {
      if (caller.at === 'p' && !/ \/v1\//.test(operation)) continue
      for (const body of takesBody(operation) ? [unreadable, '{}', '', long] : [undefined]) {
        const answers: Answer[] = []
        const work: string[][] = []
        for (const fleet of [theirs, nobodys]) {
          reads.splice(0)
          answers.push(await caller.ask(method, pathOf(operation, fleet), body))
          work.push(reads.splice(0))
        }
        // What takes the same steps takes the same time.
        expect(work[0]!.length).toBeGreaterThan(0)
        expect(work[0], caller.title).toEqual(work[1])
        const [one, other] = answers.map(({ whole }) => whole)
        expect(one, caller.title).toBe(other)
        expect(answers[0]!.whole, caller.title).not.toContain(theirs)
        counts[answers[0]!.status] = (counts[answers[0]!.status] ?? 0) + 1
      }
    }
    // Refused, all of them, and recorded nowhere but in the platform's own ledger.
    expect(Object.keys(counts).every(status => Number(status) >= 400)).toBe(true)
    const after = await sizes()
    expect(after.get(theirs)).toBe(before.get(theirs))
    expect(after.get(ours)).toBe(before.get(ours))
  })

  test('is shown no other fleet in any list', async () => {
    for (const caller of blind()) {
      for (const path of [
        '/v1/fleets',
        '/v1/operators',
        '/v1/me',
        '/v1/warnings',
        '/v1/trust',
        `/v1/operators/fleet-operator-${theirs}`,
      ]) {
        expect((await caller.ask('GET', path)).whole.replaceAll('fleet-operator-beta', ''), path).not.toMatch(/beta/)
      }
      const one = await caller.ask('GET', `/v1/operators/auditor-${theirs}`)
      const other = await caller.ask('GET', '/v1/operators/auditor-none')
      expect(one.whole).toBe(other.whole)
      expect(one.code).toBe('operator-unknown')
    }
  })

  test('gives nothing of it away: granting and inviting answer the same', async () => {
    const governs = callers.filter(({ title }) => title.startsWith(`admin of ${ours}`))
    expect(governs).toHaveLength(2)
    for (const caller of governs) {
      for (const [method, path] of [
        ['POST', '/v1/operators'],
        ['PUT', `/v1/operators/auditor-${ours}/grants`],
      ] as const) {
        const answers: string[] = []
        const work: string[][] = []
        for (const fleet of [theirs, nobodys]) {
          reads.splice(0)
          const more = method === 'POST' ? { name: 'someone', ttl: 60_000 } : { reason: 'a test' }
          answers.push((await caller.ask(method, path, JSON.stringify({ grants: `auditor:${fleet}`, ...more }))).whole)
          work.push(reads.splice(0))
        }
        expect(work[0]).toEqual(work[1])
        expect(answers[0]).toBe(answers[1])
        expect(answers[0]).toContain('fleet-unknown')
      }
    }
  })

  test('no ledger of a fleet names another fleet', async () => {
    const bytes = (await platform.facts(ours)).map(fact => Buffer.from(fact.bytes).toString('latin1'))
    expect(bytes.length).toBeGreaterThan(2)
    expect(bytes.filter(text => text.includes(theirs))).toEqual([])
  })
})
