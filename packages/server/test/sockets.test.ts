import { EventEmitter } from 'node:events'
import type { TLSSocket } from 'node:tls'
import { expect, test } from 'vitest'
import { Crowd } from '../src/inbound/crowd.ts'
import { Sockets } from '../src/inbound/sockets.ts'

/** A socket of which only the end is of interest. */
class FakeSocket extends EventEmitter {
  destroyed = false
  readonly remoteAddress = '10.0.0.1'
  readonly remotePort: number

  constructor(remotePort = 1) {
    super()
    this.remotePort = remotePort
  }

  destroy(): void {
    this.destroyed = true
    setImmediate(() => this.emit('close'))
  }
}

const socket = (port?: number) => new FakeSocket(port) as unknown as TLSSocket

test('a socket that went while it was being proven is not kept', () => {
  const live = new Sockets()
  const gone = socket()
  gone.destroy()
  live.add('acme/device/a', 'key', gone)
  expect(live.size).toBe(0)
})

test('one identity has a bounded number of sockets, and the oldest goes first', () => {
  const live = new Sockets()
  const sockets = Array.from({ length: 300 }, (_, port) => socket(port))
  for (const each of sockets) live.add('acme/device/a', 'key', each)
  expect(sockets.filter(({ destroyed }) => destroyed)).toEqual(sockets.slice(0, 44))
  live.cut('acme/device/a')
  expect(sockets.every(({ destroyed }) => destroyed)).toBe(true)
})

test('the sockets of every key but those of a record can be cut', () => {
  const live = new Sockets()
  const [old, current, other] = [socket(1), socket(2), socket(3)]
  live.add('acme/device/a', 'old', old)
  live.add('acme/device/a', 'current', current)
  live.add('acme/device/b', 'old', other)
  const record = { identity: 'acme/device/a', standing: 'good', key: 'current', pending: undefined } as const
  live.cut('acme/device/a', { ...record, tier: 'software' })
  expect([old, current, other].map(({ destroyed }) => destroyed)).toEqual([true, false, false])
})

test('a crowd is bounded, the oldest goes first, and who is known leaves it', () => {
  const crowd = new Crowd(10)
  const sockets = Array.from({ length: 20 }, (_, port) => socket(port))
  for (const each of sockets) {
    crowd.add(each)
    if (each === sockets[2]) crowd.done(each)
  }
  expect(crowd.size).toBe(10)
  expect(sockets.map(({ destroyed }) => destroyed)).toEqual([
    ...[true, true, false, true, true, true, true, true, true, true],
    ...Array(10).fill(false),
  ])
})
