import type { Code } from '@mintmark/core/errors'
import { didKey, type Key } from '@mintmark/core/keys'
import { type Claims, shortIdOf, signDidSuccession, writeCoseEnvelope, writeMessage } from '@mintmark/core/signed'
import { beforeEach, describe, expect, test } from 'vitest'
import { Agent, type Alarm, MemoryTrustRegistry, makeKey, Refused, type TrustRegistry } from '../src/index.ts'
import { EncryptionKeys } from '../src/seal/index.ts'

// Keys that give way to others, and what a receiver is told of those who go on with the old ones.

const start = Date.UTC(2026, 5, 1)
let clock: { at: number }
let registry: MemoryTrustRegistry
let server: Agent
let alarms: Alarm[]
let [key, next]: Key[] = []
let device: Agent
const now = () => clock.at

beforeEach(async () => {
  clock = { at: start }
  registry = new MemoryTrustRegistry()
  alarms = []
  server = await Agent.create({
    registry,
    now,
    alarm: alarm => void alarms.push(alarm),
    encryption: await EncryptionKeys.open(),
  })
  ;[key, next] = [await makeKey(), await makeKey()]
  device = await Agent.create({ key: key!, registry, now })
  registry.register(device.did, { scopes: ['telemetry:write'], devices: ['sensor-7'] })
  registry.register(server.did, { scopes: [], encryption: await server.announceEncryption() })
  clock.at += 60_000
})

const codeOf = (asked: Promise<unknown>): Promise<Code | 'done'> =>
  asked.then(
    () => 'done' as const,
    ({ code, stack }: Refused) => code ?? stack,
  )
const reading = () => ({ to: server.did, payload: 'warm', scope: 'telemetry:write' })
const raised = () => alarms.map(({ code, key }) => [code, key])

describe('a successor', () => {
  test('has all rights, and no encryption key but its own', async () => {
    const statement = await device.announceSuccessor(next!)
    expect(await registry.succeed(statement)).toBe(didKey(next!.publicKey))
    const successor = await Agent.create({ key: next!, registry, now })
    expect(await codeOf(server.receive(await successor.send(reading())))).toBe('done')
    expect(registry.lookup(successor.did, undefined)?.encryption).toBeUndefined()
    // The word was for once.
    expect(await codeOf(registry.succeed(statement))).toBe('key-superseded')
  })

  test('is one by the word of the key before it, and of nobody else', async () => {
    const mallory = await makeKey()
    const forged = await signDidSuccession({ publicKey: key!.publicKey, sign: mallory.sign }, mallory, clock.at)
    expect(await codeOf(registry.succeed(forged))).toBe('statement-signature')
    expect(await codeOf(registry.succeed(await signDidSuccession(mallory, next!, clock.at)))).toBe('unknown')
    const unasked = await signDidSuccession(key!, { publicKey: next!.publicKey, sign: mallory.sign }, clock.at)
    expect(await codeOf(registry.succeed(unasked))).toBe('statement-signature')
    expect(await codeOf(server.receive(await device.send(reading())))).toBe('done')
  })

  test('is nobody who is known already, or was', async () => {
    registry.register(didKey(next!.publicKey), { scopes: [] })
    expect(await codeOf(registry.succeed(await device.announceSuccessor(next!)))).toBe('key-in-use')
    const [third, fourth] = [await makeKey(), await makeKey()]
    await registry.succeed(await device.announceSuccessor(third))
    const back = await signDidSuccession(third, key!, clock.at)
    expect(await codeOf(registry.succeed(back))).toBe('key-in-use')
    // The old key has had its word.
    expect(await codeOf(registry.succeed(await device.announceSuccessor(fourth)))).toBe('key-superseded')
  })

  test('does not come after who is revoked, also where that happens at the same time', async () => {
    const statement = await device.announceSuccessor(next!)
    const asked = codeOf(registry.succeed(statement))
    registry.revoke(device.did)
    expect([await asked, await codeOf(registry.succeed(statement))]).toEqual(['revoked', 'revoked'])
    expect(registry.standing(didKey(next!.publicKey))).toBe('unknown')
  })

  test('is one, where two are said at once', async () => {
    const third = await makeKey()
    const both = [await device.announceSuccessor(next!), await device.announceSuccessor(third)]
    const codes = await Promise.all(both.map(each => codeOf(registry.succeed(each))))
    expect(codes.toSorted()).toEqual(['done', 'key-superseded'])
  })
})

