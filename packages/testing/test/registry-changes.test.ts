import { randomBytes } from 'node:crypto'
import { didKey } from '@mintmark/core/keys'
import { openTls, startTestPlatform, type TestDevice, type TestPlatform } from '@mintmark/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

// What changed in the registry, over real connections: as a lease, and as it comes.

let platform: TestPlatform
let hub: TestDevice
beforeAll(async () => {
  platform = await startTestPlatform()
  await platform.makeFleet('acme')
  await platform.makeFleet('other')
  hub = await platform.enrollDevice('acme', 'hub-1')
  await platform.grant(hub, 'registry:read')
})
afterAll(() => platform?.stop())

interface Answer {
  readonly version: number
  readonly lease: number
  readonly reset?: true
  readonly changes: readonly { version: number; kind: string; identity: string }[]
  readonly code?: string
}
const newClient = () => randomBytes(16).toString('base64url')
async function ask(after: number | undefined, client = newClient(), as = hub): Promise<Answer> {
  const query = after === undefined ? '' : `&after=${after}`
  const { body } = await platform.call('GET', `/v1/registry/changes?client=${client}${query}`, { as: as.tls })
  return body as unknown as Answer
}
const pause = (milliseconds: number) => new Promise<void>(resolve => setTimeout(resolve, milliseconds))

describe('what changed', () => {
  test('is what came after what is known, in order; what takes nothing from anybody is not told', async () => {
    const { version, reset, changes } = await ask(undefined)
    expect([reset, changes]).toEqual([true, []])
    const one = await platform.enrollDevice('acme', 'one')
    const two = await platform.enrollDevice('acme', 'two')
    await platform.operator('POST', '/v1/fleets/acme/devices/two/labels', { labels: ['a=b'] })
    const quiet = await ask(version)
    expect([quiet.changes, quiet.reset, quiet.version > version]).toEqual([[], undefined, true])

    await platform.grant(one, 'telemetry:write')
    const token = await platform.makeToken('acme', { replaces: 'two' })
    await platform.enroll(token.text, (await platform.makeKey()).csr)
    await platform.revoke(one)
    await platform.decommission(two)
    const after = await ask(version)
    expect(after.changes.map(({ kind, identity }) => `${kind} ${identity}`)).toEqual([
      'scope.set acme/device/one',
      'identity.enrolled acme/device/two',
      'identity.revoked acme/device/one',
      'identity.decommissioned acme/device/two',
    ])
    expect((await ask(after.changes[1]!.version)).changes).toEqual(after.changes.slice(2))
    expect((await ask(after.version)).changes).toEqual([])
    for (const unknown of [0, after.version + 1]) {
      expect(await ask(unknown)).toMatchObject({ reset: true, changes: [], version: after.version })
    }
  })

  test('is of the own fleet, for operators of one that they may see', async () => {
    const other = await platform.enrollDevice('other', 'hub-1')
    await platform.grant(other, 'registry:read')
    const { version } = await ask(undefined, newClient(), other)
    await platform.revoke(await platform.enrollDevice('acme', 'three'))
    expect(await ask(version, newClient(), other)).toMatchObject({ version, changes: [] })
    const asked = async (query: string) =>
      (await platform.operator('GET', `/v1/registry/changes?client=${newClient()}${query}`)).body
    expect((await asked('')).code).toBe('fleet-unknown')
    expect((await asked('&fleet=nowhere')).code).toBe('fleet-unknown')
    expect((await asked('&fleet=platform')).code).toBe('fleet-unknown')
    expect((await asked('&fleet=other')).version).toBe(version)
  })

  test.each(['', '&after=-1', '&after=1e3', '&client=short', `&client=${'!'.repeat(22)}`, '&all=1'])(
    'is not told to who asks with %j',
    async query => {
      const named = query.includes('client') ? '' : `&client=${newClient()}`
      const path = `/v1/registry/changes?${(named + query).slice(1)}`
      const { body } = await platform.call('GET', path.replace(/\?$/, ''), { as: hub.tls })
      if (query === '') expect(body.code).toBeUndefined()
      else expect(String(body.code)).toMatch(/^bad-/)
    },
  )
})

