import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readPemBlocks } from '@mintmark/core/bytes'
import type { Refused } from '@mintmark/core/errors'
import { readCertificate } from '@mintmark/core/signed'
import { Daemon, type End, enroll, keptConfiguration, type Line, renew, whoami } from '@mintmark/device'
import { startTestPlatform, type TestPlatform } from '@mintmark/testing'
import { Relay } from '@mintmark/testing/faults'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'

// Weeks of a device in seconds: a real platform, real sockets between them, and clocks that the test moves. What the
// daemon waits for comes at once.

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

let platform: TestPlatform
let homes: string

beforeAll(async () => {
  homes = mkdtempSync(join(tmpdir(), 'mintmark-life-'))
})
afterAll(() => rmSync(homes, { recursive: true, force: true }))

let devices = 0

/** A platform of its own, as clocks only go forward, and a device of its fleet, reached through a line that can be cut. */
async function begin(): Promise<Device> {
  platform = await startTestPlatform()
  const own = platform
  onTestFinished(() => own.stop())
  await platform.makeFleet('acme')
  return makeDevice()
}

async function makeDevice(): Promise<Device> {
  const relay = await Relay.start(platform.port)
  onTestFinished(() => relay.stop())
  const name = `device-${++devices}`
  const home = join(homes, name)
  const { text: token } = await platform.makeToken('acme')
  await enroll({ token, name, home, now: Date.now })
  const facts = JSON.parse(readFileSync(join(home, 'home.json'), 'utf8'))
  writeFileSync(join(home, 'home.json'), JSON.stringify({ ...facts, url: `https://localhost:${relay.port}` }))
  return new Device(name, home, relay)
}

interface Said extends Line {
  /** Days since it was enrolled. */
  readonly day: number
}

class Device {
  readonly name: string
  readonly home: string
  readonly relay: Relay
  readonly enrolled: number
  readonly said: Said[] = []
  /** How far the clock of the device is ahead of the platform's. */
  skew = 0
  /** What every draw gives: in the middle nothing is early or late. */
  chance = 0.5
  longestWait = 0
  readonly #plans: { readonly at: number; run(): unknown }[] = []

  constructor(name: string, home: string, relay: Relay) {
    this.name = name
    this.home = home
    this.relay = relay
    this.enrolled = this.certificate.notBefore + 5 * minute
  }

  get certificate() {
    return readCertificate(readPemBlocks('CERTIFICATE', readFileSync(join(this.home, 'cert.pem'), 'utf8'))[0]!)
  }

  /** Days since it was enrolled. */
  get day(): number {
    return (platform.clock.now() - this.enrolled) / day
  }

  at(days: number, run: () => unknown): this {
    this.#plans.push({ at: days, run })
    this.#plans.sort((a, b) => a.at - b.at)
    return this
  }

  events(...names: readonly string[]): Said[] {
    return this.said.filter(({ event }) => names.includes(event))
  }

  sleepUntil(days: number): this {
    // Whole milliseconds, as a clock has them.
    platform.clock.advance(Math.ceil((days - this.day) * day))
    return this
  }

  /** The daemon, until so many days since the device was enrolled. */
  async live(days: number): Promise<End | Refused> {
    const born = platform.clock.now()
    const daemon: Daemon = new Daemon({
      home: this.home,
      now: () => platform.clock.now() + this.skew,
      monotonic: () => platform.clock.now() - born,
      chance: () => this.chance,
      wait: async (milliseconds, signal) => {
        this.longestWait = Math.max(this.longestWait, milliseconds)
        await this.#pass(milliseconds, signal)
        if (this.day >= days) daemon.stop()
      },
      log: line => this.said.push({ ...line, day: this.day }),
    })
    return daemon.run().catch((error: Refused) => error)
  }

  async #pass(milliseconds: number, signal: AbortSignal): Promise<void> {
    const end = this.day + milliseconds / day
    for (let plan = this.#plans[0]; plan && plan.at <= end && !signal.aborted; plan = this.#plans[0]) {
      this.#plans.shift()
      this.sleepUntil(Math.max(plan.at, this.day))
      await plan.run()
    }
    if (!signal.aborted) this.sleepUntil(Math.max(end, this.day))
    await new Promise(resolve => setImmediate(resolve))
  }

  me(): Promise<unknown> {
    return whoami({ home: this.home, now: Date.now })
  }
}

const shown = async ({ name }: Device) => (await platform.operator('GET', `/v1/fleets/acme/devices/${name}`)).body
const factsOf = async ({ name }: Device, kind: string) =>
  (await platform.facts('acme')).filter(
    fact =>
      fact.kind === kind && (fact.by === `acme/device/${name}` || JSON.stringify(fact.body).includes(`/${name}"`)),
  )

