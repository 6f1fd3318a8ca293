import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { base64url, hex } from '@mintmark/core/bytes'
import { type Change, isOfKind } from '@mintmark/core/rules'
import type { EncryptionKey } from '@mintmark/core/signed'
import { connect, enroll, readHome, renew, retire } from '@mintmark/device'
import { startTestPlatform, type TestPlatform } from '@mintmark/testing'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { TestPlatform as SmallPlatform } from '../../../device/test/platform.ts'
import { Agent, MemoryNonceStore, type Received, Refused } from '../../src/index.ts'
import { type AgentHome, openHome } from '../../src/node/home.ts'
import { Announcer, keptEncryptionKeys, provideEncryptionKeys } from '../../src/node/sidecar/index.ts'
import type { EncryptionKeys } from '../../src/seal/index.ts'

// The home of a device, and a really started platform that is told which key messages to it are sealed to.

const day = 86_400_000
const hour = 3_600_000
const scope = 'telemetry:write'
let platform: TestPlatform
let sender: AgentHome
const homes = mkdtempSync(join(tmpdir(), 'mintmark-announcing-'))
const now = () => platform.clock.now()

beforeAll(async () => {
  platform = await startTestPlatform()
  await platform.makeFleet('acme')
  sender = await openHome(await enrolled('sender', 'registry:read', scope), now)
})
afterAll(async () => {
  await sender?.close()
  rmSync(homes, { recursive: true, force: true })
  await platform?.stop()
})

async function enrolled(name: string, ...scopes: string[]): Promise<string> {
  const { text: token } = await platform.makeToken('acme')
  await enroll({ token, name, home: join(homes, name), now })
  await platform.grant({ path: `acme/device/${name}` }, ...scopes)
  return join(homes, name)
}

/** A home, and one process that announces for it. */
async function process(home: string) {
  const encryption = await provideEncryptionKeys(home)
  const told: (EncryptionKey | string)[] = []
  const waits: number[] = []
  const time = { passed: 0, set: 0 }
  const announcer = new Announcer({
    home,
    encryption,
    now: () => now() + time.set,
    monotonic: () => time.passed,
    chance: () => 0.5,
    told: outcome => {
      if (!('why' in outcome)) return void told.push(outcome)
      waits.push(outcome.retryIn)
      told.push(outcome.why instanceof Refused ? outcome.why.code : String(outcome.why))
    },
  })
  onTestFinished(() => announcer.close())
  return { home, encryption, announcer, told, waits, time }
}

type Process = Awaited<ReturnType<typeof process>>

const publications = async (name: string): Promise<Change<'sealing.published'>[]> =>
  (await platform.facts('acme'))
    .filter(fact => isOfKind(fact, 'sealing.published'))
    .filter(({ body }) => body.identity === `acme/device/${name}`)

const webDid = (name: string) => `did:web:example.test:fleets:acme:devices:${name}`

const sealed = async (to: string): Promise<Uint8Array> =>
  (await Agent.create({ ...sender, now })).send({ to, scope, payload: 'the code is 1234', seal: true })

/** As a sidecar of this home would. */
async function opened({ home, encryption }: { home: string; encryption: EncryptionKeys }, message: Uint8Array) {
  const nonces = new MemoryNonceStore({ now: () => now() - 60_000 })
  const [{ key, audiences }, { registry }] = [await openHome(home, now), sender]
  const receiver = await Agent.create({ key, audiences, registry, encryption, nonces, now })
  return receiver.receive(message) as Promise<Received>
}

const held = ({ announcer, home }: Process) => announcer.holds(readHome(home).did)

/** What is announced by whoever has the home's keys, without any announcer. */
async function announceBy(home: string, encryption: EncryptionKeys, lasts?: number, at = now()): Promise<Uint8Array> {
  const { key, url, anchor, certificate, keyFile } = readHome(home)
  const statement = await encryption.announce(key, at, lasts === undefined ? {} : { lasts })
  const connection = connect({ url, anchor, identity: { certificate, key: keyFile }, now })
  await connection.put('/v1/encryption-key', { statement: base64url(statement) })
  connection.close()
  return statement
}

const keepAnnounced = (home: string, statement: Uint8Array) =>
  writeFileSync(join(home, 'encryption-keys/announced.cbor'), statement, { mode: 0o600 })

test('nobody seals before a key is announced, and then the home opens it', async () => {
  const hub = await process(await enrolled('hub-1'))
  await expect(sealed(webDid('hub-1'))).rejects.toMatchObject({ code: 'no-encryption-key' })
  expect(held(hub)).toBeUndefined()
  await hub.announcer.look()
  expect(hub.told).toEqual([held(hub)])
  expect(hex(held(hub)!.key)).toBe(hex(hub.encryption.current))
  expect(held(hub)!.expires - now()).toBeGreaterThan(89 * day)
  const received = await opened(hub, await sealed(webDid('hub-1')))
  expect([received.text(), received.isSealed]).toEqual(['the code is 1234', true])
  const directory = join(hub.home, 'encryption-keys')
  expect(statSync(directory).mode & 0o777).toBe(0o700)
  for (const name of readdirSync(directory)) expect(statSync(join(directory, name)).mode & 0o777, name).toBe(0o600)
  hub.time.set = 90 * day
  expect(held(hub)).toBeUndefined()
  hub.time.set = 0
  // Somebody else's identity key has announced nothing here.
  expect(hub.announcer.holds(readHome(join(homes, 'sender')).did)).toBeUndefined()
})

