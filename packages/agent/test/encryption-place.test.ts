import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hex } from '@mintmark/core/bytes'
import { didKey } from '@mintmark/core/keys'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Agent, MemoryTrustRegistry, makeKey } from '../src/index.ts'
import { WebTrustRegistry } from '../src/node/did-web/registry.ts'
import { encryptionKeysIn } from '../src/node/index.ts'
import { EncryptionKeys } from '../src/seal/index.ts'
import { documentOf, TestWeb } from './web.ts'

const day = 86_400_000
const start = Date.UTC(2026, 5, 1)
let directory: string
beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'mintmark-place-')), 'keys')
})
afterEach(() => rmSync(join(directory, '..'), { recursive: true }))

const open = () => EncryptionKeys.open(encryptionKeysIn(directory))
const files = () => readdirSync(directory).toSorted()

test('keys are there after a restart, in the same order, and open what was sealed to them', async () => {
  const clock = { at: start }
  const now = () => clock.at
  const registry = new MemoryTrustRegistry()
  const [key, device] = [await makeKey(), await Agent.create({ registry, now })]
  registry.register(device.did, { scopes: ['telemetry:write'] })
  const [encryption, did] = [await open(), didKey(key.publicKey)]
  const server = await Agent.create({ key, registry, now, encryption })
  registry.register(did, { scopes: [], encryption: await server.announceEncryption({ lasts: day }) })
  clock.at += 60_000
  const sealed = () => device.send({ to: did, payload: 'warm', scope: 'telemetry:write', seal: true })
  const before = await sealed()
  await encryption.renew(clock.at)
  registry.register(did, { scopes: [], encryption: await server.announceEncryption({ lasts: day }) })
  const after = await sealed()

  const again = await open()
  expect([hex(again.current), again.size]).toEqual([hex(encryption.current), 2])
  const nonces = { spend: () => ({ isFirst: true, knowsSince: Number.NEGATIVE_INFINITY }) }
  const restarted = await Agent.create({
    key,
    registry,
    now,
    encryption: again,
    nonces: { ...nonces, advance: nonces.spend },
  })
  for (const message of [before, after]) expect((await restarted.receive(message)).text()).toBe('warm')

  // What has ended is gone from the disk.
  await again.renew(clock.at + 2 * day)
  expect([again.size, files().length]).toEqual([1, 1])
  expect(hex((await open()).current)).toBe(hex(again.current))
})

test('a key is for its owner alone, before it has its name', async () => {
  await open()
  const [name = ''] = files()
  expect(name).toBe('0000000001-0.pem')
  expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600)
  chmodSync(join(directory, name), 0o640)
  await expect(open()).rejects.toThrow('others may have read')
})

test('what a crash leaves is one key under two names, half a file or a wipe that was cut short, and does no harm', async () => {
  const [encryption, identity] = [await open(), await makeKey()]
  const [first = ''] = files()
  const pem = readFileSync(join(directory, first))
  await encryption.announce(identity, start, { lasts: day })
  expect(files()).toEqual([`0000000001-${start + day}.pem`])
  writeFileSync(join(directory, first), pem, { mode: 0o600 })
  writeFileSync(join(directory, '.0000000002-0.pem.0123456789abcdef.tmp'), pem.subarray(0, 50))
  writeFileSync(join(directory, '0000000007-0.pem'), new Uint8Array(119), { mode: 0o600 })
  const again = await open()
  expect([hex(again.current), again.size]).toEqual([hex(encryption.current), 1])
  await again.renew(start)
  expect(files()).toEqual([`0000000001-${start + day}.pem`, '0000000002-0.pem'])
})

test('a receiver is sealed to by its did:web, with the key that its document has', async () => {
  const web = await TestWeb.start()
  try {
    const port = await web.listen('example.test')
    const did = `did:web:example.test%3A${port}:service`
    const [key, other] = [await makeKey(), await makeKey()]
    web.put('/service/did.json', documentOf(did, didKey(key.publicKey)))
    const registry = new WebTrustRegistry(web.reach(), { lease: 20_000 })
    const server = await Agent.create({ key, did, encryption: await open() })
    registry.register(did, { scopes: [], encryption: await server.announceEncryption() })
    const device = await Agent.create({ registry })
    const message = { to: did, payload: 'warm', scope: 'telemetry:write', seal: true }
    expect((await device.send(message)).length).toBeGreaterThan(300)
    // Announced by a key that the document does not have.
    const stranger = await Agent.create({ key: other, did, encryption: await EncryptionKeys.open() })
    registry.register(did, { scopes: [], encryption: await stranger.announceEncryption() })
    await expect(device.send(message)).rejects.toThrow('key-superseded')
    registry.register(did, { scopes: [] })
    await expect(device.send(message)).rejects.toThrow('no-encryption-key')
    const pattern = `did:web:example.test%3A${port}:*`
    const statement = await server.announceEncryption()
    expect(() => registry.register(pattern, { scopes: [], encryption: statement })).toThrow('bad-did')
  } finally {
    await web.stop()
  }
})