test('renews once at two thirds, with the configuration as it is then', async () => {
  const device = await begin()
  const { serial } = device.certificate
  device.at(19.95, () => platform.operator('PUT', '/v1/fleets/acme/config', { configuration: { interval: 60 } }))
  device.sleepUntil(19.9)
  expect(await device.live(20.1)).toBe('stopped')
  const [renewed, ...more] = device.events('renewed')
  expect(more).toEqual([])
  expect(renewed!.day).toBeGreaterThan(19.99)
  expect(renewed!.day).toBeLessThan(20.01)
  expect(device.certificate.serial).not.toBe(serial)
  expect((await shown(device)).serial).toBe(device.certificate.serial)
  expect(device.events('configured').map(({ facts }) => facts.version)).toEqual([0, 1])
  expect(keptConfiguration(device.home)).toMatchObject({ version: 1, configuration: { interval: 60 } })
  expect(device.said.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([])
  expect(await device.me()).toMatchObject({ standing: 'good' })
  expect((await factsOf(device, 'identity.renewed')).length).toBe(1)
  // A clock that is set, or a computer that was suspended, is noticed within a minute.
  expect(device.longestWait).toBeLessThanOrEqual(minute)
})

test('whose certificate has ended asks for nothing but a renewal, and has it once its fleet lets it', async () => {
  const device = await begin()
  device.sleepUntil(31)
  // Slow, so that it takes its certificate for good: the platform knows better.
  device.skew = -2 * day
  const policy = { lateRenewal: 30 * day }
  device.at(31.2, () => platform.operator('PUT', '/v1/fleets/acme/policy', policy))
  expect(await device.live(31.3)).toBe('stopped')
  expect(device.events('renewed')).toHaveLength(1)
  expect(device.events('renewed')[0]!.day).toBeGreaterThan(31.2)
  expect(device.events('configured')).toHaveLength(1)
  const tries = device.events('failed').map(({ facts }) => [facts.task, facts.code])
  expect(new Set(tries.map(String))).toEqual(new Set(['renew,certificate-expired']))
  const asked = (await factsOf(device, 'refused')).filter(
    ({ body }) => 'operation' in body && body.operation === 'GET /v1/config',
  )
  expect(asked.length).toBeLessThanOrEqual(1)
})

test('that is cut off at two thirds tries again, ever more seldom, and renews when the line is back', async () => {
  const device = await begin()
  device.sleepUntil(19.99)
  device.relay.target()
  device.at(20.5, () => device.relay.target(platform.port))
  expect(await device.live(20.6)).toBe('stopped')
  const [renewed] = device.events('renewed')
  // An hour between two tries at most.
  expect(renewed!.day).toBeLessThan(20.5 + 1 / 23)
  const tries = device.events('failed').filter(({ facts }) => facts.task === 'renew')
  expect(new Set(tries.map(({ facts }) => facts.code))).toEqual(new Set(['unreachable']))
  const waits = tries.map(({ facts }) => Number(facts.retryInSeconds))
  expect(waits.slice(0, 6)).toEqual([2, 3, 5, 9, 17, 33])
  expect(Math.max(...waits)).toBeLessThanOrEqual(3_600)
  expect(tries.length).toBeLessThan(40)
})

test('that is cut off until minutes before the end of its certificate still renews in time', async () => {
  const device = await begin()
  const end = (device.certificate.notAfter - device.enrolled) / day
  device.chance = 0.99
  device.sleepUntil(end - 0.5)
  device.relay.target()
  device.at(end - 5 / 1_440, () => device.relay.target(platform.port))
  expect(await device.live(end - 2 / 1_440)).toBe('stopped')
  expect(device.events('renewed')).toHaveLength(1)
  expect(device.events('renewed')[0]!.day).toBeLessThan(end)
})

test('waits as long as the platform says where it renewed too often', async () => {
  const device = await begin()
  device.sleepUntil(19.999)
  const { home } = device
  // By hand, to the last that there is in an hour; one of them was never kept.
  const kept = ['cert.pem', 'receipt.json'].map(name => [join(home, name), readFileSync(join(home, name))] as const)
  for (let i = 0; i < 6; i++) await renew({ home, now: Date.now })
  for (const [path, bytes] of kept) writeFileSync(path, bytes)
  expect(await device.live(20.2)).toBe('stopped')
  const [held] = device.events('failed')
  expect(held!.facts).toMatchObject({ task: 'renew', code: 'slow-down' })
  expect(device.events('failed')).toHaveLength(1)
  const [renewed] = device.events('renewed')
  expect((renewed!.day - held!.day) * 24).toBeGreaterThan(0.9)
  expect((renewed!.day - held!.day) * 24).toBeLessThan(1.2)
  // What else it asks for is not held up by it.
  expect(keptConfiguration(home)).toBeDefined()
})

test('is wiped when it is decommissioned, and the platform hears so; a daemon for it ends at once from then on', async () => {
  const device = await begin()
  device.at(1.001, () => platform.decommission({ path: `acme/device/${device.name}` }))
  device.sleepUntil(1)
  expect(await device.live(2)).toBe('retired')
  expect(device.events('decommissioned', 'retired').map(({ event }) => event)).toEqual(['decommissioned', 'retired'])
  expect(readdirSync(device.home).filter(name => /key|cert|config/.test(name))).toEqual([])
  expect((await shown(device)).wiped).not.toBe(null)
  expect(await device.live(3)).toBe('retired')
})

test('that was wiped while the line was down tells the platform when it is back', async () => {
  const device = await begin()
  device.at(1.001, () => platform.decommission({ path: `acme/device/${device.name}` }))
  device.sleepUntil(1)
  // Its line goes as soon as the notice is kept.
  const watch = setInterval(() => {
    if (!existsSync(join(device.home, 'retired.json'))) return
    device.relay.target()
    clearInterval(watch)
  }, 0)
  onTestFinished(() => clearInterval(watch))
  device.at(1.5, () => device.relay.target(platform.port))
  expect(await device.live(3)).toBe('retired')
  expect((await shown(device)).wiped).not.toBe(null)
})

test('ends when it is revoked, says so, and asks nothing more', async () => {
  const device = await begin()
  device.at(1.001, () => platform.revoke({ path: `acme/device/${device.name}` }))
  device.sleepUntil(1)
  expect(await device.live(2)).toMatchObject({ code: 'revoked' })
  expect(device.day).toBeLessThan(1.02)
  const [refused] = device.events('refused')
  expect(refused).toMatchObject({ level: 'error', facts: { code: 'revoked' } })
  expect(await factsOf(device, 'refused')).toHaveLength(1)
  // The key stays: a revocation may be a mistake that people talk about, a notice is not.
  expect(existsSync(join(device.home, 'key.pem'))).toBe(true)
})

test('ends when its key was changed elsewhere', async () => {
  const device = await begin()
  const copy = `${device.home}-copy`
  cpSync(device.home, copy, { recursive: true })
  device.at(1.001, () => renew({ home: copy, now: Date.now, newKey: {} }))
  device.sleepUntil(1)
  expect(await device.live(2)).toMatchObject({ code: 'key-superseded' })
})

test('K121 a clock that is set an hour forward or back makes it renew neither twice nor late', async () => {
  const device = await begin()
  device.sleepUntil(19.9)
  for (const [at, skew] of [
    [19.91, hour],
    [19.93, 0],
    [19.95, -hour],
    [19.97, -10 * day],
    [20.05, hour],
    [20.07, 0],
  ] as const) {
    device.at(at, () => {
      device.skew = skew
    })
  }
  expect(await device.live(20.2)).toBe('stopped')
  const [renewed, ...more] = device.events('renewed')
  expect(more).toEqual([])
  expect(renewed!.day).toBeGreaterThan(19.9)
  expect(renewed!.day).toBeLessThan(20.01)
})

test('K121 a clock that is ten years ahead harms nothing, and once it is right again so is the device', async () => {
  const device = await begin()
  device.sleepUntil(1)
  device.at(1.01, () => {
    device.skew = 3_650 * day
  })
  device.at(1.5, () => {
    device.skew = 0
  })
  expect(await device.live(1.7)).toBe('stopped')
  const failed = device.events('failed')
  // By its own clock the platform's certificate has ended, so it proves nobody and is told nothing.
  expect(new Set(failed.map(({ facts }) => facts.code))).toEqual(new Set(['server-not-proven']))
  expect(failed.every(({ day: at }) => at < 1.5)).toBe(true)
  expect(await device.me()).toMatchObject({ standing: 'good' })
  expect((await factsOf(device, 'identity.renewed')).length).toBeLessThanOrEqual(1)
})

test('K121 a platform whose clock was an hour ahead and is set right does not lose whom it renewed meanwhile', async () => {
  const device = await begin()
  device.sleepUntil(19.995)
  // The device's own clock was right all the time.
  const ahead = hour
  device.skew = -ahead
  platform.clock.advance(ahead)
  const late = ahead / day
  device.at(20.01 + late, () => {
    platform.clock.advance(-ahead)
    device.skew = 0
  })
  expect(await device.live(20.2)).toBe('stopped')
  expect(device.events('renewed').length).toBeGreaterThan(0)
  expect(await device.me()).toMatchObject({ standing: 'good' })
})

test('J120 ten that get their platform back together all come, and none is lost', async () => {
  const first = await begin()
  const fleet = [first, ...(await Promise.all(Array.from({ length: 9 }, makeDevice)))]
  for (const device of fleet) {
    device.chance = 0.4 + Math.random() / 10
    device.relay.target()
  }
  first.sleepUntil(19.999)
  // They share one clock, so they live one after the other; what they meet is the same.
  const from = platform.clock.now()
  for (const device of fleet) {
    platform.clock.advance(from - platform.clock.now())
    device.at(20.01, () => device.relay.target(platform.port))
    expect(await device.live(20.05)).toBe('stopped')
    expect(device.events('renewed')).toHaveLength(1)
  }
})
