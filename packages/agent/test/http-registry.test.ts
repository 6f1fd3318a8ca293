import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Code } from '@mintmark/core/errors'
import { didKey } from '@mintmark/core/keys'
import { enroll, renew, retire } from '@mintmark/device'
import { startTestPlatform, type TestPlatform } from '@mintmark/testing'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { Agent, MemoryNonceStore, makeKey, type Refused } from '../src/index.ts'
import { type AgentHome, openHome } from '../src/node/home.ts'
import { type Fetch, HttpTrustRegistry } from '../src/registry/index.ts'

// Senders of a really started platform, and what the way to it does to what it says.

let platform: TestPlatform
const homes = mkdtempSync(join(tmpdir(), 'mintmark-homes-'))
const now = () => platform.clock.now()
let count = 0

beforeAll(async () => {
  platform = await startTestPlatform()
  await platform.makeFleet('acme')
})
afterAll(async () => {
  rmSync(homes, { recursive: true, force: true })
  await platform?.stop()
})

async function enrollHome(name = `home-${++count}`) {
  const { text: token } = await platform.makeToken('acme')
  const directory = join(homes, name)
  await enroll({ token, name, home: directory, now })
  return { directory, device: { path: `acme/device/${name}` } }
}

/** A service that may read the registry. */
async function openService() {
  const { directory, device } = await enrollHome()
  await platform.grant(device, 'registry:read')
  const home = await openHome(directory, now)
  onTestFinished(() => home.close())
  return { home, device, directory }
}

async function makeSender(...scopes: string[]) {
  const device = await platform.enrollDevice('acme', `sender-${++count}`)
  if (scopes.length > 0) await platform.grant(device, ...scopes)
  return { device, agent: await Agent.create({ key: device.key, now }) }
}

const codeOf = (received: Promise<unknown>): Promise<Code | 'accepted'> =>
  received.then(
    () => 'accepted' as const,
    (error: Refused) => {
      if (error.code === undefined) throw error
      return error.code
    },
  )
const sendTo = async (to: string, sender: Agent) => sender.send({ to, payload: '', scope: 'telemetry:write' })
const serviceOf = async (home: AgentHome, fetch: Fetch = home.fetch, clocks = {}) => {
  const registry = new HttpTrustRegistry({ url: home.url, fetch, now, ...clocks })
  onTestFinished(() => registry.close())
  const service = await Agent.create({ ...home, registry, nonces: oldNonces(), now })
  return { service, registry, code: async (by: Agent) => codeOf(service.receive(await sendTo(service.did, by))) }
}
/** Of a receiver that did not start just now. */
function oldNonces(): MemoryNonceStore {
  const nonces = new MemoryNonceStore({ now })
  platform.clock.advance(6_000)
  return nonces
}
const until = async (isSo: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await isSo())) await new Promise(resolve => setTimeout(resolve, 10))
}

test('the next message of who was revoked is refused, whichever moment it is: a hundred times', async () => {
  const { home } = await openService()
  const { registry, code } = await serviceOf(home)
  const codes: string[] = []
  for (let i = 0; i < 100; i++) {
    const { device, agent } = await makeSender('telemetry:write')
    const before = await code(agent)
    // Asked from memory, and not only by a question.
    if (i % 2 === 0) await until(() => registry.isLive)
    await code(agent)
    await platform.revoke(device)
    codes.push(`${before} ${await code(agent)}`)
  }
  expect(new Set(codes)).toEqual(new Set(['accepted revoked']))
})

test('scopes that are given or taken hold from the next message on', async () => {
  const { home } = await openService()
  const { registry, code } = await serviceOf(home)
  const { device, agent } = await makeSender('telemetry:write')
  expect(await code(agent)).toBe('accepted')
  await until(() => registry.isLive)
  for (let i = 0; i < 5; i++) {
    expect(await code(agent)).toBe('accepted')
    await platform.grant(device, 'telemetry:read')
    expect(await code(agent)).toBe('scope-refused')
    await platform.grant(device, 'telemetry:write')
  }
})

test('a change that the stream does not tell is told by the lease', async () => {
  const { home } = await openService()
  const deaf: Fetch = (url, init) =>
    new Headers(init.headers).get('accept') === 'text/event-stream'
      ? Promise.resolve(new Response('', { status: 503 }))
      : home.fetch(url, init)
  const { registry, code } = await serviceOf(home, deaf)
  const { device, agent } = await makeSender('telemetry:write')
  expect(await code(agent)).toBe('accepted')
  await until(() => registry.isLive)
  expect(await code(agent)).toBe('accepted')
  await platform.revoke(device)
  expect(await code(agent)).toBe('revoked')
})

