import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Agent } from '@mintmark/agent'
import { base64url, pem, readBase64url, splitCbor } from '@mintmark/core/bytes'
import { didKey } from '@mintmark/core/keys'
import { sealSuite, signEncryptionKey, signKeySuccession } from '@mintmark/core/signed'
import {
  type PostgresServer,
  startPostgres,
  startTestPlatform,
  type TestDevice,
  type TestPlatform,
} from '@mintmark/testing'
import { claim, connectAnonymously, makeApplicant } from '@mintmark/testing/faults'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { need } from '../../../scripts/services.ts'
import { auditData, dataFiles, isFounded, settingsOf } from '../src/index.ts'
import { speaksInClear } from '../src/store/index.ts'
import { makeData, makeToken, operatorOf, start } from './scene.ts'

// A platform whose database is on a PostgreSQL server.

const missing = need('postgres')
let server: PostgresServer

beforeAll(async () => {
  if (missing === undefined) server = await startPostgres()
})
afterAll(() => server?.remove())
beforeEach(({ skip }) => skip(missing !== undefined, missing))

const databaseOf = (url: string): string => new URL(url).pathname.slice(1)

async function publishKey(platform: TestPlatform, device: TestDevice): Promise<void> {
  const [did, issued] = [didKey(device.key.publicKey), platform.clock.now()]
  const key = readBase64url('hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo')
  const announced = { did, key, suite: sealSuite, version: 1, issued, expires: issued + 86_400_000 }
  const statement = base64url(await signEncryptionKey(device.key, announced))
  const reply = await platform.call('PUT', '/v1/encryption-key', { as: device.tls, body: { statement } })
  expect(reply.status).toBe(200)
}

async function recordMessage(platform: TestPlatform, device: TestDevice, to: string): Promise<void> {
  const sender = await Agent.create({ key: device.key, now: () => platform.clock.now() })
  const [body] = splitCbor(await sender.send({ to, payload: '', scope: 'telemetry:write' }))
  const headers = { 'content-type': 'application/mint' }
  expect((await platform.call('POST', '/v1/messages', { as: device.tls, headers, body })).status).toBe(201)
}

async function enroll(data: string) {
  const operator = operatorOf(data)
  const door = connectAnonymously(data)
  onTestFinished(() => door.close())
  return claim(door, await makeToken(operator, 'acme', 1), await makeApplicant())
}

test('is founded there, remembers it, and finds everything again when it is started without being told', async () => {
  const data = makeData()
  const database = await server.makeDatabase()
  expect(await isFounded(data)).toBe(false)
  const first = await start(data, { database })
  expect(await isFounded(data)).toBe(true)
  await operatorOf(data).post('/v1/fleets', { name: 'acme' })
  const { identity } = await enroll(data)
  await first.stop()

  const files = dataFiles(data)
  expect(existsSync(files.database)).toBe(false)
  expect(settingsOf(data)).toEqual({ domain: 'example.test', database })
  expect(statSync(files.platform).mode & 0o777).toBe(0o600)
  await start(data)
  const { body } = await operatorOf(data).get('/v1/fleets/acme/devices')
  expect((body as { devices: { identity: string }[] }).devices.map(device => device.identity)).toEqual([identity])
  // Beside the platform, which goes on.
  expect(await auditData(data)).toMatchObject({ ok: true, entries: expect.any(Number) })
  await enroll(data)
})

test('an audit finds what was changed there', async () => {
  const data = makeData()
  const database = await server.makeDatabase()
  const running = await start(data, { database })
  await operatorOf(data).post('/v1/fleets', { name: 'acme' })
  const { identity } = await enroll(data)
  await running.stop()
  const path = identity.replace(/^spiffe:\/\/acme\.example\.test/, 'acme')
  for (const [attack, restore, found] of [
    [
      `update registry set standing = 'revoked' where identity = '${path}'`,
      `update registry set standing = 'good' where identity = '${path}'`,
      { where: `table registry, row ${path}`, why: 'standing is not what the ledger says' },
    ],
    [
      `update ledger_entry set at = at + 1 where ledger = 'acme' and idx = 1`,
      `update ledger_entry set at = at - 1 where ledger = 'acme' and idx = 1`,
      { where: 'ledger acme, entry 1' },
    ],
    [
      `update ledger_entry set change = set_byte(change, 10, get_byte(change, 10) # 1) where ledger = 'acme' and idx = 0`,
      `update ledger_entry set change = set_byte(change, 10, get_byte(change, 10) # 1) where ledger = 'acme' and idx = 0`,
      { where: 'ledger acme, entry 0', why: 'the entry was changed' },
    ],
    [
      'update registry set not_after = 9007199254740993',
      'update registry set not_after = c.not_after from certificate c where c.serial = registry.serial',
      { why: 'not_after is not what the ledger says' },
    ],
    [
      'create rule quiet as on update to registry do instead nothing',
      'drop rule quiet on registry',
      { where: 'database, schema' },
    ],
  ] as const) {
    await server.sql(attack, databaseOf(database))
    expect(await auditData(data)).toMatchObject({ ok: false, ...found })
    await server.sql(restore, databaseOf(database))
    expect(await auditData(data)).toMatchObject({ ok: true })
  }
})

