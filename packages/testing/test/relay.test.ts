import { createServer, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { topicOf } from '@mintmark/agent/transport'
import { hex, sha256, utf8 } from '@mintmark/core/bytes'
import { didKey } from '@mintmark/core/keys'
import { writeCoseEnvelope, writeMessage } from '@mintmark/core/signed'
import {
  type Mosquitto,
  type NatsServer,
  startMosquitto,
  startNats,
  startTestPlatform,
  type TestDevice,
  type TestPlatform,
} from '@mintmark/testing'
import { connect as connectNats } from '@nats-io/transport-node'
import { connectAsync } from 'mqtt'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { need } from '../../../scripts/services.ts'
import { subjectOf } from '../../server/src/relay/nats-sink.ts'

// Sealed messages on their way to whoever listens. What is in them is nobody's but the receiver's, so bytes are looked at.

let platform: TestPlatform
let broker: Mosquitto | undefined
let nats: NatsServer | undefined
let [sender, hub, other]: TestDevice[] = []
const posted: { readonly headers: IncomingMessage['headers']; readonly body: Buffer }[] = []
let answer = 204
const webhook = createServer(async (request, response) => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  posted.push({ headers: request.headers, body: Buffer.concat(chunks) })
  response.writeHead(answer).end()
})
const [noMosquitto, noNats] = [need('mosquitto'), need('nats-server')]

beforeAll(async () => {
  await new Promise<void>(resolve => void webhook.listen(0, '127.0.0.1', resolve))
  if (!noMosquitto) broker = await startMosquitto()
  if (!noNats) nats = await startNats()
  const hook = `http://127.0.0.1:${(webhook.address() as AddressInfo).port}/messages`
  platform = await startTestPlatform({ sinks: [hook, ...(broker ? [broker.url] : []), ...(nats ? [nats.url] : [])] })
  await platform.makeFleet('acme')
  sender = await platform.enrollDevice('acme', 'device-104')
  hub = await platform.enrollDevice('acme', 'hub-1')
  other = await platform.enrollDevice('acme', 'hub-2')
  await platform.operator('PUT', '/v1/fleets/acme/devices/device-104/scope', { scopes: ['telemetry:write'] })
}, 60_000)
afterAll(async () => {
  await platform?.stop()
  await broker?.remove()
  await nats?.stop()
  webhook.close()
})

const didOf = ({ key }: TestDevice): string => didKey(key.publicKey)

/** As a sender's SDK makes it: that it opens is not what is looked at here. */
async function sealedMessage(to = hub!, size = 80): Promise<{ message: Uint8Array; envelope: Uint8Array }> {
  const body = crypto.getRandomValues(new Uint8Array(size))
  const envelope = await writeCoseEnvelope(sender!.key, {
    key: didOf(sender!),
    audience: didOf(to),
    scope: 'telemetry:write',
    once: { issued: platform.clock.now(), nonce: crypto.getRandomValues(new Uint8Array(16)) },
    sealed: { key: new Uint8Array(8), commitment: sha256(utf8('salt and content')) },
    digest: sha256(body),
  })
  return { message: writeMessage(envelope, body), envelope }
}

async function post(body: Uint8Array): Promise<number> {
  const headers = { 'content-type': 'application/mint' }
  const reply = await platform.call('POST', '/v1/messages', { as: sender!.tls, headers, body })
  expect(reply.status, reply.text).toBe(201)
  return (reply.body.receipt as { index: number }).index
}

interface Event {
  readonly id: string
  readonly from: string
  readonly message: Uint8Array
}

