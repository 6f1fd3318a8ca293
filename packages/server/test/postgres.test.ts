import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { readCheckpoint } from '@mintmark/core/ledger'
import { nodeVerify } from '@mintmark/elements'
import { type PostgresServer, startPostgres } from '@mintmark/testing'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { need } from '../../../scripts/services.ts'
import type { Query } from '../src/store/database.ts'
import { type Database, openPostgres, Store } from '../src/store/index.ts'
import { enrolled, fact, makeKey, makeSigner, revoked, token } from './facts.ts'

const missing = need('postgres')
let server: PostgresServer

beforeAll(async () => {
  if (missing === undefined) server = await startPostgres()
})
afterAll(() => server?.remove())
beforeEach(({ skip }) => skip(missing !== undefined, missing))

const databaseOf = (url: string): string => new URL(url).pathname.slice(1)
const asked = <R>(sql: string): Query<object, R> => ({ sql, bind: () => [] })

async function opened(url: string): Promise<Database> {
  const database = await openPostgres(url)
  onTestFinished(async () => database.close())
  return database
}

/** What became of many commits: indexes of those that were committed, codes of the others. */
async function outcomes(commits: readonly Promise<{ readonly index: number }>[]): Promise<(number | string)[]> {
  const settled = await Promise.allSettled(commits)
  return settled.map(each => (each.status === 'fulfilled' ? each.value.index : each.reason.code))
}

const ascending = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

describe('one database', () => {
  test('is made once, whoever starts at the same moment', async () => {
    const url = await server.makeDatabase()
    await Promise.all([opened(url), opened(url), opened(url)])
    expect(await server.sql('select count(*), min(version) > 0 from schema_version', databaseOf(url))).toEqual(['1|t'])
    expect(await server.sql('select version from news_head', databaseOf(url))).toEqual(['0'])
  })

  test('is not taken where it holds something else, nor where a newer program has made it', async () => {
    const url = await server.makeDatabase()
    await server.sql('create table public.invoice (id int)', databaseOf(url))
    await expect(openPostgres(url)).rejects.toMatchObject({ code: 'database-not-empty' })
    await server.sql('drop table public.invoice', databaseOf(url))
    await expect(openPostgres(url, { readOnly: true })).rejects.toMatchObject({ code: 'data-missing' })
    await (await openPostgres(url)).close()
    await server.sql('update schema_version set version = version + 1', databaseOf(url))
    await expect(openPostgres(url)).rejects.toThrow('this program knows')
    expect(await server.sql('select count(*) from fleet', databaseOf(url))).toEqual(['0'])
  })

  test('is of UTF-8, where one text is the same bytes as anywhere', async () => {
    const latin = "encoding latin1 lc_collate 'C' lc_ctype 'C' locale_provider libc"
    await server.sql(`create database latin owner mintmark template template0 ${latin}`)
    await expect(openPostgres(server.url('latin'))).rejects.toMatchObject({
      code: 'database-unfit',
      detail: expect.stringContaining('LATIN1'),
    })
  })

  test('keeps what it acknowledges, whatever its role has as default', async () => {
    const url = await server.makeDatabase()
    await server.sql(`alter database ${databaseOf(url)} set synchronous_commit = off`)
    const database = await opened(url)
    const durable = await database.transaction(async connection =>
      connection.first(asked<{ synchronous_commit: string }>('show synchronous_commit'), {}),
    )
    expect(durable).toEqual({ synchronous_commit: 'on' })
  })

  test('says which number no platform can have written', async () => {
    const url = await server.makeDatabase()
    const database = await opened(url)
    await server.sql("insert into config_version values ('acme', 9007199254740993)", databaseOf(url))
    const version = asked<{ version: number }>('select version from config_version')
    await expect(database.reader.all(version, {})).rejects.toThrow('version is 9007199254740993')
    const exact = await openPostgres(url, { readOnly: true })
    expect(await exact.reader.all(version, {})).toEqual([{ version: 9007199254740993n }])
    await exact.close()
  })

  test('only a reader that asks cannot write', async () => {
    const url = await server.makeDatabase()
    const database = await opened(url)
    const add = asked("insert into config_content values ('', '')")
    await expect(database.reader.run(add, {})).rejects.toMatchObject({ code: 'unavailable' })
    const reading = await openPostgres(url, { readOnly: true })
    await expect(reading.transaction(async connection => connection.run(add, {}))).rejects.toMatchObject({
      code: 'unavailable',
    })
    await reading.close()
    expect(await server.sql('select count(*) from config_content', databaseOf(url))).toEqual(['0'])
  })

  test('a transaction in which a write failed that nobody waited for is not committed', async () => {
    const url = await server.makeDatabase()
    const database = await opened(url)
    const add = asked("insert into config_version values ('acme', 1)")
    // Prepared in a transaction that has failed by then, so it is not.
    const never = asked("insert into config_version values ('beta', 1)")
    const done = database.transaction(async connection => {
      for (const each of [add, add, never, never]) connection.post(each, {})
    })
    // Right behind it, on the same session.
    const next = database.transaction(async connection => connection.post(never, {}))
    await expect(done).rejects.toThrow('undone by another transaction')
    await next
    expect(await server.sql('select fleet from config_version', databaseOf(url))).toEqual(['beta'])
  })

  test('work that fails leaves nothing behind', async () => {
    const url = await server.makeDatabase()
    const database = await opened(url)
    const done = database.transaction(async connection => {
      connection.post(asked("insert into config_version values ('acme', 1)"), {})
      throw new TypeError('a fault of ours')
    })
    await expect(done).rejects.toThrow(new TypeError('a fault of ours'))
    await database.transaction(async connection => {
      connection.post(asked("insert into config_version values ('beta', 1)"), {})
    })
    expect(await server.sql('select fleet from config_version', databaseOf(url))).toEqual(['beta'])
  })
})