describe('a revocation', () => {
  const revoke = async (name: string) => {
    const device = await platform.enrollDevice('acme', name)
    let isDone = false
    const known = await ask(undefined, 'A'.repeat(22))
    const done = platform.revoke(device).then(() => {
      isDone = true
    })
    return { done, isDone: () => isDone, ...known }
  }

  test('is acknowledged when the verifier that had a lease asks again, knowing of it', async () => {
    const { done, isDone, version } = await revoke('waits-1')
    let known = version
    for (let changes: Answer['changes'] = []; changes.length === 0; ) {
      const answer = await ask(version, 'A'.repeat(22))
      changes = answer.changes
      known = answer.version
    }
    await pause(300)
    expect(isDone()).toBe(false)
    await ask(known, 'A'.repeat(22))
    await done
  })

  test('is acknowledged when the verifier gives its lease back, and nobody gives back that of another', async () => {
    const other = await platform.enrollDevice('acme', 'other-reader')
    await platform.grant(other, 'registry:read')
    const { done, isDone } = await revoke('waits-0')
    const path = `/v1/registry/changes?client=${'A'.repeat(22)}`
    expect((await platform.call('DELETE', path, { as: other.tls })).status).toBe(200)
    await pause(200)
    expect(isDone()).toBe(false)
    expect((await platform.call('DELETE', path, { as: hub.tls })).status).toBe(200)
    await done
  })

  test('is acknowledged without the verifier when its lease is over, also where it goes on asking for old news', async () => {
    const silent = await revoke('waits-2')
    await pause(300)
    expect(silent.isDone()).toBe(false)
    await silent.done
    const stubborn = await revoke('waits-3')
    let asked = 0
    while (!stubborn.isDone()) {
      await ask(stubborn.version, 'A'.repeat(22))
      asked++
    }
    expect(asked).toBeGreaterThan(1)
  })

  test('that is asked for a second time waits as the first does', async () => {
    const { done, isDone } = await revoke('waits-4')
    await pause(100)
    let isTold = false
    const again = platform.revoke({ path: 'acme/device/waits-4' }).then(() => {
      isTold = true
    })
    await pause(200)
    expect([isDone(), isTold]).toEqual([false, false])
    await Promise.all([done, again])
  })

  test('waits for nobody of another fleet', async () => {
    const { done, isDone } = await revoke('waits-5')
    await platform.revoke(await platform.enrollDevice('other', 'waits-5'))
    expect(isDone()).toBe(false)
    await done
  })
})

test('a device has so many leases, and no more', async () => {
  const greedy = await platform.enrollDevice('acme', 'greedy')
  await platform.grant(greedy, 'registry:read')
  const codes: unknown[] = []
  for (let i = 0; i < 17; i++) codes.push((await ask(undefined, newClient(), greedy)).code)
  expect(codes).toEqual([...Array(16).fill(undefined), 'slow-down'])
})

describe('a stream of changes', () => {
  const open = async (as: TestDevice, after?: number) => {
    const connection = await openTls(platform.port, as.tls)
    const path = `/v1/registry/changes${after === undefined ? '' : `?after=${after}`}`
    connection.send(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n`)
    const until = async (pattern: RegExp): Promise<string> => {
      while (!pattern.test(connection.received) && !connection.isClosed) await pause(5)
      return connection.received
    }
    return { connection, until }
  }

  test('begins with a reset where nothing is known, beats, and tells what changes', async () => {
    const { connection, until } = await open(hub)
    const head = await until(/event: beat/)
    expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(head.toLowerCase()).toContain('content-type: text/event-stream')
    expect(head).toMatch(/event: reset\nid: (\d+)\ndata: \{"version":\1\}\n\n/)
    const victim = await platform.enrollDevice('acme', 'streamed')
    const revoked = platform.revoke(victim)
    const told = await until(/event: change/)
    expect(told).toMatch(
      /event: change\nid: (\d+)\ndata: \{"version":\1,"kind":"identity\.revoked","identity":"acme\/device\/streamed"\}\n\n/,
    )
    await revoked
    connection.close()
  })

  test('goes on behind what is known', async () => {
    const { version } = await ask(undefined)
    await platform.revoke(await platform.enrollDevice('acme', 'missed-1'))
    const { connection, until } = await open(hub, version)
    const told = await until(/event: beat/)
    expect(told).toContain('acme/device/missed-1')
    expect(told).not.toContain('event: reset')
    connection.close()
  })

  test('is cut with its reader, and ends with its scope', async () => {
    const [lost, moved] = [await platform.enrollDevice('acme', 'lost'), await platform.enrollDevice('acme', 'moved')]
    for (const device of [lost, moved]) await platform.grant(device, 'registry:read')
    const streams = await Promise.all([open(lost), open(moved)])
    for (const { until } of streams) await until(/event: beat/)
    await platform.revoke(lost)
    await streams[0]!.connection.closed
    await platform.grant(moved, 'telemetry:write')
    await streams[1]!.connection.closed
    expect(streams[1]!.connection.received).toMatch(/0\r\n\r\n$/)
    const { until } = await open(moved)
    expect(await until(/\}$/)).toContain('scope-refused')
  })

  test('is one of so many of a device', async () => {
    const eager = await platform.enrollDevice('acme', 'eager')
    await platform.grant(eager, 'registry:read')
    const streams = await Promise.all(Array.from({ length: 16 }, () => open(eager)))
    for (const { until } of streams) await until(/event: beat/)
    const { until } = await open(eager)
    expect(await until(/\}$/)).toContain('"code":"slow-down"')
    streams[0]!.connection.close()
    await streams[0]!.connection.closed
    for (let text = ''; !text.includes('event: beat'); ) {
      const again = await open(eager)
      text = await again.until(/event: beat|\}$/)
    }
    for (const { connection } of streams) connection.close()
  })

  test('ends when the platform does, and the platform with it', async () => {
    const own = await startTestPlatform()
    await own.makeFleet('acme')
    const device = await own.enrollDevice('acme', 'hub-1')
    await own.grant(device, 'registry:read')
    const connection = await openTls(own.port, device.tls)
    connection.send('GET /v1/registry/changes HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n')
    while (!connection.received.includes('event: beat')) await pause(5)
    const did = didKey(device.key.publicKey)
    expect((await own.call('GET', `/v1/registry/${did}`, { as: device.tls })).status).toBe(200)
    await own.stop()
    await connection.closed
    expect(connection.received).toMatch(/0\r\n\r\n$/)
  })
})
