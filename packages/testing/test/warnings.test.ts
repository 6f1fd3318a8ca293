import { DatabaseSync } from 'node:sqlite'
import { dataFiles } from '@mintmark/server'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestPlatform, type TestDevice, type TestPlatform } from '../src/platform.ts'

const hour = 3_600_000
const day = 24 * hour

let platform: TestPlatform
/** Sees acme, and nothing else. */
let worker: TestDevice

beforeAll(async () => {
  platform = await startTestPlatform()
  for (const fleet of ['acme', 'beta']) await platform.makeFleet(fleet)
  worker = await platform.enrollOperator('worker', 'auditor:acme')
})
afterAll(() => platform.stop())

type Warning = Readonly<Record<string, unknown>>

const all = async (): Promise<Warning[]> => (await platform.operator('GET', '/v1/warnings')).body.warnings as Warning[]
const seenBy = async (who: TestDevice): Promise<Warning[]> =>
  (await platform.call('GET', '/v1/warnings', { as: who.tls })).body.warnings as Warning[]

// In order: the last test moves the clock by years.

test('there are none where nothing is to be looked at', async () => {
  expect(await all()).toEqual([])
  expect(await seenBy(worker)).toEqual([])
})

test('names of a fleet that were refused in the last day are shown to who may see the fleet', async () => {
  for (const fleet of ['acme', 'beta']) {
    const device = await platform.enrollDevice(fleet, 'device-104')
    await platform.revoke(device)
    await platform.call('GET', '/v1/me', { as: device.tls })
  }
  const of = (fleet: string) => ({
    kind: 'refused',
    fleet,
    identity: `spiffe://${fleet}.example.test/device/device-104`,
    code: 'revoked',
    operation: 'GET /v1/me',
    count: 1,
    says: `${fleet}/device/device-104 was refused as revoked: This identity is revoked.`,
    since: expect.stringMatching(/^\d{4}-/),
    advice: expect.stringContaining('find out who still has it'),
  })
  expect(await seenBy(worker)).toMatchObject([of('acme')])
  expect(await seenBy(worker)).toHaveLength(1)
  expect(await all()).toMatchObject([of('acme'), of('beta')])
})

test('an operator who was refused is shown to who may see all', async () => {
  await platform.call('GET', '/v1/fleets/beta', { as: worker.tls })
  const mine = (warnings: Warning[]) => warnings.filter(({ identity }) => String(identity).includes('/operator/'))
  expect(mine(await all())).toMatchObject([{ kind: 'refused', fleet: null, code: 'fleet-unknown' }])
  expect(mine(await seenBy(worker))).toEqual([])
})

test('a key that was superseded and is used stands before other refusals', async () => {
  const device = await platform.enrollDevice('acme', 'device-105')
  const body = { uses: 1, ttl: day, replaces: 'device-105' }
  const { token } = (await platform.operator('POST', '/v1/fleets/acme/tokens', body)).body
  expect((await platform.enroll(String(token), (await platform.makeKey()).csr)).status).toBe(201)
  await platform.call('GET', '/v1/me', { as: device.tls })
  const [first, ...others] = await seenBy(worker)
  expect(first).toMatchObject({
    kind: 'superseded-key',
    fleet: 'acme',
    identity: 'spiffe://acme.example.test/device/device-105',
    code: 'key-superseded',
  })
  expect(others.map(({ kind }) => kind)).toEqual(['refused'])
})

test('a copied key is shown however many others are refused, and what was mistyped is not', async () => {
  const database = new DatabaseSync(dataFiles(platform.data).database, { timeout: 5_000 })
  const put = database.prepare(
    "insert into refusal select ledger, 'acme/device/flood-' || ?, code, operation, 1, first_at, last_at, idx + ? from refusal where ledger = 'acme' and code = 'revoked' limit 1",
  )
  try {
    for (let i = 1; i <= 1_000; i++) put.run(i, i)
    const { warnings, more } = (await platform.call('GET', '/v1/warnings', { as: worker.tls })).body as {
      warnings: Warning[]
      more: boolean
    }
    expect(warnings[0]).toMatchObject({ kind: 'superseded-key' })
    expect([warnings.length, more]).toEqual([101, true])
  } finally {
    database.exec("delete from refusal where who like 'acme/device/flood-%'")
    database.close()
  }
  const before = (await all()).length
  await platform.operator('GET', '/v1/fleets/acme/devices/nobody')
  await platform.operator('GET', '/nowhere')
  expect(await all()).toHaveLength(before)
})