test('looking again, and starting again, says nothing new', async () => {
  const first = await process(await enrolled('hub-2'))
  for (let i = 0; i < 3; i++) await first.announcer.look()
  expect(first.told).toHaveLength(1)
  const again = await process(first.home)
  await again.announcer.look()
  expect(again.told).toEqual(first.told)
  expect(await publications('hub-2')).toHaveLength(1)
  expect((await opened(again, await sealed(webDid('hub-2')))).text()).toBe('the code is 1234')
})

test('a platform that is away is asked again, after pauses that grow, and nothing is signed for it', async () => {
  const hub = await process(await enrolled('hub-3'))
  const facts = join(hub.home, 'home.json')
  const text = readFileSync(facts, 'utf8')
  writeFileSync(facts, text.replace(platform.url, 'https://localhost:1'))
  await hub.announcer.look()
  await hub.announcer.look()
  expect(hub.told).toEqual(['unreachable'])
  hub.time.passed += hub.waits[0]!
  await hub.announcer.look()
  expect(hub.told).toEqual(['unreachable', 'unreachable'])
  expect(hub.waits[1]).toBeGreaterThan(hub.waits[0]!)
  expect(existsSync(join(hub.home, 'encryption-keys/announced.cbor'))).toBe(false)
  writeFileSync(facts, text)
  await hub.announcer.look()
  expect(held(hub)).toBeUndefined()
  hub.time.passed += hub.waits[1]!
  await hub.announcer.look()
  expect(hub.told.slice(2)).toEqual([held(hub)])
})

test('what was signed and not taken is said again in the same words, by the next process too', async () => {
  const home = await enrolled('hub-4')
  const hub = await process(home)
  // As many as a device may announce in an hour, at the beginning of one.
  platform.clock.advance(hour + 60_000 - (now() % hour))
  for (let i = 0; i < 6; i++) await announceBy(home, hub.encryption, undefined, now() - 100 + i)
  await hub.announcer.look()
  expect(hub.told).toEqual(['slow-down'])
  expect(hub.waits[0]).toBeGreaterThan(hour / 2)
  const statement = readFileSync(join(home, 'encryption-keys/announced.cbor'))
  const again = await process(home)
  platform.clock.advance(hour)
  await again.announcer.look()
  expect(again.told).toEqual([held(again)])
  expect(hex((await publications('hub-4')).at(-1)!.body.statement)).toBe(hex(statement))
})

test('a month before it ends there is another key, and what was sealed to the last one still opens', async () => {
  const home = await enrolled('hub-5')
  const hub = await process(home)
  const before = hex(hub.encryption.current)
  // A little more than a month is left.
  keepAnnounced(home, await announceBy(home, hub.encryption, 30 * day + 10_000))
  await hub.announcer.look()
  expect(hex(held(hub)!.key)).toBe(before)
  const message = await sealed(webDid('hub-5'))
  platform.clock.advance(11_000)
  await hub.announcer.look()
  expect(hex(held(hub)!.key)).not.toBe(before)
  expect([hub.encryption.size, (await publications('hub-5')).length]).toEqual([2, 2])
  expect((await opened(hub, message)).text()).toBe('the code is 1234')
  expect((await opened(hub, await sealed(webDid('hub-5')))).text()).toBe('the code is 1234')
})

test('one that was killed between the next key and its announcement announces that key', async () => {
  const home = await enrolled('hub-15')
  const hub = await process(home)
  keepAnnounced(home, await announceBy(home, hub.encryption, 20 * day))
  await hub.encryption.renew(now())
  const again = await process(home)
  const next = hex(again.encryption.current)
  await again.announcer.look()
  expect([hex(held(again)!.key), again.encryption.size]).toEqual([next, 2])
})

test('another identity key announces another encryption key', async () => {
  const hub = await process(await enrolled('hub-6'))
  await hub.announcer.look()
  const [did, before] = [readHome(hub.home).did, hex(hub.encryption.current)]
  const message = await sealed(webDid('hub-6'))
  await renew({ home: hub.home, now, newKey: { algorithm: 'Ed25519' } })
  expect(held(hub)).toBeUndefined()
  await expect(sealed(webDid('hub-6'))).rejects.toMatchObject({ code: 'no-encryption-key' })
  await hub.announcer.look()
  expect(held(hub)!.did).toBe(readHome(hub.home).did)
  expect(held(hub)!.did).not.toBe(did)
  expect(hex(held(hub)!.key)).not.toBe(before)
  for (const each of [message, await sealed(webDid('hub-6'))]) {
    expect((await opened(hub, each)).text()).toBe('the code is 1234')
  }
})

