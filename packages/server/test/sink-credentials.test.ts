import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { mqttSink } from '../src/relay/mqtt-sink.ts'
import { natsSink } from '../src/relay/nats-sink.ts'
import type { Sink } from '../src/relay/sink-queue.ts'
import { readSinkTrust } from '../src/relay/sink-tls.ts'
import { webhookSink } from '../src/relay/webhook-sink.ts'

// User and password in the URL of a sink, with characters that a URL has to spell: what reaches the other side.

const trust = readSinkTrust()
const given = 'us%40er:p%2Fss%3A'

/** What a client says first to a server that greets it so. */
async function heard(greeting: string, open: (host: string) => Sink): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const server = createServer(socket => {
    socket.on('error', () => undefined)
    socket.write(greeting)
    socket.once('data', chunk => resolve(chunk.toString('latin1')))
  })
  const sink = open(await hostOf(server))
  try {
    return await promise
  } finally {
    server.close()
    await sink.close()
  }
}

async function hostOf(server: Server): Promise<string> {
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('of a broker of MQTT', async () => {
  const said = await heard('', host => mqttSink(new URL(`mqtt://${given}@${host}`), trust, () => undefined))
  expect(said).toContain('\u0000\u0005us@er\u0000\u0005p/ss:')
})

test('of a webhook, in a header and not in the URL', async () => {
  let seen: string[] = []
  const server = createHttpServer((request, response) => {
    seen = [request.url ?? '', request.headers.authorization ?? '']
    response.writeHead(204).end()
  })
  onTestFinished(() => void server.close())
  const sink = webhookSink(new URL(`http://${given}@${await hostOf(server)}/messages`), trust, () => undefined)
  const names = { fleet: 'acme', from: 'acme/device/a', to: 'acme/device/b', audience: 'did:key:z6Mk', scope: 'a' }
  await sink.send({ ...names, index: 1, message: Uint8Array.of(1) })
  expect(seen).toEqual(['/messages', `Basic ${Buffer.from('us@er:p/ss:').toString('base64')}`])
})

test('of a NATS server', async () => {
  const info = 'INFO {"server_id":"x","version":"2.9.10","proto":1,"auth_required":true,"max_payload":1048576}\r\n'
  const said = await heard(info, host => natsSink(new URL(`nats://${given}@${host}`), trust, () => undefined))
  expect(said).toContain('"user":"us@er"')
  expect(said).toContain('"pass":"p/ss:"')
})