test('an audit finds any value of any table that was changed there', { timeout: 240_000 }, async () => {
  const database = await server.makeDatabase()
  const platform = await startTestPlatform({ database })
  await platform.makeFleet('acme')
  const one = await platform.enrollDevice('acme', 'one')
  const two = await platform.enrollDevice('acme', 'two')
  await platform.grant(one, 'telemetry:write')
  await publishKey(platform, one)
  await recordMessage(platform, one, didKey(two.key.publicKey))
  await platform.operator('POST', '/v1/fleets/acme/devices/one/labels', { labels: ['site=roof'] })
  await platform.operator('PUT', '/v1/fleets/acme/config', { configuration: { interval: 60 } })

  const name = databaseOf(database)
  const passing = ['process', 'news', 'news_head', 'keeper_key', 'schema_version']
  const columns = await server.sql(
    `select table_name, column_name, data_type from information_schema.columns where table_schema = 'public'
      and table_name <> all ('{${passing}}') order by table_name, column_name`,
    name,
  )
  const changed: Readonly<Record<string, (column: string) => string>> = {
    // Far enough that it is not the number of another row.
    bigint: column => `coalesce(${column}, 0) + 1000`,
    text: column => `coalesce(${column}, '') || 'x'`,
    bytea: column => `coalesce(${column}, '') || '\\x00'`,
  }
  await server.sql('create schema kept', name)
  const [found, empty] = [new Set<string>(), new Set<string>()]
  for (const [table, column, type] of columns.map(line => line.split('|') as [string, string, string])) {
    await server.sql(`create table if not exists kept.${table} as table public.${table}`, name)
    const row = `select ctid from ${table} order by ctid desc limit 1`
    const change = `update ${table} set ${column} = ${changed[type]!(column)} where ctid = (${row}) returning 'done'`
    if ((await server.sql(change, name)).length === 0) {
      empty.add(table)
      continue
    }
    expect([table, column, (await auditData(platform.data)).ok]).toEqual([table, column, false])
    found.add(table)
    await server.sql(`delete from ${table}; insert into ${table} select * from kept.${table}`, name)
  }
  // In which there is nothing to be changed after so little.
  expect([...empty].filter(table => !['ledger_tile', 'operator', 'refusal'].includes(table))).toEqual([])
  expect(found.size).toBeGreaterThan(12)
  await platform.stop()
})

test('an audit says that pages are damaged where the server cannot read them', async () => {
  const data = makeData()
  const database = await server.makeDatabase()
  await (await start(data, { database })).stop()
  const [path] = await server.sql("select pg_relation_filepath('registry')", databaseOf(database))
  await server.stop()
  const file = join(server.data, path!)
  const bytes = readFileSync(file)
  bytes[8_000]! ^= 1
  writeFileSync(file, bytes)
  await server.start()
  expect(await auditData(data)).toMatchObject({ ok: false, where: 'database, pages' })
})

test('does not begin where its role may not make tables', async () => {
  const database = await server.makeDatabase()
  await server.sql(
    'revoke create on schema public from public; alter schema public owner to postgres',
    databaseOf(database),
  )
  await expect(start(makeData(), { database })).rejects.toMatchObject({
    code: 'database-unfit',
    detail: 'permission denied for schema public',
    hint: expect.stringContaining('own'),
  })
})

