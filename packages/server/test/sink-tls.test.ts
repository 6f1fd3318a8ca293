import { readFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { topicOf } from '@mintmark/agent/transport'
import {
  type Mosquitto,
  type NatsServer,
  PrivateCa,
  type ServerFiles,
  startMosquitto,
  startNats,
} from '@mintmark/testing'
import { connect as connectNats } from '@nats-io/transport-node'
import { connectAsync } from 'mqtt'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { need } from '../../../scripts/services.ts'
import { subjectOf } from '../src/relay/nats-sink.ts'
import { audience, openScene, password, until, user, userInfo } from './sink-scene.ts'

// Sinks over TLS, at real servers whose certificates are of a CA that only the operator knows.

const missing = need('openssl') ?? need('mosquitto') ?? need('nats-server')

const login = { name: user, password }
let ca: PrivateCa
let others: PrivateCa
let good: ServerFiles
let broker: Mosquitto
let nats: NatsServer
let webhook: Webhook

beforeAll(async () => {
  if (missing) return
  ca = new PrivateCa()
  others = new PrivateCa()
  good = ca.issue('DNS:localhost,IP:127.0.0.1')
  broker = await startMosquitto({ tls: good, user: login })
  nats = await startNats({ tls: good, user: login })
  webhook = new Webhook()
  await webhook.start(good)
}, 60_000)
afterAll(async () => {
  await broker?.remove()
  await nats?.stop()
  await webhook?.stop()
  ca?.remove()
  others?.remove()
})

/** What is posted, by HTTPS, or by HTTP where it has no certificate. */
class Webhook {
  readonly bodies: Buffer[] = []
  readonly authorizations: (string | undefined)[] = []
  /** Where every request is sent on to. */
  elsewhere: string | undefined
  port = 0
  #server: (Server & { closeAllConnections(): void }) | undefined

  async start(tls: ServerFiles | undefined): Promise<void> {
    const handle: Parameters<typeof createHttpServer>[1] = async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      this.bodies.push(Buffer.concat(chunks))
      this.authorizations.push(request.headers.authorization)
      // So that nothing is sent on a connection that has ended meanwhile: nobody would know whether it arrived.
      response.setHeader('connection', 'close')
      if (this.elsewhere) response.writeHead(307, { location: this.elsewhere }).end()
      else response.writeHead(200).end('taken')
    }
    const server = tls
      ? createHttpsServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) }, handle)
      : createHttpServer(handle)
    await new Promise<void>(resolve => void server.listen(this.port, '127.0.0.1', resolve))
    this.#server = server
    this.port = (server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    const closed = new Promise(resolve => this.#server?.close(resolve))
    this.#server?.closeAllConnections()
    await closed
  }
}

async function restart(tls: ServerFiles | undefined): Promise<void> {
  const options = tls ? { tls, user: login } : { user: login }
  await Promise.all([broker.restart(options), nats.restart(options), webhook.stop().then(() => webhook.start(tls))])
}

/** The three of them, as an operator names them. */
const urls = (host: string): string[] => [
  `mqtts://${userInfo}@${host}:${broker.port}`,
  `tls://${userInfo}@${host}:${nats.port}`,
  `https://${userInfo}@${host}:${webhook.port}/messages`,
]
const names = ['1-mqtt', '2-nats', '3-webhook']

/** Listens at the servers, which have a good certificate; what was heard, by sink. */
async function listen(): Promise<Record<string, Buffer[]>> {
  const heard: Record<string, Buffer[]> = { '1-mqtt': [], '2-nats': [], '3-webhook': webhook.bodies }
  webhook.bodies.length = 0
  const pem = readFileSync(ca.file, 'utf8')
  const mqtt = await connectAsync(`mqtts://localhost:${broker.port}`, { ca: pem, username: user, password })
  mqtt.on('message', (_, payload) => heard['1-mqtt']!.push(payload))
  await mqtt.subscribeAsync(topicOf(audience), { qos: 1 })
  const other = await connectNats({ servers: `localhost:${nats.port}`, tls: { ca: pem }, user, pass: password })
  other.subscribe(subjectOf(audience), { callback: (_, { data }) => void heard['2-nats']!.push(Buffer.from(data)) })
  await other.flush()
  onTestFinished(async () => {
    await mqtt.endAsync(true)
    await other.close()
  })
  return heard
}

