import type { Code } from '@mintmark/core/errors'
import { didKey, type Key } from '@mintmark/core/keys'
import { startTestPlatform } from '@mintmark/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Agent, MemoryTrustRegistry, makeKey, type Refused } from '../src/index.ts'
import { WebTrustRegistry } from '../src/node/did-web/registry.ts'
import { DidWebTrustRegistry } from '../src/node/index.ts'
import { documentOf, TestWeb } from './web.ts'

const grant = { scopes: ['telemetry:write'] }
const path = '/devices/device-104/did.json'

/** Long enough for a machine that is busy; the clock that it is counted by moves in steps. */
const lease = 20_000

let web: TestWeb
let port: number
let did: string
let key: Key
let clock: { at: number; forward: number }
let registry: WebTrustRegistry
let service: Agent
let device: Agent

beforeEach(async () => {
  web = await TestWeb.start()
  port = await web.listen('example.test')
  did = `did:web:example.test%3A${port}:devices:device-104`
  key = await makeKey()
  web.put(path, documentOf(did, didKey(key.publicKey)))
  clock = { at: Date.UTC(2026, 5, 1), forward: 0 }
  registry = new WebTrustRegistry(web.reach(), { lease, now: () => clock.forward })
  registry.register(did, grant)
  service = await Agent.create({ registry, now: () => clock.at })
  device = await Agent.create({ key, did, now: () => clock.at })
  clock.at += 60_000
})
afterEach(() => web.stop())

const codeOf = (asked: Promise<unknown>): Promise<Code | 'accepted'> =>
  asked.then(
    () => 'accepted' as const,
    (error: Refused) => {
      if (error.code === undefined) throw error
      return error.code
    },
  )

const send = async (by = device, scope = 'telemetry:write') => by.send({ to: service.did, payload: 'warm', scope })
const code = async (by = device, scope?: string) => codeOf(service.receive(await send(by, scope)))
const named = (name: string, by = key) => Agent.create({ key: by, did: name, now: () => clock.at })

test.each(['cose', 'jws'] as const)('a message by a did:web arrives, and says so, %s', async form => {
  const sent = await device.send({ to: service.did, payload: 'warm', scope: 'telemetry:write' }, { form })
  const received = await service.receive(sent)
  expect([device.did, received.from, received.text()]).toEqual([did, did, 'warm'])
  expect(web.asked).toEqual([`127.0.0.1 example.test ${path}`])
})

test('an agent with a did:web receives under it, and under its key', async () => {
  const known = new MemoryTrustRegistry()
  const both = await Agent.create({ key, did, registry: known, now: () => clock.at })
  clock.at += 60_000
  const sender = await Agent.create({ now: () => clock.at })
  known.register(sender.did, grant)
  for (const to of [did, didKey(key.publicKey)]) {
    const sent = await sender.send({ to, payload: '', scope: 'telemetry:write' })
    expect(await codeOf(both.receive(sent))).toBe('accepted')
  }
})

test("an agent takes no did:key but its key's", async () => {
  const other = didKey((await makeKey()).publicKey)
  for (const name of [other, 'example.test', '']) {
    await expect(Agent.create({ key, did: name })).rejects.toMatchObject({ code: 'bad-did' })
  }
})

describe('nobody is asked about', () => {
  afterEach(() => expect([web.resolved, web.asked]).toEqual([[], []]))

  test('a domain that is not registered, or another of its paths', async () => {
    for (const name of ['did:web:other.test', `did:web:example.test%3A${port}:devices:device-105`, `${did}:more`]) {
      expect(await code(await named(name))).toBe('sender-unknown')
    }
    expect(await code(await named('did:web:example.test:devices:device-104'))).toBe('sender-unknown')
  })

  test('a DID of another method, or of none', async () => {
    expect(await code(await named('did:ethr:0xb9c5714089478a327f09197987f16f9e5d936e8a'))).toBe('sender-unknown')
    expect(await code(await Agent.create({ key, now: () => clock.at }))).toBe('sender-unknown')
  })

  test('what is no name of a document', async () => {
    for (const name of [
      '127.0.0.1',
      'example.test%3A443',
      'example.test:..:secret',
      'example.test:a%2Fb',
      'localhost',
    ]) {
      expect(await code(await named(`did:web:${name}`)), name).toBe('bad-did')
      expect(() => registry.register(`did:web:${name}`, grant), name).toThrow('bad-did')
    }
  })

  test('a sender that is revoked here', async () => {
    registry.revoke(did)
    expect(await code()).toBe('revoked')
    expect(() => registry.register(did, grant)).toThrow('revoked')
  })
})

