import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { WebSocket as Peer } from 'ws'
import { Agent, MemoryNonceStore, MemoryTrustRegistry, Refused } from '../../src/index.ts'
import {
  mostUnanswered,
  type Recipient,
  type Socket,
  WebSocketLink,
  WebSocketTransport,
} from '../../src/transport/index.ts'
import { serveWebSockets } from './ways.ts'

// What the other side of a connection may do, and how a connection comes back.

const scope = 'telemetry:write'
const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function receiver(registry = new MemoryTrustRegistry(), nonces = new MemoryNonceStore()) {
  const agent = await Agent.create({ registry, nonces })
  const delivered: string[] = []
  const recipient: Recipient = {
    agent,
    deliver: received => void delivered.push(received.text()),
    refused: () => undefined,
  }
  return { agent, registry, delivered, recipient }
}

async function serve(accept: (peer: Peer) => void, port?: number) {
  const served = await serveWebSockets(accept, port)
  ends.push(served.end)
  return served
}

const asSocket = (peer: Peer): Socket => peer as unknown as Socket

function transportTo(url: string, options: Partial<ConstructorParameters<typeof WebSocketTransport>[0]> = {}) {
  const transport = new WebSocketTransport({ url, ...options })
  ends.push(() => transport.close())
  return transport
}

test('both sides send over one connection', async () => {
  const registry = new MemoryTrustRegistry()
  // Older than the keys of both, so that neither is fresh to the other.
  const stores = [new MemoryNonceStore(), new MemoryNonceStore()] as const
  const [service, device] = [await receiver(registry, stores[0]), await receiver(registry, stores[1])]
  const { url } = await serve(peer => {
    const link = new WebSocketLink(asSocket(peer), {
      recipient: {
        ...service.recipient,
        deliver: async received => {
          service.delivered.push(received.text())
          await link.deliver(await service.agent.send({ to: received.from, scope, payload: 'understood' }))
        },
      },
    })
  })
  const transport = transportTo(url, { recipient: device.recipient })
  registry.register(device.agent.did, { scopes: [scope] })
  registry.register(service.agent.did, { scopes: [scope] })
  await transport.deliver(await device.agent.send({ to: service.agent.did, scope, payload: 'warm' }))
  expect([service.delivered, device.delivered]).toEqual([['warm'], ['understood']])
})

test('where nobody takes messages, that is the answer', async () => {
  const { url } = await serve(peer => new WebSocketLink(asSocket(peer)))
  await expect(transportTo(url).deliver(new Uint8Array(9))).rejects.toMatchObject({ code: 'not-found' })
})

test.each([
  ['an answer to what was not asked', '{"n":7}'],
  ['an answer twice', '{"n":0}{"n":0}'],
  ['no JSON', 'yes'],
  ['a code that nobody knows', '{"n":0,"code":"fine"}'],
  ['a number that is none', '{"n":"0"}'],
  ['a very long answer', `{"n":0,"x":"${'x'.repeat(2_000)}"}`],
])('%s ends the connection, and what waits is unreachable', async (_, answer) => {
  const codes: number[] = []
  const { url } = await serve(peer => {
    peer.on('message', () => peer.send(answer))
    peer.on('close', code => codes.push(code))
  })
  const peer = new Peer(url)
  const link = new WebSocketLink(asSocket(peer))
  await once(peer, 'open')
  await expect(link.deliver(new Uint8Array(9))).rejects.toMatchObject({ code: 'unreachable' })
  await link.closed
  while (codes.length === 0) await new Promise(resolve => setTimeout(resolve, 5))
  expect(codes).toEqual([4400])
})

test('a connection that ends without an answer is unreachable, and so is what waited behind it', async () => {
  const { url } = await serve(peer => peer.on('message', () => peer.terminate()))
  const peer = new Peer(url)
  const link = new WebSocketLink(asSocket(peer))
  await once(peer, 'open')
  const sent = await Promise.allSettled(Array.from({ length: 200 }, () => link.deliver(new Uint8Array(9))))
  expect(new Set(sent.map(each => each.status === 'rejected' && (each.reason as Refused).code))).toEqual(
    new Set(['unreachable']),
  )
  await expect(link.deliver(new Uint8Array(9))).rejects.toMatchObject({ code: 'unreachable' })
})

