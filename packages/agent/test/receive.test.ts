import { sha256, utf8 } from '@mintmark/core/bytes'
import type { Code } from '@mintmark/core/errors'
import { didKey, type Key } from '@mintmark/core/keys'
import {
  type Claims,
  shortIdOf,
  signDidSuccession,
  writeCoseEnvelope,
  writeJwsEnvelope,
  writeMessage,
} from '@mintmark/core/signed'
import { beforeEach, describe, expect, test } from 'vitest'
import {
  Agent,
  type AgentOptions,
  MemoryNonceStore,
  MemoryTrustRegistry,
  makeKey,
  type Received,
  type Refused,
} from '../src/index.ts'

const start = Date.UTC(2026, 5, 1)

let clock: { at: number }
let registry: MemoryTrustRegistry
let server: Agent
let device: Agent
let key: Key
const now = () => clock.at

beforeEach(async () => {
  clock = { at: start }
  registry = new MemoryTrustRegistry()
  server = await Agent.create({ registry, now })
  device = await Agent.create({ now })
  registry.register(device.did, { scopes: ['telemetry:write', 'floor3.*:read'] })
  // One whose envelopes are written here, claim by claim. Its key is as old as the world.
  key = await makeKey()
  registry.register(didKey(key.publicKey), { scopes: ['telemetry:write'] })
  clock.at += 60_000
})

const codeOf = (asked: Promise<unknown>): Promise<Code | 'accepted'> =>
  asked.then(
    () => 'accepted' as const,
    (error: Refused) => {
      if (error.code === undefined) throw error
      return error.code
    },
  )

const body = utf8('sixteen of salt.and the content')

/** A message with claims of one's own. */
async function write(
  claims: Partial<Claims> = {},
  { by = key, form = 'cose', sent = body }: { by?: Key; form?: 'cose' | 'jws'; sent?: Uint8Array } = {},
): Promise<Uint8Array> {
  const nonce = crypto.getRandomValues(new Uint8Array(16))
  const all: Claims = {
    key: didKey(by.publicKey),
    audience: server.did,
    scope: 'telemetry:write',
    once: { issued: clock.at, nonce },
    digest: sha256(body),
    ...claims,
  }
  return writeMessage(await (form === 'jws' ? writeJwsEnvelope : writeCoseEnvelope)(by, all), sent)
}