test('a change of key that is asked for many times at once is answered alike, though standing is remembered', async () => {
  const platform = await startTestPlatform({ database: await server.makeDatabase() })
  await platform.makeFleet('acme')
  const device = await platform.enrollDevice('acme', 'one')
  const next = await platform.makeKey()
  const [old, is] = [device.key.publicKey.id, next.key.publicKey.id]
  const facts = { domain: 'example.test', identity: device.path, old, new: is, at: 1 }
  const succession = base64url(await signKeySuccession(device.key, facts))
  const body = { csr: pem('CERTIFICATE REQUEST', next.csr), succession }
  const replies = await Promise.all(
    Array.from({ length: 16 }, () => platform.call('POST', '/v1/renew', { as: device.tls, body })),
  )
  expect(replies.map(({ status }) => status)).toEqual(Array(16).fill(201))
  expect(new Set(replies.map(reply => reply.body.certificate)).size).toBe(1)
  await platform.stop()
})

test('is found where it was moved to, for as long as that is said', async () => {
  const data = makeData()
  const database = await server.makeDatabase()
  await (await start(data, { database })).stop()
  const moved = `${databaseOf(database)}_moved`
  await server.sql(`create database ${moved} owner mintmark template ${databaseOf(database)}`)
  await server.sql(`drop database ${databaseOf(database)}`)
  await expect(start(data)).rejects.toMatchObject({ code: 'database-unreachable' })
  await expect(auditData(data)).rejects.toMatchObject({ code: 'database-unreachable' })
  await (await start(data, { database: server.url(moved) })).stop()
  expect(await auditData(data, { database: server.url(moved) })).toMatchObject({ ok: true })
})

test('a platform with its database inside takes no other one', async () => {
  const data = makeData()
  await (await start(data)).stop()
  const database = await server.makeDatabase()
  await expect(start(data, { database })).rejects.toMatchObject({ code: 'database-other' })
  await expect(auditData(data, { database })).rejects.toMatchObject({ code: 'database-other' })
  expect(await server.sql('select count(*) from pg_class where relname = $$fleet$$', databaseOf(database))).toEqual([
    '0',
  ])
})

test('a URL that does not lead to a database is not remembered', async () => {
  const data = makeData()
  for (const [database, code] of [
    [server.url('nothing'), 'database-unreachable'],
    ['postgres://mintmark@127.0.0.1:1/x', 'database-unreachable'],
    ['mysql://mintmark@127.0.0.1/x', 'bad-database'],
  ] as const) {
    await expect(start(data, { database })).rejects.toMatchObject({ code })
    expect(existsSync(dataFiles(data).platform)).toBe(false)
  }
  await start(data, { database: await server.makeDatabase() })
})

test('does not start on a database that is empty where it had one, nor on that of another platform', async () => {
  const [data, other] = [makeData(), makeData()]
  const database = await server.makeDatabase()
  await (await start(data, { database })).stop()
  const empty = await server.makeDatabase()
  await expect(start(data, { database: empty })).rejects.toMatchObject({
    code: 'ledger-broken',
    detail: 'the database has no platform any more',
  })
  // A directory of its own has keys of its own.
  await expect(start(other, { database })).rejects.toMatchObject({ code: 'key-refused' })
  expect(existsSync(dataFiles(other).platform)).toBe(false)
  await start(data)
  expect(readFileSync(dataFiles(data).platform, 'utf8')).toContain(database)
})

test.each([
  ['no URL', 'not a url'],
  ['another protocol', 'mysql://host/name'],
  ['no name of a database', 'postgres://host'],
  ['a mode of TLS that looks at no certificate', 'postgres://host/name?sslmode=no-verify'],
  ['a mode of TLS that looks at no name', 'postgres://host/name?sslmode=require'],
  ['an option of the server', 'postgres://host/name?options=-csynchronous_commit%3Doff'],
  ['a fragment', 'postgres://host/name#x'],
  ['a percent sign that stands alone', 'postgres://host/na%me'],
])('refuses as a database: %s, and does not repeat it', async (_, text) => {
  const secret = text.replace('host', 'user:hunter2@host')
  const error = await start(makeData(), { database: secret }).then(
    () => undefined,
    (refused: Error) => refused,
  )
  expect(error).toMatchObject({ code: 'bad-database', hint: expect.stringContaining('postgres://') })
  expect(String(error)).not.toContain('hunter2')
})

test.each([
  ['postgres://db.example.com/name', true],
  ['postgres://10.0.0.7/name?sslmode=disable', true],
  ['postgres://db.example.com/name?sslmode=verify-full', false],
  ['postgres://localhost/name', false],
  ['postgres://127.0.0.1:5433/name', false],
  ['postgres://[::1]/name', false],
  ['postgres:///name?host=/run/postgresql', false],
])('of %s an operator is warned: %s', (url, isWarned) => {
  expect(speaksInClear(url)).toBe(isWarned)
})