test('E79 a sender that is revoked here while its document is on its way is refused', async () => {
  web.pages.set(path, (_request, response) => {
    registry.revoke(did)
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(documentOf(did, didKey(key.publicKey))))
  })
  expect(await code()).toBe('revoked')
})

describe('rights', () => {
  test('are what was registered, whatever the document says', async () => {
    expect(await code(device, 'telemetry:read')).toBe('scope-refused')
    registry.register(did, { ...grant, recipients: ['did:web:elsewhere.test'] })
    expect(await code()).toBe('recipient-refused')
  })

  test('are those of the nearest pattern', async () => {
    const base = `did:web:example.test%3A${port}`
    const reading = { scopes: ['telemetry:read'] }
    const registries = [
      [{ [`${base}:devices:*`]: grant }, 'accepted'],
      [{ [`${base}:**`]: grant }, 'accepted'],
      [{ [`${base}:*`]: grant }, 'sender-unknown'],
      [{ [`${base}:devices:*`]: grant, [`${base}:devices:**`]: reading, [`${base}:**`]: reading }, 'accepted'],
      [{ [did]: reading, [`${base}:devices:*`]: grant }, 'scope-refused'],
      [{ [`${base}:device:**`]: grant }, 'sender-unknown'],
    ] as const
    for (const [rights, expected] of registries) {
      registry = new WebTrustRegistry(web.reach(), { lease })
      for (const [pattern, right] of Object.entries(rights)) registry.register(pattern, right)
      service = await Agent.create({ registry, now: () => clock.at })
      clock.at += 60_000
      expect(await code(), Object.keys(rights).join()).toBe(expected)
    }
    for (const pattern of ['did:web:*', 'did:web:**', 'did:*', '**', `${base}:*:x`, `${base}:dev*`]) {
      expect(() => registry.register(pattern, grant), pattern).toThrow('bad-did')
    }
  })
})

test('senders without a did:web are for another registry', async () => {
  const others = new MemoryTrustRegistry()
  const plain = await Agent.create({ key, now: () => clock.at })
  others.register(plain.did, grant)
  registry = new WebTrustRegistry(web.reach(), { lease, others })
  registry.register(did, grant)
  service = await Agent.create({ registry, now: () => clock.at })
  clock.at += 60_000
  expect([await code(plain), await code()]).toEqual(['accepted', 'accepted'])
})

describe('E79 within the lease', () => {
  test('a document is asked for once, however many wait for it', async () => {
    const sent = await Promise.all(Array.from({ length: 20 }, () => send()))
    const codes = await Promise.all(sent.map(message => codeOf(service.receive(message))))
    clock.forward = lease - 1
    expect([...codes, await code()]).toEqual(Array(21).fill('accepted'))
    expect(web.asked).toHaveLength(1)
  })

  test('it counts, and from its end on nothing that nobody says again', async () => {
    expect(await code()).toBe('accepted')
    web.pages.set(path, (_request, response) => response.destroy())
    clock.forward = lease - 1
    expect(await code()).toBe('accepted')
    clock.forward = lease
    expect(await code()).toBe('unavailable')
    expect(web.asked).toHaveLength(2)
  })

  test('a clock that goes back makes no document younger', async () => {
    clock.forward = lease
    expect(await code()).toBe('accepted')
    web.pages.delete(path)
    clock.forward = lease / 2
    expect(await code()).toBe('sender-unknown')
  })

  test('an answer that took longer than the lease is none', async () => {
    web.pages.set(path, (_request, response) => {
      clock.forward += lease
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(documentOf(did, didKey(key.publicKey))))
    })
    expect(await code()).toBe('unavailable')
  })

  test('what is not there is not asked for again at once', async () => {
    web.pages.delete(path)
    expect([await code(), await code()]).toEqual(['sender-unknown', 'sender-unknown'])
    expect(web.asked).toHaveLength(1)
    web.put(path, documentOf(did, didKey(key.publicKey)))
    clock.forward = 1_000
    expect(await code()).toBe('accepted')
  })
})

