import { createServer, request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Agent, MemoryTrustRegistry, Refused } from '../../src/index.ts'
import { nodeListener } from '../../src/node/index.ts'
import { HttpTransport, messageHandler } from '../../src/transport/index.ts'

// What somebody else may send to a receiver, and what may answer a sender.

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

async function serve(listener: Parameters<typeof createServer>[1]): Promise<{ url: string; port: number }> {
  const server = createServer(listener)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  ends.push(async () => {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/messages`, port }
}

const registry = new MemoryTrustRegistry()
let [delivered, refused]: [string[], string[]] = [[], []]
let service: Agent
let device: Agent
let place: { url: string; port: number }
beforeEach(async () => {
  ;[delivered, refused] = [[], []]
  service = await Agent.create({ registry })
  device = await Agent.create()
  registry.register(device.did, { scopes: ['telemetry:write'] })
  const deliver = (received: { text(): string }) => void delivered.push(received.text())
  place = await serve(
    nodeListener(messageHandler({ agent: service, deliver, refused: ({ code }) => refused.push(code) })),
  )
})
const message = (payload = 'warm') => device.send({ to: service.did, scope: 'telemetry:write', payload })
const type = { 'content-type': 'application/mint' }

test('another method, another type, a coded body and a body that says it is too long are refused unread', async () => {
  const body = await message()
  const answers = [
    await fetch(place.url),
    await fetch(place.url, { method: 'OPTIONS' }),
    await fetch(place.url, { method: 'POST', body }),
    await fetch(place.url, { method: 'POST', body, headers: { 'content-type': 'text/plain' } }),
    await fetch(place.url, { method: 'POST', body, headers: { 'content-type': 'application/mint; a=b' } }),
    await fetch(place.url, { method: 'POST', body, headers: { ...type, 'content-encoding': 'gzip' } }),
    await fetch(place.url, { method: 'POST', body: new Uint8Array(98_305), headers: type }),
  ]
  expect(answers.map(({ status }) => status)).toEqual([405, 405, 415, 415, 415, 415, 413])
  expect(answers[0]!.headers.get('allow')).toBe('POST')
  // No page of another site is told that it may.
  for (const { headers } of answers) expect(headers.get('access-control-allow-origin')).toBeNull()
  expect(delivered).toEqual([])
})

test('a body that does not say how long it is is read up to the limit and no further', async () => {
  let sent = 0
  const outcome = await new Promise<number | string>(resolve => {
    const call = request(place.url, { method: 'POST', headers: type }, ({ statusCode }) => resolve(statusCode!))
    call.on('error', error => resolve((error as NodeJS.ErrnoException).code!))
    const more = () => {
      while (!call.destroyed && sent < 50_000_000) {
        sent += 10_000
        if (!call.write(new Uint8Array(10_000))) return void call.once('drain', more)
      }
    }
    more()
  })
  expect([413, 'ECONNRESET', 'EPIPE']).toContain(outcome)
  expect(refused).toEqual(['too-large'])
  expect(sent).toBeLessThan(50_000_000)
})

test('what is left of a body that nobody read is not taken for a request', async () => {
  const smuggled = `POST /messages HTTP/1.1\r\nhost: x\r\n\r\n`
  const socket = connect(place.port, '127.0.0.1')
  const said = new Promise<string>(resolve => {
    let text = ''
    socket.on('data', chunk => {
      text += chunk
    })
    socket.on('close', () => resolve(text))
    socket.on('error', () => undefined)
  })
  socket.write(`GET /messages HTTP/1.1\r\nhost: x\r\ncontent-length: 200000\r\n\r\n${smuggled}`)
  expect((await said).match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 405'])
  expect(await said).toMatch(/\r\nconnection: close\r\n/i)
})

test('a body that says that it is too long is refused before any of it came', async () => {
  const socket = connect(place.port, '127.0.0.1')
  ends.push(async () => void socket.destroy())
  const said = new Promise<string>(resolve => socket.once('data', chunk => resolve(String(chunk))))
  const head = ['POST /messages HTTP/1.1', 'host: x', 'content-type: application/mint', 'content-length: 98305']
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  expect(await said).toMatch(/^HTTP\/1\.1 413 /)
})

test('a method that no request can have is refused, as others are', async () => {
  const status = await new Promise(resolve => {
    request(place.url, { method: 'TRACE' }, ({ statusCode }) => resolve(statusCode)).end()
  })
  expect(status).toBe(405)
})

test('a message that counts is not sent again, whatever the receiver says', async () => {
  let asked = 0
  const { url } = await serve((_, response) => {
    asked++
    response.writeHead(409).end('{"code":"message-fresh","retryAfter":1}')
  })
  const sender = await Agent.create({ transport: new HttpTransport({ url }), wait: async () => undefined })
  const send = (sequence?: number) =>
    sender.send({ to: service.did, scope: 'telemetry:write', payload: '', ...(sequence !== undefined && { sequence }) })
  await expect(send(7)).rejects.toMatchObject({ code: 'message-fresh' })
  expect(asked).toBe(1)
  await expect(send()).rejects.toMatchObject({ code: 'message-fresh' })
  expect(asked).toBe(3)
})

test.each(['-1', '30001', '1e400', '"soon"', 'null'])('a receiver cannot have its sender wait for %s', async wait => {
  const body = `{"code":"message-fresh","retryAfter":${wait}}`
  const { url } = await serve((_, response) => response.writeHead(409).end(body))
  let waits = 0
  const sender = await Agent.create({ transport: new HttpTransport({ url }), wait: async () => void waits++ })
  await expect(sender.send({ to: service.did, scope: 'telemetry:write', payload: '' })).rejects.toThrow(Refused)
  expect(waits).toBe(0)
})

test('the answer says why, in one form, and when', async () => {
  const again = await message()
  const send = () => fetch(place.url, { method: 'POST', body: Uint8Array.from(again), headers: type })
  expect((await send()).status).toBe(204)
  const answer = await send()
  expect(answer.status).toBe(409)
  expect(await answer.json()).toEqual({ code: 'message-replayed', message: 'This message was received before.' })
})

test('a place without TLS is on this computer', () => {
  const places = ['http://example.test/', 'http://127.evil.com/', 'http://127.0.0.1.evil.com/', 'ftp://localhost/', 'x']
  for (const url of [...places, 'https://user:pw@example.test/', 'http://localhost@evil.com/']) {
    expect(() => new HttpTransport({ url }), url).toThrow(Refused)
  }
  for (const url of ['https://example.test/m', 'http://[::1]:80/', 'http://localhost/']) new HttpTransport({ url })
})

test.each([301, 302, 303, 307, 308])('a redirect by %i is not followed', async status => {
  let wasAsked = false
  const elsewhere = await serve((_, response) => {
    wasAsked = true
    response.writeHead(204).end()
  })
  const { url } = await serve((_, response) => response.writeHead(status, { location: elsewhere.url }).end())
  const transport = new HttpTransport({ url })
  await expect(transport.deliver(await message(), service.did)).rejects.toMatchObject({ code: 'unreachable' })
  expect(wasAsked).toBe(false)
})

test('what answers in another language is told by its status, and read up to a limit', async () => {
  const answers: [number, string, string][] = [
    [413, '<html>', 'too-large'],
    [429, '', 'slow-down'],
    [404, '{"code":"no-such-code"}', 'not-found'],
    [403, '[1]', 'refused'],
    [502, 'x'.repeat(4_000), 'unavailable'],
    [502, 'x'.repeat(5_000), 'unavailable'],
    [503, '{"code":"constructor"}', 'unavailable'],
  ]
  for (const [status, body, code] of answers) {
    const { url } = await serve((_, response) => response.writeHead(status, { 'retry-after': '7' }).end(body))
    const why = new HttpTransport({ url }).deliver(await message(), service.did)
    await expect(why).rejects.toMatchObject({ code, retryAfter: 7_000 })
  }
})

test.each([200, 202, 206])('a success that is not that of a receiver is none: %i', async status => {
  const { url } = await serve((_, response) => response.writeHead(status).end('<html>Welcome'))
  const why = new HttpTransport({ url }).deliver(await message(), service.did)
  await expect(why).rejects.toMatchObject({ code: 'unreachable' })
})

test('a receiver that does not answer is unreachable', async () => {
  const { url } = await serve(() => undefined)
  const transport = new HttpTransport({ url, timeout: 100 })
  await expect(transport.deliver(await message(), service.did)).rejects.toMatchObject({ code: 'unreachable' })
})

test('an answer that never ends does not hold the sender', async () => {
  const { url } = await serve((_, response) => void response.writeHead(500).write('x'))
  const transport = new HttpTransport({ url, timeout: 100 })
  await expect(transport.deliver(await message(), service.did)).rejects.toMatchObject({ code: 'unreachable' })
})

test('each receiver may have a place of its own', async () => {
  const asked: string[] = []
  const transport = new HttpTransport({
    url: to => {
      asked.push(to)
      return place.url
    },
  })
  const sender = await Agent.create({ transport })
  registry.register(sender.did, { scopes: ['telemetry:write'] })
  await sender.send({ to: service.did, scope: 'telemetry:write', payload: 'hot' })
  expect([asked, delivered]).toEqual([[service.did], ['hot']])
})