/** Listens as a device; resolves when it listens. */
async function listen(as: TestDevice) {
  const { promise: closed, resolve: close } = Promise.withResolvers<void>()
  const events: Event[] = []
  let wake = (): void => undefined
  const headers = { accept: 'text/event-stream' }
  const place = { host: '127.0.0.1', port: platform.port, servername: 'localhost', ca: platform.anchor, agent: false }
  await new Promise<void>((resolve, reject) => {
    const request = httpsRequest({ ...place, ...as.tls, path: '/v1/messages', headers }, response => {
      let text = ''
      response.on('data', chunk => {
        text += chunk
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          const [first = '', id = '', data = ''] = text.slice(0, end).split('\n')
          text = text.slice(end + 2)
          if (first === ': listening') resolve()
          if (first !== 'event: message') continue
          const said = JSON.parse(data.slice('data: '.length)) as { from: string; message: string }
          const message = new Uint8Array(Buffer.from(said.message, 'base64url'))
          events.push({ id: id.slice('id: '.length), from: said.from, message })
          wake()
        }
      })
      response.on('error', () => undefined)
      response.on('close', () => close())
    })
    request.on('error', error => {
      close()
      reject(error)
    })
    request.end()
    onTestFinished(() => void request.destroy())
  })
  const next = async (count: number): Promise<Event[]> => {
    while (events.length < count) {
      await new Promise<void>(resolve => {
        wake = resolve
      })
    }
    return events
  }
  return { events, next, closed }
}

describe('a receiver that listens', () => {
  test('hears what is sealed to it, as it was sent, with its entry; and nothing of others', async () => {
    const [ours, theirs] = [await listen(hub!), await listen(other!)]
    const [first, second, third] = [await sealedMessage(), await sealedMessage(other!), await sealedMessage()]
    const index = await post(first.message)
    await post(second.message)
    await post(third.message)
    const heard = await ours.next(2)
    expect(heard.map(({ message }) => message)).toEqual([first.message, third.message])
    expect(heard[0]).toMatchObject({ id: String(index), from: sender!.path })
    expect((await theirs.next(1)).map(({ message }) => message)).toEqual([second.message])
  })

  test('hears all of a burst of the largest that there are', async () => {
    const ours = await listen(hub!)
    const sent = await Promise.all(Array.from({ length: 7 }, () => sealedMessage(hub!, 65_536)))
    await Promise.all(sent.map(({ message }) => post(message)))
    const heard = await ours.next(7)
    expect(new Set(heard.map(({ message }) => hex(sha256(message))))).toEqual(
      new Set(sent.map(({ message }) => hex(sha256(message)))),
    )
  })

  test('hears nothing of an envelope alone, nor of what was refused', async () => {
    const { events, next } = await listen(hub!)
    const [alone, twice] = [await sealedMessage(), await sealedMessage()]
    await post(alone.envelope)
    await post(twice.message)
    const headers = { 'content-type': 'application/mint' }
    const again = await platform.call('POST', '/v1/messages', { as: sender!.tls, headers, body: twice.message })
    expect(again.body.code).toBe('message-replayed')
    const last = await sealedMessage()
    await post(last.message)
    await next(2)
    expect(events.map(({ message }) => message)).toEqual([twice.message, last.message])
  })

  test('is cut once it is revoked, before that is acknowledged to anyone', async () => {
    const lost = await platform.enrollDevice('acme', 'lost-1')
    const { events, closed } = await listen(lost)
    await platform.revoke(lost)
    await closed
    const late = await sealedMessage(lost)
    const headers = { 'content-type': 'application/mint' }
    const refused = await platform.call('POST', '/v1/messages', { as: sender!.tls, headers, body: late.message })
    expect([refused.body.code, events]).toEqual(['other-audience', []])
  })

  test('has a certificate of a device, and asks for events', async () => {
    expect((await platform.call('GET', '/v1/messages')).body.code).toBe('certificate-required')
    const as = hub!.tls
    const headers = { accept: 'application/json' }
    expect((await platform.call('GET', '/v1/messages', { as, headers })).body.code).toBe('unsupported-media')
  })
})

