import { rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { checkInclusion, leafHash, readCheckpoint } from '@mintmark/core/ledger'
import { nodeVerify } from '@mintmark/elements'
import { type PostgresServer, startPostgres } from '@mintmark/testing'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { need } from '../../../scripts/services.ts'
import { openPostgres, type Receipt, Store } from '../src/store/index.ts'
import { enrolled, fact, makeKey, makeSigner } from './facts.ts'

// What becomes of a store when its server is killed, stopped, halted, full or made read-only: what it acknowledged is
// there, everyone gets an answer while the fault lasts, and it goes on by itself when the fault is over.

const missing = need('postgres')
let server: PostgresServer

beforeAll(async () => {
  if (missing === undefined) server = await startPostgres()
})
afterAll(() => server?.remove())
beforeEach(({ skip }) => skip(missing !== undefined, missing))

const databaseOf = (url: string): string => new URL(url).pathname.slice(1)

async function storeOn(url: string) {
  const { keys, signer } = makeSigner()
  const store = new Store(await openPostgres(url), signer)
  onTestFinished(() => store.close())
  return { store, keys }
}

const codeOf = (commit: Promise<unknown>): Promise<string> =>
  commit.then(
    () => 'done',
    (error: { code?: string }) => error.code ?? String(error),
  )

/** Until it is done; a store recovers by itself, and not at once. */
async function insist<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if ((error as { code?: string }).code !== 'unavailable') throw error
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }
}

/** Clients that commit as fast as they are answered, until the fault is over. */
async function underLoad(store: Store, fault: () => Promise<void>) {
  const acknowledged: Receipt[] = []
  const refused: string[] = []
  let over = false
  const client = async (): Promise<void> => {
    while (!over) {
      try {
        acknowledged.push(await store.commit(fact('acme')))
      } catch (error) {
        refused.push((error as { code?: string }).code ?? String(error))
        await new Promise(resolve => setTimeout(resolve, 5))
      }
    }
  }
  const clients = Array.from({ length: 8 }, client)
  while (acknowledged.length < 50) await new Promise(resolve => setTimeout(resolve, 10))
  await fault()
  over = true
  await Promise.all(clients)
  return { acknowledged, refused: new Set(refused) }
}

test.each([
  ['killed', () => server.kill()],
  ['stopped', () => server.stop()],
] as const)('has all that it acknowledged when its server was %s under load', async (_, fault) => {
  const { store, keys } = await storeOn(await server.makeDatabase())
  const { acknowledged, refused } = await underLoad(store, async () => {
    await fault()
    expect(await codeOf(store.commit(fact('acme')))).toBe('unavailable')
    expect(await codeOf(store.fleet('acme'))).toBe('unavailable')
    await server.start()
    await insist(() => store.commit(fact('acme')))
  })
  expect([...refused]).toEqual(['unavailable'])
  const head = (await store.head('acme'))!
  const by = { origin: 'acme.example.test/ledger', publicKey: keys.get('acme')!.publicKey, verify: nodeVerify }
  expect((await readCheckpoint(head.checkpoint, by)).size).toBe(head.size)
  const entries = await store.entries('acme', 0, head.size)
  expect(entries.map(({ idx }) => idx)).toEqual(entries.map((_, i) => i))
  for (const { index, entry, proof, checkpoint } of acknowledged) {
    expect(entries[index]?.change).toEqual(entry)
    const { size, root } = await readCheckpoint(checkpoint, by)
    checkInclusion({ leafHash: leafHash(entry), index, size, proof, root })
  }
})

test('answers everyone while its server is halted, and goes on when it is not', async () => {
  const { store } = await storeOn(await server.makeDatabase())
  await store.commit(fact('acme'))
  const { refused } = await underLoad(store, async () => {
    // On sessions that are there, and on others.
    await Promise.all([store.fleet('acme'), store.head('acme')])
    server.pause()
    // Whoever waits, and whoever comes when it has been so for a while.
    for (let i = 0; i < 2; i++) {
      const asked = [store.fleet('acme'), store.head('acme'), store.commit(fact('acme')), store.commit(fact('beta'))]
      expect(await Promise.all(asked.map(codeOf))).toEqual(Array(4).fill('unavailable'))
    }
    server.resume()
    await insist(() => store.commit(fact('acme')))
  })
  expect([...refused]).toEqual(['unavailable'])
  const { size } = (await store.head('acme'))!
  expect((await store.entries('acme', 0, size + 10)).map(({ idx }) => idx)).toEqual(
    Array.from({ length: size }, (_, i) => i),
  )
})

test('who waits behind a commit that nobody answers is told with it', async () => {
  const { store } = await storeOn(await server.makeDatabase())
  await store.commit(fact('acme'))
  server.pause()
  const first = codeOf(store.commit(fact('acme')))
  await new Promise(resolve => setTimeout(resolve, 100))
  const behind = codeOf(store.commit(fact('beta')))
  expect(await first).toBe('unavailable')
  const next = new Promise(resolve => setTimeout(resolve, 100, 'still waits'))
  expect(await Promise.race([behind, next])).toBe('unavailable')
  server.resume()
})

