import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Agent, MemoryNonceStore } from '@mintmark/agent'
import { openHome } from '@mintmark/agent/node'
import { type Fetch, HttpTrustRegistry } from '@mintmark/agent/registry'
import type { Code, Refused } from '@mintmark/core/errors'
import { type Connection, connect, enroll, provenFetch, readHome } from '@mintmark/device'
import { dataFiles } from '@mintmark/server'
import { startPostgres } from '@mintmark/testing'
import { freePort, type Place, PlatformProcess, Relay } from '@mintmark/testing/faults'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { need } from '../../scripts/services.ts'

// A receiver that remembers what the platform told it, and everything that can come between the two. After a revocation
// was acknowledged nothing of that name is accepted, whatever happened before.

const directory = mkdtempSync(join(tmpdir(), 'mintmark-verifiers-'))
const now = Date.now
let place: Place
let platform: PlatformProcess
let operator: Connection
let made = 0

beforeAll(async () => {
  place = { data: join(directory, 'data'), port: await freePort() }
  platform = await PlatformProcess.start(place)
  operator = operatorOf(place.data)
  await operator.post('/v1/fleets', { name: 'acme' })
}, 60_000)

afterAll(async () => {
  operator?.close()
  await platform?.kill()
  rmSync(directory, { recursive: true, force: true })
})

function operatorOf(data: string): Connection {
  const { url, anchor, certificate, keyFile } = readHome(dataFiles(data).operator)
  return connect({ url, anchor, identity: { certificate, key: keyFile }, now })
}

/** A device in a home of its own, with these scopes. */
async function makeDevice(by: Connection, ...scopes: string[]) {
  const name = `device-${++made}`
  const { body } = await by.post('/v1/fleets/acme/tokens', { uses: 1, ttl: 3_600_000 })
  const home = join(directory, name)
  await enroll({ token: (body as { token: string }).token, name, home, now })
  await by.put(`/v1/fleets/acme/devices/${name}/scope`, { scopes })
  return { name, home }
}

const revoke = (by: Connection, { name }: { readonly name: string }) =>
  by.post(`/v1/fleets/acme/devices/${name}/revoke`, { reason: 'a test' })

/** What changes is not told as it comes: only the lease is left. */
const deaf =
  (fetch: Fetch): Fetch =>
  (url, init) =>
    new Headers(init.headers).get('accept') === 'text/event-stream'
      ? Promise.resolve(new Response('', { status: 503 }))
      : fetch(url, init)

/** A receiver that reaches the platform over this port, as the device of a home. */
async function makeReceiver(home: string, port: number, by: (fetch: Fetch) => Fetch = fetch => fetch) {
  const { anchor, certificate, keyFile } = readHome(home)
  const url = `https://localhost:${port}`
  const way = provenFetch({ url, anchor, identity: { certificate, key: keyFile }, now })
  const registry = new HttpTrustRegistry({ url, fetch: by(way.fetch) })
  onTestFinished(async () => {
    await registry.close()
    way.close()
  })
  // As if it had started a while ago.
  const nonces = new MemoryNonceStore({ now: () => now() - 10_000 })
  const service = await Agent.create({ registry, nonces })
  const code = async (device: { readonly home: string }): Promise<Code | 'accepted'> => {
    const { key } = readHome(device.home)
    const message = await (await Agent.create({ key })).send({ to: service.did, payload: '', scope: 'telemetry:write' })
    return service.receive(message).then(
      () => 'accepted' as const,
      (error: Refused) => {
        if (error.code === undefined) throw error
        return error.code
      },
    )
  }
  return { registry, code }
}

const until = async (isSo: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await isSo())) await new Promise(resolve => setTimeout(resolve, 10))
}

/** Two ends with a line between them that can be cut, and a device that the receiver remembers. */
async function stand() {
  const line = await Relay.start(place.port)
  onTestFinished(() => line.stop())
  const hub = await makeDevice(operator, 'registry:read')
  const device = await makeDevice(operator, 'telemetry:write')
  const { registry, code } = await makeReceiver(hub.home, line.port)
  await until(async () => (await code(device)) === 'accepted' && registry.isLive)
  expect(await code(device)).toBe('accepted')
  return { line, device, registry, code }
}

test('a receiver that is cut off is waited for, and then trusts nobody; it hears of all when it is back', async () => {
  const { line, device, registry, code } = await stand()
  line.cut()
  await revoke(operator, device)
  expect([registry.isLive, await code(device)]).toEqual([false, 'unavailable'])
  line.mend()
  await until(async () => (await code(device)) !== 'unavailable')
  expect(await code(device)).toBe('revoked')
}, 60_000)

