import { type RedisServer, startRedis } from '@mintmark/testing'
import { createClient } from 'redis'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { need } from '../../../../scripts/services.ts'
import { RedisNonceStore } from '../../src/nonces/index.ts'
import { alice, connect, nonce, openRedis, outcome, receive, start } from './stores.ts'

const missing = need('redis-server')

describe.skipIf(missing !== undefined)(`Redis that fails${missing ? `: ${missing}` : ''}`, () => {
  let server: RedisServer
  let client: Awaited<ReturnType<typeof connect>>
  let store: RedisNonceStore
  const now = start + 60_000

  beforeEach(async () => {
    server = await startRedis()
    ;({ client, store } = await openRedis(server.url))
    await store.spend(alice, nonce(), start + 41_000, start)
  })
  afterEach(async () => {
    client.destroy()
    await server.remove()
  })

  const isBack = async () => {
    while (!client.isReady) await new Promise(resolve => setTimeout(resolve, 10))
  }

  /** Nothing comes twice, and after the window of doubt messages pass again. */
  async function expectEpoch(once: Uint8Array, by = store) {
    expect(await receive(by, now, now + 1_000, once)).toBe('message-fresh')
    expect(await receive(by, now, now + 2_000, once)).toBe('message-fresh')
    // What the store began with, clocks that differ, and a sender that is ahead.
    expect(await receive(by, now + 11_000, now + 11_000, nonce())).toBe('message-fresh')
    const next = nonce()
    expect(await receive(by, now + 11_001, now + 11_001, next)).toBe('first')
    expect(await receive(by, now + 11_001, now + 11_001, next)).toBe('spent')
  }

  test('E65 K123 restarted without what it had, it refuses what was issued before', async () => {
    const once = nonce()
    expect(await receive(store, now, now, once)).toBe('first')
    await server.restart()
    await isBack()
    await expectEpoch(once)
  })

  test('E65 K123 emptied, it refuses what was issued before', async () => {
    const once = nonce()
    expect(await receive(store, now, now, once)).toBe('first')
    await client.flushAll()
    await expectEpoch(once)
  })

  test('E65 K123 restarted from an older file, it refuses what was issued before', async () => {
    await client.sendCommand(['SAVE'])
    const once = nonce()
    expect(await receive(store, now, now, once)).toBe('first')
    await server.restart()
    await isBack()
    expect(await client.dbSize()).toBeGreaterThan(0)
    await expectEpoch(once)
  })

  test('E65 K123 a replica that takes over and lacks the end refuses what was issued before', async () => {
    const replica = await startRedis({ replicaof: `127.0.0.1 ${server.port}` })
    onTestFinished(() => replica.remove())
    const there = await connect(replica.url)
    onTestFinished(() => there.destroy())
    while (!((await there.sendCommand(['INFO', 'replication'])) as string).includes('master_link_status:up')) {
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    while ((await there.dbSize()) === 0) await new Promise(resolve => setTimeout(resolve, 20))
    const opened = await RedisNonceStore.open(there)
    // As long as it follows, it takes nothing.
    expect(await receive(opened, now, now, nonce())).toBe('unavailable')
    replica.pause()
    const once = nonce()
    expect(await receive(store, now, now, once)).toBe('first')
    await server.kill()
    replica.resume()
    await there.sendCommand(['REPLICAOF', 'NO', 'ONE'])
    await expectEpoch(once, opened)
  })

  test('silent, it is unavailable; what it does later is received by nobody', async () => {
    const once = nonce()
    server.pause()
    expect(await receive(store, now, now, once)).toBe('unavailable')
    server.resume()
    expect(await receive(store, now, now, once)).toBe('spent')
  })

  test('away, it is unavailable, and nothing waits for it', async () => {
    await server.kill()
    const once = nonce()
    expect(await receive(store, now, now, once)).toBe('unavailable')
    expect(await receive(store, now, now, once)).toBe('unavailable')
    await server.start()
    await isBack()
    expect(await client.dbSize()).toBe(0)
  })

  test('E70 full, it refuses, and forgets nothing; when nonces end there is room', async () => {
    const once = nonce()
    expect(await receive(store, now, now, once)).toBe('first')
    await client.configSet('maxmemory', '1')
    expect(await receive(store, now, now, nonce())).toBe('nonces-full')
    expect(await receive(store, now, now, once)).not.toBe('first')
    expect(await receive(store, now + 42_000, now + 42_000, nonce())).toBe('first')
    await client.configSet('maxmemory', '0')
    expect(await receive(store, now, now + 42_000, once)).toBe('message-expired')
  })

  test('E70 that may evict is refused at the start, and when that is changed later', async () => {
    await client.configSet('maxmemory-policy', 'volatile-lru')
    await expect(RedisNonceStore.open(client)).rejects.toMatchObject({
      code: 'unavailable',
      detail: expect.stringContaining('volatile-lru'),
      hint: expect.stringContaining('noeviction'),
    })
    const once = nonce()
    expect(await receive(store, now, now, once)).toBe('unavailable')
    await client.configSet('maxmemory-policy', 'noeviction')
    // What may have been evicted meanwhile is not known.
    await expectEpoch(once)
  })

  test('a client that queues what it cannot send is refused at the start', async () => {
    const queues = createClient({ url: server.url })
    await queues.connect()
    await expect(RedisNonceStore.open(queues)).rejects.toMatchObject({
      code: 'unavailable',
      hint: expect.stringContaining('disableOfflineQueue'),
    })
    queues.destroy()
  })

  test('a message is one round trip, and what is over is removed', async () => {
    const asked: string[] = []
    const counting = {
      options: client.options,
      sendCommand: (args: string[]) => {
        asked.push(args[0]!)
        return client.sendCommand(args)
      },
    }
    const counted = await RedisNonceStore.open(counting, { prefix: 'counted' })
    asked.length = 0
    for (let i = 0; i < 20; i++) await counted.spend(alice, nonce(), now + i * 1_000 + 41_000, now + i * 1_000)
    expect(asked).toEqual(Array.from({ length: 20 }, () => 'EVALSHA'))
    await counted.spend(alice, nonce(), now + 200_000, now + 150_000)
    expect(await client.hGet('{counted}', 'count')).toBe('1')
    expect((await client.keys('{counted}*')).toSorted()).toEqual([
      '{counted}',
      expect.stringContaining('{counted}:at:'),
      '{counted}:each',
      '{counted}:ends',
      expect.stringContaining('{counted}:of:'),
    ])
  })

  test('numbers too are known since then', async () => {
    const before = await store.advance(alice, 1, now)
    await client.flushAll()
    const after = await store.advance(alice, 1, now + 1_000)
    expect(after.knowsSince).toBeGreaterThan(before.knowsSince)
    expect(await outcome(() => store.advance(alice, 1, now + 1_000))).toBe('spent')
  })
})