describe.skipIf(missing)(`with certificates of a private CA${missing ?? ''}`, () => {
  test.each(['localhost', '127.0.0.1'])(
    'each gets what is sent at %s, once',
    async host => {
      const heard = await listen()
      const { offer, count, openSinks } = openScene()
      openSinks(urls(host), ca.file)
      const sent = offer()
      for (const name of names) await until(async () => (await count(name, 'sent')) === 1)
      await until(() => names.every(name => heard[name]!.length > 0))
      expect(heard).toEqual({ '1-mqtt': [sent], '2-nats': [sent], '3-webhook': [sent] })
      expect(webhook.authorizations.at(-1)).toBe(`Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`)
    },
    30_000,
  )

  test.each<[string, () => ServerFiles | undefined, string | readonly string[]]>([
    ['of another CA', () => others.issue('DNS:localhost'), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['of another host', () => ca.issue('DNS:other.example.com'), 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['that is over', () => ca.issue('DNS:localhost', -1), 'CERT_HAS_EXPIRED'],
    ['that it signed itself', () => ca.selfSigned('DNS:localhost'), 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    [
      'that it has not: it does not speak TLS',
      () => undefined,
      ['ECONNRESET', 'ConnectionError', 'ERR_SSL_WRONG_VERSION_NUMBER'],
    ],
  ])(
    'a server with a certificate %s gets nothing, is away, and gets what waits when its certificate is good',
    async (_, bad, codes) => {
      await restart(bad())
      const { offer, count, waiting, lines, away, openSinks } = openScene()
      webhook.bodies.length = 0
      openSinks(urls('localhost'), ca.file)
      const first = offer()
      await until(() => lines.length === 3)
      expect(away()).toEqual(Object.fromEntries(names.map((name, i) => [name, [codes].flat()[i] ?? codes])))
      for (const name of names) expect(await waiting(name)).toBe(1)
      expect(webhook.bodies).toEqual([])
      await restart(good)
      for (const name of names) await until(async () => (await count(name, 'sent')) === 1)
      expect(webhook.bodies).toEqual([first])
      const heard = await listen()
      const second = offer()
      await until(() => names.every(name => heard[name]!.length > 0))
      expect(heard).toEqual({ '1-mqtt': [second], '2-nats': [second], '3-webhook': [second] })
      for (const name of names) expect(await count(name, 'failed')).toBe(0)
      expect(lines).toHaveLength(3)
    },
    60_000,
  )

  test('without the CA none of them gets anything', async () => {
    const { offer, waiting, lines, openSinks } = openScene()
    webhook.bodies.length = 0
    openSinks(urls('localhost'), undefined)
    offer()
    await until(() => lines.length === 3)
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' })
    for (const name of names) expect(await waiting(name)).toBe(1)
    expect(webhook.bodies).toEqual([])
  }, 30_000)

  test('a broker that does not take the password is away, and gets what waits when it does', async () => {
    const [mqtt, tls] = urls('localhost')
    const another = { tls: good, user: { name: user, password: 'another' } }
    await Promise.all([broker.restart(another), nats.restart(another)])
    const { offer, count, waiting, lines, away, openSinks } = openScene()
    openSinks([mqtt!, tls!], ca.file)
    offer()
    await until(() => lines.length === 2)
    expect(away()).toEqual({ '1-mqtt': 5, '2-nats': 'AuthorizationError' })
    for (const name of Object.keys(away())) expect(await waiting(name)).toBe(1)
    await restart(good)
    for (const name of Object.keys(away())) await until(async () => (await count(name, 'sent')) === 1)
  }, 60_000)

  test('a webhook that goes away gets what could not be sent when it is back', async () => {
    const { offer, count, away, openSinks } = openScene()
    openSinks([`https://localhost:${webhook.port}/messages`], ca.file)
    offer()
    await until(async () => (await count('1-webhook', 'sent')) === 1)
    await webhook.stop()
    webhook.bodies.length = 0
    const sent = [offer(), offer()]
    await until(() => '1-webhook' in away())
    await webhook.start(good)
    await until(async () => (await count('1-webhook', 'sent')) === 3)
    expect(webhook.bodies.toSorted(Buffer.compare)).toEqual(sent)
    expect(await count('1-webhook', 'failed')).toBe(0)
  }, 30_000)

  test('a webhook that sends elsewhere is not followed', async () => {
    const other = new Webhook()
    await other.start(good)
    webhook.elsewhere = `https://localhost:${other.port}/messages`
    onTestFinished(async () => {
      webhook.elsewhere = undefined
      await other.stop()
    })
    const { offer, count, openSinks } = openScene()
    openSinks([`https://localhost:${webhook.port}/messages`], ca.file)
    offer()
    await until(async () => (await count('1-webhook', 'failed')) === 1)
    expect(other.bodies).toEqual([])
  })
})
