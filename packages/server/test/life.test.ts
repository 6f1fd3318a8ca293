import { readFileSync, statSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { readPemBlocks } from '@mintmark/core/bytes'
import { readCertificate } from '@mintmark/core/signed'
import { makeApplicant } from '@mintmark/testing/faults'
import { expect, onTestFinished, test } from 'vitest'
import { auditData, dataFiles, domainOf } from '../src/index.ts'
import { ask, makeData, makeToken, openTls, operatorOf, readAll, shownSerial, start } from './scene.ts'

const day = 86_400_000
const leafOf = (directory: string) =>
  readCertificate(readPemBlocks('CERTIFICATE', readFileSync(join(directory, 'cert.pem'), 'utf8'))[0]!)

test('renews its own certificates at two thirds of their life and shows the new one without a restart', async () => {
  const data = makeData()
  let ahead = 0
  const now = () => Date.now() + ahead
  const running = await start(data, { now })
  const files = dataFiles(data)
  const [server, operator] = [leafOf(files.server), leafOf(files.operator)]
  const open = await openTls(data, running)
  expect(shownSerial(open)).toBe(server.serial)

  ahead = 19 * day
  await running.jobs.everyHour()
  expect([leafOf(files.server).serial, leafOf(files.operator).serial]).toEqual([server.serial, operator.serial])

  ahead = 21 * day
  await running.jobs.everyHour()
  const renewed = leafOf(files.server)
  expect(renewed.serial).not.toBe(server.serial)
  expect(renewed.notAfter).toBeGreaterThan(server.notAfter + 20 * day)
  expect(renewed.publicKey.equals(server.publicKey)).toBe(true)
  expect(shownSerial(await openTls(data, running))).toBe(renewed.serial)
  // A connection that was open lives on.
  expect(await ask(open, '/healthz')).toContain('{"ok":true}')

  expect(leafOf(files.operator).serial).not.toBe(operator.serial)
  expect(await ask(await openTls(data, running, files.operator), '/v1/me')).toContain(leafOf(files.operator).serial)
  await running.stop()
  expect(await auditData(data)).toMatchObject({ ok: true })
})

test('issues its own certificates again where it issued them while its clock was ahead', async () => {
  const data = makeData()
  await (await start(data)).stop()
  const files = dataFiles(data)
  await (await start(data, { now: () => Date.now() + 25 * day })).stop()
  const ahead = leafOf(files.server)
  await start(data)
  expect(leafOf(files.server).serial).not.toBe(ahead.serial)
  expect((await operatorOf(data).get('/v1/fleets')).status).toBe(200)
})

test('answers the request that is running when it is stopped, and takes no other', async () => {
  const data = makeData()
  const running = await start(data)
  const operator = operatorOf(data)
  await operator.post('/v1/fleets', { name: 'acme' })
  const token = await makeToken(operator, 'acme', 1)
  const body = JSON.stringify({ csr: (await makeApplicant()).csr })
  const [idle, busy] = [await openTls(data, running), await openTls(data, running)]
  busy.write(`POST /v1/enroll HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${token}\r\n`)
  busy.write(`content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body.slice(0, 20)}`)
  // Another request on another connection, so that the head of the first has been read.
  await operator.get('/v1/fleets')

  const begun = performance.now()
  const stopped = running.stop()
  const port = Number(new URL(running.machine).port)
  await expect(
    new Promise((resolve, reject) => connectTcp(port, '127.0.0.1', () => resolve('open')).once('error', reject)),
  ).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  const answered = readAll(busy)
  busy.write(body.slice(20))
  expect(await answered).toMatch(/^HTTP\/1\.1 201 [\s\S]*connection: close/i)
  await stopped
  // Not because its five seconds were over.
  expect(performance.now() - begun).toBeLessThan(4_000)
  expect(await readAll(idle)).toBe('')
  expect(await auditData(data)).toMatchObject({ ok: true })
})

test('tells a balancer that it is ready, also one that names no host; nothing else is told to whom does not', async () => {
  const { console: page } = await start(makeData())
  const askBarely = async (path: string) => {
    const socket = connectTcp(Number(new URL(page).port), '127.0.0.1')
    socket.end(`GET ${path} HTTP/1.0\r\n\r\n`)
    const chunks: Buffer[] = []
    for await (const chunk of socket) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks).toString().split('\r\n')[0]
  }
  expect(await askBarely('/readyz')).toContain(' 200 ')
  expect(await askBarely('/healthz')).toContain(' 200 ')
  for (const path of ['/', '/trust', '/metrics', '/console/']) expect(await askBarely(path)).toContain(' 400 ')
})

test('does not wait for ever for a request that does not end, nor for a handshake', async () => {
  const data = makeData()
  const running = await start(data)
  const silent = connectTcp(Number(new URL(running.machine).port), '127.0.0.1')
  onTestFinished(() => void silent.destroy())
  const slow = await openTls(data, running)
  slow.write('POST /v1/enroll HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{')
  slow.on('error', () => undefined)
  await operatorOf(data).get('/v1/fleets')
  await running.stop()
  expect(await auditData(data)).toMatchObject({ ok: true })
})

test('can be stopped twice, and started again in the same process', async () => {
  const data = makeData()
  const first = await start(data)
  await Promise.all([first.stop(), first.stop()])
  await first.stop()
  const second = await start(data)
  expect(second.root).toBe(first.root)
})

test('a start that fails leaves nothing open behind it', async () => {
  const data = makeData()
  const other = await start(makeData())
  const port = Number(new URL(other.machine).port)
  await expect(start(data, { port })).rejects.toMatchObject({ code: 'address-in-use' })
  await start(data)
})

test('keeps what it was told across a restart', async () => {
  const data = makeData()
  const first = await start(data)
  const before = operatorOf(data)
  await before.post('/v1/fleets', { name: 'acme', public: true })
  await makeToken(before, 'acme', 7)
  await before.put('/v1/fleets/acme/config', { configuration: { rate: 5 } })
  const state = async (from: typeof before) =>
    Promise.all(
      ['/v1/fleets', '/v1/fleets/acme/tokens', '/v1/fleets/acme/config', '/v1/fleets/acme/devices'].map(
        async path => (await from.get(path)).body,
      ),
    )
  const known = await state(before)
  const { serial } = leafOf(dataFiles(data).server)
  await first.stop()
  const second = await start(data)
  expect(await state(operatorOf(data))).toEqual(known)
  expect(second.root).toBe(first.root)
  // Nothing is issued anew for a restart.
  expect(leafOf(dataFiles(data).server).serial).toBe(serial)
})

test('keeps its keys and its database for itself', async () => {
  const data = makeData()
  await start(data)
  const files = dataFiles(data)
  const mode = (path: string) => (statSync(path).mode & 0o777).toString(8)
  for (const directory of [data, files.keeper, files.server, files.operator]) expect(mode(directory)).toBe('700')
  const keys = ['ledger-platform', 'server-ca', 'people-ca'].map(name => join(files.keeper, `${name}.pem`))
  for (const path of [...keys, join(files.server, 'key.pem'), join(files.operator, 'key.pem'), files.database]) {
    expect([path, mode(path)]).toEqual([path, '600'])
  }
})

test('refuses another domain than its data directory was made for', async () => {
  const data = makeData()
  await (await start(data)).stop()
  await expect(start(data, { domain: 'other.test' })).rejects.toMatchObject({ code: 'bad-domain' })
  expect(domainOf(data)).toBe('example.test')
  await start(data)
})
