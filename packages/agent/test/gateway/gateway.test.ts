import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { utf8 } from '@mintmark/core/bytes'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  GatewayTransport,
  MemoryReadingQueue,
  type QueueBounds,
  type Reading,
  type ReadingQueue,
  readingHandler,
  readReading,
} from '../../src/gateway/index.ts'
import { Agent, MemoryTrustRegistry, type Received, Refused, type Transport } from '../../src/index.ts'
import { FileReadingQueue } from '../../src/node/index.ts'
import { EncryptionKeys } from '../../src/seal/index.ts'
import { Loopback } from '../../src/transport/index.ts'

// What a gateway takes, what it keeps, and for whom it speaks.

const scope = 'telemetry:write'
let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mintmark-readings-'))
})
const gateways: GatewayTransport[] = []
const queuesInFiles: FileReadingQueue[] = []
afterEach(() => {
  for (const gateway of gateways.splice(0)) gateway.close()
  for (const queue of queuesInFiles.splice(0)) queue.close()
  rmSync(directory, { recursive: true, force: true })
})

const told: string[] = []
beforeEach(() => void told.splice(0))

/** A gateway with two sensors, of which the service's registry binds one; what is between them can be away. */
async function scene(options: Partial<ConstructorParameters<typeof GatewayTransport>[0]> = {}) {
  const registry = new MemoryTrustRegistry()
  const service = await Agent.create({ registry })
  const delivered: Received[] = []
  const loopback = new Loopback()
  loopback.listen({ agent: service, deliver: received => void delivered.push(received), refused: () => undefined })
  const way = { refuses: undefined as Refused | undefined }
  const transport: Transport = {
    deliver: async (message, to) => {
      if (way.refuses) throw way.refuses
      await loopback.deliver(message, to)
    },
  }
  const agent = await Agent.create({ transport })
  registry.register(agent.did, { scopes: [scope], devices: ['sensor-7'] })
  const clock = { at: Date.UTC(2026, 5, 1), monotonic: 0 }
  let resume: () => void = () => undefined
  const gateway = new GatewayTransport({
    agent,
    to: service.did,
    devices: { 'sensor-7': { scope }, 'sensor-8': { scope }, 'sensor-9': { scope: 'doors:open' } },
    told: ({ code }, { device }, fate) => told.push(`${device} ${code} ${fate}`),
    now: () => clock.at,
    monotonic: () => clock.monotonic,
    wait: () =>
      new Promise(resolve => {
        resume = resolve
      }),
    ...options,
  })
  gateways.push(gateway)
  return { registry, service, delivered, way, agent, clock, gateway, resume: () => resume() }
}

const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await new Promise(resolve => setTimeout(resolve, 2))
}

test('a reading arrives on behalf of its device, signed by the gateway, in its own bytes', async () => {
  const { gateway, delivered, agent, clock } = await scene()
  await gateway.take('sensor-7', utf8('21.5'), { contentType: 'text/plain', measured: 1_000 })
  await gateway.emptied()
  expect([delivered[0]!.from, delivered[0]!.onBehalfOf]).toEqual([agent.did, 'sensor-7'])
  expect(readReading(delivered[0]!)).toEqual({
    id: expect.stringMatching(/^[0-9a-f]{32}$/),
    device: 'sensor-7',
    received: clock.at,
    measured: 1_000,
    contentType: 'text/plain',
    data: utf8('21.5'),
  })
})

test('what goes out sealed is read by the receiver alone', async () => {
  const registry = new MemoryTrustRegistry()
  const service = await Agent.create({ registry, encryption: await EncryptionKeys.open() })
  registry.register(service.did, { scopes: [], encryption: await service.announceEncryption() })
  const carried: Uint8Array[] = []
  const agent = await Agent.create({ registry, transport: { deliver: async message => void carried.push(message) } })
  registry.register(agent.did, { scopes: [scope], devices: ['sensor-7'] })
  const { gateway } = await scene({ agent, to: service.did, seal: true })
  await gateway.take('sensor-7', utf8('21.5'))
  await gateway.emptied()
  expect(new TextDecoder().decode(carried[0])).not.toContain('received')
  expect(readReading(await service.receive(carried[0]!)).data).toEqual(utf8('21.5'))
})

