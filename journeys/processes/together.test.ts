import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Refused } from '@mintmark/core/errors'
import { type Connection, connect, enroll, readHome } from '@mintmark/device'
import { auditData, dataFiles } from '@mintmark/server'
import { openTls as openRaw, type RawConnection, startPostgres } from '@mintmark/testing'
import {
  claim,
  freePort,
  makeApplicant,
  makeApplicants,
  Operator,
  type Place,
  PlatformProcess,
  Relay,
} from '@mintmark/testing/faults'
import { afterAll, afterEach, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { need } from '../../scripts/services.ts'

// Two platform processes, each with its own copy of the data directory, on one PostgreSQL. The second one reaches it
// over a relay that can be cut. They are one platform: what one was told, the other knows, or it says nothing.

const missing = need('postgres')
const directory = mkdtempSync(join(tmpdir(), 'mintmark-processes-'))
let postgres: Awaited<ReturnType<typeof startPostgres>>
let line: Relay
let places: [Place, Place]
let platforms: [PlatformProcess, PlatformProcess]
let operators: [Operator, Operator]
let made = 0

beforeEach(({ skip }) => skip(missing !== undefined, missing))

beforeAll(async () => {
  if (missing) return
  postgres = await startPostgres()
  const database = await postgres.makeDatabase()
  line = await Relay.start(Number(new URL(database).port))
  const first = { data: join(directory, 'first'), port: await freePort(), database }
  const founded = await PlatformProcess.start(first)
  expect(await founded.stop()).toBe(0)
  const far = new URL(database)
  far.port = String(line.port)
  const second = { data: join(directory, 'second'), port: await freePort(), database: far.href }
  cpSync(first.data, second.data, { recursive: true })
  places = [first, second]
  platforms = [await PlatformProcess.start(first), await PlatformProcess.start(second)]
  operators = [new Operator(first.data), new Operator(second.data)]
  expect(await operators[0].createFleet('acme')).toBe('active')
}, 60_000)

afterAll(async () => {
  for (const operator of operators ?? []) operator.close()
  for (const platform of platforms ?? []) await platform.kill()
  await line?.stop()
  await postgres?.remove()
  rmSync(directory, { recursive: true, force: true })
})

afterEach(async () => {
  if (missing) return
  expect(await auditData(places[0].data)).toMatchObject({ ok: true })
})

test('a fleet that one has made is a fleet of the other at once, with its CA', async () => {
  expect(await operators[0].createFleet('first')).toBe('active')
  expect(await operators[1].createFleet('second')).toBe('active')
  for (const [maker, other] of [
    ['first', 1],
    ['second', 0],
  ] as const) {
    const token = await operators[other].createToken(maker, 1)
    const { identity } = await claim(door(other), token, await makeApplicant())
    expect(identity).toContain(`spiffe://${maker}.example.test/device/`)
  }
})

test('a budget is spent once, whoever is asked', async () => {
  const token = await operators[0].createToken('acme', 20)
  const applicants = await makeApplicants(60)
  const doors = [door(0), door(1)]
  const { granted, refusals } = await outcome(applicants.map((each, i) => claim(doors[i % 2]!, token, each)))
  expect(granted).toHaveLength(20)
  expect(refusals).toEqual({ 'token-spent': 40 })
  expect(await operators[1].usesLeft('acme', token)).toBe(0)
})

test('a name and a key have one owner, whoever is asked', async () => {
  const token = await operators[0].createToken('acme', 40)
  const doors = [door(0), door(1)]
  for (let round = 0; round < 5; round++) {
    const name = `wanted-${round}`
    const applicants = await makeApplicants(4)
    const names = await outcome(applicants.map((each, i) => claim(doors[i % 2]!, token, each, name)))
    expect(names.granted).toHaveLength(1)
    expect(names.refusals).toEqual({ 'name-taken': 3 })
    const one = await makeApplicant()
    const keys = await outcome(Array.from({ length: 4 }, (_, i) => claim(doors[i % 2]!, token, one)))
    expect(new Set(keys.granted.map(({ serial }) => serial)).size).toBe(1)
    expect(keys.granted).toHaveLength(4)
  }
})

test('one key in two fleets at once, one at each: it is of one of them', async () => {
  await operators[0].createFleet('left')
  await operators[1].createFleet('right')
  const tokens = [await operators[0].createToken('left', 20), await operators[1].createToken('right', 20)]
  const doors = [door(0), door(1)]
  for (let round = 0; round < 10; round++) {
    const one = await makeApplicant()
    const { granted, refusals } = await outcome(doors.map((each, i) => claim(each, tokens[i]!, one)))
    expect(granted).toHaveLength(1)
    expect(refusals).toEqual({ 'key-in-use': 1 })
  }
})

test('a revocation at one has cut the sockets at the other before it is acknowledged', async () => {
  const device = await makeDevice()
  const held = await openTls(device, 1)
  const request = 'GET /v1/me HTTP/1.1\r\nhost: localhost\r\n\r\n'
  expect((await held.send(request).response())?.status).toBe(200)
  await operators[0].revokeDevice('acme', device.name)
  // At the other end it is closed by now, so nothing that is sent from here on is answered.
  expect(await held.send(request).response()).toBe(undefined)
  await expect(connectionOf(device, 1).get('/v1/me')).rejects.toMatchObject({ code: 'revoked' })
  await expect(connectionOf(device, 0).get('/v1/me')).rejects.toMatchObject({ code: 'revoked' })
})

test('asking again for a revocation answers only when it is so everywhere', async () => {
  const device = await makeDevice()
  const held = connectionOf(device, 1)
  await held.get('/v1/me')
  pause(platforms[1])
  let answered = 0
  const ask = () => operators[0].revokeDevice('acme', device.name).then(() => answered++)
  const asked = [ask(), ask()]
  // By now it is committed, and one process has not heard of it.
  await sleep(400)
  asked.push(ask())
  await sleep(600)
  expect(answered).toBe(0)
  await Promise.all(asked)
  resume(platforms[1])
  await expect(held.get('/v1/me')).rejects.toMatchObject({ code: expect.stringMatching(/revoked|unreachable/) })
})

test('a process that stood still while a device was revoked answers it no more', async () => {
  const device = await makeDevice()
  const held = connectionOf(device, 1)
  await held.get('/v1/me')
  pause(platforms[1])
  // It lies at the socket of the process that stands still, sent before the revocation.
  const waiting = held.get('/v1/me').catch((error: Refused) => error.code)
  await operators[0].revokeDevice('acme', device.name)
  resume(platforms[1])
  expect(await waiting).toMatch(/revoked|unreachable/)
  await expect(connectionOf(device, 1).get('/v1/me')).rejects.toMatchObject({ code: 'revoked' })
})

test('nor does it end an answer that it had begun', async () => {
  const device = await makeDevice()
  const held = await openTls(device, 1)
  // Past the gate, and waiting for the last byte of a body; it is an answer that asks the database nothing.
  held.send('GET /healthz HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\n')
  await sleep(300)
  pause(platforms[1])
  await operators[0].revokeDevice('acme', device.name)
  held.send('x')
  resume(platforms[1])
  expect((await held.response())?.status).not.toBe(200)
})

test('a process that does not reach the database refuses, and a revocation elsewhere waits for its lease and no longer', async () => {
  const [device, other] = [await makeDevice(), await makeDevice()]
  const [held, kept] = [connectionOf(device, 1), connectionOf(other, 1)]
  await Promise.all([held.get('/v1/me'), kept.get('/v1/me')])
  line.cut()
  try {
    await operators[0].revokeDevice('acme', device.name)
    await expect(held.get('/v1/me')).rejects.toMatchObject({ code: 'unavailable' })
    // Nor anyone else: it does not know who is in good standing.
    await expect(kept.get('/v1/me')).rejects.toMatchObject({ code: 'unavailable' })
    expect((await fetch(`${(await platforms[1].ready()).console}readyz`)).status).toBe(503)
  } finally {
    line.mend()
  }
  await until(async () => (await kept.get('/v1/me').catch(() => undefined))?.status === 200)
  await expect(held.get('/v1/me')).rejects.toMatchObject({ code: expect.stringMatching(/revoked|unreachable/) })
  await expect(connectionOf(device, 1).get('/v1/me')).rejects.toMatchObject({ code: 'revoked' })
})

test('where the database stands still, both refuse in bounded time, and go on when it does', async () => {
  const device = await makeDevice()
  const held = [connectionOf(device, 0), connectionOf(device, 1)]
  await Promise.all(held.map(each => each.get('/v1/me')))
  const token = await operators[0].createToken('acme', 5)
  const applicant = await makeApplicant()
  postgres.pause()
  try {
    await sleep(2_500)
    const began = performance.now()
    const answers = await Promise.allSettled([
      ...held.map(each => each.get('/v1/me')),
      claim(door(0), token, applicant),
      claim(door(1), token, applicant),
    ])
    expect(answers.map(codeOf)).toEqual(Array(4).fill('unavailable'))
    // ATTACKS F6: nothing hangs for longer than five seconds.
    expect(performance.now() - began).toBeLessThan(6_000)
  } finally {
    postgres.resume()
  }
  await until(async () => (await held[0]!.get('/v1/me').catch(() => undefined))?.status === 200)
  await until(async () => (await held[1]!.get('/v1/me').catch(() => undefined))?.status === 200)
  const again = await Promise.all([claim(door(0), token, applicant), claim(door(1), token, applicant)])
  expect(new Set(again.map(({ serial }) => serial)).size).toBe(1)
  expect(await operators[0].usesLeft('acme', token)).toBe(4)
})

test('one is killed under load: nothing acknowledged is lost, and a revocation needs no answer of the dead', async () => {
  const token = await operators[0].createToken('acme', 500)
  const device = await makeDevice()
  const doors = [door(0), door(1)]
  const applicants = await makeApplicants(200)
  const claimed = outcome(
    applicants.map(async (each, i) => {
      await sleep(i * 4)
      return claim(doors[i % 2]!, token, each)
    }),
  )
  await sleep(300)
  await platforms[1].kill()
  const { granted, refusals } = await claimed
  // Neither says that it was not done: the dead one had the ledger's lock, it may be, and let it go late.
  expect(Object.keys(refusals).filter(code => code !== 'unreachable' && code !== 'unavailable')).toEqual([])
  await operators[0].revokeDevice('acme', device.name)
  platforms[1] = await PlatformProcess.start(places[1])
  // Whoever asks again gets the certificate that the one or the other has issued, and nothing is spent twice.
  const fresh = door(1)
  const again = await Promise.all(applicants.map(each => insist(() => claim(fresh, token, each))))
  const serials = new Map(again.map(({ spki, serial }) => [spki, serial]))
  for (const { spki, serial } of granted) expect(serials.get(spki)).toBe(serial)
  expect(await operators[0].usesLeft('acme', token)).toBe(300)
})

interface Device {
  readonly name: string
  readonly home: string
}

/** A device of acme, enrolled at the first process. */
async function makeDevice(): Promise<Device> {
  const name = `device-${made++}`
  const home = join(directory, name)
  await enroll({ token: await operators[0].createToken('acme', 1), name, home, now: Date.now })
  return { name, home }
}

/** The device's connections to one of the processes. */
function connectionOf({ home }: Device, which: 0 | 1): Connection {
  const { anchor, certificate, keyFile } = readHome(home)
  return opened(connect({ url: urlOf(which), anchor, identity: { certificate, key: keyFile }, now: Date.now }))
}

/** One connection of the device, to be written on by hand. */
async function openTls({ home }: Device, which: 0 | 1): Promise<RawConnection> {
  const { certificate, keyFile } = readHome(home)
  const ca = readFileSync(join(home, 'anchor.pem'))
  const held = await openRaw(places[which].port, { ca, cert: certificate, key: readFileSync(keyFile) })
  onTestFinished(() => void held.socket.destroy())
  return held
}

/** Connections of nobody to one of the processes. */
const door = (which: 0 | 1): Connection =>
  opened(connect({ url: urlOf(which), anchor: readHome(dataFiles(places[0].data).operator).anchor, now: Date.now }))

const urlOf = (which: 0 | 1): string => `https://localhost:${places[which].port}`

function opened(connection: Connection): Connection {
  onTestFinished(() => connection.close())
  return connection
}

/** Asks until it is answered: what cannot be reached, or cannot say now, is asked again. */
async function insist<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      const waits = error instanceof Refused && (error.code === 'unavailable' || error.code === 'unreachable')
      if (!waits) throw error
      await sleep(100)
    }
  }
}

async function outcome<T>(claims: readonly Promise<T>[]): Promise<{ granted: T[]; refusals: Record<string, number> }> {
  const granted: T[] = []
  const refusals: Record<string, number> = {}
  for (const each of await Promise.allSettled(claims)) {
    if (each.status === 'fulfilled') granted.push(each.value)
    else refusals[codeOf(each)] = (refusals[codeOf(each)] ?? 0) + 1
  }
  return { granted, refusals }
}

function codeOf(settled: PromiseSettledResult<unknown>): string {
  if (settled.status === 'fulfilled') return 'fulfilled'
  return settled.reason instanceof Refused ? settled.reason.code : String(settled.reason)
}

/** As a container that is paused: it stands still, and its sockets stay. */
function pause({ pid }: PlatformProcess): void {
  process.kill(pid, 'SIGSTOP')
  onTestFinished(() => void process.kill(pid, 'SIGCONT'))
}

const resume = ({ pid }: PlatformProcess): void => void process.kill(pid, 'SIGCONT')

const sleep = (milliseconds: number): Promise<void> => new Promise(resolve => setTimeout(resolve, milliseconds))

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(50)
}