describe.each(['cose', 'jws'] as const)('%s', form => {
  test('a message arrives, with what it says and who says it', async () => {
    const sent = await device.send({ to: server.did, payload: { celsius: 21.5 }, scope: 'telemetry:write' }, { form })
    const received = await server.receive(sent)
    expect(received).toMatchObject({
      from: device.did,
      scope: 'telemetry:write',
      contentType: 'application/json',
      issued: clock.at,
      acceptedAt: clock.at,
    } satisfies Partial<Received>)
    expect(received.json()).toEqual({ celsius: 21.5 })
  })

  test.each(['exact', 'polymorphic'] as const)('by the %s name of the algorithm, and a short name', async algorithm => {
    const message = { to: server.did, payload: 'warm', scope: 'telemetry:write' }
    const received = await server.receive(await device.send(message, { form, algorithm, name: 'short' }))
    expect([received.from, received.text(), received.contentType]).toEqual([
      device.did,
      'warm',
      'text/plain;charset=utf-8',
    ])
  })

  test('to the short name of the receiver', async () => {
    const short = shortIdOf((await serverKey()).publicKey)
    const other = await Agent.create({ key: await serverKey(), registry, now })
    clock.at += 60_000
    expect(await codeOf(other.receive(await write({ audience: short }, { form })))).toBe('accepted')
  })

  test('is received once, however often and at once it comes', async () => {
    const sent = await write({}, { form })
    const codes = await Promise.all(Array.from({ length: 64 }, () => codeOf(server.receive(sent))))
    expect(codes.toSorted()).toEqual(['accepted', ...Array(63).fill('message-replayed')].toSorted())
  })

  test('one nonce is one message, in whichever form it comes', async () => {
    const once = { issued: clock.at, nonce: new Uint8Array(16).fill(7) }
    expect(await codeOf(server.receive(await write({ once }, { form })))).toBe('accepted')
    const other = form === 'jws' ? 'cose' : 'jws'
    expect(await codeOf(server.receive(await write({ once, scope: 'telemetry:write' }, { form: other })))).toBe(
      'message-replayed',
    )
  })

  test('the same nonce of another sender is another message', async () => {
    const once = { issued: clock.at, nonce: new Uint8Array(16).fill(7) }
    const by = await makeKey()
    registry.register(didKey(by.publicKey), { scopes: ['telemetry:write'] })
    expect(await codeOf(server.receive(await write({ once }, { form })))).toBe('accepted')
    expect(await codeOf(server.receive(await write({ once }, { form, by })))).toBe('accepted')
  })

  test.each([
    [-30_001, 'message-expired'],
    [-30_000, 'accepted'],
    [0, 'accepted'],
    [5_000, 'accepted'],
    [5_001, 'message-early'],
    [-86_400_000, 'message-expired'],
    [86_400_000, 'message-early'],
  ] as const)('issued %i ms from now it is %s', async (from, code) => {
    const once = { issued: clock.at + from, nonce: new Uint8Array(16) }
    expect(await codeOf(server.receive(await write({ once }, { form })))).toBe(code)
  })

  test('is not for somebody else', async () => {
    expect(await codeOf(server.receive(await write({ audience: device.did }, { form })))).toBe('other-audience')
    expect(await codeOf(server.receive(await write({ audience: 'did:web:example.test' }, { form })))).toBe(
      'other-audience',
    )
  })

  test.each(['telemetry', 'telemetry:read', 'telemetry.x:write', 'telemetr:write', 'floor3.a:read'])(
    'the scope %s was not granted',
    async scope => {
      expect(await codeOf(server.receive(await write({ scope }, { form })))).toBe('scope-refused')
    },
  )

  test('nobody knows the sender', async () => {
    expect(await codeOf(server.receive(await write({}, { form, by: await makeKey() })))).toBe('sender-unknown')
    expect(await codeOf(server.receive(await write({ issuer: 'did:web:example.test' }, { form })))).toBe(
      'sender-unknown',
    )
  })

  test('a revoked sender is refused from then on', async () => {
    expect(await codeOf(server.receive(await write({}, { form })))).toBe('accepted')
    registry.revoke(didKey(key.publicKey))
    expect(await codeOf(server.receive(await write({}, { form })))).toBe('revoked')
    expect(() => registry.register(didKey(key.publicKey), { scopes: [] })).toThrow('revoked')
  })

  test('a key that has a successor is refused, and the successor has its rights', async () => {
    const by = await makeKey()
    await registry.succeed(await signDidSuccession(key, by, clock.at))
    expect(await codeOf(server.receive(await write({}, { form })))).toBe('key-superseded')
    expect(await codeOf(server.receive(await write({}, { form, by })))).toBe('accepted')
  })

  test("another key's signature under a sender's name is refused, and spends nothing", async () => {
    const once = { issued: clock.at, nonce: new Uint8Array(16).fill(9) }
    const by = await makeKey()
    const forged = await write({ once, key: didKey(key.publicKey) }, { form, by })
    expect(await codeOf(server.receive(forged))).toBe('envelope-signature')
    expect(await codeOf(server.receive(await write({ once }, { form })))).toBe('accepted')
  })

  test('another body under a good envelope is refused, and spends nothing', async () => {
    const once = { issued: clock.at, nonce: new Uint8Array(16).fill(9) }
    for (const sent of [utf8('sixteen of salt.and other content'), body.subarray(0, 30), body.subarray(0, 3)]) {
      expect(await codeOf(server.receive(await write({ once }, { form, sent })))).toBe('body-refused')
    }
    expect(await codeOf(server.receive(await write({ once }, { form })))).toBe('accepted')
  })

  test('a sender may be held to receivers', async () => {
    const did = didKey(key.publicKey)
    registry.register(did, { scopes: ['telemetry:write'], recipients: [device.did] })
    expect(await codeOf(server.receive(await write({}, { form })))).toBe('recipient-refused')
    registry.register(did, { scopes: ['telemetry:write'], recipients: [device.did, server.did] })
    expect(await codeOf(server.receive(await write({}, { form })))).toBe('accepted')
  })

  test('a gateway speaks for the devices that are bound to it', async () => {
    registry.register(didKey(key.publicKey), { scopes: ['telemetry:write'], devices: ['sensor-7'] })
    const received = await server.receive(await write({ onBehalfOf: 'sensor-7' }, { form }))
    expect(received.onBehalfOf).toBe('sensor-7')
    expect(await codeOf(server.receive(await write({ onBehalfOf: 'sensor-8' }, { form })))).toBe('gateway-refused')
  })

  test('any byte that changes is noticed', async () => {
    const sent = await write({}, { form })
    for (let at = 0; at < sent.length; at++) {
      const changed = Uint8Array.from(sent)
      changed[at]! ^= 1
      expect(await codeOf(server.receive(changed)), `byte ${at}`).not.toBe('accepted')
    }
    expect(await codeOf(server.receive(sent))).toBe('accepted')
  }, 60_000)
})

test('a key of one algorithm under an envelope of the other is refused before its signature is looked at', async () => {
  const by = await makeKey('P-256')
  const sent = await write({ key: didKey(key.publicKey) }, { by })
  expect(await codeOf(server.receive(sent))).toBe('algorithm-refused')
})

