import {
  clientHello,
  openTcp,
  openTls,
  type RawConnection,
  startTestPlatform,
  type TestDevice,
  type TestPlatform,
} from '@mintmark/testing'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'

let platform: TestPlatform
let device: TestDevice
/** Every connection of the attacker, so that none outlives its test. */
let attackers: RawConnection[] = []
/** The device that goes on asking while the attack lasts. */
let asking: Asking | undefined

beforeAll(async () => {
  platform = await startTestPlatform()
  await platform.makeFleet('acme')
  device = await platform.enrollDevice('acme', 'device-104')
})
afterEach(async () => {
  await asking?.stop()
  for (const attacker of attackers) attacker.close()
  await Promise.all(attackers.map(({ closed }) => closed))
  attackers = []
})
afterAll(() => platform.stop())

const get = 'GET /v1/me HTTP/1.1\r\nHost: localhost\r\n\r\n'
const stillOpen = (): number => attackers.filter(({ isClosed }) => !isClosed).length

/** Opens connections a few at a time, as many as a listener's queue takes. */
async function open(count: number, one: () => Promise<RawConnection>, atOnce = 100): Promise<void> {
  for (let left = count; left > 0; left -= atOnce) {
    attackers.push(...(await Promise.all(Array.from({ length: Math.min(left, atOnce) }, one))))
  }
}

/** Asks on an old connection and on new ones, over and over, and counts. */
class Asking {
  served = 0
  failed = 0
  #stopped = false
  readonly #loop: Promise<void>

  constructor() {
    this.#loop = this.#run()
  }

  /** Resolves when there were `more` answers from now on. */
  async answers(more: number): Promise<void> {
    for (const until = this.served + more; this.served < until && this.failed === 0; ) {
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  }

  async stop(): Promise<{ failed: number }> {
    this.#stopped = true
    await this.#loop
    return { failed: this.failed }
  }

  async #run(): Promise<void> {
    const connection = await openTls(platform.port, device.tls)
    while (!this.#stopped && this.failed === 0) {
      this.#count((await connection.send(get).response())?.status)
      this.#count((await platform.call('GET', '/v1/me', { as: device.tls }).catch(() => undefined))?.status)
    }
    connection.close()
  }

  #count(status: number | undefined): void {
    if (status === 200) this.served++
    else this.failed++
  }
}

test('J117 3,000 half-open connections are bounded, end by themselves, and hold up no device', async () => {
  asking = new Asking()
  await open(1_500, () => openTcp(platform.port))
  // What is dropped here is heard of there a little later.
  for (let i = 0; i < 50 && stillOpen() > 1_024; i++) await asking.answers(2)
  expect(stillOpen()).toBeLessThanOrEqual(1_024)
  // The other half begins a handshake and leaves it there.
  await open(1_500, async () => (await openTcp(platform.port)).send(clientHello({})))
  for (let i = 0; i < 50 && stillOpen() > 1_024; i++) await asking.answers(2)
  expect(stillOpen()).toBeLessThanOrEqual(1_024)
  await Promise.all(attackers.map(({ closed }) => closed))
  await asking.answers(2)
  expect(await asking.stop()).toEqual({ failed: 0 })
})

test('J117 heads and bodies that trickle in are ended, and hold up no device', async () => {
  const token = await platform.makeToken('acme')
  const head = 'GET /healthz HTTP/1.1\r\nHost: x\r\n'
  const claim = `POST /v1/enroll HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token.text}\r\n`
  const slow = [
    { begins: '', goesOn: '' },
    { begins: 'GET /healthz HT', goesOn: '' },
    { begins: 'GET /', goesOn: 'a' },
    { begins: `${head}X-Slow: `, goesOn: 'a' },
    { begins: `${head}Content-Length: 60000\r\n\r\n`, goesOn: 'a' },
    { begins: `${head}Transfer-Encoding: chunked\r\n\r\n`, goesOn: '1\r\na\r\n' },
    { begins: `${claim}Content-Type: application/json\r\nContent-Length: 6000\r\n\r\n{`, goesOn: ' ' },
  ]
  asking = new Asking()
  await open(140, () => openTls(platform.port), 20)
  for (const [i, attacker] of attackers.entries()) attacker.send(slow[i % slow.length]!.begins)
  // A byte now and then, so that none of these is ever idle.
  const trickle = setInterval(() => {
    for (const [i, attacker] of attackers.entries()) attacker.send(slow[i % slow.length]!.goesOn)
  }, 250)
  await Promise.all(attackers.map(({ closed }) => closed))
  clearInterval(trickle)
  await asking.answers(2)
  expect(await asking.stop()).toEqual({ failed: 0 })
  expect(attackers.some(({ received }) => received.includes(' 200 '))).toBe(false)
})