test('a sender has a bounded number on the way and a bounded number waiting', async () => {
  let frames = 0
  const { url } = await serve(peer => peer.on('message', () => frames++))
  const peer = new Peer(url)
  const link = new WebSocketLink(asSocket(peer))
  await once(peer, 'open')
  const sent = Array.from({ length: 1_200 }, () =>
    link.deliver(new Uint8Array(9)).catch((error: Refused) => error.code),
  )
  const quick = await Promise.race(sent)
  expect(quick).toBe('slow-down')
  while (frames < mostUnanswered) await new Promise(resolve => setTimeout(resolve, 5))
  peer.ping()
  await once(peer, 'pong')
  expect(frames).toBe(mostUnanswered)
  link.close()
  const codes = Map.groupBy(await Promise.all(sent), code => code)
  expect(codes.get('unreachable')?.length).toBe(mostUnanswered + 1_024)
})

test('a receiver takes no more at once than a sender may send, and says so', async () => {
  const { recipient, agent } = await receiver()
  let go: () => void = () => undefined
  const held = new Promise<void>(resolve => {
    go = resolve
  })
  let received = 0
  const { url } = await serve(peer => {
    const slow = { ...agent, audiences: agent.audiences, did: agent.did, proves: async () => false } as unknown as Agent
    Object.assign(slow, {
      receive: async () => {
        received++
        await held
        throw new Refused('refused')
      },
    })
    new WebSocketLink(asSocket(peer), { recipient: { ...recipient, agent: slow } })
  })
  const peer = new Peer(url)
  await once(peer, 'open')
  const answers: { n: number; code: string }[] = []
  peer.on('message', text => answers.push(JSON.parse(String(text))))
  for (let i = 0; i < mostUnanswered + 5; i++) peer.send(new Uint8Array(9))
  while (answers.length < 5) await new Promise(resolve => setTimeout(resolve, 5))
  expect(answers.map(({ n, code }) => [n, code])).toEqual([64, 65, 66, 67, 68].map(n => [n, 'slow-down']))
  expect(received).toBe(1)
  go()
  while (answers.length < mostUnanswered + 5) await new Promise(resolve => setTimeout(resolve, 5))
  peer.close()
})

test('a connection comes back after pauses by chance that grow, and not before the pause is over', async () => {
  const { agent, registry, delivered, recipient } = await receiver()
  const device = await Agent.create()
  registry.register(device.did, { scopes: [scope] })
  const first = await serveWebSockets(peer => new WebSocketLink(asSocket(peer), { recipient }))
  const pauses: number[] = []
  let resume: () => void = () => undefined
  const transport = transportTo(first.url, {
    chance: () => 0.5,
    wait: milliseconds => {
      pauses.push(milliseconds)
      return new Promise(resolve => {
        resume = resolve
      })
    },
  })
  const message = () => device.send({ to: agent.did, scope, payload: 'warm' })
  await transport.deliver(await message())
  await first.end()
  for (let tries = 1; tries <= 9; tries++) {
    while (pauses.length < tries) await new Promise(resolve => setTimeout(resolve, 5))
    await expect(transport.deliver(await message())).rejects.toMatchObject({ code: 'unreachable' })
    if (tries < 9) resume()
  }
  expect(pauses).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000])
  const port = Number(new URL(first.url).port)
  await serve(peer => new WebSocketLink(asSocket(peer), { recipient }), port)
  resume()
  while (
    await transport.deliver(await message()).then(
      () => false,
      () => true,
    )
  );
  expect(delivered.length).toBe(2)
})

test('a place without TLS is on this computer', () => {
  for (const url of ['ws://example.test/', 'http://127.0.0.1/', 'ws://127.evil.com/', 'wss://a:b@example.test/']) {
    expect(() => new WebSocketTransport({ url }), url).toThrow(Refused)
  }
})

test('a peer that says nothing any more is given up, and what had not left for it never leaves', async () => {
  const frames: number[] = []
  const { url } = await serve(peer => peer.on('message', data => frames.push((data as Buffer)[0]!)))
  const peer = new Peer(url)
  await once(peer, 'open')
  const link = new WebSocketLink(asSocket(peer), { timeout: 300 })
  const sent = Array.from({ length: 100 }, (_, i) => link.deliver(Uint8Array.of(i)).catch((why: Refused) => why.code))
  await link.closed
  expect(new Set(await Promise.all(sent))).toEqual(new Set(['unreachable']))
  expect(frames).toEqual(Array.from({ length: mostUnanswered }, (_, i) => i))
})

