import { setTimeout as sleep } from 'node:timers/promises'
import { type Mosquitto, startMosquitto } from '@mintmark/testing'
import type { IPublishPacket, MqttClient } from 'mqtt'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { need } from '../../../../scripts/services.ts'
import { Agent, MemoryNonceStore, MemoryTrustRegistry, type Received } from '../../src/index.ts'
import { MqttTransport, topicOf } from '../../src/transport/index.ts'
import { connectMqtt } from './ways.ts'

// A broker, and whoever may publish and read there, can drop and delay. All else is refused by the receiver.

const scope = 'telemetry:write'
const missing = need('mosquitto')

describe.skipIf(missing)(missing ?? 'through mosquitto', () => {
  let broker: Mosquitto
  const clients: MqttClient[] = []
  beforeAll(async () => {
    broker = await startMosquitto()
  })
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.endAsync(true)
  })
  afterAll(() => broker.remove())

  const connect = async () => {
    const client = await connectMqtt(broker.url)
    clients.push(client)
    return client
  }

  /** A service that listens, a device that sends, and whoever else is at the broker. */
  async function scene() {
    const registry = new MemoryTrustRegistry()
    const delivered: Received[] = []
    const refused: string[] = []
    const receiver = async () => {
      const agent = await Agent.create({ registry })
      const client = await connect()
      const end = await new MqttTransport(client).listen({
        agent,
        deliver: received => void delivered.push(received),
        refused: ({ code }) => refused.push(code),
      })
      return { agent, client, end }
    }
    const service = await receiver()
    const sender = await connect()
    const device = await Agent.create({ transport: new MqttTransport(sender) })
    registry.register(device.did, { scopes: [scope] })
    const send = (payload: string, to = service.agent.did) => device.send({ to, scope, payload })
    return { registry, delivered, refused, receiver, service, sender, device, send, stranger: await connect() }
  }

  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await sleep(5)
  }

  test('what somebody at the broker changes, sends again, or sends to another one is refused', async () => {
    const { delivered, refused, receiver, service, send, stranger } = await scene()
    const other = await receiver()
    const message = Buffer.from(await send('warm'))
    await until(() => delivered.length === 1)
    const topic = topicOf(service.agent.did)
    await stranger.publishAsync(topic, Buffer.from(message.with(-1, message.at(-1)! ^ 1)), { qos: 1 })
    await stranger.publishAsync(topic, message.subarray(0, 40), { qos: 1 })
    await stranger.publishAsync(topicOf(other.agent.did), message, { qos: 1 })
    for (let i = 0; i < 3; i++) await stranger.publishAsync(topic, message, { qos: 1 })
    await send('warmer')
    await until(() => delivered.length === 2 && refused.length === 3)
    expect(refused.toSorted()).toEqual(['bad-envelope', 'body-refused', 'other-audience'])
    expect(delivered.map(each => each.text())).toEqual(['warm', 'warmer'])
  })

  test('a message that the broker kept for who comes later is old, and not looked at', async () => {
    const { delivered, refused, service, stranger, device, registry } = await scene()
    await service.end()
    const silent = await Agent.create()
    registry.register(silent.did, { scopes: [scope] })
    const kept = await silent.send({ to: service.agent.did, scope, payload: 'kept' })
    await stranger.publishAsync(topicOf(service.agent.did), Buffer.from(kept), { qos: 1, retain: true })
    await new MqttTransport(await connect()).listen({
      agent: service.agent,
      deliver: received => void delivered.push(received),
      refused: ({ code }) => refused.push(code),
    })
    await device.send({ to: service.agent.did, scope, payload: 'new' })
    await until(() => delivered.length === 1)
    expect([delivered.map(each => each.text()), refused]).toEqual([['new'], []])
  })

  test('what the client was given twice is delivered once, and is nothing to tell of', async () => {
    const { delivered, refused, service, send } = await scene()
    const packets: IPublishPacket[] = []
    service.client.on('message', (_, __, packet) => packets.push(packet))
    await send('warm')
    await until(() => packets.length === 1 && delivered.length === 1)
    const again = { ...packets[0]!, dup: true }
    await new Promise(resolve => service.client.handleMessage(again, resolve))
    expect([delivered.length, refused]).toEqual([1, []])
  })

  test('what the broker brings again, because it did not hear that it came, is delivered once', async () => {
    // Older than the key of the device, so that its first message is not fresh.
    const nonces = new MemoryNonceStore()
    const { registry, device } = await scene()
    const client = await connectMqtt(broker.url, { clean: false, clientId: 'kept' })
    clients.push(client)
    const agent = await Agent.create({ registry, nonces })
    const [delivered, refused]: [string[], string[]] = [[], []]
    const packets: boolean[] = []
    client.on('packetreceive', packet => packet.cmd === 'publish' && packets.push(packet.dup))
    await new MqttTransport(client).listen({
      agent,
      deliver: received => {
        // Its connection is lost before the broker can be told.
        if (delivered.push(received.text()) === 1) client.stream.destroy()
      },
      refused: ({ code }) => refused.push(code),
    })
    await device.send({ to: agent.did, scope, payload: 'once' })
    await until(() => packets.length === 2)
    await device.send({ to: agent.did, scope, payload: 'next' })
    await until(() => delivered.length === 2)
    expect([packets, delivered, refused]).toEqual([[false, true, false], ['once', 'next'], []])
  })

  test('after the broker has restarted it goes on', async () => {
    const { delivered, service, send, sender } = await scene()
    await send('before')
    await until(() => delivered.length === 1)
    const away = Promise.all(
      [sender, service.client].map(client => new Promise(resolve => client.once('close', () => resolve(0)))),
    )
    const back = new Promise(resolve => service.client.on('packetreceive', ({ cmd }) => cmd === 'suback' && resolve(0)))
    await broker.stop()
    await away
    await expect(send('while it is away')).rejects.toMatchObject({ code: 'unreachable' })
    await broker.start()
    await back
    await until(() => sender.connected)
    await send('after')
    await until(() => delivered.length === 2)
    expect(delivered.map(each => each.text())).toEqual(['before', 'after'])
  })

  test('however often it listens and ends, nothing of that is left in the client', async () => {
    const agent = await Agent.create()
    const client = await connect()
    const before = client.handleMessage
    const listen = () => new MqttTransport(client).listen({ agent, deliver: () => undefined, refused: () => undefined })
    for (let i = 0; i < 3; i++) await (await listen())()
    expect(client.handleMessage).toBe(before)
  })

  test('another topic of the same client goes where it went', async () => {
    const { service, stranger, delivered } = await scene()
    const seen: string[] = []
    service.client.on('message', topic => seen.push(topic))
    await service.client.subscribeAsync('weather', { qos: 1 })
    await stranger.publishAsync('weather', 'fine', { qos: 1 })
    await until(() => seen.length === 1)
    expect([seen, delivered]).toEqual([['weather'], []])
  })
})

test('a topic is one name below the prefix, or there is none', () => {
  expect(topicOf('did:web:example.test%3A8443:devices:a')).toBe('mint/did:web:example.test%3A8443:devices:a')
  for (const did of [
    '',
    '#',
    '+',
    'did:key:z6Mk/../x',
    'did:key:+',
    'a\0b',
    'did:key:z\u00e9',
    ' ',
    '$SYS',
    'x'.repeat(513),
  ]) {
    expect(() => topicOf(did), did).toThrow('bad-did')
  }
  expect(() => new MqttTransport({} as never, { prefix: '#' })).toThrow('bad-request')
})