test('J117 connections of nobody are bounded, and push out the oldest of their own', async () => {
  asking = new Asking()
  const healthz = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'
  // Each is asked on, so that none ends for want of a request.
  await open(4_200, async () => (await openTls(platform.port)).send(healthz), 50)
  await Promise.all(attackers.slice(0, 104).map(({ closed }) => closed))
  expect(stillOpen()).toBeLessThanOrEqual(4_096)
  expect((await attackers.at(-1)!.send(healthz).response())?.status).toBe(200)
  expect(await asking.stop()).toEqual({ failed: 0 })
})

test('J117 connections of one identity are bounded, and those of others are not touched', async () => {
  const greedy = await platform.enrollDevice('acme', 'greedy')
  asking = new Asking()
  // Each is asked on, so that none ends for want of a request.
  await open(300, async () => (await openTls(platform.port, greedy.tls)).send(get), 25)
  await Promise.all(attackers.slice(0, 44).map(({ closed }) => closed))
  expect(stillOpen()).toBeLessThanOrEqual(256)
  expect(await asking.stop()).toEqual({ failed: 0 })
})

test('J119 streams of one fleet are bounded, whoever of it opens them, and those of other fleets have room', async () => {
  const open = async (as: TestDevice, path: string) => {
    const connection = await openTls(platform.port, as.tls)
    attackers.push(connection)
    connection.send(`GET ${path} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n`)
    while (!/^HTTP\/1\.1 \d{3}/.test(connection.received)) await new Promise(resolve => setTimeout(resolve, 5))
    return { connection, isOpen: connection.received.startsWith('HTTP/1.1 200') }
  }
  await platform.makeFleet('beta')
  const hub = await platform.enrollDevice('beta', 'hub-1')
  await platform.grant(hub, 'registry:read')
  const changes = '/v1/registry/changes'
  const streams: Awaited<ReturnType<typeof open>>[] = []
  for (let i = 0; i < 63; i++) {
    const greedy = await platform.enrollDevice('acme', `greedy-${i}`)
    streams.push(...(await Promise.all(Array.from({ length: 16 }, () => open(greedy, '/v1/messages')))))
  }
  expect(streams.filter(({ isOpen }) => isOpen)).toHaveLength(1_000)
  expect(streams.at(-1)!.connection.received).toContain('"code":"slow-down"')
  expect((await open(hub, changes)).isOpen).toBe(true)
  const lease = await platform.call('GET', `${changes}?client=${'A'.repeat(22)}`, { as: hub.tls })
  expect(lease.body.lease).toBe(2_000)

  for (const { connection } of streams.slice(0, 16)) connection.close()
  await Promise.all(streams.slice(0, 16).map(({ connection }) => connection.closed))
  for (let isOpen = false; !isOpen; ) ({ isOpen } = await open(device, '/v1/messages'))
}, 120_000)

test('J117 requests whose answers nobody reads wait with their sender, not with the platform', async () => {
  asking = new Asking()
  const rude = await openTls(platform.port)
  attackers.push(rude)
  rude.socket.pause()
  const memory = (): number => {
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  }
  const before = memory()
  // Answered all at once they would fill 600 MB.
  rude.send('GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(40_000))
  await asking.answers(100)
  expect(memory() - before).toBeLessThan(200_000_000)
  expect(await asking.stop()).toEqual({ failed: 0 })
})