test('a device that is not bound here, or not there, or may not, is refused, and the others go on', async () => {
  const { gateway, delivered } = await scene()
  for (const name of ['sensor-77', 'constructor', '__proto__', '']) {
    await expect(gateway.take(name, utf8('1')), name).rejects.toMatchObject({ code: 'gateway-refused' })
  }
  for (const device of ['sensor-8', 'sensor-9', 'sensor-7']) await gateway.take(device, utf8('1'))
  await gateway.emptied()
  expect(told).toEqual(['sensor-8 gateway-refused dropped', 'sensor-9 scope-refused dropped'])
  expect(delivered.map(each => each.onBehalfOf)).toEqual(['sensor-7'])
})

test.each(['unreachable', 'unavailable', 'nonces-full', 'sender-unknown', 'revoked', 'refused'] as const)(
  'while it is %s readings wait, and go later with the time that they had',
  async code => {
    const { gateway, delivered, way, clock, resume } = await scene()
    way.refuses = new Refused(code)
    const came = [clock.at, clock.at + 3_600_000]
    await gateway.take('sensor-7', utf8('1'))
    clock.at += 3_600_000
    await gateway.take('sensor-7', utf8('2'))
    await until(() => told.length === 1)
    resume()
    await until(() => told.length === 2)
    expect([gateway.waiting, told[0]]).toEqual([2, `sensor-7 ${code} kept`])
    clock.at += 3_600_000
    way.refuses = undefined
    resume()
    await gateway.emptied()
    expect(delivered.map(each => readReading(each).received)).toEqual(came)
    expect(delivered.map(each => Math.abs(each.issued! - Date.now()) < 60_000)).toEqual([true, true])
  },
)

test('however long nobody answered, a receiver that fails once when it comes back loses no reading', async () => {
  const { gateway, delivered, way, resume } = await scene()
  way.refuses = new Refused('unreachable')
  await gateway.take('sensor-7', utf8('1'))
  for (let i = 1; i <= 12; i++) {
    await until(() => told.length === i)
    if (i === 12) way.refuses = new Refused('broken')
    resume()
  }
  await until(() => told.length === 13)
  expect(told.at(-1)).toBe('sensor-7 broken kept')
  way.refuses = undefined
  resume()
  await gateway.emptied()
  expect(delivered.map(each => readReading(each).data)).toEqual([utf8('1')])
})

test.each(['broken', 'body-refused', 'seal-refused'] as const)(
  'a reading that is %s is given up after ten tries, and the next one goes',
  async code => {
    const { gateway, delivered, way, resume } = await scene()
    way.refuses = new Refused(code)
    await gateway.take('sensor-7', utf8('1'))
    for (let i = 1; i <= 10; i++) {
      await until(() => told.length === i)
      resume()
    }
    await until(() => told.length === 11)
    expect(told.map(line => line.split(' ')[2])).toEqual([...Array.from({ length: 10 }, () => 'kept'), 'dropped'])
    way.refuses = undefined
    await gateway.take('sensor-7', utf8('2'))
    await gateway.emptied()
    expect(delivered.map(each => readReading(each).data)).toEqual([utf8('2')])
  },
)