test('a stream that is silent is let go, and heard again', async () => {
  const { home } = await openService()
  let opened = 0
  const silent: Fetch = async (url, init) => {
    if (new Headers(init.headers).get('accept') !== 'text/event-stream') return home.fetch(url, init)
    opened++
    // Says that it is a stream, and then nothing, until it is let go.
    const body = new ReadableStream({
      start: controller =>
        init.signal?.addEventListener('abort', () => controller.error(new Error('let go')), { once: true }),
    })
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  }
  const { code } = await serviceOf(home, silent)
  const { agent } = await makeSender('telemetry:write')
  expect(await code(agent)).toBe('accepted')
  await until(() => opened > 1)
  expect(await code(agent)).toBe('accepted')
})

test('what is remembered is not used after its lease, by either clock', async () => {
  const { home } = await openService()
  let isAway = false
  const way: Fetch = (url, init) => (isAway ? Promise.reject(new Error('away')) : home.fetch(url, init))
  const clocks = { forward: 0, day: 0 }
  const monotonic = () => performance.now() + clocks.forward
  const { registry, code } = await serviceOf(home, way, { monotonic, now: () => Date.now() + clocks.day })
  const { agent } = await makeSender('telemetry:write')
  for (const clock of ['forward', 'day'] as const) {
    isAway = false
    expect(await code(agent)).toBe('accepted')
    await until(async () => registry.isLive && (await code(agent)) === 'accepted')
    isAway = true
    expect(await code(agent)).toBe('accepted')
    clocks[clock] += 2_000
    expect([registry.isLive, await code(agent)]).toEqual([false, 'unavailable'])
  }
})

test('after its lease was over nothing is told as what came since: the ledger may be another one by now', async () => {
  const { home } = await openService()
  let isCut = false
  const asked: string[] = []
  const cut: Fetch = (url, init) => {
    if (isCut) return Promise.reject(new TypeError('cut'))
    if (url.includes('client=') && init.method !== 'DELETE') asked.push(url)
    return home.fetch(url, init)
  }
  let late = 0
  const monotonic = () => performance.now() + late
  const { registry, code } = await serviceOf(home, cut, { monotonic })
  const { device, agent } = await makeSender('telemetry:write')
  expect(await code(agent)).toBe('accepted')
  await until(() => registry.isLive)
  expect(await code(agent)).toBe('accepted')
  await until(() => asked.at(-1)!.includes('after='))
  isCut = true
  late += 10_000
  await platform.revoke(device)
  asked.length = 0
  isCut = false
  await until(() => registry.isLive)
  expect(asked[0]).not.toContain('after=')
  expect(await code(agent)).toBe('revoked')
})

test('a flood of senders that nobody knows costs a bounded number of questions at once, and one a second each', async () => {
  const { home } = await openService()
  const seen = { now: 0, most: 0, all: 0 }
  const counted: Fetch = async (url, init) => {
    if (url.includes('/changes')) return home.fetch(url, init)
    seen.all++
    seen.most = Math.max(seen.most, ++seen.now)
    return home.fetch(url, init).finally(() => seen.now--)
  }
  const { service } = await serviceOf(home, counted)
  const strangers = await Promise.all(
    Array.from({ length: 200 }, async () => Agent.create({ key: await makeKey(), now })),
  )
  const messages = await Promise.all(strangers.map(stranger => sendTo(service.did, stranger)))
  const codes = await Promise.all(messages.map(message => codeOf(service.receive(message))))
  expect(new Set(codes)).toEqual(new Set(['sender-unknown', 'unavailable']))
  expect(codes.filter(code => code === 'sender-unknown').length).toBeLessThanOrEqual(64)
  expect(seen.most).toBeLessThanOrEqual(64)
  const before = seen.all
  const again = await sendTo(service.did, strangers[codes.indexOf('sender-unknown')]!)
  expect(await codeOf(service.receive(again))).toBe('sender-unknown')
  expect(seen.all - before).toBeLessThanOrEqual(1)
})

