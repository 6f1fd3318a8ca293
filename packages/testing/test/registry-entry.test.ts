import { base64url, readBase64url } from '@mintmark/core/bytes'
import { didKey } from '@mintmark/core/keys'
import { shortIdOf, signEncryptionKey } from '@mintmark/core/signed'
import { startTestPlatform, type TestDevice, type TestPlatform } from '@mintmark/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'

// What a receiver of messages hears of a sender, and who may ask.

let platform: TestPlatform
let hub: TestDevice
let device: TestDevice

beforeAll(async () => {
  platform = await startTestPlatform()
  await platform.makeFleet('acme')
  await platform.makeFleet('other')
  hub = await platform.enrollDevice('acme', 'hub-1')
  device = await platform.enrollDevice('acme', 'device-104')
  await platform.grant(hub, 'registry:read')
})
afterAll(() => platform?.stop())

const didOf = ({ key }: TestDevice) => didKey(key.publicKey)
const webDidOf = ({ name }: TestDevice, fleet = 'acme') => `did:web:example.test:fleets:${fleet}:devices:${name}`
const entry = async (name: string, as = hub) =>
  (await platform.call('GET', `/v1/registry/${name}`, { as: as.tls })).body
const setScope = (name: string, body: object) => platform.operator('PUT', `/v1/fleets/acme/devices/${name}/scope`, body)

test('an entry has what a receiver must know, under each name of the device', async () => {
  await setScope('device-104', { scopes: ['telemetry:write'], recipients: ['hub-1', 'did:web:elsewhere.test'] })
  const key = device.key.publicKey
  const found = await entry(didOf(device))
  expect(found).toEqual({
    identity: 'spiffe://acme.example.test/device/device-104',
    did: didOf(device),
    standing: 'good',
    since: expect.any(String),
    tier: 'software',
    scopes: ['telemetry:write'],
    recipients: expect.any(Array),
    devices: [],
    sequence: false,
    made: found.since,
    encryption: null,
  })
  const recipients = ['did:web:elsewhere.test', webDidOf(hub), didOf(hub), shortIdOf(hub.key.publicKey)]
  expect((found.recipients as string[]).toSorted()).toEqual(recipients.toSorted())
  for (const name of [shortIdOf(key), webDidOf(device)]) expect(await entry(name)).toEqual(found)
})

test('whoever was not given registry:read hears nothing, from the next request on', async () => {
  const reader = await platform.enrollDevice('acme', 'reader')
  expect((await entry(didOf(device), reader)).code).toBe('scope-refused')
  await platform.grant(reader, '*:read')
  expect((await entry(didOf(device), reader)).did).toBe(didOf(device))
  await platform.grant(reader, 'registry', 'registry:write', 'registry.acme:read')
  expect((await entry(didOf(device), reader)).code).toBe('scope-refused')
})

test('a device of another fleet is as unknown as nobody', async () => {
  const other = await platform.enrollDevice('other', 'device-104')
  await platform.grant(other, 'registry:read')
  const { key } = await platform.makeKey()
  const asked = [didOf(other), shortIdOf(other.key.publicKey), webDidOf(other, 'other')]
  const nobody = [didKey(key.publicKey), shortIdOf(key.publicKey), webDidOf({ ...other, name: 'nobody' }, 'none')]
  for (const name of [...asked, ...nobody]) expect((await entry(name)).code, name).toBe('unknown')
  for (const name of asked) expect((await entry(name, other)).identity).toContain('//other.')
})

test.each([
  ['did:web:elsewhere.test:fleets:acme:devices:device-104'],
  ['did:web:example.test:fleets:acme:devices:Device-104'],
  ['did:web:example.test:fleets:acme:devices:device-104:x'],
  ['did:web:example.test:fleets:acme:stations:device-104'],
  ['did:web:example.test'],
  ['AAAAAAAAAAB'],
  ['AAAAAAAAAAAA'],
  ['device-104'],
])('%s names nobody', async name => {
  expect((await entry(name)).code).toBe('bad-did')
})

test('scopes and recipients end with the standing, and the name keeps what it had by another key', async () => {
  const sender = await platform.enrollDevice('acme', 'sender')
  const receiver = await platform.enrollDevice('acme', 'receiver')
  await setScope('sender', { scopes: ['a'], recipients: ['receiver'] })
  expect((await entry(didOf(sender))).recipients).toHaveLength(3)

  const token = await platform.makeToken('acme', { replaces: 'receiver' })
  const next = await platform.makeKey()
  expect((await platform.enroll(token.text, next.csr)).status).toBe(201)
  const recipients = (await entry(didOf(sender))).recipients as string[]
  expect(recipients).toContain(didKey(next.key.publicKey))
  expect(recipients).not.toContain(didOf(receiver))
  expect((await entry(didOf(receiver))).standing).toBe('superseded')

  await platform.revoke(receiver)
  expect((await entry(didOf(sender))).recipients).toEqual([])
  await platform.revoke(sender)
  expect(await entry(didOf(sender))).toMatchObject({ standing: 'revoked', scopes: [], recipients: null })
})

test('what is sealed to is the word of the current key, and goes with it', async () => {
  const box = await platform.enrollDevice('acme', 'box')
  const issued = platform.clock.now()
  const statement = await signEncryptionKey(box.key, {
    did: didOf(box),
    key: readBase64url('hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo'),
    suite: 'X25519-HKDF-SHA256-AES-128-GCM',
    version: 1,
    issued,
    expires: issued + 86_400_000,
  })
  const encryption = base64url(statement)
  await platform.call('PUT', '/v1/encryption-key', { as: box.tls, body: { statement: encryption } })
  expect((await entry(didOf(box))).encryption).toBe(encryption)
  const token = await platform.makeToken('acme', { replaces: 'box' })
  await platform.enroll(token.text, (await platform.makeKey()).csr)
  expect((await entry(webDidOf(box))).encryption).toBeNull()
})