test('a platform that is killed takes its leases with it, and the next one waits for their end', async () => {
  const { line, device, registry, code } = await stand()
  expect(existsSync(dataFiles(place.data).verifiers)).toBe(true)
  line.cut()
  await platform.kill()
  platform = await PlatformProcess.start(place)
  await revoke(operator, device)
  expect([registry.isLive, await code(device)]).toEqual([false, 'unavailable'])
  line.mend()
  await until(async () => (await code(device)) !== 'unavailable')
  expect(await code(device)).toBe('revoked')
}, 60_000)

test('a platform that stands still is nobody to be trusted by, until it goes on', async () => {
  const { device, registry, code } = await stand()
  platform.pause()
  try {
    await until(() => !registry.isLive)
    expect(await code(device)).toBe('unavailable')
  } finally {
    platform.resume()
  }
  await until(async () => (await code(device)) === 'accepted')
  await revoke(operator, device)
  expect(await code(device)).toBe('revoked')
}, 60_000)

test('a platform that stops leaves nobody who relies on it, and says so', async () => {
  const { device, registry, code } = await stand()
  expect(await platform.stop()).toBe(0)
  expect([registry.isLive, await code(device)]).toEqual([false, 'unavailable'])
  expect(existsSync(dataFiles(place.data).verifiers)).toBe(false)
  platform = await PlatformProcess.start(place)
  await until(async () => (await code(device)) === 'accepted')
}, 60_000)

test('a receiver that was stopped in the middle accepts nothing that waited for it', async () => {
  const hub = await makeDevice(operator, 'registry:read')
  const device = await makeDevice(operator, 'telemetry:write')
  const receiver = await startReceiver(hub.home)
  const home = await openHome(device.home)
  onTestFinished(() => home.close())
  const sender = await Agent.create({ key: home.key })
  const send = async () => {
    const body = await sender.send({ to: receiver.did, payload: '', scope: 'telemetry:write' })
    const headers = { 'content-type': 'application/mint' }
    const { status } = await fetch(receiver.url, { method: 'POST', headers, body: Uint8Array.from(body) })
    return status
  }
  // It has only just started.
  await until(async () => (await send()) === 204)
  for (let i = 0; i < 5; i++) expect(await send()).toBe(204)
  receiver.process.kill('SIGSTOP')
  const waiting = Promise.all([send(), send(), send()])
  await revoke(operator, device)
  const late = send()
  receiver.process.kill('SIGCONT')
  const statuses = [...(await waiting), await late]
  expect(statuses.filter(status => status < 400)).toEqual([])
}, 60_000)

/** The receiver of the examples, as a process. */
async function startReceiver(home: string): Promise<{ process: ChildProcess; did: string; url: string }> {
  const program = join(import.meta.dirname, '../../examples/messages/platform/receiver.ts')
  const child = spawn(process.execPath, [program, home, '0'], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  for await (const line of createInterface({ input: child.stdout })) {
    const [, did, url] = /^(did:\S+) listens at (\S+)$/.exec(line) ?? []
    child.stdout.resume()
    return { process: child, did: did!, url: url! }
  }
  throw new Error('the receiver ended')
}

const missing = need('postgres')
describe.skipIf(missing !== undefined)('two processes on one database', () => {
  test('a receiver of one refuses at once whom the other has revoked, also after one of them is killed', async () => {
    const postgres = await startPostgres()
    onTestFinished(() => postgres.remove())
    const database = await postgres.makeDatabase()
    const first = { data: join(directory, 'first'), port: await freePort(), database }
    expect(await (await PlatformProcess.start(first)).stop()).toBe(0)
    const second = { data: join(directory, 'second'), port: await freePort(), database }
    cpSync(first.data, second.data, { recursive: true })
    const [one, two] = [await PlatformProcess.start(first), await PlatformProcess.start(second)]
    onTestFinished(async () => {
      await one.kill()
      await two.kill()
    })
    const operators = [operatorOf(first.data), operatorOf(second.data)] as const
    onTestFinished(() => {
      for (const each of operators) each.close()
    })
    await operators[0].post('/v1/fleets', { name: 'acme' })
    const hub = await makeDevice(operators[0], 'registry:read')
    const { registry, code } = await makeReceiver(hub.home, first.port, deaf)
    const remembered = async () => {
      const device = await makeDevice(operators[1], 'telemetry:write')
      await until(async () => (await code(device)) === 'accepted' && registry.isLive)
      return device
    }
    for (let i = 0; i < 10; i++) {
      const device = await remembered()
      await revoke(operators[1], device)
      expect(['revoked', 'unavailable']).toContain(await code(device))
    }
    const last = await remembered()
    await one.kill()
    await revoke(operators[1], last)
    expect([registry.isLive, await code(last)]).toEqual([false, 'unavailable'])
  }, 120_000)
})