test('another identity key waits for nothing that the one before it was told to wait for', async () => {
  const hub = await process(await enrolled('hub-13'))
  const facts = join(hub.home, 'home.json')
  const text = readFileSync(facts, 'utf8')
  writeFileSync(facts, text.replace(platform.url, 'https://localhost:1'))
  await hub.announcer.look()
  writeFileSync(facts, text)
  await renew({ home: hub.home, now, newKey: { algorithm: 'Ed25519' } })
  await hub.announcer.look()
  expect(hub.told).toEqual(['unreachable', held(hub)])
})

test('what was announced while the clock was ahead is announced anew when it is right', async () => {
  const home = await enrolled('hub-7')
  const hub = await process(home)
  keepAnnounced(home, await announceBy(home, hub.encryption, undefined, now() + day))
  await expect(sealed(webDid('hub-7'))).rejects.toMatchObject({ code: 'no-encryption-key' })
  await hub.announcer.look()
  expect(hub.told).toEqual([held(hub)])
  expect((await opened(hub, await sealed(webDid('hub-7')))).text()).toBe('the code is 1234')
})

test('a clock that is wrong by months makes no key and no statement', async () => {
  const home = await enrolled('hub-8')
  const hub = await process(home)
  await hub.announcer.look()
  const kept = () => readdirSync(join(home, 'encryption-keys')).toSorted()
  const before = kept()
  const again = await process(home)
  again.time.set = 200 * day
  await again.announcer.look()
  expect([again.told, kept()]).toEqual([['server-not-proven'], before])
})

test('where the platform has a later one, of a home that was put back from a backup, it is announced over it', async () => {
  const home = await enrolled('hub-9')
  const hub = await process(home)
  await hub.announcer.look()
  const elsewhere = await provideEncryptionKeys(await enrolled('hub-10'))
  await announceBy(home, elsewhere)
  const again = await process(home)
  await again.announcer.look()
  expect(again.told).toEqual([held(again)])
  expect((await opened(again, await sealed(webDid('hub-9')))).text()).toBe('the code is 1234')
})

test('the home of an operator gets no key, as nobody could seal to it', async () => {
  const home = join(platform.data, 'operator')
  await expect(provideEncryptionKeys(home)).rejects.toMatchObject({ code: 'forbidden' })
  expect(existsSync(join(home, 'encryption-keys'))).toBe(false)
  expect(await keptEncryptionKeys(home)).toBeUndefined()
})

test('a home that was wiped has no keys any more, and gets none', async () => {
  const hub = await process(await enrolled('hub-11'))
  await hub.announcer.look()
  await platform.decommission({ path: 'acme/device/hub-11' })
  await retire({ home: hub.home, now })
  expect(existsSync(join(hub.home, 'encryption-keys'))).toBe(false)
  await hub.announcer.look()
  await hub.announcer.look()
  expect(hub.told.slice(1)).toEqual(['home-retired'])
  await expect(provideEncryptionKeys(hub.home)).rejects.toMatchObject({ code: 'home-retired' })
  expect(existsSync(join(hub.home, 'encryption-keys'))).toBe(false)
})

/** A home of a platform of which the test says what it answers. */
async function small(name: string) {
  const platform = await SmallPlatform.start()
  const home = join(homes, name)
  await enroll({ token: platform.token(), home, now })
  platform.seen.length = 0
  return { platform, ...(await process(home)) }
}

test('one that is closed gives up what is under way, and does nothing more', async () => {
  const { platform, home, announcer, told } = await small('hub-12')
  const isAsked = Promise.withResolvers<void>()
  const isClosed = Promise.withResolvers<undefined>()
  platform.instead = () => {
    isAsked.resolve()
    return isClosed.promise
  }
  const look = announcer.look()
  await isAsked.promise
  announcer.close()
  isClosed.resolve(undefined)
  await look
  await announcer.look()
  expect([told, platform.seen.length, readdirSync(join(home, 'encryption-keys'))]).toEqual([
    [],
    1,
    ['0000000001-0.pem'],
  ])
})

test('one that is closed while it signs asks nobody', async () => {
  const { platform, announcer, encryption, told } = await small('hub-14')
  const announce = encryption.announce.bind(encryption)
  encryption.announce = async (...args) => {
    const statement = await announce(...args)
    announcer.close()
    return statement
  }
  await announcer.look()
  expect([told, platform.seen.map(call => call.split(' ').slice(0, 2).join(' '))]).toEqual([[], ['GET /v1/me']])
})

test('one that is closed while it makes another key writes nothing after it has said that it is closed', async () => {
  const home = await enrolled('hub-16')
  const { announcer, encryption } = await process(home)
  // Less than a month is left.
  keepAnnounced(home, await announceBy(home, encryption, 30 * day - 1_000))
  const path = join(home, 'encryption-keys', 'announced.cbor')
  const before = readFileSync(path)
  const order: string[] = []
  const renew = encryption.renew.bind(encryption)
  let closed: Promise<unknown> | undefined
  encryption.renew = async at => {
    closed = announcer.close().then(() => order.push('closed'))
    await renew(at)
    order.push('renewed')
  }
  await announcer.look()
  await closed
  expect(order).toEqual(['renewed', 'closed'])
  expect(readFileSync(path).equals(before)).toBe(true)
})
