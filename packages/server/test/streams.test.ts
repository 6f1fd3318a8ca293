import { createServer, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Refused } from '@mintmark/core/errors'
import { afterEach, expect, test } from 'vitest'
import { Streams } from '../src/inbound/streams.ts'
import { type Sink, sseEvent } from '../src/stream.ts'
import { codeOf } from './code-of.ts'

// Over real connections: what a reader does not take is in the buffers of two kernels first.

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections()
})

/** A response that somebody waits for. */
async function served(): Promise<{ response: ServerResponse; reader: ReturnType<typeof request> }> {
  const came = Promise.withResolvers<ServerResponse>()
  const server = createServer((_, response) => came.resolve(response.writeHead(200)))
  servers.push(server)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const reader = request({ host: '127.0.0.1', port: (server.address() as AddressInfo).port }).end()
  reader.on('error', () => undefined)
  return { response: await came.promise, reader }
}

const may = () => Promise.resolve()
const silent = { open: () => () => undefined }
test('so many of one identity, and so many of all, and no more', () => {
  const streams = new Streams({ each: 2, all: 4 })
  const admit = (identity: string) => streams.admit(identity, silent, may)
  const first = admit('acme/device/a')
  admit('acme/device/a')
  expect(codeOf(() => admit('acme/device/a'))).toBe('slow-down')
  admit('beta/device/b')
  admit('platform/operator/c')
  expect(codeOf(() => admit('gamma/device/d'))).toBe('slow-down')
  first.drop()
  first.drop()
  expect(streams.size).toBe(3)
  expect(codeOf(() => admit('gamma/device/d'))).toBeUndefined()
})

test('of one fleet half of what the others leave: however many devices it has, others have room', async () => {
  const streams = new Streams({ each: 2, all: 16 })
  const admit = (identity: string) => streams.admit(identity, silent, may)
  const fill = (fleet: string) => {
    const admitted = []
    for (let i = 0; i < 16; i++) {
      try {
        admitted.push(admit(`${fleet}/device/${i}`))
      } catch (error) {
        expect(error).toMatchObject({ code: 'slow-down' })
      }
    }
    return admitted
  }
  const greedy = fill('acme')
  // A name that begins like another is another.
  expect([greedy, fill('acm'), fill('acme2')].map(({ length }) => length)).toEqual([8, 4, 2])
  expect(codeOf(() => admit('beta/device/hub'))).toBeUndefined()
  expect(codeOf(() => admit('acme/device/late'))).toBe('slow-down')
  // Where its connection is gone, and where it never was.
  const { response, reader } = await served()
  greedy[0]!.carry(response)
  const closed = new Promise(resolve => response.once('close', resolve))
  reader.destroy()
  await closed
  for (const each of greedy.slice(1, 8)) each.drop()
  expect([fill('acme'), fill('beta')].map(({ length }) => length)).toEqual([5, 2])
})

test('a stream can say how much may wait for its reader', async () => {
  const streams = new Streams({ waiting: 1_000 })
  const outcomes: boolean[] = []
  for (const waiting of [undefined, 100_000]) {
    const { response } = await served()
    const stream = {
      ...(waiting && { waiting }),
      open: (sink: Sink) => {
        sink.write('x'.repeat(50_000))
        return () => undefined
      },
    }
    // Nothing of it has left yet, as that takes another turn.
    response.cork()
    streams.admit('acme/device/a', stream, may).carry(response)
    outcomes.push(response.destroyed)
    response.destroy()
  }
  expect(outcomes).toEqual([true, false])
})

test('a reader who takes nothing is cut, and what waited for it is let go', async () => {
  const streams = new Streams({ waiting: 100_000 })
  const { response, reader } = await served()
  reader.on('response', incoming => incoming.pause())
  let sink: Sink | undefined
  let stopped = 0
  const stream = {
    open: (to: Sink) => {
      sink = to
      return () => {
        stopped++
      }
    },
  }
  streams.admit('acme/device/a', stream, may).carry(response)
  const closed = new Promise(resolve => response.once('close', resolve))
  let written = 0
  while (!response.destroyed) {
    sink!.write('x'.repeat(10_000))
    written += 10_000
    expect(response.writableLength).toBeLessThan(200_000)
    expect(written).toBeLessThan(500_000_000)
    if (written % 100_000 === 0) await new Promise(resolve => setImmediate(resolve))
  }
  await closed
  expect([streams.size, stopped]).toEqual([0, 1])
  sink!.write('into the void')
})

test('whoever may not any more is ended, when somebody looks and by itself', async () => {
  for (const looks of [true, false]) {
    let refused = false
    const streams = new Streams({ again: looks ? 60_000 : 10 })
    const { response } = await served()
    const enter = async () => {
      if (refused) throw new Refused('scope-refused')
    }
    streams.admit('acme/device/a', silent, enter).carry(response)
    await streams.review('acme/device/a')
    expect([streams.size, response.writableEnded]).toEqual([1, false])
    refused = true
    if (looks) await streams.review('acme/device/a')
    else await new Promise(resolve => response.once('finish', resolve))
    expect([streams.size, response.writableEnded]).toEqual([0, true])
  }
})

test('whoever lost the right between the gate and the stream is ended, and not only some seconds later', async () => {
  const streams = new Streams({ again: 60_000 })
  const { response } = await served()
  const finished = new Promise(resolve => response.once('finish', resolve))
  const enter = () => Promise.reject(new Refused('scope-refused'))
  // Nobody was told of it: it did not count yet.
  await streams.review('acme/device/a')
  streams.admit('acme/device/a', silent, enter).carry(response)
  await finished
  expect(streams.size).toBe(0)
})

test('a platform that stops ends all, and admits none', async () => {
  const streams = new Streams()
  const { response } = await served()
  streams.admit('acme/device/a', silent, may).carry(response)
  const late = streams.admit('acme/device/a', silent, may)
  streams.close()
  expect([streams.size, response.writableEnded]).toEqual([0, true])
  expect(codeOf(() => streams.admit('acme/device/a', silent, may))).toBe('unavailable')
  const other = await served()
  late.carry(other.response)
  expect(other.response.writableEnded).toBe(true)
})

test('an event is lines that end with an empty one', () => {
  expect(sseEvent('beat', '{"version":4}', 4)).toBe('event: beat\nid: 4\ndata: {"version":4}\n\n')
  expect(sseEvent('beat', '{}')).toBe('event: beat\ndata: {}\n\n')
})