test('what is too long, too often, or of no type is refused, and the rate comes back with time', async () => {
  const { gateway, clock } = await scene({ longest: 8, devices: { 'sensor-7': { scope, perSecond: 2 } } })
  await expect(gateway.take('sensor-7', new Uint8Array(9))).rejects.toMatchObject({ code: 'too-large' })
  await expect(gateway.take('sensor-7', new Uint8Array(1), { contentType: 'a\r\nb' })).rejects.toMatchObject({
    code: 'unsupported-media',
  })
  for (const measured of [-1, 0.5, Number.NaN, 2 ** 53]) {
    await expect(gateway.take('sensor-7', new Uint8Array(1), { measured })).rejects.toMatchObject({
      code: 'bad-number',
    })
  }
  for (let i = 0; i < 10; i++) await gateway.take('sensor-7', utf8('1'))
  await expect(gateway.take('sensor-7', utf8('1'))).rejects.toMatchObject({ code: 'slow-down', retryAfter: 500 })
  clock.monotonic += 500
  await gateway.take('sensor-7', utf8('1'))
  await expect(gateway.take('sensor-7', utf8('1'))).rejects.toMatchObject({ code: 'slow-down' })
})

const queues: [string, (bounds: QueueBounds) => ReadingQueue | Promise<ReadingQueue>][] = [
  ['in memory', bounds => new MemoryReadingQueue(bounds)],
  ['in files', bounds => openFiles(bounds)],
]
async function openFiles(bounds?: QueueBounds): Promise<FileReadingQueue> {
  const queue = await FileReadingQueue.open(join(directory, 'queue'), bounds)
  queuesInFiles.push(queue)
  return queue
}
const reading = (device: string, i = 0, length = 1): Reading => ({
  id: 'a'.repeat(32),
  device,
  received: i,
  measured: undefined,
  contentType: 'text/plain',
  data: new Uint8Array(length),
})

describe.each(queues)('a queue %s', (_, open) => {
  test('gives back what it has in its order, and counts', async () => {
    const queue = await open({ most: 3_000, mostOfOne: 3_000 })
    let [next, first] = [0, 0]
    for (let i = 0; i < 60; i++) {
      for (let j = 0; j < 3; j++) await queue.add(reading('a', next++))
      for (let j = 0; j < 2; j++) {
        expect((await queue.first())!.received).toBe(first++)
        await queue.removeFirst()
      }
    }
    expect(queue.size).toBe(next - first)
  })

  test('is full at its number, at its bytes, and for one device before the others', async () => {
    const queue = await open({ most: 5, mostOfOne: 3, mostBytes: 100 })
    for (let i = 0; i < 3; i++) await queue.add(reading('a'))
    const add = async (device: string, length?: number) => queue.add(reading(device, 0, length))
    await expect(add('a')).rejects.toThrow('slow-down')
    await expect(add('b', 98)).rejects.toThrow('slow-down')
    await add('b', 97)
    await expect(add('c')).rejects.toThrow('slow-down')
    for (let i = 0; i < 4; i++) await queue.removeFirst()
    for (let i = 0; i < 3; i++) await add('a')
    for (let i = 0; i < 2; i++) await add('b')
    await expect(add('c')).rejects.toThrow('slow-down')
  })
})

test('a queue in files is there when it is opened again, and torn files are not', async () => {
  const path = join(directory, 'queue')
  const one = await openFiles()
  for (let i = 0; i < 3; i++) one.add(reading('a', i))
  one.removeFirst()
  one.close()
  writeFileSync(join(path, '.0000000000000009.json.0011223344556677.tmp'), '{"dev')
  const another = await openFiles()
  expect([another.size, another.first()!.received]).toEqual([2, 1])
  another.add(reading('a', 3))
  another.close()
  expect(readdirSync(path)).toEqual(['0000000000000002.json', '0000000000000003.json', '0000000000000004.json'])
})

test('a queue in files that was closed takes and gives nothing, and is another one to open', async () => {
  const queue = await openFiles()
  queue.add(reading('a', 1))
  await expect(openFiles()).rejects.toThrow('home-in-use')
  queue.close()
  queue.close()
  expect(() => queue.add(reading('a', 2))).toThrow('unavailable')
  expect(() => queue.first()).toThrow('unavailable')
  expect(() => queue.removeFirst()).toThrow('unavailable')
  const next = await openFiles()
  expect([next.size, next.first()!.received]).toEqual([1, 1])
})