test('lets go of a ledger where its process hangs in the middle of a commit', async () => {
  const url = await server.makeDatabase()
  const { signer } = makeSigner()
  const [hanging, other] = [await openPostgres(url), await openPostgres(url)]
  const begun = Promise.withResolvers<void>()
  const hangs = hanging.transaction(
    async connection => {
      await connection.all({ sql: 'select 1', bind: () => [] }, {})
      begun.resolve()
      await new Promise(resolve => setTimeout(resolve, 3_000))
    },
    ['ledger acme'],
  )
  await begun.promise
  const store = new Store(other, signer)
  expect(await insist(() => store.commit(fact('acme')))).toMatchObject({ index: 0 })
  expect(await codeOf(hangs)).toBe('unavailable')
  await store.close()
  await hanging.close()
})

test('does not say what it does not know: whether a commit whose answer was lost was made', async () => {
  const url = await server.makeDatabase()
  const wire = await deafWire(server.port)
  const { store } = await storeOn(url.replace(`:${server.port}/`, `:${wire.port}/`))
  await store.commit(fact('acme'))
  wire.loseAnswerTo('commit\0')
  const key = makeKey()
  const waiting = [
    store.commit(enrolled('acme/device/one', key)),
    // Would be refused, if the first one were made.
    store.commit(enrolled('acme/device/one')),
    store.commit(fact('beta')),
  ]
  expect(await Promise.all(waiting.map(codeOf))).toEqual(Array(3).fill('unavailable'))
  // It is made; and whoever asks again hears of it.
  const made = "select 1 from registry where identity = 'acme/device/one'"
  while ((await server.sql(made, databaseOf(url))).length === 0) await new Promise(resolve => setTimeout(resolve, 20))
  expect(await codeOf(store.commit(enrolled('acme/device/one', key)))).toBe('key-in-use')
  expect((await store.head('acme'))?.size).toBe(2)
})

test('waits for a server that takes no more connections, and for one that only reads', async () => {
  const url = await server.makeDatabase()
  const { store } = await storeOn(url)
  await store.commit(fact('acme'))
  const hangUp = `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${databaseOf(url)}'`

  await server.sql(`alter role mintmark connection limit 0; ${hangUp}`)
  expect(await codeOf(store.commit(fact('acme')))).toBe('unavailable')
  expect(await codeOf(store.head('acme'))).toBe('unavailable')
  await expect(openPostgres(url)).rejects.toMatchObject({ code: 'database-unreachable' })
  await server.sql('alter role mintmark connection limit -1')
  expect(await store.commit(fact('acme'))).toMatchObject({ index: 1 })

  await server.sql(`alter database ${databaseOf(url)} set default_transaction_read_only = on; ${hangUp}`)
  expect(await insist(() => store.head('acme'))).toMatchObject({ size: 2 })
  expect(await codeOf(store.commit(fact('acme')))).toBe('unavailable')
  await server.sql(`alter database ${databaseOf(url)} set default_transaction_read_only = off`)
  expect(await insist(() => store.commit(fact('acme')))).toMatchObject({ index: 2 })
})

test('does not begin on a server that is away, nor on one that only follows another', async () => {
  const url = await server.makeDatabase()
  await server.stop()
  await expect(openPostgres(url)).rejects.toMatchObject({ code: 'database-unreachable' })
  const follows = join(server.data, 'standby.signal')
  writeFileSync(follows, '')
  await server.start()
  await expect(openPostgres(url)).rejects.toMatchObject({
    code: 'database-unfit',
    detail: expect.stringContaining('follows'),
  })
  await server.stop()
  rmSync(follows)
  await server.start()
  await (await openPostgres(url)).close()
})

test('does not rely on a server that may lose what it acknowledged, whenever it becomes one', async () => {
  const url = await server.makeDatabase()
  const { store } = await storeOn(url)
  await store.commit(fact('acme'))
  await server.sql('alter system set fsync = off')
  await server.restart()
  expect(await codeOf(store.commit(fact('acme')))).toBe('unavailable')
  await expect(openPostgres(url)).rejects.toMatchObject({
    code: 'database-unfit',
    detail: expect.stringContaining('fsync'),
  })
  await server.sql('alter system reset fsync')
  await server.restart()
  expect(await insist(() => store.commit(fact('acme')))).toMatchObject({ index: 1 })
})

/** Stands between a store and its server, and can lose the answer to one statement, with the connection. */
async function deafWire(port: number) {
  let deafTo: string | undefined
  const wire = createServer(client => {
    const upstream = connect(port, '127.0.0.1')
    let deaf = false
    client.on('data', bytes => {
      if (deafTo !== undefined && bytes.includes(deafTo)) {
        deaf = true
        deafTo = undefined
      }
      upstream.write(bytes)
    })
    upstream.on('data', bytes => {
      if (deaf) client.destroy()
      else client.write(bytes)
    })
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => other.destroy())
      one.on('close', () => other.end())
    }
  })
  await new Promise<void>(resolve => wire.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void wire.close())
  return {
    port: (wire.address() as AddressInfo).port,
    loseAnswerTo(statement: string) {
      deafTo = statement
    },
  }
}
