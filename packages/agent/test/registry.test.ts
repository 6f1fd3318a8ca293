import { randomUUID } from 'node:crypto'
import { readPem } from '@mintmark/core/bytes'
import type { Code } from '@mintmark/core/errors'
import { didKey, type Key } from '@mintmark/core/keys'
import { provenFetch } from '@mintmark/device'
import { startTestPlatform, type TestPlatform } from '@mintmark/testing'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  Agent,
  MemoryTrustRegistry,
  makeKey,
  type Refused,
  type Registration,
  type TrustRegistry,
} from '../src/index.ts'
import { WebTrustRegistry } from '../src/node/did-web/registry.ts'
import { HttpTrustRegistry } from '../src/registry/index.ts'
import { documentOf, TestWeb } from './web.ts'

// What holds of every registry, wherever it has its senders from.

interface Stand {
  readonly registry: TrustRegistry
  register(did: string, rights: Registration): Promise<void>
  revoke(did: string): Promise<void>
  /** A sender, as the registry can come to know it. */
  makeSender(): Promise<Agent>
  /** From now on the sender has another key. @returns the sender with it */
  succeed(sender: Agent): Promise<Agent>
  stop(): Promise<void>
}

let clock: { at: number; forward: number }
const now = () => clock.at

const registering = (registry: MemoryTrustRegistry | WebTrustRegistry) => ({
  registry,
  register: async (did: string, rights: Registration) => registry.register(did, rights),
  revoke: async (did: string) => registry.revoke(did),
})

function standInMemory(): Promise<Stand> {
  const registry = new MemoryTrustRegistry()
  return Promise.resolve({
    ...registering(registry),
    makeSender: () => Agent.create({ now }),
    succeed: async sender => {
      const key = await makeKey()
      const next = await Agent.create({ key, now })
      expect(await registry.succeed(await sender.announceSuccessor(key))).toBe(next.did)
      return next
    },
    stop: () => Promise.resolve(),
  })
}

async function standByDidWeb(): Promise<Stand> {
  const web = await TestWeb.start()
  const port = await web.listen('example.test')
  let count = 0
  const put = (did: string, key: Key) => {
    web.put(`/${did.split(':').slice(3).join('/')}/did.json`, documentOf(did, didKey(key.publicKey)))
    return Agent.create({ key, did, now })
  }
  return {
    ...registering(new WebTrustRegistry(web.reach(), { lease: 20_000, now: () => clock.forward })),
    makeSender: async () => put(`did:web:example.test%3A${port}:devices:device-${++count}`, await makeKey()),
    succeed: async ({ did }) => {
      clock.forward += 20_000
      return put(did, await makeKey())
    },
    stop: () => web.stop(),
  }
}

let platform: Promise<TestPlatform> | undefined
afterAll(async () => (await platform)?.stop())

/** A device enrolls when it is registered: before, the platform knows nothing of it. */
async function standAtPlatform(): Promise<Stand> {
  platform ??= startTestPlatform().then(async started => {
    await started.makeFleet('acme')
    return started
  })
  const started = await platform
  const hub = await started.enrollDevice('acme', `hub-${randomUUID()}`)
  await started.grant(hub, 'registry:read')
  const way = provenFetch({
    url: started.url,
    anchor: readPem('CERTIFICATE', started.anchor),
    identity: { certificate: hub.tls.cert, key: Buffer.from(hub.tls.key) },
    now: () => started.clock.now(),
  })
  const registry = new HttpTrustRegistry({ url: started.url, fetch: way.fetch, monotonic: () => clock.forward })
  const made = new Map<string, { readonly name: string; readonly csr: Uint8Array; isEnrolled: boolean }>()
  const make = async (name: string) => {
    const { key, csr } = await started.makeKey()
    made.set(didKey(key.publicKey), { name, csr, isEnrolled: false })
    return Agent.create({ key, now })
  }
  const enroll = async (did: string, replaces?: string) => {
    const device = made.get(did)!
    const token = await started.makeToken('acme', replaces === undefined ? { name: device.name } : { replaces })
    expect((await started.enroll(token.text, device.csr)).status).toBe(201)
    device.isEnrolled = true
  }
  const operate = async (method: string, did: string, what: string, body: object) => {
    const name = made.get(did)?.name ?? 'nobody'
    const reply = await started.operator(method, `/v1/fleets/acme/devices/${name}/${what}`, body)
    if (reply.status !== 200) throw new Error(String(reply.body.code))
  }
  return {
    registry,
    makeSender: () => make(`device-${randomUUID()}`),
    async register(did, { scopes, recipients, devices, sequence = false }) {
      if (!did.startsWith('did:key:')) throw new Error('bad-did')
      if (made.get(did)?.isEnrolled === false) await enroll(did)
      await operate('PUT', did, 'scope', { scopes, recipients, devices, counts: sequence })
      // Who was unknown a moment ago is asked for again.
      clock.forward += 1_000
    },
    revoke: did => operate('POST', did, 'revoke', { reason: 'a test' }),
    async succeed({ did }) {
      const { name } = made.get(did)!
      const next = await make(name)
      await enroll(next.did, name)
      return next
    },
    async stop() {
      await registry.close()
      way.close()
    },
  }
}