describe('an alarm', () => {
  test.each(['full', 'short'] as const)('is raised for a revoked key that signs, by its %s name', async name => {
    registry.revoke(device.did)
    const sent = await device.send(reading(), { name })
    expect(await codeOf(server.receive(sent))).toBe('revoked')
    const short = shortIdOf(key!.publicKey)
    expect(alarms).toMatchObject([{ code: 'revoked', key: name === 'short' ? short : device.did, at: clock.at }])
  })

  test('is raised for a key that was replaced, once a minute', async () => {
    await registry.succeed(await device.announceSuccessor(next!))
    const send = async () => codeOf(server.receive(await device.send(reading())))
    expect(await Promise.all([send(), send(), send()])).toEqual(Array(3).fill('key-superseded'))
    expect(raised()).toEqual([['key-superseded', device.did]])
    clock.at += 59_999
    await send()
    expect(alarms).toHaveLength(1)
    clock.at += 1
    await send()
    expect(alarms).toHaveLength(2)
  })

  test('is not raised by who does not have the key', async () => {
    await registry.succeed(await device.announceSuccessor(next!))
    const mallory = await makeKey()
    const claims: Claims = {
      key: device.did,
      audience: server.did,
      scope: 'telemetry:write',
      once: { issued: clock.at, nonce: new Uint8Array(16) },
      digest: new Uint8Array(32),
    }
    const forged = writeMessage(await writeCoseEnvelope(mallory, claims), new Uint8Array(16))
    expect(await codeOf(server.receive(forged))).toBe('key-superseded')
    expect(alarms).toEqual([])
    // Nor does it keep the next one from being raised.
    await codeOf(server.receive(await device.send(reading())))
    expect(alarms).toHaveLength(1)
  })

  test("is not raised by a key of one's own under somebody's DID", async () => {
    const did = 'did:web:example.test'
    const lookup: TrustRegistry['lookup'] = () => {
      throw new Refused('key-superseded')
    }
    const told: Alarm[] = []
    const receiver = await Agent.create({ registry: { lookup }, now, alarm: alarm => void told.push(alarm) })
    clock.at += 60_000
    for (let i = 0; i < 3; i++) {
      const mallory = await Agent.create({ did, now })
      const sent = await mallory.send({ to: receiver.did, payload: '', scope: 'telemetry:write' })
      expect(await codeOf(receiver.receive(sent))).toBe('key-superseded')
    }
    expect(told).toEqual([])
  })

  test('is raised for a device that is not behind its gateway, a changed body and a seal that was moved', async () => {
    const { message, envelope } = await device.write(reading())
    const changed = message.map((byte, i) => (i === message.length - 1 ? byte ^ 1 : byte))
    expect(await codeOf(server.receive(changed))).toBe('body-refused')
    expect(alarms[0]?.envelope).toEqual(envelope)
    await codeOf(server.receive(await device.send({ ...reading(), onBehalfOf: 'sensor-8' })))
    const elsewhere = await Agent.create({ registry, now, key: next!, encryption: await EncryptionKeys.open() })
    registry.register(elsewhere.did, { scopes: [], encryption: await elsewhere.announceEncryption() })
    const aliased = await Agent.create({ registry, now, audiences: [elsewhere.did], alarm: a => void alarms.push(a) })
    clock.at += 60_000
    const sealed = await device.send({ ...reading(), to: elsewhere.did, seal: true })
    expect(await codeOf(aliased.receive(sealed))).toBe('seal-refused')
    expect(raised()).toEqual(['body-refused', 'gateway-refused', 'seal-refused'].map(code => [code, device.did]))
  })

  test('is not raised for what networks and mistakes do', async () => {
    const sent = await device.send(reading())
    await server.receive(sent)
    const stranger = await Agent.create({ now })
    const codes = [
      await codeOf(server.receive(sent)),
      await codeOf(server.receive(await stranger.send(reading()))),
      await codeOf(server.receive(await device.send({ ...reading(), scope: 'doors:open' }))),
      await codeOf(server.receive(await device.send({ ...reading(), to: stranger.did }))),
    ]
    expect(codes).toEqual(['message-replayed', 'sender-unknown', 'scope-refused', 'other-audience'])
    expect(alarms).toEqual([])
  })
})