test('a queue in files that cannot be opened is left to the next one', async () => {
  const queue = await openFiles()
  for (let i = 0; i < 2; i++) queue.add(reading('a', i))
  queue.close()
  await expect(openFiles({ mostOfOne: 1 })).rejects.toThrow('slow-down')
  expect((await openFiles()).size).toBe(2)
})

test('a gateway has closed when what was on its way is out of the queue', async () => {
  const [left, goes] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const agent = await Agent.create({
    transport: {
      deliver: async () => {
        left.resolve()
        await goes.promise
      },
    },
  })
  const queue = await openFiles()
  const { gateway } = await scene({ agent, queue })
  await Promise.all([gateway.take('sensor-7', utf8('1')), gateway.take('sensor-7', utf8('2'))])
  await left.promise
  const closed = gateway.close().then(() => queue.close())
  goes.resolve()
  await closed
  expect((await openFiles()).size).toBe(1)
})

test('readings that waited for a device that is not bound any more are dropped', async () => {
  const queue = new MemoryReadingQueue()
  queue.add(reading('sensor-1'))
  const { gateway, delivered } = await scene({ queue })
  await gateway.emptied()
  expect([told, delivered]).toEqual([['sensor-1 gateway-refused dropped'], []])
})

test('a message that is no reading is not read as one', async () => {
  const { registry, service } = await scene()
  const sender = await Agent.create()
  registry.register(sender.did, { scopes: [scope], devices: ['sensor-7'] })
  const from = async (more: object) =>
    service.receive(await sender.send({ to: service.did, scope, payload: '', ...more }))
  const contentType = 'application/vnd.mintmark.reading+json'
  const good = { id: 'a'.repeat(32), received: 1, contentType: 'text/plain', data: '' }
  const bad = [
    { onBehalfOf: 'sensor-7', payload: good },
    { contentType, payload: good },
    ...[{ id: 'x' }, { received: -1 }, { received: '1' }, { measured: null }, { data: '*' }, { more: 1 }].map(
      wrong => ({
        onBehalfOf: 'sensor-7',
        contentType,
        payload: { ...good, ...wrong },
      }),
    ),
  ]
  for (const each of bad) {
    const received = await from(each)
    expect(() => readReading(received), JSON.stringify(each)).toThrow(Refused)
  }
  expect(readReading(await from({ onBehalfOf: 'sensor-7', contentType, payload: good })).device).toBe('sensor-7')
})

