import { type PostgresServer, startPostgres } from '@mintmark/testing'
import { Pool } from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { need } from '../../../../scripts/services.ts'
import { PostgresNonceStore } from '../../src/nonces/index.ts'
import { alice, bob, nonce, outcome, receive, start } from './stores.ts'

const missing = need('postgres')

describe.skipIf(missing !== undefined)(`PostgreSQL that fails${missing ? `: ${missing}` : ''}`, () => {
  let server: PostgresServer
  let pool: Pool
  let store: PostgresNonceStore
  let database: string
  const now = start + 60_000

  beforeAll(async () => {
    server = await startPostgres({ synchronous_commit: 'off' })
  })
  afterAll(() => server?.remove())
  beforeEach(async () => {
    const connectionString = await server.makeDatabase()
    database = new URL(connectionString).pathname.slice(1)
    pool = new Pool({ connectionString, max: 4 })
    // It says so of every idle connection that ends; what is asked then is refused.
    pool.on('error', () => undefined)
    store = await PostgresNonceStore.open(pool)
    await store.spend(alice, nonce(), start + 41_000, start)
  })
  afterEach(() => pool.end())

  test('E65 what was accepted is known after a restart and after a crash, numbers too', async () => {
    const [one, other] = [nonce(), nonce()]
    expect(await receive(store, now, now, one)).toBe('first')
    await server.restart()
    expect(await receive(store, now, now, one)).not.toBe('first')
    expect(await receive(store, now, now, other)).toBe('first')
    expect(await outcome(() => store.advance(alice, 9, now))).toBe('first')
    await server.kill()
    await server.start()
    expect(await receive(store, now, now, other)).not.toBe('first')
    expect(await receive(store, now, now, other)).toBe('spent')
    expect(await store.advance(alice, 9, now)).toEqual({ isFirst: false, knowsSince: Number.NEGATIVE_INFINITY })
  })

  test('away or silent, it is unavailable', async () => {
    const once = nonce()
    server.pause()
    expect(await receive(store, now, now, once)).toBe('unavailable')
    server.resume()
    await server.stop()
    expect(await receive(store, now, now, nonce())).toBe('unavailable')
    await server.start()
    expect(await receive(store, now, now, nonce())).toBe('first')
  })

  test('E65 K123 a server that took over from another one refuses what was issued before', async () => {
    const once = nonce()
    expect(await receive(store, now, now, once)).toBe('first')
    await outcome(() => store.advance(alice, 9, now))
    // It lacks the end.
    await server.sql('delete from mintmark_nonce; delete from mintmark_nonce_sequence', database)
    await server.becomeStandby()
    await server.promote()
    while ((await server.sql('select pg_is_in_recovery()'))[0] !== 'f');
    expect(await receive(store, now, now + 1_000, once)).toBe('message-fresh')
    expect(await receive(store, now + 11_000, now + 11_000, nonce())).toBe('message-fresh')
    expect(await receive(store, now + 11_001, now + 11_001, nonce())).toBe('first')
    expect((await store.advance(alice, 9, now)).knowsSince).toBe(now + 6_000)
  })

  test('what is over is removed', async () => {
    for (let i = 0; i < 5; i++) await store.spend(alice, nonce(), now + 41_000, now)
    await store.spend(alice, nonce(), now + 141_000, now + 100_000)
    expect(await server.sql('select count(*) from mintmark_nonce', database)).toEqual(['1'])
  })

  test('a nonce that is forgotten while somebody looks at it is not taken again', async () => {
    const once = nonce()
    expect(await receive(store, now, now, once)).toBe('first')
    const forgetting = await pool.connect()
    try {
      await forgetting.query('begin')
      // A minute later by the clock of another receiver: time moves, and the nonce goes.
      const other = await PostgresNonceStore.open(forgetting)
      await other.spend(bob, nonce(), now + 101_000, now + 60_000)
      const again = receive(store, now, now, once)
      const waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = "
      while ((await server.sql(`${waiting}'${database}'`))[0] !== '1');
      await forgetting.query('commit')
      expect(await again).toBe('message-expired')
    } finally {
      forgetting.release()
    }
  })

  test('transactions that do not see what others commit are refused', async () => {
    const connectionString = server.url(database)
    const other = new Pool({ connectionString, options: '-c default_transaction_isolation=serializable' })
    const opened = await PostgresNonceStore.open(other)
    expect(await receive(opened, now, now, nonce())).toBe('unavailable')
    await other.end()
  })
})
