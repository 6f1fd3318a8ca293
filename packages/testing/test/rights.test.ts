import { base64url, readBase64url } from '@mintmark/core/bytes'
import { didKey } from '@mintmark/core/keys'
import { signEncryptionKey } from '@mintmark/core/signed'
import { startTestPlatform, type TestDevice, type TestPlatform } from '@mintmark/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

// What devices may do with messages, and what is sealed to them. `stop` audits: each table is what the ledger makes.

let platform: TestPlatform
let device: TestDevice
const path = '/v1/fleets/acme/devices/device-104/scope'
const none = { device: 'device-104', scopes: [], recipients: null, devices: [], counts: false }

beforeAll(async () => {
  platform = await startTestPlatform()
  await platform.makeFleet('acme')
  await platform.makeFleet('other')
  device = await platform.enrollDevice('acme', 'device-104')
})
afterAll(() => platform?.stop())

const set = (body: object, to = path) => platform.operator('PUT', to, body)
const kindsSince = async (before: Awaited<ReturnType<TestPlatform['snapshot']>>) =>
  (await platform.since(before)).map(({ kind }) => kind)

describe('scopes of a device', () => {
  test('are none until somebody says so', async () => {
    const { body } = await platform.operator('GET', path)
    expect(body).toEqual({ ...none, since: null, by: null, reason: null })
  })

  test('are said all at once, in one form, and are a fact', async () => {
    const before = await platform.snapshot()
    const scopes = ['telemetry:write', 'floor3.*:read', 'telemetry:write']
    const input = { scopes, recipients: ['hub-1', 'did:web:hub.test'], devices: ['sensor-7'], counts: true }
    const { status, body } = await set({ ...input, reason: 'a new line' })
    expect(status).toBe(200)
    const rights = {
      scopes: ['floor3.*:read', 'telemetry:write'],
      recipients: ['did:web:hub.test', 'hub-1'],
      devices: ['sensor-7'],
      counts: true,
    }
    expect(body).toMatchObject({ device: 'device-104', ...rights, by: 'platform/operator/local', reason: 'a new line' })
    expect(await platform.since(before)).toEqual([
      {
        ledger: 'acme',
        kind: 'scope.set',
        by: 'platform/operator/local',
        body: { identity: device.path, ...rights, reason: 'a new line' },
      },
    ])
    expect((await platform.operator('GET', path)).body).toEqual(body)
    expect((await platform.operator('GET', '/v1/fleets/acme/devices/device-104')).body).toMatchObject({ rights })
  })

  test('that are so already are no fact', async () => {
    await set({ scopes: ['a', 'b'] })
    const before = await platform.snapshot()
    expect((await set({ scopes: ['b', 'a', 'b'], devices: [], counts: false })).status).toBe(200)
    expect(await kindsSince(before)).toEqual([])
  })

  test.each<[string, object, string]>([
    ['a scope that is none', { scopes: ['Telemetry'] }, 'bad-scope'],
    ['** in the middle', { scopes: ['a.**.b'] }, 'bad-scope'],
    ['a recipient that is none', { scopes: [], recipients: ['Hub'] }, 'bad-name'],
    ['a recipient with a path', { scopes: [], recipients: ['did:web:a.test/b'] }, 'bad-did'],
    ['an empty list of recipients', { scopes: [], recipients: [] }, 'bad-request'],
    ['a device with a blank', { scopes: [], devices: ['a b'] }, 'bad-name'],
    ['too many scopes', { scopes: Array.from({ length: 65 }, (_, i) => `s${i}`) }, 'too-large'],
    ['no scopes said', {}, 'bad-request'],
    ['another field', { scopes: [], admin: true }, 'bad-request'],
    ['a reason of two lines', { scopes: [], reason: 'a\nb' }, 'bad-request'],
  ])('are not set by %s', async (_, input, code) => {
    const before = await platform.snapshot()
    expect((await set(input)).body.code).toBe(code)
    expect(await kindsSince(before)).toEqual(['refused'])
  })

  test('are of devices that are there and good', async () => {
    await platform.enrollDevice('acme', 'lost-1')
    const lost = '/v1/fleets/acme/devices/lost-1/scope'
    await set({ scopes: ['a'] }, lost)
    await platform.operator('POST', '/v1/fleets/acme/devices/lost-1/revoke', { reason: 'a test' })
    expect((await set({ scopes: ['b'] }, lost)).body.code).toBe('standing-final')
    expect((await set({ scopes: ['a'] }, lost)).body.code).toBe('standing-final')
    expect((await set({ scopes: [] }, '/v1/fleets/acme/devices/nobody/scope')).body.code).toBe('device-unknown')
    expect((await set({ scopes: [] }, '/v1/fleets/other/devices/device-104/scope')).body.code).toBe('device-unknown')
  })
})

describe('the encryption key of a device', () => {
  const hour = 3_600_000
  /** X25519 public keys (RFC 7748 6.1). */
  const keys = ['hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo', '3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08'].map(
    readBase64url,
  )
  const statement = (version: number, { of = device, key = keys[0]!, lasts = 24 * hour } = {}) => {
    const issued = platform.clock.now()
    const did = didKey(of.key.publicKey)
    const suite = 'X25519-HKDF-SHA256-AES-128-GCM' as const
    return signEncryptionKey(of.key, { did, key, suite, version, issued, expires: issued + lasts })
  }
  const publish = (bytes: Uint8Array, as = device) =>
    platform.call('PUT', '/v1/encryption-key', { as: as.tls, body: { statement: base64url(bytes) } })

  test('is its own word, kept as it came', async () => {
    const before = await platform.snapshot()
    const said = await statement(1)
    const { status, body } = await publish(said)
    expect([status, body]).toEqual([200, { version: 1, key: base64url(keys[0]!), expires: expect.any(String) }])
    expect((await publish(said)).body).toEqual(body)
    expect(await platform.since(before)).toEqual([
      {
        ledger: 'acme',
        kind: 'sealing.published',
        by: device.path,
        body: { identity: device.path, version: 1, statement: Buffer.from(said) },
      },
    ])
  })

  test('goes forward only', async () => {
    const [old, next] = [await statement(2), await statement(3, { key: keys[1]! })]
    expect((await publish(next)).status).toBe(200)
    expect((await publish(old)).body.code).toBe('bad-statement')
    expect((await publish(await statement(3))).body.code).toBe('bad-statement')
    expect((await publish(next)).status).toBe(200)
  })

  test("is nobody else's word, and none that is over", async () => {
    const other = await platform.enrollDevice('acme', 'device-105')
    const said = await statement(9)
    expect((await publish(said, other)).body.code).toBe('bad-statement')
    const short = await statement(9, { lasts: hour })
    platform.clock.advance(2 * hour)
    expect((await publish(short)).body.code).toBe('bad-statement')
    expect((await publish(Uint8Array.of(1, 2, 3))).body.code).toMatch(/^bad-/)
  })

  test('is published six times an hour, and not more often', async () => {
    const other = await platform.enrollDevice('acme', 'device-106')
    platform.clock.advance(hour - (platform.clock.now() % hour))
    const codes: unknown[] = []
    for (let version = 1; version <= 7; version++) {
      codes.push((await publish(await statement(version, { of: other }), other)).body.code)
    }
    expect(codes).toEqual([...Array(6).fill(undefined), 'slow-down'])
    platform.clock.advance(hour)
    expect((await publish(await statement(7, { of: other }), other)).status).toBe(200)
  })
})