describe('over HTTP', () => {
  const secret = 'of-sensor-7-0123456789'
  const post = (path: string, headers: Record<string, string> = {}, body: string | Uint8Array<ArrayBuffer> = '21.5') =>
    new Request(`http://gateway.test${path}`, { method: 'POST', body, headers })
  const bearer = { authorization: `Bearer ${secret}` }

  async function door() {
    const { gateway, delivered } = await scene()
    const refused: string[] = []
    const handler = readingHandler({
      gateway,
      devices: { 'sensor-7': { secret }, 'sensor-8': { address: '192.0.2.8' } },
      refused: ({ code }) => refused.push(code),
    })
    return { gateway, delivered, handler, refused }
  }

  test('a device with its secret, or at its address, is taken, with its time and type', async () => {
    const { handler, gateway, delivered } = await door()
    const headers = { ...bearer, 'content-type': 'application/json', 'mintmark-measured': '1780000000000' }
    expect((await handler(post('/readings/sensor-7', headers), '192.0.2.1')).status).toBe(202)
    for (const address of ['192.0.2.8', '::ffff:192.0.2.8']) {
      expect((await handler(post('/readings/sensor-8'), address)).status).toBe(202)
    }
    await gateway.emptied()
    expect(readReading(delivered[0]!)).toMatchObject({ measured: 1_780_000_000_000, contentType: 'application/json' })
  })

  test('one answer for every device that there is not, or that is not shown to be it', async () => {
    const { handler } = await door()
    const attempts = [
      handler(post('/readings/sensor-7'), '192.0.2.1'),
      handler(post('/readings/sensor-7', { authorization: `Bearer ${secret}x` }), '192.0.2.1'),
      handler(post('/readings/sensor-7', { authorization: secret }), '192.0.2.1'),
      handler(post('/readings/sensor-7'), '192.0.2.8'),
      handler(post('/readings/sensor-8', bearer), '192.0.2.1'),
      handler(post('/readings/sensor-8', { 'x-forwarded-for': '192.0.2.8' }), '192.0.2.1'),
      handler(post('/readings/sensor-9', bearer), '192.0.2.8'),
      handler(post('/readings/constructor', bearer), '192.0.2.8'),
    ]
    const texts = (await Promise.all(attempts)).map(async answer => `${answer.status} ${await answer.text()}`)
    expect(new Set(await Promise.all(texts))).toEqual(new Set(['401 {"code":"refused","message":"Refused."}']))
  })

  test('a page in a browser, another path, method or number, and what is too long are refused', async () => {
    const { handler, gateway } = await door()
    const status = async (request: Request) => (await handler(request, '192.0.2.8')).status
    expect(await status(post('/readings/sensor-8', { origin: 'http://evil.test' }))).toBe(403)
    expect(await status(post('/readings/sensor-8', { origin: 'null' }))).toBe(403)
    expect(await status(post('/readings/sensor-8', { 'sec-fetch-site': 'cross-site' }))).toBe(403)
    for (const path of [
      '/',
      '/readings/',
      '/readings/a/b',
      '/readings/..%2fx',
      '/readings/sensor-8?x',
      '/reading/sensor-8',
    ]) {
      expect(await status(post(path)), path).toBe(path.endsWith('?x') ? 202 : 404)
    }
    expect(await status(new Request('http://gateway.test/readings/sensor-8'))).toBe(405)
    for (const measured of ['now', '1.5', '-1', '1e3', '9999999999999999']) {
      expect(await status(post('/readings/sensor-8', { 'mintmark-measured': measured })), measured).toBe(400)
    }
    expect(await status(post('/readings/sensor-8', {}, new Uint8Array(32_769)))).toBe(413)
    expect(await status(post('/readings/sensor-8', {}, new Uint8Array(65_537)))).toBe(413)
    expect(gateway.waiting).toBeLessThan(2)
  })

  test('a secret that could be guessed is none', async () => {
    const { gateway } = await scene()
    const devices = { 'sensor-7': { secret: 'fifteen letters' } }
    expect(() => readingHandler({ gateway, devices, refused: () => undefined })).toThrow('bad-request')
  })
})

test('a gateway whose agent delivers nothing is a mistake', async () => {
  const agent = await Agent.create()
  const make = () => new GatewayTransport({ agent, to: agent.did, devices: {}, told: () => undefined })
  expect(make).toThrow(TypeError)
})

test.each(['', 'sensor 7', 'sensör', 'a'.repeat(256)])(
  'a device that is called %j can be spoken for by nobody',
  async name => {
    const agent = await Agent.create({ transport: { deliver: async () => undefined } })
    const devices = { [name]: { scope: 'telemetry:write' } }
    const make = () => new GatewayTransport({ agent, to: agent.did, devices, told: () => undefined })
    expect(make).toThrow(expect.objectContaining({ code: 'bad-name' }))
  },
)

test.each(['hub-1', '', 'acme/device/hub-1', undefined])(
  'a gateway that sends to %j, which nobody is, takes no reading',
  async to => {
    const agent = await Agent.create({ transport: { deliver: async () => undefined } })
    const make = () => new GatewayTransport({ agent, to: to as string, devices: {}, told: () => undefined })
    expect(make).toThrow(expect.objectContaining({ code: 'bad-did' }))
  },
)