test('another key in the document refuses the one before it, and a document may name both', async () => {
  expect(await code()).toBe('accepted')
  const next = await makeKey()
  const after = await named(did, next)
  expect(await code(after)).toBe('key-superseded')
  clock.forward += lease
  web.put(path, documentOf(did, didKey(key.publicKey), didKey(next.publicKey)))
  expect([await code(), await code(after)]).toEqual(['accepted', 'accepted'])
  clock.forward += lease
  web.put(path, documentOf(did, didKey(next.publicKey)))
  expect([await code(), await code(after)]).toEqual(['key-superseded', 'accepted'])
})

test('names that somebody made up take no more questions and memory than there are', async () => {
  registry.register(`did:web:example.test%3A${port}:**`, grant)
  const names = Array.from({ length: 200 }, (_, i) => `did:web:example.test%3A${port}:made-up:${i}`)
  const codes = await Promise.all(names.map(async name => code(await named(name))))
  expect(new Set(codes)).toEqual(new Set(['sender-unknown', 'unavailable']))
  expect(codes.filter(one => one === 'sender-unknown').length).toBe(web.asked.length)
})

test('a lease is two seconds where nothing is said', async () => {
  registry = new WebTrustRegistry(web.reach(), { now: () => clock.forward })
  registry.register(did, grant)
  service = await Agent.create({ registry, now: () => clock.at })
  clock.at += 60_000
  for (const forward of [0, 1_999, 2_000]) {
    clock.forward = forward
    expect(await code()).toBe('accepted')
  }
  expect(web.asked).toHaveLength(2)
})

test('a lease is some time, and not a long one', () => {
  for (const lease of [0, 99, 60_001, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => new DidWebTrustRegistry({ lease }), String(lease)).toThrow(RangeError)
  }
})

test('a device of a platform sends by the document that its platform serves, until it is revoked', async () => {
  const platform = await startTestPlatform()
  try {
    await platform.makeFleet('acme', { isPublic: true })
    const enrolled = await platform.enrollDevice('acme', 'device-104')
    await platform.enrollDevice('acme', 'device-105')
    // As an operator puts the platform's own name before it.
    const document = '/fleets/acme/devices/device-104/did.json'
    const front = await web.listen('example.test')
    web.pages.set(document, async (request, response) => {
      const { status, headers, text } = await platform.call('GET', request.url ?? '')
      response.writeHead(status, { 'content-type': headers['content-type'] ?? '' }).end(text)
    })
    registry = new WebTrustRegistry(web.reach(undefined, { port: front }), { lease, now: () => clock.forward })
    registry.register('did:web:example.test:fleets:acme:devices:*', grant)
    service = await Agent.create({ registry, now: () => clock.at })
    clock.at += 60_000
    did = 'did:web:example.test:fleets:acme:devices:device-104'
    const sender = await named(did, enrolled.key)
    expect(await code(sender)).toBe('accepted')
    expect(await code(await named(did, await makeKey()))).toBe('key-superseded')

    await platform.revoke(enrolled)
    clock.forward = lease - 1
    expect(await code(sender)).toBe('accepted')
    clock.forward = lease
    expect(await code(sender)).toBe('sender-unknown')
  } finally {
    await platform.stop()
  }
})