test('a flood by a key that was replaced is not a flood of questions', async () => {
  const { home } = await openService()
  let asked = 0
  const counted: Fetch = (url, init) => {
    if (!url.includes('/changes')) asked++
    return home.fetch(url, init)
  }
  const time = { at: 0 }
  const { service, code } = await serviceOf(home, counted, { monotonic: () => time.at })
  const { directory, device } = await enrollHome()
  await platform.grant(device, 'telemetry:write')
  const opened = await openHome(directory, now)
  onTestFinished(() => opened.close())
  const stolen = await Agent.create({ key: opened.key, now })
  expect(await code(stolen)).toBe('accepted')
  const messages = await Promise.all(Array.from({ length: 20 }, () => sendTo(service.did, stolen)))
  await renew({ home: directory, now, newKey: {} })
  const again = await openHome(directory, now)
  onTestFinished(() => again.close())
  expect(await code(await Agent.create({ key: again.key, now }))).toBe('accepted')
  expect(await codeOf(service.receive(messages.pop()!))).toBe('key-superseded')
  const before = asked
  for (const message of messages) expect(await codeOf(service.receive(message))).toBe('key-superseded')
  expect(asked).toBe(before)
  time.at += 1_000
  expect(await codeOf(service.receive(messages[0]!))).toBe('key-superseded')
  expect(asked).toBe(before + 1)
})

test('what the platform refuses the receiver is said of nobody else', async () => {
  const { home, device } = await openService()
  const { code } = await serviceOf(home)
  const { agent } = await makeSender('telemetry:write')
  expect(await code(agent)).toBe('accepted')
  await platform.grant(device, 'telemetry:read')
  await until(async () => (await code(agent)) === 'unavailable')
  const asking = new HttpTrustRegistry({ url: home.url, fetch: home.fetch })
  onTestFinished(() => asking.close())
  const hint = expect.stringContaining('registry:read')
  await expect(asking.lookup(agent.did, undefined)).rejects.toMatchObject({ code: 'unavailable', hint })
  const lost = await openService()
  const other = await serviceOf(lost.home)
  expect(await other.code(agent)).toBe('accepted')
  await platform.revoke(lost.device)
  await until(async () => (await other.code(agent)) === 'unavailable')
})

describe('an answer that no platform gives', () => {
  const answers: readonly (readonly [string, (said: Record<string, unknown>) => unknown])[] = [
    ['another key', said => ({ ...said, did: 'did:key:z6Mku6FfQfiT7DzAxM9bvPFWQho95gPTMrWqWDyfdpuh9bPm' })],
    ['no standing', ({ standing: _, ...said }) => said],
    ['a standing of its own', said => ({ ...said, standing: 'GOOD' })],
    ['a key that is none', said => ({ ...said, did: 'did:key:z6Mk' })],
    ['scopes as text', said => ({ ...said, scopes: 'telemetry:write' })],
    ['scopes that are none', said => ({ ...said, scopes: ['**.x'] })],
    ['recipients that are not said', ({ recipients: _, ...said }) => said],
    ['devices of numbers', said => ({ ...said, devices: [1] })],
    ['a sequence of text', said => ({ ...said, sequence: 'false' })],
    ['no time', said => ({ ...said, made: 'yesterday' })],
    ['no identity', said => ({ ...said, identity: 'acme' })],
    ['a list', said => [said]],
    ['nothing', () => null],
  ]
  test.each(answers)('with %s makes nobody trusted', async (_, change) => {
    const { home } = await openService()
    const odd: Fetch = async (url, init) => {
      const response = await home.fetch(url, init)
      if (url.includes('/changes')) return response
      return Response.json(change((await response.json()) as Record<string, unknown>), { status: response.status })
    }
    const { code } = await serviceOf(home, odd)
    const { agent } = await makeSender('telemetry:write')
    expect(['unavailable', 'bad-did', 'bad-scope']).toContain(await code(agent))
  })

  test.each([
    ['a page of HTML', () => new Response('<html>', { headers: { 'content-type': 'text/html' } })],
    ['a name twice', () => new Response('{"standing":"good","standing":"revoked"}')],
    ['more than anybody says', () => new Response(`"${'x'.repeat(1_100_000)}"`)],
    ['a redirect', () => new Response(null, { status: 302, headers: { location: 'https://elsewhere.test/' } })],
  ])('that is %s makes nobody trusted', async (_, answer) => {
    const { home } = await openService()
    const { code } = await serviceOf(home, async (url, init) =>
      url.includes('/changes') ? home.fetch(url, init) : answer(),
    )
    const { agent } = await makeSender('telemetry:write')
    expect(await code(agent)).toBe('unavailable')
  })

  test.each<[string, (said: Record<string, unknown>) => unknown]>([
    ['for an hour', said => ({ ...said, lease: 3_600_000 })],
    ['of no number', said => ({ ...said, lease: 'long' })],
    ['without a version', ({ version: _, ...said }) => said],
    ['with changes that are none', said => ({ ...said, changes: [{ kind: 'x' }] })],
  ])('as a lease %s is none: each message asks', async (_, change) => {
    const { home } = await openService()
    const odd: Fetch = async (url, init) => {
      const response = await home.fetch(url, init)
      const isLease = url.includes('/changes?client')
      return isLease ? Response.json(change((await response.json()) as Record<string, unknown>)) : response
    }
    const { registry, code } = await serviceOf(home, odd)
    const { agent } = await makeSender('telemetry:write')
    for (let i = 0; i < 3; i++) expect([await code(agent), registry.isLive]).toEqual(['accepted', false])
  })
})

