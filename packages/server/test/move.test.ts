import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { text } from 'node:stream/consumers'
import { type PostgresServer, startPostgres } from '@mintmark/testing'
import { claim, connectAnonymously, makeApplicant } from '@mintmark/testing/faults'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { need } from '../../../scripts/services.ts'
import { auditData, dataFiles, moveData, settingsOf } from '../src/index.ts'
import { openPostgres } from '../src/store/index.ts'
import { makeData, makeToken, operatorOf, start } from './scene.ts'

const command = join(import.meta.dirname, '../../mintmark/bin/mintmark')
const missing = need('postgres')
let server: PostgresServer

beforeAll(async () => {
  if (missing === undefined) server = await startPostgres()
})
afterAll(() => server?.remove())
beforeEach(({ skip }) => skip(missing !== undefined, missing))

const databaseOf = (url: string): string => new URL(url).pathname.slice(1)

/** A platform that ran on SQLite: devices, of which one is revoked, a token that is half spent, configurations. */
async function ran() {
  const data = makeData()
  const running = await start(data)
  const operator = operatorOf(data)
  for (const name of ['acme', 'beta']) await operator.post('/v1/fleets', { name })
  const token = await makeToken(operator, 'acme', 3)
  const [one, two] = [await enroll(data, token), await enroll(data, token)]
  await operator.post(`/v1/fleets/acme/devices/${nameOf(one)}/revoke`, { reason: 'a test' })
  for (const interval of [60, 30]) await operator.put('/v1/fleets/acme/config', { configuration: { interval } })
  operator.close()
  await running.stop()
  return { data, token, revoked: nameOf(one), good: nameOf(two) }
}

async function enroll(data: string, token: string) {
  const door = connectAnonymously(data)
  onTestFinished(() => door.close())
  return claim(door, token, await makeApplicant())
}

