import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Refused } from '@mintmark/core/errors'
import { connect, enroll, readHome } from '@mintmark/device'
import { type PostgresServer, startPostgres } from '@mintmark/testing'
import { freePort, Operator, type Place, PlatformProcess, Relay } from '@mintmark/testing/faults'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { need } from '../../scripts/services.ts'

// Two platform processes behind a balancer that knows nothing but TCP. Devices know the balancer only.

const missing = need('postgres')
const directory = mkdtempSync(join(tmpdir(), 'mintmark-rolling-'))
let postgres: PostgresServer
let balancer: Relay
let places: [Place, Place]
let platforms: [PlatformProcess, PlatformProcess]
let homes: string[]

beforeEach(({ skip }) => skip(missing !== undefined, missing))

beforeAll(async () => {
  if (missing) return
  postgres = await startPostgres()
  const database = await postgres.makeDatabase()
  const ports = [await freePort(), await freePort()] as const
  balancer = await Relay.start(...ports)
  const url = `https://localhost:${balancer.port}`
  const first = { data: join(directory, 'first'), port: ports[0], database, url }
  expect(await (await PlatformProcess.start(first)).stop()).toBe(0)
  const second = { data: join(directory, 'second'), port: ports[1], database, url }
  cpSync(first.data, second.data, { recursive: true })
  places = [first, second]
  platforms = [await PlatformProcess.start(first), await PlatformProcess.start(second)]
  const operator = new Operator(first.data)
  await operator.createFleet('acme')
  const token = await operator.createToken('acme', 20)
  operator.close()
  homes = Array.from({ length: 6 }, (_, i) => join(directory, `device-${i}`))
  for (const [i, home] of homes.entries()) {
    const { url: dialled } = await enroll({ token, name: `device-${i}`, home, now: Date.now })
    expect(dialled).toBe(url)
  }
}, 60_000)

afterAll(async () => {
  for (const platform of platforms ?? []) await platform.kill()
  await balancer?.stop()
  await postgres?.remove()
  rmSync(directory, { recursive: true, force: true })
})

test('each is restarted in turn while devices call, and no device is refused or cut off', async () => {
  const load = new Load(homes)
  await load.run(async () => {
    for (const which of [0, 1, 0, 1] as const) {
      await answered(load, 60)
      expect(await platforms[which].stop()).toBe(0)
      await answered(load, 60)
      platforms[which] = await PlatformProcess.start(places[which])
    }
  })
  expect(load.failures).toEqual([])
})

test('one is killed while devices call: what was on its way to it is lost, and asking again is enough', async () => {
  const load = new Load(homes)
  await load.run(async () => {
    for (const which of [1, 0] as const) {
      await answered(load, 60)
      await platforms[which].kill()
      await answered(load, 60)
      platforms[which] = await PlatformProcess.start(places[which])
    }
  })
  expect(load.failures.filter(({ code }) => code !== 'unreachable')).toEqual([])
  const operator = new Operator(places[0].data)
  await operator.revokeDevice('acme', 'device-0')
  operator.close()
  const again = new Load(homes.slice(0, 2))
  await again.run(() => answered(again, 20))
  expect(new Set(again.failures.map(({ code }) => code))).toEqual(new Set(['revoked']))
})

/** Devices that call all the time: each over one connection that it keeps, and over a new one now and then. */
class Load {
  readonly failures: { readonly code: string; readonly why: string }[] = []
  answers = 0
  readonly #homes: readonly string[]
  #ends = false

  constructor(homes: readonly string[]) {
    this.#homes = homes
  }

  async run(meanwhile: () => Promise<void>): Promise<void> {
    const calls = this.#homes.map(home => this.#call(home))
    try {
      await meanwhile()
    } finally {
      this.#ends = true
      await Promise.all(calls)
    }
  }

  async #call(home: string): Promise<void> {
    const { url, anchor, certificate, keyFile } = readHome(home)
    const open = () => connect({ url, anchor, identity: { certificate, key: keyFile }, now: Date.now })
    const kept = open()
    for (let call = 0; !this.#ends; call++) {
      const connection = call % 8 === 7 ? open() : kept
      try {
        await connection.get('/v1/me')
        this.answers++
      } catch (error) {
        const how = connection === kept ? 'on the connection that it keeps' : 'on a new connection'
        this.failures.push({ code: error instanceof Refused ? error.code : 'broken', why: `${error}, ${how}` })
      }
      if (connection !== kept) connection.close()
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    kept.close()
  }
}

/** Waits until so many more calls were answered. */
async function answered(load: Load, more: number): Promise<void> {
  const until = load.answers + more
  while (load.answers < until) await new Promise(resolve => setTimeout(resolve, 10))
}
