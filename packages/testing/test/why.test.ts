import { startTestPlatform, type TestDevice, type TestPlatform } from '@mintmark/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

// Why a device is or is not let in, as whoever helps hears it.

let platform: TestPlatform
let device: TestDevice
const day = 86_400_000

beforeAll(async () => {
  platform = await startTestPlatform()
  await platform.makeFleet('acme')
  await platform.makeFleet('other')
  device = await platform.enrollDevice('acme', 'device-1')
})
afterAll(() => platform?.stop())

interface Refusal {
  readonly who: string
  readonly code: string
  readonly operation: string
  readonly count: number
}

/** With what was counted in the running minute. */
async function why(name: string, fleet = 'acme') {
  await platform.snapshot()
  const { body } = await platform.operator('GET', `/v1/fleets/${fleet}/devices/${name}/why`)
  return body as Record<string, unknown> & {
    refusals: Refusal[]
    tokens: Refusal[]
    anonymous: { refusals: Refusal[] }
  }
}
const short = (all: readonly Refusal[]) => all.map(({ code, operation, count }) => [code, operation, count])

test('a device that is let in has nothing against it', async () => {
  expect(await why('device-1')).toMatchObject({
    device: 'acme/device-1',
    identity: 'spiffe://acme.example.test/device/device-1',
    standing: 'good',
    since: expect.any(String),
    by: expect.stringMatching(/^token:/),
    reason: null,
    certificate: { serial: device.certificate.serial, state: 'valid' },
    keys: [{ state: 'current', until: null }],
    wiped: null,
    refusals: [],
    tokens: [],
  })
})

test('refusals of one kind are added up, the latest first, with what they mean and what to do', async () => {
  for (let i = 0; i < 5; i++) await platform.call('GET', '/v1/fleets', { as: device.tls })
  await platform.call('GET', '/nowhere', { as: device.tls })
  const { refusals } = await why('device-1')
  expect(short(refusals)).toEqual(
    expect.arrayContaining([
      ['forbidden', 'GET /v1/fleets', 5],
      ['not-found', 'none', 1],
    ]),
  )
  expect(refusals.find(({ code }) => code === 'forbidden')).toMatchObject({
    who: device.path,
    says: 'This identity may not do this.',
    advice: 'ask whoever runs the platform which identity may',
  })
  await platform.call('GET', '/v1/fleets', { as: device.tls })
  expect(short((await why('device-1')).refusals)[0]).toEqual(['forbidden', 'GET /v1/fleets', 6])
})

test('a namesake in another fleet has its own', async () => {
  const namesake = await platform.enrollDevice('other', 'device-1')
  expect((await why('device-1', 'other')).refusals).toEqual([])
  await platform.call('PUT', '/v1/fleets/acme/config', { as: namesake.tls, body: {} })
  expect(short((await why('device-1', 'other')).refusals)).toEqual([['forbidden', 'PUT /v1/fleets/:fleet/config', 1]])
})

test('of a revoked device it says by whom and why', async () => {
  const lost = await platform.enrollDevice('acme', 'lost')
  await platform.revoke(lost, 'left in a taxi')
  await platform.call('GET', '/v1/me', { as: lost.tls })
  const found = await why('lost')
  expect(found).toMatchObject({ standing: 'revoked', by: 'platform/operator/local', reason: 'left in a taxi' })
  expect(short(found.refusals)).toEqual([['revoked', 'GET /v1/me', 1]])
})

test('of a name that never enrolled it says so, and how tokens were refused', async () => {
  const token = await platform.makeToken('acme', { name: 'device-2' })
  const { csr } = await platform.makeKey()
  await platform.enroll(token.text, csr, 'device-3')
  const found = await why('device-3')
  expect(found).toMatchObject({ standing: 'unknown', since: null, certificate: null, keys: [], refusals: [] })
  expect(found.tokens).toMatchObject([{ who: `token:${token.idText}`, code: 'token-name', count: 1 }])
  expect((await why('device-3', 'other')).tokens).toEqual([])
  expect((await why('device-1')).tokens).toEqual([])
})

test('who proved nothing has no name, and is gone after an hour', async () => {
  const stranger = await startTestPlatform()
  try {
    await stranger.makeFleet('acme')
    const { tls } = await stranger.enrollDevice('acme', 'device-1')
    const refused = await platform.call('GET', '/v1/me', { as: tls })
    expect(refused.body.code).toBe('certificate-refused')
  } finally {
    await stranger.stop()
  }
  const { refusals, anonymous } = await why('device-1')
  expect(short(refusals).map(([code]) => code)).not.toContain('certificate-refused')
  expect(short(anonymous.refusals)).toContainEqual(['certificate-refused', 'GET /v1/me', 1])
  platform.clock.advance(3_600_000)
  const later = await why('device-1')
  expect(short(later.anonymous.refusals)).not.toContainEqual(['certificate-refused', 'GET /v1/me', 1])
})

describe('refused is', () => {
  test.each([
    ['/v1/fleets/nowhere/devices/device-1/why', 'fleet-unknown'],
    ['/v1/fleets/platform/devices/local/why', 'fleet-unknown'],
    ['/v1/fleets/acme/devices/Device/why', 'bad-name'],
    ['/v1/fleets/acme/devices/device-1/why?all=1', 'bad-request'],
  ])('%s as %s', async (path, code) => {
    expect((await platform.operator('GET', path)).body.code).toBe(code)
  })

  test('a device that asks about itself', async () => {
    const path = '/v1/fleets/acme/devices/device-1/why'
    expect((await platform.call('GET', path, { as: device.tls })).body.code).toBe('forbidden')
  })
})

test('a certificate that ended still renews where its fleet lets it, and then no more', async () => {
  platform.clock.advance(31 * day)
  expect((await why('device-1')).certificate).toMatchObject({ state: 'expired' })
  const body = { lateRenewal: 10 * day }
  expect((await platform.operator('PUT', '/v1/fleets/acme/policy', body)).status).toBe(200)
  expect((await why('device-1')).certificate).toMatchObject({ state: 'late' })
  await platform.call('GET', '/v1/me', { as: device.tls })
  expect(short((await why('device-1')).refusals)[0]).toEqual(['certificate-expired', 'GET /v1/me', 1])
  platform.clock.advance(10 * day)
  expect((await why('device-1')).certificate).toMatchObject({ state: 'expired' })
})