test('whoever was refused with a token of a fleet stands after names', async () => {
  const { text, idText } = await platform.makeToken('acme', { name: 'device-106' })
  expect((await platform.enroll(text, (await platform.makeKey()).csr, 'device-107')).body.code).toBe('token-name')
  const warnings = await seenBy(worker)
  expect(warnings.map(({ kind }) => kind)).toEqual(['superseded-key', 'refused', 'token-refused'])
  expect(warnings.at(-1)).toMatchObject({ fleet: 'acme', who: `token:${idText}`, identity: null, code: 'token-name' })
})

test('a CA that someone put in the place of a private fleet is shown to who may see the fleet, first of all', async () => {
  const database = new DatabaseSync(dataFiles(platform.data).database, { timeout: 5_000 })
  const put = database.prepare("update authority set certificate = ? where fleet = 'beta'")
  const of = database.prepare('select certificate from authority where fleet = ?')
  const [acme, beta] = ['acme', 'beta'].map(fleet => (of.get(fleet) as { certificate: Uint8Array }).certificate)
  try {
    put.run(acme!)
    const [first] = await all()
    expect(first).toMatchObject({ kind: 'mismatch', fleet: 'beta', part: 'authority' })
    expect(first!.findings).toContain('other-key')
    expect((await seenBy(worker)).filter(({ kind }) => kind === 'mismatch')).toEqual([])
  } finally {
    put.run(beta!)
    database.close()
  }
  expect((await all()).filter(({ kind }) => kind === 'mismatch')).toEqual([])
})

test('a root that someone made unreadable is the first thing to look at', async () => {
  const database = new DatabaseSync(dataFiles(platform.data).database, { timeout: 5_000 })
  const { root } = database.prepare('select root from platform').get() as { root: Uint8Array }
  const put = database.prepare('update platform set root = ?')
  try {
    put.run(new Uint8Array([1, 2, 3]))
    const [first, ...others] = await seenBy(worker)
    expect(first).toMatchObject({ kind: 'mismatch', fleet: null, part: 'root', findings: ['unreadable'] })
    expect(others.map(({ kind }) => kind)).toContain('refused')
  } finally {
    put.run(root)
    database.close()
  }
})

test('refusals older than a day are not shown', async () => {
  platform.clock.advance(day + 60_000)
  expect(await all()).toEqual([])
})

test.each([
  [90, undefined, undefined],
  [89, 90, 'ends in 89 days'],
  [29, 30, 'ends in 29 days'],
  [6, 7, 'ends in 6 days'],
  [1, 7, 'ends in one day'],
  [0, 7, 'ends today'],
])('with %i days left a CA is within %s days of its end', async (left, within, words) => {
  const trust = (await platform.call('GET', '/v1/trust')).body as { server: { notAfter: string } }
  platform.clock.advance(Date.parse(trust.server.notAfter) - left * day - 2 * hour - platform.clock.now())
  const ends = (await all()).filter(({ kind }) => kind === 'ends')
  if (within === undefined) return expect(ends).toEqual([])
  const own = ends.filter(({ fleet }) => fleet === null)
  expect(own.map(({ authority }) => authority).toSorted()).toEqual(['people', 'server'])
  for (const each of own) {
    expect([each.daysLeft, each.within]).toEqual([left, within])
    expect(Date.parse(String(each.since))).toBe(Date.parse(String(each.notAfter)) - Number(within) * day)
  }
  expect(own.map(({ says }) => says).join()).toContain(words)
  // Made a moment later, and of the same life.
  expect(ends.filter(({ authority }) => authority === 'fleet').map(({ fleet }) => fleet)).toEqual(['acme', 'beta'])
})