test('a body that is longer than the receiver takes is refused', async () => {
  const small = await Agent.create({ registry, now, longestBody: 64 })
  clock.at += 60_000
  const sent = await device.send({ to: small.did, payload: new Uint8Array(49), scope: 'telemetry:write' })
  expect(await codeOf(small.receive(sent))).toBe('too-large')
  const fits = await device.send({ to: small.did, payload: new Uint8Array(48), scope: 'telemetry:write' })
  expect(await codeOf(small.receive(fits))).toBe('accepted')
})

describe('a receiver that has just started', () => {
  const again = (options: AgentOptions = {}) =>
    Agent.create({ registry, now, key: undefined, ...options } as AgentOptions)

  test('takes nothing that may have been received before it', async () => {
    const shared = await makeKey()
    const before = await again({ key: shared })
    clock.at += 60_000
    const claims = { audience: before.did }
    const sent = await write(claims)
    expect(await codeOf(before.receive(sent))).toBe('accepted')
    const after = await again({ key: shared })
    expect(await codeOf(after.receive(sent))).toBe('message-fresh')
    // Nor what was issued by a clock that is ahead by all that it may.
    clock.at += 5_000
    expect(await codeOf(after.receive(await write(claims)))).toBe('message-fresh')
    clock.at += 1
    expect(await codeOf(after.receive(await write(claims)))).toBe('accepted')
  })

  test('takes at once what a key signed that was made after it', async () => {
    const after = await again()
    const young = await Agent.create({ now })
    registry.register(young.did, { scopes: ['telemetry:write'] })
    const sent = await young.send({ to: after.did, payload: 'first', scope: 'telemetry:write' })
    expect(await codeOf(after.receive(sent))).toBe('accepted')
  })

  test('says how long to wait', async () => {
    const after = await again()
    await expect(after.receive(await write({ audience: after.did }))).rejects.toMatchObject({ retryAfter: 5_001 })
  })
})

test('a clock that is set back brings no message back', async () => {
  const sent = await write()
  expect(await codeOf(server.receive(sent))).toBe('accepted')
  clock.at += 60_000
  expect(await codeOf(server.receive(await write()))).toBe('accepted')
  clock.at -= 60_000
  expect(await codeOf(server.receive(sent))).toBe('message-expired')
})

test('a sender without a clock counts, and only one that is registered for it', async () => {
  const did = didKey(key.publicKey)
  expect(await codeOf(server.receive(await write({ once: { sequence: 1 } })))).toBe('sequence-refused')
  registry.register(did, { scopes: ['telemetry:write'], sequence: true })
  expect(await codeOf(server.receive(await write()))).toBe('sequence-refused')
  // In memory only from a key that is younger than the store.
  expect(await codeOf(server.receive(await write({ once: { sequence: 1 } })))).toBe('message-fresh')
  const young = await Agent.create({ now })
  registry.register(young.did, { scopes: ['telemetry:write'], sequence: true })
  const say = async (sequence: number) =>
    codeOf(server.receive(await young.send({ to: server.did, payload: '', scope: 'telemetry:write', sequence })))
  const codes: unknown[] = []
  for (const sequence of [5, 4, 68, 5, 4, 69]) codes.push(await say(sequence))
  expect(codes).toEqual(['accepted', 'accepted', 'accepted', 'message-replayed', 'message-replayed', 'accepted'])
})

test('what is not recorded is not delivered', async () => {
  const kept: Received[] = []
  let away = false
  const journal = {
    append(accepted: Received) {
      if (away) throw new Error('the disk is full')
      kept.push(accepted)
    },
  }
  const other = await Agent.create({ registry, now, journal })
  clock.at += 60_000
  await other.receive(await write({ audience: other.did }))
  away = true
  await expect(other.receive(await write({ audience: other.did }))).rejects.toThrow('the disk is full')
  expect(kept).toHaveLength(1)
})

test('a store that is full refuses, and one sender takes no other room than its own', async () => {
  const nonces = new MemoryNonceStore({ most: 10, mostOfOne: 4, now })
  const other = await Agent.create({ registry, now, nonces })
  clock.at += 60_000
  const claims = { audience: other.did }
  for (let i = 0; i < 4; i++) expect(await codeOf(other.receive(await write(claims)))).toBe('accepted')
  expect(await codeOf(other.receive(await write(claims)))).toBe('nonces-full')
  const sent = await device.send({ to: other.did, payload: '', scope: 'telemetry:write' })
  expect(await codeOf(other.receive(sent))).toBe('accepted')
  expect(nonces.size).toBe(5)
  // Until the first ones end.
  clock.at += 42_000
  expect(await codeOf(other.receive(await write(claims)))).toBe('accepted')
  expect(nonces.size).toBe(1)
})

let kept: Promise<Key> | undefined
function serverKey(): Promise<Key> {
  kept ??= makeKey()
  return kept
}