test('is spoken to over TLS where that is asked for, and only when it proves the name that was dialled', async ({
  skip,
}) => {
  const noOpenssl = need('openssl')
  skip(noOpenssl !== undefined, noOpenssl)
  const url = (await server.makeDatabase()).replace('127.0.0.1', 'localhost')
  const [certificate, key] = [join(server.data, 'server.crt'), join(server.data, 'server.key')]
  const verified = (host = url) => `${host}?sslmode=verify-full&sslrootcert=${certificate}`
  // It does not speak TLS yet, and is told nothing.
  execFileSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-subj', '/CN=database'],
    ...['-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', certificate],
  ])
  await expect(openPostgres(verified())).rejects.toMatchObject({ code: 'database-unreachable' })

  const { uid, gid } = statSync(server.data)
  for (const file of [certificate, key]) chownSync(file, uid, gid)
  chmodSync(key, 0o600)
  await server.sql('alter system set ssl = on')
  await server.restart()
  onTestFinished(async () => {
    await server.sql('alter system reset ssl')
    await server.restart()
  })
  const database = await opened(verified())
  const session = asked<{ ssl: boolean }>('select ssl from pg_stat_ssl where pid = pg_backend_pid()')
  expect(await database.reader.first(session, {})).toEqual({ ssl: true })
  await database.close()
  // A name that is not in the certificate, and a certificate that nobody vouches for.
  for (const wrong of [verified(url.replace('localhost', '127.0.0.1')), `${url}?sslmode=verify-full`]) {
    await expect(openPostgres(wrong)).rejects.toMatchObject({ code: 'database-unreachable' })
  }
})