describe.each([
  ['memory', standInMemory],
  ['did:web', standByDidWeb],
  ['the platform', standAtPlatform],
] as const)('a registry by %s', (_name, start) => {
  let stand: Stand
  let service: Agent
  let sender: Agent
  beforeEach(async () => {
    clock = { at: Date.UTC(2026, 5, 1), forward: 0 }
    stand = await start()
    service = await Agent.create({ registry: stand.registry, now })
    clock.at += 60_000
    sender = await stand.makeSender()
  })
  afterEach(() => stand.stop())

  const grant = { scopes: ['telemetry:write', 'floor3.*:read'] }
  const code = async (by = sender, more: { scope?: string; onBehalfOf?: string } = {}): Promise<Code | 'accepted'> => {
    const sent = await by.send({ to: service.did, payload: '', scope: 'telemetry:write', ...more })
    return service.receive(sent).then(
      ({ from }) => {
        expect(from).toBe(by.did)
        return 'accepted' as const
      },
      (error: Refused) => {
        if (error.code === undefined) throw error
        return error.code
      },
    )
  }

  test('knows who is registered, and nobody else', async () => {
    expect(await code()).toBe('sender-unknown')
    await stand.register(sender.did, grant)
    expect([await code(), await code(await stand.makeSender())]).toEqual(['accepted', 'sender-unknown'])
  })

  test('refuses who is revoked from the next message on, and for ever', async () => {
    await stand.register(sender.did, grant)
    expect(await code()).toBe('accepted')
    await stand.revoke(sender.did)
    expect(await code()).toBe('revoked')
    await expect(stand.register(sender.did, grant)).rejects.toThrow(/revoked|standing-final/)
    expect(await code()).toBe('revoked')
  })

  test('revokes nobody whom it does not know', async () => {
    await expect(stand.revoke(sender.did)).rejects.toThrow('unknown')
  })

  test('refuses a key that has a successor, which has all rights of it', async () => {
    await stand.register(sender.did, grant)
    expect(await code()).toBe('accepted')
    const next = await stand.succeed(sender)
    expect([await code(), await code(next)]).toEqual(['key-superseded', 'accepted'])
  })

  test('holds senders to their scopes, and to others once they are registered with them', async () => {
    await stand.register(sender.did, grant)
    const scopes = ['telemetry', 'telemetry:read', 'floor3.a:read', 'floor3.a.b:read']
    const codes = await Promise.all(scopes.map(scope => code(sender, { scope })))
    expect(codes).toEqual(['scope-refused', 'scope-refused', 'accepted', 'scope-refused'])
    await stand.register(sender.did, { scopes: [] })
    expect(await code()).toBe('scope-refused')
    await expect(stand.register(sender.did, { scopes: ['**:*'] })).rejects.toThrow('bad-scope')
  })

  test('holds senders to their receivers', async () => {
    await stand.register(sender.did, { ...grant, recipients: ['did:web:elsewhere.test'] })
    expect(await code()).toBe('recipient-refused')
    await stand.register(sender.did, { ...grant, recipients: [service.did] })
    expect(await code()).toBe('accepted')
  })

  test('holds gateways to the devices behind them', async () => {
    await stand.register(sender.did, { ...grant, devices: ['sensor-7'] })
    const of = (onBehalfOf: string) => code(sender, { onBehalfOf })
    expect([await of('sensor-7'), await of('sensor-8')]).toEqual(['accepted', 'gateway-refused'])
  })

  test("takes no sender's name by another's key", async () => {
    await stand.register(sender.did, grant)
    const thief = await Agent.create({ key: await makeKey(), did: `did:web:elsewhere.test`, now })
    expect(await code(thief)).toBe('sender-unknown')
    await expect(stand.register('did:ethr:0xb9c5714089478a327f09197987f16f9e5d936e8a', grant)).rejects.toThrow(
      'bad-did',
    )
  })
})
