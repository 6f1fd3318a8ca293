import { existsSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { claim, connectAnonymously, makeApplicant } from '@mintmark/testing/faults'
import { expect, onTestFinished, test } from 'vitest'
import { auditData, dataFiles, isFounded } from '../src/index.ts'
import { makeData, makeToken, operatorOf, start } from './scene.ts'

// What a platform does about files that were damaged or lost while it did not run: it says which, or makes them again
// where it can, and never goes on as if nothing were wrong.

test.each([
  ['whose signature was changed', (der: Uint8Array) => der.with(-1, der.at(-1)! ^ 1)],
  ['that cannot be read', (der: Uint8Array) => der.with(0, 0x31)],
] as const)('leaves out the CA of one fleet %s, and serves the others', async (_, damage) => {
  const data = await twoFleets()
  edit(data, db => {
    const { certificate } = row(db, "select certificate from authority where fleet = 'acme'")
    const changed = Uint8Array.from(damage(Uint8Array.from(certificate as Uint8Array)))
    db.prepare("update authority set certificate = ? where fleet = 'acme'").run(changed)
  })
  await start(data)
  await expect(enroll(data, 'acme')).rejects.toMatchObject({ code: 'fleet-pending' })
  expect((await enroll(data, 'other')).identity).toContain('other')
})

test('takes no CA under the key id of another', async () => {
  const data = await twoFleets()
  edit(data, db => {
    const { certificate } = row(db, "select certificate from authority where fleet = 'other'")
    db.prepare("update authority set certificate = ? where fleet = 'acme'").run(certificate!)
  })
  await start(data)
  await expect(enroll(data, 'acme')).rejects.toMatchObject({ code: 'fleet-pending' })
})

test.each(['server', 'people'])('does not start without its %s CA, and says so', async use => {
  const data = await stopped()
  edit(data, db => db.prepare('update authority set certificate = zeroblob(10) where use = ?').run(use))
  await expect(start(data)).rejects.toMatchObject({
    code: 'ledger-broken',
    detail: expect.stringContaining(`no ${use} CA`),
  })
})

test('does not start where the database was emptied or is gone, nor founds another platform there', async () => {
  const data = await stopped()
  const { database } = dataFiles(data)
  const whole = readFileSync(database)
  truncateSync(database)
  await expect(start(data)).rejects.toMatchObject({ code: 'ledger-broken' })
  for (const file of [database, `${database}-wal`, `${database}-shm`]) rmSync(file, { force: true })
  await expect(start(data)).rejects.toMatchObject({ code: 'ledger-broken' })
  for (const file of [database, `${database}-wal`, `${database}-shm`]) rmSync(file, { force: true })
  writeFileSync(database, whole, { mode: 0o600 })
  await start(data)
})

test('does not start where platform.json is damaged, gone, or of another domain than the database', async () => {
  const data = await stopped()
  const { platform } = dataFiles(data)
  const whole = readFileSync(platform)
  for (const damaged of [
    whole.subarray(0, 10),
    '{"v":2,"domain":"example.test"}',
    '{"v":1,"domain":"EXAMPLE"}',
    'null',
  ]) {
    writeFileSync(platform, damaged)
    await expect(start(data)).rejects.toThrow(platform)
  }
  writeFileSync(platform, '{"v":1,"domain":"other.test"}')
  await expect(start(data, { domain: 'other.test' })).rejects.toMatchObject({ code: 'bad-domain' })
  rmSync(platform)
  await expect(start(data)).rejects.toThrow(platform)
  expect(existsSync(platform)).toBe(false)
  writeFileSync(platform, whole)
  await start(data)
})

test('does not start with a key that is damaged, or is not the one that the root or a ledger knows', async () => {
  const data = await twoFleets()
  const { keeper } = dataFiles(data)
  for (const name of ['server-ca', 'people-ca', 'ledger-platform', 'fleet-ca-acme', 'ledger-acme']) {
    const path = join(keeper, `${name}.pem`)
    const whole = readFileSync(path)
    const other = readFileSync(join(keeper, name.startsWith('ledger') ? 'ledger-other.pem' : 'fleet-ca-other.pem'))
    writeFileSync(path, other)
    await expect(start(data)).rejects.toMatchObject({
      code: 'ledger-broken',
      detail: expect.stringContaining(name),
    })
    writeFileSync(path, whole.subarray(0, -50))
    await expect(start(data)).rejects.toThrow(path)
    writeFileSync(path, whole)
  }
  await start(data)
})

test('issues its own certificates again where their files were damaged', async () => {
  const data = await stopped()
  const files = dataFiles(data)
  for (const directory of [files.server, files.operator]) writeFileSync(join(directory, 'cert.pem'), 'rubbish')
  const running = await start(data)
  expect((await operatorOf(data).get('/v1/fleets')).status).toBe(200)
  await running.stop()
  expect(await auditData(data)).toMatchObject({ ok: true })
})

test('gives the host another operator where the home of the first was lost', async () => {
  const data = await stopped()
  const { operator } = dataFiles(data)
  renameSync(operator, `${operator}-lost`)
  const running = await start(data)
  const { body } = await operatorOf(data).get('/v1/me')
  expect(body).toMatchObject({ standing: 'good', identity: expect.stringMatching(/\/operator\/local-[0-9a-f]{16}$/) })
  // And it stays that one.
  await running.stop()
  await start(data)
  expect((await operatorOf(data).get('/v1/me')).body).toMatchObject({
    identity: (body as { identity: string }).identity,
  })
})

test('signs no tree that does not follow from the one it signed before', async () => {
  const data = await twoFleets()
  edit(data, db => {
    const { frontier } = row(db, "select frontier from ledger_head where ledger = 'acme'")
    const bytes = Uint8Array.from(frontier as Uint8Array)
    bytes[20]! ^= 1
    db.prepare("update ledger_head set frontier = ? where ledger = 'acme'").run(bytes)
  })
  await start(data)
  const before = edit(data, db => row(db, "select checkpoint from ledger_head where ledger = 'acme'"), true)
  await expect(enroll(data, 'acme')).rejects.toMatchObject({ code: 'ledger-broken' })
  expect((await enroll(data, 'other')).identity).toContain('other')
  expect(edit(data, db => row(db, "select checkpoint from ledger_head where ledger = 'acme'"), true)).toEqual(before)
})

test('removes what a kill in the middle of a write left, which may be a copy of a key', async () => {
  const data = await stopped()
  const { keeper, operator } = dataFiles(data)
  const left = [
    join(keeper, '.fleet-ca-acme.pem.0123456789abcdef.tmp'),
    join(operator, '.key.pem.0123456789abcdef.tmp'),
  ]
  const kept = [join(keeper, 'notes.tmp'), join(data, '.hidden')]
  for (const path of [...left, ...kept]) writeFileSync(path, 'a private key')
  await start(data)
  expect([...left, ...kept].filter(existsSync)).toEqual(kept)
})

test('knows a directory whose founding was cut short before there were tables', async () => {
  const data = await stopped()
  const { database } = dataFiles(data)
  writeFileSync(database, '')
  expect(await isFounded(data)).toBe(false)
  rmSync(database)
  expect(await isFounded(data)).toBe(false)
  expect(existsSync(database)).toBe(false)
})

async function stopped(): Promise<string> {
  const data = makeData()
  await (await start(data)).stop()
  return data
}

async function twoFleets(): Promise<string> {
  const data = makeData()
  const running = await start(data)
  const operator = operatorOf(data)
  for (const name of ['acme', 'other']) await operator.post('/v1/fleets', { name })
  operator.close()
  await running.stop()
  return data
}

async function enroll(data: string, fleet: string) {
  const door = connectAnonymously(data)
  onTestFinished(() => door.close())
  return claim(door, await makeToken(operatorOf(data), fleet, 1), await makeApplicant())
}

function edit<T>(data: string, change: (db: DatabaseSync) => T, readOnly = false): T {
  const db = new DatabaseSync(dataFiles(data).database, { readOnly })
  try {
    return change(db)
  } finally {
    db.close()
  }
}

const row = (db: DatabaseSync, sql: string): Record<string, SQLInputValue> =>
  db.prepare(sql).get() as Record<string, SQLInputValue>