describe('what is in it and is no row', () => {
  test.each([
    ['a table', 'create table more (a int)', 'more'],
    ['a view', 'create view more as select * from fleet', 'more'],
    ['a function', "create function more() returns int language sql as 'select 1'", 'more'],
    ['an operator', 'create operator <<< (leftarg = int, rightarg = int, function = int4pl)', '<<<'],
    ['a type', 'create domain more as int', 'more'],
    ['a sequence', 'create sequence more', 'more'],
    ['a rule', 'create rule more as on insert to registry do instead nothing', 'registry'],
    [
      'a trigger',
      'create trigger more before update on registry for each row execute function suppress_redundant_updates_trigger()',
      'registry',
    ],
    ['a policy', 'create policy more on registry using (true)', 'registry'],
    ['row security', 'alter table registry enable row level security', 'registry'],
    ['a default', "alter table registry alter reason set default 'none'", 'registry'],
    ['a check', 'alter table registry add check (standing_at > 0)', 'registry'],
    ['another column', 'alter table registry add more int', 'registry'],
    ['a column less', 'alter table registry drop reason', 'registry'],
    ['a type that rounds', 'alter table registry alter standing_at type real', 'registry'],
    ['another order of text', 'alter table registry alter identity type text collate "en-US-x-icu"', 'registry'],
    ['a column that may be null', 'alter table registry alter standing drop not null', 'registry'],
    ['a table that a crash empties', 'alter table config_version set unlogged', 'config_version'],
    ['a child', 'create table more () inherits (registry)', 'more'],
    ['an index less', 'drop index registry_not_good', 'registry_not_good'],
    ['another index', 'create index more on registry (fleet)', 'more'],
    [
      'an index of something else',
      'drop index permit_of_fleet; create index permit_of_fleet on permit (role)',
      'permit',
    ],
    ['no key', 'alter table registry drop constraint registry_pk', 'registry'],
    [
      'a key of something else',
      'alter table config_version drop constraint config_version_pk, add constraint config_version_pk unique (fleet)',
      'config_version',
    ],
    [
      'an event trigger',
      "create schema aside; create function aside.more() returns event_trigger language plpgsql as 'begin end'; create event trigger more on ddl_command_end execute function aside.more()",
      'more',
    ],
    ['another version', 'update schema_version set version = version - 1', 'version'],
    ['no version', 'delete from schema_version', 'version'],
  ])('is found: %s', async (_, sql, where) => {
    const url = await server.makeDatabase()
    const database = await opened(url)
    expect(await database.inspect()).toBeUndefined()
    await server.sql(sql, databaseOf(url))
    expect(await database.inspect()).toMatchObject({ part: 'schema', why: expect.stringContaining(where) })
  })
})

/** Stores of two processes on one database, which have the same keys. */
async function twoStores() {
  const url = await server.makeDatabase()
  const { keys, signer } = makeSigner()
  const databases = [await opened(url), await opened(url)] as const
  const [a, b] = databases.map(database => new Store(database, signer)) as [Store, Store]
  onTestFinished(async () => void (await Promise.all([a.close(), b.close()])))
  return { url, a, b, keys, signer, databases }
}