const hangUp = (name: string): Promise<string[]> =>
  server.sql(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`)

const nameOf = ({ identity }: { readonly identity: string }): string => identity.split('/').at(-1)!

const ledgersOf = async (data: string) => {
  const report = await auditData(data)
  return report.ok ? report.ledgers : report
}

test('takes everything along, and the platform goes on there', async () => {
  const { data, token, revoked, good } = await ran()
  const files = dataFiles(data)
  const before = await ledgersOf(data)
  const database = await server.makeDatabase()
  const steps = new Set<string>()
  const { report, rows, left } = await moveData(data, database, step => steps.add(step))
  expect([...steps]).toEqual(['checked here', 'copied', 'checked there'])
  expect(report.ledgers).toEqual(before)
  expect(rows).toBeGreaterThan(report.entries)

  expect(settingsOf(data)).toEqual({ domain: 'example.test', database })
  expect(statSync(files.platform).mode & 0o777).toBe(0o600)
  expect(readdirSync(data).filter(name => name.startsWith('mintmark.db'))).toEqual([
    'mintmark.db-lock',
    'mintmark.db-moved',
    'mintmark.db-moved-head',
  ])
  expect(left).toBe(files.moved)
  expect(await ledgersOf(data)).toEqual(before)

  const running = await start(data)
  const operator = operatorOf(data)
  const standingOf = async (name: string) =>
    ((await operator.get(`/v1/fleets/acme/devices/${name}`)).body as { standing: string }).standing
  expect([await standingOf(revoked), await standingOf(good)]).toEqual(['revoked', 'good'])
  expect((await operator.get('/v1/fleets/acme/config')).body).toMatchObject({
    version: 2,
    configuration: { interval: 30 },
  })
  await enroll(data, token)
  await expect(enroll(data, token)).rejects.toMatchObject({ code: 'token-spent' })
  await running.stop()
  expect(await auditData(data)).toMatchObject({ ok: true })
  await expect(moveData(data, database)).rejects.toMatchObject({ code: 'database-other' })
})

test('waits for no platform that runs', async () => {
  const data = makeData()
  await start(data)
  const database = await server.makeDatabase()
  await expect(moveData(data, database)).rejects.toMatchObject({ code: 'data-in-use' })
  expect(await server.sql('select count(*) from pg_class where relname = $$fleet$$', databaseOf(database))).toEqual([
    '0',
  ])
  expect(settingsOf(data)?.database).toBeUndefined()
})

test('takes nothing from where there is nothing', async () => {
  await expect(moveData(makeData(), await server.makeDatabase())).rejects.toMatchObject({ code: 'data-missing' })
})

test('writes over nothing: other tables, something that acts on tables, another platform', async () => {
  const { data } = await ran()
  const [tables, acting, platform] = [
    await server.makeDatabase(),
    await server.makeDatabase(),
    await server.makeDatabase(),
  ]
  await server.sql('create table public.invoice (id int)', databaseOf(tables))
  await expect(moveData(data, tables)).rejects.toMatchObject({ code: 'database-not-empty' })

  await (await openPostgres(acting)).close()
  await server.sql('create view public.looks as select * from public.key', databaseOf(acting))
  await expect(moveData(data, acting)).rejects.toMatchObject({ code: 'database-not-empty' })

  await (await start(makeData(), { database: platform })).stop()
  const before = await server.sql('select checkpoint from ledger_head', databaseOf(platform))
  await expect(moveData(data, platform)).rejects.toMatchObject({ code: 'database-not-empty' })
  // As many rows of everything do not make it the same one.
  const alike = makeData()
  await (await start(alike)).stop()
  await expect(moveData(alike, platform)).rejects.toMatchObject({ code: 'database-not-empty' })
  expect(await server.sql('select checkpoint from ledger_head', databaseOf(platform))).toEqual(before)

  expect(settingsOf(data)?.database).toBeUndefined()
  expect(existsSync(dataFiles(data).database)).toBe(true)
  await start(data)
})

test('moves nothing that is damaged', async () => {
  const { data } = await ran()
  const db = new DatabaseSync(dataFiles(data).database)
  db.exec("update permit set uses_left = 100 where fleet = 'acme'")
  db.close()
  const database = await server.makeDatabase()
  await expect(moveData(data, database)).rejects.toMatchObject({
    code: 'ledger-broken',
    detail: expect.stringMatching(/^table permit, row .*: uses_left is not what the ledger says$/),
  })
  expect(settingsOf(data)?.database).toBeUndefined()
})

test('killed in the middle of the copy it leaves both as they were, and does it all when it is run again', async () => {
  const { data } = await ran()
  const database = await server.makeDatabase()
  const [before, name] = [await ledgersOf(data), databaseOf(database)]
  await (await openPostgres(database)).close()
  // The last table to be copied into.
  const held = server.sql('begin; lock table config_content in share row exclusive mode; select pg_sleep(100)', name)
  const ended = held.catch(() => undefined)
  const move = spawn(command, ['store', 'move', '--data', data, '--to', database, '--json'], { stdio: 'pipe' })
  const isWaiting = `select 1 from pg_stat_activity where datname = '${name}' and wait_event_type = 'Lock'`
  while ((await server.sql(isWaiting)).length === 0) await new Promise(resolve => setTimeout(resolve, 20))
  move.kill('SIGKILL')
  await once(move, 'close')
  await hangUp(name)
  await ended

  expect(await server.sql('select (select count(*) from ledger_entry) + (select count(*) from key)', name)).toEqual([
    '0',
  ])
  expect(settingsOf(data)?.database).toBeUndefined()
  const running = await start(data)
  await running.stop()
  expect(await ledgersOf(data)).toEqual(before)
  const again = spawn(command, ['store', 'move', '--data', data, '--to', database, '--json'], { stdio: 'pipe' })
  const [out, [code]] = await Promise.all([text(again.stdout), once(again, 'close')])
  expect(code).toBe(0)
  expect(JSON.parse(out)).toMatchObject({ moved: true, ledgers: before, left: dataFiles(data).moved })
  expect(await ledgersOf(data)).toEqual(before)
})

test('says that the connection was lost, and changes nothing', async () => {
  const { data } = await ran()
  const database = await server.makeDatabase()
  const done = moveData(data, database, step => {
    if (step === 'copied') hangUp(databaseOf(database))
  })
  await expect(done).rejects.toMatchObject({ code: 'database-unreachable', hint: 'run it again when it is back' })
  expect(settingsOf(data)?.database).toBeUndefined()
  expect(await moveData(data, database)).toMatchObject({ report: { ok: true } })
})

test('finishes what was interrupted after the copy was made and before the directory knew of it', async () => {
  const { data } = await ran()
  const copy = join(makeData(), 'copy')
  cpSync(data, copy, { recursive: true })
  const database = await server.makeDatabase()
  const { rows } = await moveData(copy, database)
  // This is what is left then: the directory as it was, and everything there.
  const steps = new Set<string>()
  expect(await moveData(data, database, step => steps.add(step))).toMatchObject({ rows, report: { ok: true } })
  expect([...steps]).toEqual(['checked here', 'checked there'])
  expect(settingsOf(data)?.database).toBe(database)
  await start(data)
})

test('does not take an older copy of the platform for the platform, nor one that was changed', async () => {
  const { data } = await ran()
  const copies = [join(makeData(), 'copy'), join(makeData(), 'copy')] as const
  for (const copy of copies) cpSync(data, copy, { recursive: true })
  const [changed, older] = [await server.makeDatabase(), await server.makeDatabase()]
  await moveData(copies[0], changed)
  await moveData(copies[1], older)

  await server.sql("update registry set standing = 'good'", databaseOf(changed))
  await expect(moveData(data, changed)).rejects.toMatchObject({
    code: 'ledger-broken',
    detail: expect.stringContaining('standing'),
  })
  await server.sql('delete from config_content where content like $$%60%$$', databaseOf(changed))
  await expect(moveData(data, changed)).rejects.toMatchObject({
    code: 'database-not-empty',
    detail: expect.stringContaining('config_content'),
  })

  const running = await start(data)
  await operatorOf(data).post('/v1/fleets', { name: 'gamma' })
  await running.stop()
  await expect(moveData(data, older)).rejects.toMatchObject({ code: 'database-not-empty' })
  expect(settingsOf(data)?.database).toBeUndefined()
  await start(data)
})