test('what had no answer in time and has not left does not leave later', async () => {
  const frames: number[] = []
  let answer: () => void = () => undefined
  const { url } = await serve(peer => {
    const beats = setInterval(() => peer.send(new Uint8Array(1)), 20)
    peer.on('close', () => clearInterval(beats))
    peer.on('message', (data, isBinary) => isBinary && frames.push((data as Buffer)[0]!))
    answer = () => {
      for (let n = 0; n < mostUnanswered; n++) peer.send(JSON.stringify({ n }))
    }
  })
  const peer = new Peer(url)
  await once(peer, 'open')
  const link = new WebSocketLink(asSocket(peer), { timeout: 300 })
  const sent = Array.from({ length: 100 }, (_, i) => link.deliver(Uint8Array.of(i)).catch((why: Refused) => why.code))
  expect(new Set(await Promise.all(sent))).toEqual(new Set(['unreachable']))
  answer()
  const last = link.deliver(Uint8Array.of(200)).catch(() => undefined)
  while (frames.length <= mostUnanswered) await new Promise(resolve => setTimeout(resolve, 5))
  expect(frames.slice(mostUnanswered)).toEqual([200])
  link.close()
  await last
})

test('who sends and never reads is cut before its answers fill the memory', { timeout: 30_000 }, async () => {
  const { recipient } = await receiver()
  let link: WebSocketLink | undefined
  let most = 0
  const { url } = await serve(peer => {
    link = new WebSocketLink(asSocket(peer), { recipient })
    peer.on('message', () => {
      most = Math.max(most, peer.bufferedAmount)
    })
  })
  const peer = new Peer(url)
  await once(peer, 'open')
  while (!link) await new Promise(resolve => setTimeout(resolve, 5))
  let isOver = false
  link.closed.then(() => {
    isOver = true
  })
  peer.pause()
  for (let round = 0; round < 60 && !isOver; round++) {
    for (let i = 0; i < 5_000; i++) peer.send(new Uint8Array(9))
    await new Promise(resolve => setTimeout(resolve, 1))
  }
  expect([isOver, most < 200_000]).toEqual([true, true])
  peer.terminate()
})

test('an attempt that nobody answers ends, and what waits for it is bounded', async () => {
  const held = createServer(() => undefined)
  await new Promise<void>(resolve => held.listen(0, '127.0.0.1', resolve))
  const connections = new Set<{ destroy(): void }>()
  held.on('connection', socket => connections.add(socket))
  ends.push(() => {
    for (const each of connections) each.destroy()
    held.close()
  })
  const pauses: number[] = []
  const transport = transportTo(`ws://127.0.0.1:${(held.address() as AddressInfo).port}/`, {
    timeout: 300,
    wait: milliseconds => {
      pauses.push(milliseconds)
      return new Promise(() => undefined)
    },
  })
  const sent = Array.from({ length: 1_100 }, () =>
    transport.deliver(new Uint8Array(9)).catch((why: Refused) => why.code),
  )
  const codes = Map.groupBy(await Promise.all(sent), code => code)
  expect([codes.get('slow-down')?.length, codes.get('unreachable')?.length]).toEqual([76, 1_024])
  while (pauses.length === 0) await new Promise(resolve => setTimeout(resolve, 5))
})

test('however often it connects again, nothing of the attempts before is kept', async () => {
  const kept = { listeners: 0, tries: 0 }
  const { addEventListener, removeEventListener } = AbortSignal.prototype
  const spies = [
    vi.spyOn(AbortSignal.prototype, 'addEventListener').mockImplementation(function (this: AbortSignal, ...args) {
      kept.listeners++
      return addEventListener.apply(this, args as Parameters<typeof addEventListener>)
    }),
    vi.spyOn(AbortSignal.prototype, 'removeEventListener').mockImplementation(function (this: AbortSignal, ...args) {
      kept.listeners--
      return removeEventListener.apply(this, args as Parameters<typeof removeEventListener>)
    }),
  ]
  ends.push(() => spies.forEach(spy => void spy.mockRestore()))
  transportTo('ws://127.0.0.1:1/', {
    chance: () => 0,
    open: () => {
      if (++kept.tries % 2 === 0) throw new Error('no socket')
      const socket = new EventTarget()
      setTimeout(() => socket.dispatchEvent(new Event('error')))
      return Object.assign(socket, {
        binaryType: '',
        readyState: 3,
        send: () => undefined,
        close: () => undefined,
      }) as never
    },
  })
  while (kept.tries < 100) await new Promise(resolve => setTimeout(resolve, 5))
  expect(kept.listeners).toBeLessThanOrEqual(1)
})
