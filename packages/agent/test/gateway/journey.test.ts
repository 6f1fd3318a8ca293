import { type Mosquitto, startMosquitto } from '@mintmark/testing'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { need } from '../../../../scripts/services.ts'
import { GatewayTransport, listenForReadings, readingHandler, readReading } from '../../src/gateway/index.ts'
import { Agent, MemoryTrustRegistry, type Received } from '../../src/index.ts'
import { serveHttp } from '../../src/node/index.ts'
import { HttpTransport, MqttTransport, messageHandler } from '../../src/transport/index.ts'
import { connectMqtt } from '../transport/ways.ts'

// Two sensors that cannot sign, one that publishes and one that posts; a gateway; and a service that knows the gateway.

const scope = 'telemetry:write'
const missing = need('mosquitto')

describe.skipIf(missing)(missing ?? 'from sensors through a gateway to a service', () => {
  let broker: Mosquitto
  const ends: (() => unknown)[] = []
  beforeAll(async () => {
    broker = await startMosquitto()
  })
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end()
  })
  afterAll(() => broker.remove())

  const connect = async () => {
    const client = await connectMqtt(broker.url)
    ends.push(() => client.endAsync(true))
    return client
  }
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await new Promise(resolve => setTimeout(resolve, 5))
  }

  async function service(bound: readonly string[]) {
    const registry = new MemoryTrustRegistry()
    const agent = await Agent.create({ registry })
    const delivered: Received[] = []
    const refused: string[] = []
    const recipient = {
      agent,
      deliver: (received: Received) => void delivered.push(received),
      refused: ({ code }: { code: string }) => refused.push(code),
    }
    const knows = (gateway: Agent) => registry.register(gateway.did, { scopes: [scope], devices: bound })
    return { agent, recipient, delivered, refused, knows }
  }

  const readings = (delivered: readonly Received[]) =>
    delivered.map(each => `${each.onBehalfOf} ${new TextDecoder().decode(readReading(each).data)}`)

  test('what they say arrives by HTTP, and waits while the service is away', async () => {
    const { agent, recipient, delivered, knows } = await service(['sensor-7', 'sensor-8'])
    let server = await serveHttp(messageHandler(recipient))
    const { port } = server
    ends.push(() => server.close())
    const signer = await Agent.create({ transport: new HttpTransport({ url: `http://127.0.0.1:${port}/` }) })
    knows(signer)
    const devices = { 'sensor-7': { scope }, 'sensor-8': { scope } }
    const told: string[] = []
    const gateway = new GatewayTransport({
      agent: signer,
      to: agent.did,
      devices,
      told: ({ code }, _, fate) => told.push(`${code} ${fate}`),
      wait: () => new Promise(resolve => setTimeout(resolve, 20)),
    })
    ends.push(() => gateway.close())
    const refused: string[] = []
    const secret = 'of-sensor-8-0123456789'
    const handler = readingHandler({
      gateway,
      devices: { 'sensor-8': { secret } },
      refused: ({ code }) => refused.push(code),
    })
    const door = await serveHttp(handler)
    ends.push(() => door.close())
    await listenForReadings(await connect(), {
      gateway,
      topic: 'plant/{device}/celsius',
      refused: ({ code }) => refused.push(code),
    })
    const sensor = await connect()
    const post = (body: string, bearer: string) =>
      fetch(`http://127.0.0.1:${door.port}/readings/sensor-8`, {
        method: 'POST',
        body,
        headers: { authorization: `Bearer ${bearer}` },
      })

    await sensor.publishAsync('plant/sensor-7/celsius', '21.5', { qos: 1 })
    await until(() => delivered.length === 1)
    expect((await post('800', secret)).status).toBe(202)
    expect((await post('900', 'of-sensor-9-0123456789')).status).toBe(401)
    await sensor.publishAsync('plant/sensor-99/celsius', '1', { qos: 1 })
    await sensor.publishAsync('plant/sensor-7/more/celsius', '1', { qos: 1 })
    await until(() => refused.length === 2)
    await gateway.emptied()
    expect(refused).toEqual(['refused', 'gateway-refused'])
    expect(readings(delivered)).toEqual(['sensor-7 21.5', 'sensor-8 800'])

    await server.close()
    await sensor.publishAsync('plant/sensor-7/celsius', '22', { qos: 1 })
    expect((await post('801', secret)).status).toBe(202)
    await until(() => told.length > 1)
    server = await serveHttp(messageHandler(recipient), { port })
    await gateway.emptied()
    expect(new Set(told)).toEqual(new Set(['unreachable kept']))
    expect(readings(delivered).slice(2).toSorted()).toEqual(['sensor-7 22', 'sensor-8 801'])
  })

  test('by MQTT too; and a gateway that speaks for a device that is not bound to it is refused', async () => {
    const { agent, recipient, delivered, refused, knows } = await service(['sensor-7'])
    await new MqttTransport(await connect()).listen(recipient)
    const signer = await Agent.create({ transport: new MqttTransport(await connect()) })
    knows(signer)
    const gateway = new GatewayTransport({
      agent: signer,
      to: agent.did,
      devices: { 'sensor-7': { scope }, 'sensor-8': { scope } },
      told: () => undefined,
    })
    ends.push(() => gateway.close())
    for (const device of ['sensor-8', 'sensor-7']) await gateway.take(device, new TextEncoder().encode('1'))
    await until(() => delivered.length === 1)
    expect([readings(delivered), refused]).toEqual([['sensor-7 1'], ['gateway-refused']])
  })

  test('a retained reading is old, and a topic has one place for the device', async () => {
    const { agent, recipient, delivered, knows } = await service(['sensor-7'])
    await new MqttTransport(await connect()).listen(recipient)
    const signer = await Agent.create({ transport: new MqttTransport(await connect()) })
    knows(signer)
    const devices = { 'sensor-7': { scope } }
    const gateway = new GatewayTransport({ agent: signer, to: agent.did, devices, told: () => undefined })
    ends.push(() => gateway.close())
    const sensor = await connect()
    await sensor.publishAsync('old/sensor-7/celsius', '1', { qos: 1, retain: true })
    const client = await connect()
    const listen = (topic: string) => listenForReadings(client, { gateway, topic, refused: () => undefined })
    const end = await listen('old/{device}/celsius')
    await sensor.publishAsync('old/sensor-7/celsius', '2', { qos: 1 })
    await until(() => delivered.length === 1)
    await end()
    expect(readings(delivered)).toEqual(['sensor-7 2'])
    for (const topic of ['a/b', '{device}/{device}', '+/{device}', '#', 'a/{device}/#', 'a{device}', '']) {
      await expect(listen(topic), topic).rejects.toMatchObject({ code: 'bad-request' })
    }
  })
})