test('a registry asks over https alone', () => {
  expect(() => new HttpTrustRegistry({ url: 'http://localhost:8443' })).toThrow(RangeError)
})

describe('an enrolled home', () => {
  test('is an agent whose DID is the key of the certificate, and which is addressed by its did:web too', async () => {
    const { home, device } = await openService()
    const service = await Agent.create({ ...home, nonces: oldNonces(), now })
    expect(service.did).toBe(didKey(home.key.publicKey))
    const { agent } = await makeSender('telemetry:write')
    const web = `did:web:example.test:fleets:acme:devices:${device.path.split('/')[2]}`
    expect(home.audiences).toEqual([web])
    expect(await codeOf(service.receive(await sendTo(web, agent)))).toBe('accepted')
    expect((await (await home.fetch(`${home.url}/v1/me`, {})).json()) as object).toMatchObject({ did: service.did })
    await expect(home.fetch('https://elsewhere.test/', {})).rejects.toThrow('not the platform')
  })

  test('that got another certificate goes on; with another key it signs no more, and what comes after it is accepted', async () => {
    const { home } = await openService()
    const { service } = await serviceOf(home)
    const { directory, device } = await enrollHome()
    await platform.grant(device, 'telemetry:write', 'registry:read')
    const opened = await openHome(directory, now)
    onTestFinished(() => opened.close())
    const sender = await Agent.create({ ...opened, now })
    const codeFor = async (by: Agent) => codeOf(service.receive(await sendTo(service.did, by)))
    expect(await codeFor(sender)).toBe('accepted')
    await renew({ home: directory, now })
    expect(await codeFor(sender)).toBe('accepted')

    const late = await sendTo(service.did, sender)
    await renew({ home: directory, now, newKey: {} })
    expect(await codeOf(service.receive(late))).toBe('key-superseded')
    await expect(sendTo(service.did, sender)).rejects.toMatchObject({ code: 'key-superseded' })
    // Asked by the certificate that is there now.
    expect((await opened.fetch(`${opened.url}/v1/me`, {})).status).toBe(200)
    const again = await openHome(directory, now)
    onTestFinished(() => again.close())
    expect(await codeFor(await Agent.create({ ...again, now }))).toBe('accepted')
  })

  test('that is over signs nothing more, and asks nothing', async () => {
    const { directory, device } = await enrollHome()
    const opened = await openHome(directory, now)
    onTestFinished(() => opened.close())
    const agent = await Agent.create({ ...opened, now })
    await platform.decommission(device)
    await retire({ home: directory, now })
    await expect(sendTo(agent.did, agent)).rejects.toMatchObject({ code: 'home-retired' })
    await expect(opened.fetch(`${opened.url}/v1/me`, {})).rejects.toMatchObject({ code: 'home-retired' })
    await expect(openHome(directory, now)).rejects.toMatchObject({ code: 'home-retired' })
  })

  test('that is closed knows nobody', async () => {
    const { home } = await openService()
    const service = await Agent.create({ ...home, nonces: oldNonces(), now })
    const { agent } = await makeSender('telemetry:write')
    const message = await sendTo(service.did, agent)
    const closed = home.close()
    expect(await codeOf(service.receive(message))).toBe('unavailable')
    await closed
  })
})
