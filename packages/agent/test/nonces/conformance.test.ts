import { type PostgresServer, type RedisServer, startPostgres, startRedis } from '@mintmark/testing'
import { Pool } from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { need } from '../../../../scripts/services.ts'
import { MemoryNonceStore } from '../../src/index.ts'
import { PostgresNonceStore } from '../../src/nonces/index.ts'
import type { NonceStore } from '../../src/nonces/nonce-store.ts'
import { alice, bob, nonce, openRedis, outcome, start } from './stores.ts'

type Opened = { readonly stores: readonly NonceStore[]; close(): Promise<void> }
interface Kind {
  readonly name: string
  readonly missing: string | undefined
  /** As many as two receivers would have: of one process each, where a store can be shared. */
  open(bounds: { most?: number; mostOfOne?: number }): Promise<Opened>
  readonly isBounded: boolean
  begin(): Promise<void>
  end(): Promise<void>
}

let redis: RedisServer | undefined
let postgres: PostgresServer | undefined
const kinds: readonly Kind[] = [
  {
    name: 'memory',
    missing: undefined,
    isBounded: true,
    async open(bounds) {
      const store = new MemoryNonceStore({ ...bounds, now: () => start })
      return { stores: [store, store], close: async () => undefined }
    },
    begin: async () => undefined,
    end: async () => undefined,
  },
  {
    name: 'Redis',
    missing: need('redis-server'),
    isBounded: true,
    async open(bounds) {
      const prefix = `test-${nonce().join('')}`
      const opened = [
        await openRedis(redis!.url, { ...bounds, prefix }),
        await openRedis(redis!.url, { ...bounds, prefix }),
      ]
      return {
        stores: opened.map(({ store }) => store),
        close: async () => {
          for (const { client } of opened) client.destroy()
        },
      }
    },
    begin: async () => {
      redis = await startRedis()
    },
    end: async () => redis?.remove(),
  },
  {
    name: 'PostgreSQL',
    missing: need('postgres'),
    isBounded: false,
    async open() {
      const connectionString = await postgres!.makeDatabase()
      const pools = [new Pool({ connectionString, max: 8 }), new Pool({ connectionString, max: 8 })]
      return {
        stores: await Promise.all(pools.map(pool => PostgresNonceStore.open(pool))),
        close: async () => {
          for (const pool of pools) await pool.end()
        },
      }
    },
    begin: async () => {
      postgres = await startPostgres()
    },
    end: async () => postgres?.remove(),
  },
]

describe.each(kinds)('nonces in $name', ({ missing, open, isBounded, begin, end }) => {
  if (missing !== undefined) {
    // Its server is not installed here; under CI that is an error, and nothing is left out.
    test.skip(missing)
    return
  }
  beforeAll(begin)
  afterAll(end)

  let opened: Opened
  let one: NonceStore
  let other: NonceStore
  beforeEach(async () => {
    opened = await open({})
    const [first, second] = opened.stores
    one = first!
    other = second!
    return () => opened.close()
  })

  const ends = start + 41_000

  test('a nonce is spent once, whoever of two receivers is asked', async () => {
    const once = nonce()
    expect(await outcome(() => one.spend(alice, once, ends, start))).toBe('first')
    expect(await outcome(() => one.spend(alice, once, ends, start))).toBe('spent')
    expect(await outcome(() => other.spend(alice, once, ends, start + 1_500))).toBe('spent')
  })

  test('E65 a nonce is spent once under 64 at once by two receivers, while seconds pass', async () => {
    for (let round = 0; round < 5; round++) {
      const once = nonce()
      const asked = Array.from({ length: 64 }, (_, i) =>
        outcome(() => (i % 2 ? one : other).spend(alice, once, ends, start + round * 1_000 + i * 40)),
      )
      const said = await Promise.all(asked)
      expect(said.filter(word => word === 'first')).toHaveLength(1)
      expect(said.filter(word => word === 'spent')).toHaveLength(63)
    }
  })

  test('E68 the same nonce of two keys is two', async () => {
    const once = nonce()
    expect(await outcome(() => one.spend(alice, once, ends, start))).toBe('first')
    expect(await outcome(() => other.spend(bob, once, ends, start))).toBe('first')
    expect(await outcome(() => other.spend(alice, once, ends, start))).toBe('spent')
  })

  test('is kept to its last millisecond, and what ends by then is refused', async () => {
    const once = nonce()
    await one.spend(alice, once, ends, start)
    expect(await outcome(() => one.spend(alice, once, ends, ends - 1))).toBe('spent')
    expect(await outcome(() => one.spend(alice, once, ends, ends))).toBe('message-expired')
    expect(await outcome(() => one.spend(alice, nonce(), Number.NaN, ends))).not.toBe('first')
  })

  test('E69 K121 a clock that is set back brings nothing back, here or at another receiver', async () => {
    const once = nonce()
    await one.spend(alice, once, ends, start)
    await one.spend(alice, nonce(), ends + 60_000, ends + 2_000)
    for (const store of [one, other]) {
      expect(await outcome(() => store.spend(alice, once, ends, start))).toBe('message-expired')
    }
  })

  test('numbers are taken once each, and none that is 64 behind', async () => {
    const say = (sequence: number, key = alice, store = one) => outcome(() => store.advance(key, sequence, start))
    const said = []
    for (const sequence of [5, 4, 68, 5, 4, 69, 6, 6, 2 ** 52, 2 ** 52 - 63, 2 ** 52 - 64])
      said.push(await say(sequence))
    expect(said.map(word => word === 'first')).toEqual([
      ...[true, true, true, false, false, true, true, false],
      ...[true, true, false],
    ])
    expect(await say(5, bob)).toBe('first')
    expect(await say(5, bob, other)).toBe('spent')
    for (const odd of [-1, 0.5, Number.NaN, 2 ** 53]) expect(await say(odd)).toBe('spent')
  })

  test('a number is taken once under 64 at once by two receivers: the first, one ahead, one behind', async () => {
    for (const number of [5, 7, 6]) {
      const asked = Array.from({ length: 64 }, (_, i) =>
        outcome(() => (i % 2 ? one : other).advance(alice, number, start)),
      )
      expect((await Promise.all(asked)).filter(word => word === 'first')).toHaveLength(1)
    }
  })

  // PostgreSQL has the room that its disk has.
  if (isBounded) {
    test('E70 is bounded, and one sender takes no other room than its own', async () => {
      const small = await open({ most: 6, mostOfOne: 4 })
      const [store] = small.stores
      const spend = (key: string, at = start) => outcome(() => store!.spend(key, nonce(), at + 41_000, at))
      for (let i = 0; i < 4; i++) expect(await spend(alice)).toBe('first')
      expect(await spend(alice)).toBe('nonces-full')
      for (let i = 0; i < 2; i++) expect(await spend(bob)).toBe('first')
      expect(await spend(bob)).toBe('nonces-full')
      // Until the first ones end.
      for (let i = 0; i < 4; i++) expect(await spend(alice, start + 42_000)).toBe('first')
      expect(await spend(alice, start + 42_000)).toBe('nonces-full')
      await small.close()
    })
  }
})