/** Asks until it is so: what is looked at comes by itself, and nobody says when. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise(resolve => setTimeout(resolve, 20))
}

const metric = async (name: string): Promise<number> => {
  const { text } = await platform.browse('GET', '/metrics')
  const line = text.split('\n').find(each => each.startsWith(`${name} `))
  return line === undefined ? 0 : Number(line.split(' ')[1])
}

describe('sinks', () => {
  test('a webhook gets each message once, as it was sent', async () => {
    const { message } = await sealedMessage()
    const before = posted.length
    const index = await post(message)
    await until(() => posted.length > before)
    expect(new Uint8Array(posted.at(-1)!.body)).toEqual(message)
    expect(posted.at(-1)!.headers).toMatchObject({
      'content-type': 'application/mint',
      'mintmark-entry': `acme/${index}`,
      'mintmark-from': sender!.path,
      'mintmark-to': hub!.path,
    })
  })

  test('a webhook that fails is not asked again, and is counted', async () => {
    answer = 500
    onTestFinished(() => {
      answer = 204
    })
    const name = 'mintmark_relayed_total{sink="1-webhook",outcome="failed"}'
    const [before, count] = [posted.length, await metric(name)]
    await post((await sealedMessage()).message)
    await until(async () => (await metric(name)) > count)
    expect(posted).toHaveLength(before + 1)
  })

  test.skipIf(noMosquitto)(
    `a broker of MQTT gets it where the SDK's receivers subscribe${noMosquitto ?? ''}`,
    async () => {
      const client = await connectAsync(broker!.url)
      onTestFinished(() => client.endAsync(true))
      const heard: { topic: string; payload: Uint8Array }[] = []
      client.on('message', (topic, payload) => heard.push({ topic, payload: new Uint8Array(payload) }))
      await client.subscribeAsync(topicOf(didOf(hub!)), { qos: 1 })
      const { message } = await sealedMessage()
      await post(message)
      await until(() => heard.length > 0)
      expect(heard).toEqual([{ topic: topicOf(didOf(hub!)), payload: message }])
    },
  )

  test.skipIf(noMosquitto)(
    'a broker that is away holds nobody up, and gets what is not too old when it is back',
    async () => {
      const sent = 'mintmark_relayed_total{sink="2-mqtt",outcome="sent"}'
      await broker!.stop()
      const before = await metric(sent)
      const { message } = await sealedMessage()
      // It is acknowledged while nobody has it.
      await post(message)
      await until(async () => (await metric('mintmark_relay_waiting{sink="2-mqtt"}')) === 1)
      expect(await metric(sent)).toBe(before)
      await broker!.start()
      await until(async () => (await metric(sent)) === before + 1)
      expect(await metric('mintmark_relay_waiting{sink="2-mqtt"}')).toBe(0)
    },
    30_000,
  )

  test.skipIf(noNats)(
    'a NATS server gets it, also after it was away',
    async () => {
      const sent = `mintmark_relayed_total{sink="${noMosquitto ? 2 : 3}-nats",outcome="sent"}`
      const subject = subjectOf(didOf(hub!))
      expect(subject).toBe(`mint.${didOf(hub!)}`)
      for (const isAgain of [false, true]) {
        if (isAgain) {
          await nats!.stop()
          await nats!.start()
        }
        const client = await connectNats({ servers: nats!.url })
        const heard: Uint8Array[] = []
        client.subscribe(subject, { callback: (_, { data }) => void heard.push(new Uint8Array(data)) })
        await client.flush()
        const before = await metric(sent)
        const { message } = await sealedMessage()
        await post(message)
        await until(async () => heard.length > 0 && (await metric(sent)) > before)
        expect(heard).toEqual([message])
        await client.close()
      }
    },
    30_000,
  )

  test('a name with a dot is one level of a subject', () => {
    expect(subjectOf('did:web:example.test:fleets:acme:devices:hub-1')).toBe(
      'mint.did:web:example%2Etest:fleets:acme:devices:hub-1',
    )
  })

  test.each([
    'ftp://host',
    'http://example.test/messages',
    'mqtt://host/path',
    'nats://host?x=1',
    'https://',
    'host:1883',
    '',
  ])('%s is no sink', async sink => {
    await expect(startTestPlatform({ sinks: [sink] })).rejects.toMatchObject({ code: 'bad-request' })
  })
})