describe('two processes', () => {
  test('write one ledger without a gap, and each of its heads is of all before it', async () => {
    const { a, b, keys } = await twoStores()
    const commits = ascending(60).flatMap(() => [a.commit(fact('acme')), b.commit(fact('acme'))])
    const receipts = await Promise.all(commits)
    expect(receipts.map(({ index }) => index).toSorted((x, y) => x - y)).toEqual(ascending(120))
    const entries = await a.entries('acme', 0, 200)
    expect(entries.map(({ idx }) => idx)).toEqual(ascending(120))
    const { checkpoint } = (await b.head('acme'))!
    const publicKey = keys.get('acme')!.publicKey
    const head = await readCheckpoint(checkpoint, { origin: 'acme.example.test/ledger', publicKey, verify: nodeVerify })
    expect(head.size).toBe(120)
    // And each goes on from where the other one left.
    for (const store of [a, b, a, a, b]) await store.commit(fact('acme'))
    expect((await a.head('acme'))!.size).toBe(125)
  })

  test('begin one ledger at the same moment: the second waits for the first', async () => {
    const { url, signer } = await twoStores()
    const [real, other] = [await opened(url), await opened(url)]
    const order: string[] = []
    const gate = Promise.withResolvers<void>()
    const a = new Store(
      {
        ...real,
        transaction: (work, locks) =>
          real.transaction(async connection => {
            const result = await work(connection)
            order.push('first has written')
            await gate.promise
            order.push('first commits')
            return result
          }, locks),
      },
      signer,
    )
    const b = new Store(
      {
        ...other,
        transaction: (work, locks) => {
          order.push('second begins')
          return other.transaction(async connection => {
            order.push('second works')
            return work(connection)
          }, locks)
        },
      },
      signer,
    )
    const first = a.commit(fact('acme'))
    while (!order.includes('first has written')) await new Promise(resolve => setTimeout(resolve, 5))
    const second = b.commit(fact('acme'))
    // As long as it likes: the server says that it waits.
    const waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    while ((await server.sql(waiting))[0] === '0') await new Promise(resolve => setTimeout(resolve, 20))
    gate.resolve()
    expect(await outcomes([first, second])).toEqual([0, 1])
    expect(order.filter(step => step === 'second begins')).toHaveLength(1)
    await Promise.all([a.close(), b.close()])
  })

  test('spend a token to its last use and not further', async () => {
    const { a, b } = await twoStores()
    await a.commit(token('t', 10))
    const commits = ascending(40).map(i => [a, b][i % 2]!.commit(enrolled(`platform/gateway/o${i}`, makeKey(), 't')))
    const codes = await outcomes(commits)
    expect(codes.filter(code => typeof code === 'number')).toHaveLength(10)
    expect(codes.filter(code => code === 'token-spent')).toHaveLength(30)
    expect((await b.permit('t'))?.left).toBe(0)
  })

  test('give a name to one key', async () => {
    const { a, b } = await twoStores()
    const codes = await outcomes([a, b, a, b].map(store => store.commit(enrolled('acme/device/one'))))
    expect(codes.toSorted()).toEqual([0, 'name-taken', 'name-taken', 'name-taken'])
  })

  test('revoke a token once', async () => {
    const { a, b } = await twoStores()
    await a.commit(token('t'))
    const codes = await outcomes([a, b, a, b].map(store => store.commit(revoked('t'))))
    expect(codes.toSorted()).toEqual([1, 'token-revoked', 'token-revoked', 'token-revoked'])
  })

  test('give a key to one fleet, and the rest of both groups is committed', async () => {
    const { a, b } = await twoStores()
    for (let round = 0; round < 10; round++) {
      const key = makeKey()
      const codes = await outcomes([
        a.commit(fact('acme')),
        a.commit(enrolled(`acme/device/d${round}`, key)),
        b.commit(enrolled(`beta/device/d${round}`, key)),
        b.commit(fact('beta')),
      ])
      expect(codes.filter(code => typeof code === 'string')).toEqual(['key-in-use'])
      expect([codes[1], codes[2]].filter(code => code === 'key-in-use')).toHaveLength(1)
      expect([codes[1], codes[2]].filter(code => typeof code === 'number')).toHaveLength(1)
    }
    const [acme, beta] = await Promise.all(['acme', 'beta'].map(ledger => a.entries(ledger, 0, 100)))
    expect(acme!.length + beta!.length).toBe(30)
  })

  test('that want each the key of the other in their next change both get an answer', async () => {
    const { a, b } = await twoStores()
    for (let round = 0; round < 5; round++) {
      const [one, two] = [makeKey(), makeKey()]
      const codes = await outcomes([
        a.commit(enrolled(`acme/device/x${round}`, one)),
        a.commit(enrolled(`acme/device/y${round}`, two)),
        b.commit(enrolled(`beta/device/x${round}`, two)),
        b.commit(enrolled(`beta/device/y${round}`, one)),
      ])
      expect(codes.filter(code => code === 'key-in-use')).toHaveLength(2)
      expect(codes.filter(code => typeof code === 'number')).toHaveLength(2)
    }
  })
})
