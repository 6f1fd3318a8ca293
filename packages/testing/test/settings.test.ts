import { createHash } from 'node:crypto'
import { startTestPlatform, type TestDevice, type TestPlatform } from '@mintmark/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

// Labels and configurations, from an operator to the device that reads them.

let platform: TestPlatform
let berlin: TestDevice
let bonn: TestDevice

beforeAll(async () => {
  platform = await startTestPlatform()
  await platform.makeFleet('acme')
  await platform.makeFleet('other')
  berlin = await platform.enrollDevice('acme', 'berlin-1')
  bonn = await platform.enrollDevice('acme', 'bonn-1')
})
afterAll(() => platform?.stop())

const reads = async (device: TestDevice, query = '') =>
  (await platform.call('GET', `/v1/config${query}`, { as: device.tls })).body
const set = async (configuration: object, target?: string, reason?: string) =>
  (await platform.operator('PUT', '/v1/fleets/acme/config', { configuration, target, reason })).body
const unset = async (target?: string) =>
  (await platform.operator('POST', '/v1/fleets/acme/config/unset', { target })).body
const label = async (device: string, ...labels: string[]) =>
  (await platform.operator('POST', `/v1/fleets/acme/devices/${device}/labels`, { labels })).body
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const kindsSince = async (before: Awaited<ReturnType<TestPlatform['snapshot']>>) =>
  (await platform.since(before)).map(({ kind }) => kind)

describe('a configuration', () => {
  test('is that of the fleet, of the labels and of the device, in this order', async () => {
    expect(await reads(berlin)).toEqual({ version: 0, digest: sha256('{}'), configuration: {} })
    expect(await set({ rate: 1, log: { level: 'info', to: 'a' } })).toMatchObject({
      target: 'fleet',
      version: 1,
      digest: sha256('{"log":{"level":"info","to":"a"},"rate":1}'),
      configuration: { rate: 1, log: { level: 'info', to: 'a' } },
      by: 'platform/operator/local',
      reason: null,
    })
    await label('berlin-1', 'site=berlin', 'floor=3')
    await set({ rate: 2, log: { level: null } }, 'label:site=berlin', 'a slow line')
    await set({ rate: 3, floor: true }, 'label:floor=3')
    expect((await reads(berlin)).configuration).toEqual({ rate: 2, floor: true, log: { to: 'a' } })
    await set({ rate: 4 }, 'device:berlin-1')
    expect((await reads(berlin)).configuration).toEqual({ rate: 4, floor: true, log: { to: 'a' } })
    expect(await reads(bonn)).toMatchObject({ version: 1, configuration: { rate: 1, log: { level: 'info', to: 'a' } } })
  })

  test('is digested as the very text that is in the reply', async () => {
    const { text, body } = await platform.call('GET', '/v1/config', { as: berlin.tls })
    const sent = /^\{"version":\d+,"digest":"[0-9a-f]{64}","configuration":(.*)\}$/.exec(text)![1]!
    expect(body.digest).toBe(sha256(sent))
    expect(sent).toBe('{"floor":true,"log":{"to":"a"},"rate":4}')
    const effective = await platform.operator('GET', '/v1/fleets/acme/config?effective=berlin-1')
    expect(effective.body).toEqual({
      ...body,
      from: [
        { target: 'fleet', version: 1 },
        { target: 'label:floor=3', version: 4 },
        { target: 'label:site=berlin', version: 3 },
        { target: 'device:berlin-1', version: 5 },
      ],
    })
  })

  test('has a version that grows when it can have changed, and tells in few words that it has not', async () => {
    const versions: number[] = []
    const grew = async () => {
      const { version } = (await reads(berlin)) as { version: number }
      expect(await reads(berlin, `?known=${version}`)).toEqual({ version, unchanged: true })
      expect(await reads(berlin, `?known=${version - 1}`)).toHaveProperty('configuration')
      expect(await reads(berlin, `?known=${version + 1}`)).toHaveProperty('configuration')
      versions.push(version)
    }
    const { version: others } = await reads(bonn)
    await grew()
    await unset('device:berlin-1')
    await grew()
    expect((await reads(berlin)).configuration).toMatchObject({ rate: 2 })
    await label('berlin-1', '-site')
    await grew()
    expect((await reads(berlin)).configuration).toEqual({ rate: 3, floor: true, log: { level: 'info', to: 'a' } })
    await label('berlin-1', '-floor')
    await grew()
    await label('berlin-1', 'site=berlin', 'floor=3')
    await grew()
    await set({ rate: 5 }, 'label:floor=3')
    await grew()
    await unset('label:floor=3')
    await grew()
    expect(versions).toEqual([...new Set(versions)].toSorted((a, b) => a - b))
    // None of it was about the other device.
    expect(await reads(bonn, `?known=${others}`)).toEqual({ version: others, unchanged: true })
    await unset()
    await grew()
    expect(await reads(bonn)).toMatchObject({ configuration: {} })
    expect((await reads(bonn)).version).toBeGreaterThan(others as number)
  })

  test('keeps what it was, by version', async () => {
    const history = (await platform.operator('GET', '/v1/fleets/acme/config/history?target=label:site%3Dberlin')).body
    expect(history).toEqual({
      configurations: [
        {
          target: 'label:site=berlin',
          version: 3,
          digest: sha256('{"log":{"level":null},"rate":2}'),
          set: expect.any(String),
          by: 'platform/operator/local',
          reason: 'a slow line',
        },
      ],
      next: null,
    })
    const old = (await platform.operator('GET', '/v1/fleets/acme/config?version=1')).body
    expect(old).toMatchObject({ target: 'fleet', configuration: { rate: 1 } })
    expect((await platform.operator('GET', '/v1/fleets/acme/config')).body).toMatchObject({ configuration: null })
    const read: number[] = []
    for (let before = ''; ; ) {
      const page = await platform.operator('GET', `/v1/fleets/acme/config/history?limit=2${before}`)
      const { configurations, next } = page.body as { configurations: { version: number }[]; next: number | null }
      read.push(...configurations.map(({ version }) => version))
      if (next === null) break
      before = `&before=${next}`
    }
    expect(read).toEqual(read.toSorted((a, b) => b - a))
    expect(read).toContain(1)
  })

  test('that is not set is not unset once more', async () => {
    const before = await platform.snapshot()
    expect(await unset('device:never')).toMatchObject({ version: 0, digest: null })
    await unset()
    expect(await kindsSince(before)).toEqual([])
  })

  test('can be there before its device', async () => {
    await set({ first: true }, 'device:later')
    const later = await platform.enrollDevice('acme', 'later')
    expect((await reads(later)).configuration).toEqual({ first: true })
  })

  test('has a version of its own, however many are set and labels changed at once', async () => {
    const all = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        i % 3 === 0 ? label('bonn-1', `k${i}=v`) : set({ i }, i % 3 === 1 ? 'fleet' : 'label:k0=v'),
      ),
    )
    const versions = all.map(({ version }) => version).filter(version => version !== undefined)
    expect(new Set(versions).size).toBe(8)
    expect((await reads(bonn)).configuration).toHaveProperty('i')
    expect((await platform.operator('GET', '/v1/fleets/acme/devices/bonn-1')).body.labels).toEqual({
      k0: 'v',
      k3: 'v',
      k6: 'v',
      k9: 'v',
    })
  })

  test('has one text for one version, whatever is set while it is read', async () => {
    const texts = new Map<unknown, unknown>()
    const read = async () => {
      const { version, digest } = await reads(bonn)
      expect(texts.get(version) ?? digest).toBe(digest)
      texts.set(version, digest)
    }
    for (let round = 0; round < 30; round++) {
      const writes = [
        label('bonn-1', `r=${round % 2}`),
        set({ round }),
        set({ a: round }, 'label:r=0'),
        set({ a: -round }, 'label:r=1'),
      ]
      await Promise.all([...writes, ...Array.from({ length: 8 }, read)])
      await read()
    }
    await label('bonn-1', '-r')
  })

  test('is on the ledger by digest, never by content', async () => {
    await set({ canary: 'quetzalcoatlus' }, 'device:bonn-1')
    const facts = await platform.facts('acme')
    expect(Buffer.concat(facts.map(({ bytes }) => bytes)).includes('quetzalcoatlus')).toBe(false)
    expect(facts.at(-1)!.body).toMatchObject({ target: 'device:bonn-1' })
  })
})

describe('refused is a configuration', () => {
  const put = (body: object | string) => platform.operator('PUT', '/v1/fleets/acme/config', body)

  test.each<[string, string, object]>([
    ['of more than 32 kB', 'too-large', { configuration: { a: 'x'.repeat(33_000) } }],
    ['with a number that would not arrive', 'bad-number', { configuration: { a: [2 ** 53] } }],
    ['for something else', 'bad-request', { configuration: {}, target: 'station:a' }],
    ['for a label that is none', 'bad-label', { configuration: {}, target: "label:a=' or 1=1" }],
    ['for a device that is none', 'bad-name', { configuration: {}, target: 'device:../x' }],
    ['with a reason of two lines', 'bad-request', { configuration: {}, reason: 'a\nplatform founded' }],
    ['with a reason that moves the cursor', 'bad-request', { configuration: {}, reason: '\u001b[2J' }],
    ['that is a list', 'bad-request', { configuration: [] }],
    ['with a field more', 'bad-request', { configuration: {}, version: 7 }],
  ])('H106 I113 %s', async (_, code, body) => {
    const before = await platform.snapshot()
    expect((await put(body)).body.code).toBe(code)
    expect(await kindsSince(before)).toEqual(['refused'])
  })

  test('I111 whose names reach a prototype, at any depth', async () => {
    const as = await platform.operatorTls()
    const headers = { 'content-type': 'application/json' }
    for (const body of ['{"configuration":{"a":{"__proto__":{"isAdmin":true}}}}', '{"configuration":{"a":1e400}}']) {
      expect((await platform.call('PUT', '/v1/fleets/acme/config', { as, headers, body })).status).toBe(400)
    }
    await set({ constructor: { prototype: { isAdmin: true } }, toString: 1 }, 'label:proto=1')
    await label('berlin-1', 'proto=1', 'constructor=a')
    expect((await reads(berlin)).configuration).toMatchObject({
      constructor: { prototype: { isAdmin: true } },
      toString: 1,
    })
    expect(({} as Record<string, unknown>).isAdmin).toBe(undefined)
    await label('berlin-1', '-proto', '-constructor')
  })
})

describe('only the device itself reads its configuration', () => {
  test('nobody and the holder of a token read none', async () => {
    const token = await platform.makeToken('acme')
    for (const headers of [{}, { authorization: `Bearer ${token.text}` }] as Record<string, string>[]) {
      expect((await platform.call('GET', '/v1/config', { headers })).body.code).toBe('certificate-required')
    }
  })

  test('a device reads no other, whatever it asks for', async () => {
    const secret = 'for berlin alone'
    await set({ secret }, 'device:berlin-1')
    const headers = { 'x-device': 'berlin-1', 'x-forwarded-client-cert': 'berlin-1' }
    const paths = ['?device=berlin-1', '?effective=berlin-1', '?target=device:berlin-1', '?known=0&name=berlin-1']
    for (const path of paths.map(query => `/v1/config${query}`)) {
      expect((await platform.call('GET', path, { as: bonn.tls })).body.code, path).toBe('bad-request')
    }
    const own = await platform.call('GET', '/v1/config', { as: bonn.tls, headers, body: { device: 'berlin-1' } })
    expect(own.text).not.toContain(secret)
    for (const path of ['config', 'config?effective=berlin-1', 'config?target=device:berlin-1', 'config/history']) {
      const reply = await platform.call('GET', `/v1/fleets/acme/${path}`, { as: bonn.tls })
      expect([path, reply.body.code]).toEqual([path, 'forbidden'])
    }
    const namesake = await platform.enrollDevice('other', 'berlin-1')
    expect((await reads(namesake)).configuration).toEqual({})
    expect((await reads(berlin)).configuration).toMatchObject({ secret })
  })

  test.each(['-1', '1.5', 'x', '', '9999999999999999'])('a version that is none (%s) is refused', async known => {
    expect((await reads(berlin, `?known=${known}`)).code).toBe('bad-number')
  })
})

describe('labels', () => {
  const list = async (query: string) => {
    const { body, status } = await platform.operator('GET', `/v1/fleets/acme/devices?${query}`)
    return status === 200 ? (body.devices as { name: string }[]).map(({ name }) => name) : body.code
  }
  const named = (text: string) => list(`label=${encodeURIComponent(text)}`)

  test('are set and taken away one by one, and devices found by them', async () => {
    await label('berlin-1', 'site=berlin', 'line=a')
    expect((await label('bonn-1', 'site=bonn', 'line=a')).labels).toMatchObject({ site: 'bonn', line: 'a' })
    expect([await named('line=a'), await named('site=berlin'), await named('site=b')]).toEqual([
      ['berlin-1', 'bonn-1'],
      ['berlin-1'],
      [],
    ])
    expect((await label('bonn-1', 'site=berlin', '-line')).labels).not.toHaveProperty('line')
    expect([await named('line=a'), await named('site=berlin'), await named('site=bonn')]).toEqual([
      ['berlin-1'],
      ['berlin-1', 'bonn-1'],
      [],
    ])
    const { body } = await platform.operator('GET', '/v1/fleets/acme/devices/bonn-1/events?limit=1')
    expect(body).toMatchObject({ entries: [{ kind: 'device.labelled', body: { labels: '-line site=berlin' } }] })
  })

  test('that are so already add no fact', async () => {
    const before = await platform.snapshot()
    await label('bonn-1', 'site=berlin')
    await label('bonn-1', '-nothing')
    expect(await kindsSince(before)).toEqual([])
  })

  test('of other fleets are not found', async () => {
    await platform.operator('POST', '/v1/fleets/other/devices/berlin-1/labels', { labels: ['only=other'] })
    expect(await named('only=other')).toEqual([])
  })

  test('and parts of names and standings find devices together, a page at a time', async () => {
    await platform.revoke(await platform.enrollDevice('acme', 'berlin-2'))
    await platform.enrollDevice('acme', 'x_1')
    await platform.enrollDevice('acme', 'xy1')
    await label('berlin-2', 'site=berlin')
    expect(await list('search=berlin')).toEqual(['berlin-1', 'berlin-2'])
    expect(await list('search=berlin&standing=good')).toEqual(['berlin-1'])
    expect(await list('standing=revoked')).toEqual(['berlin-2'])
    expect(await list('label=site%3Dberlin&standing=revoked')).toEqual(['berlin-2'])
    expect(await list('label=site%3Dberlin&search=-1')).toEqual(['berlin-1', 'bonn-1'])
    expect(await list('label=site%3Dberlin&search=-1&standing=revoked')).toEqual([])
    expect(await list('search=1&after=berlin-1')).toEqual(['bonn-1', 'x_1', 'xy1'])
    const found: string[] = []
    for (let after: string | null = ''; after !== null; ) {
      const { body } = await platform.operator('GET', `/v1/fleets/acme/devices?search=1&limit=1&after=${after}`)
      const page = body as { devices: { name: string }[]; next: string | null }
      found.push(...page.devices.map(({ name }) => name))
      after = page.next
    }
    expect(found).toEqual(['berlin-1', 'bonn-1', 'x_1', 'xy1'])
  })

  test('I113 what is looked for is compared and not run', async () => {
    // In a pattern it would stand for any one character.
    expect(await list('search=_1')).toEqual(['x_1'])
    for (const text of ['%', '%25', "'", "' or 1=1 --", 'a b', 'A', '\\', '*', '', 'ä', 'x'.repeat(65)]) {
      expect([text, await list(`search=${encodeURIComponent(text)}`)]).toEqual([text, 'bad-request'])
    }
    for (const text of [
      'site=%',
      'site=_erlin',
      'site=*',
      "site=berlin' or '1",
      'site',
      '',
      'SITE=berlin',
      'site=berlin%',
    ]) {
      expect([text, await named(text)]).toEqual([text, 'bad-label'])
    }
    for (const standing of ['', 'good or', '%', 'Good', 'unknown', 'constructor']) {
      expect(await list(`standing=${encodeURIComponent(standing)}`)).toBe('bad-request')
    }
  })

  test.each<[string, string, object]>([
    ['none', 'bad-label', { labels: [] }],
    ['thousands at once', 'too-large', { labels: Array.from({ length: 4_000 }, (_, i) => `k${i}=v`) }],
    ['one with a sign', 'bad-label', { labels: ['site=<script>'] }],
    ['one twice', 'bad-label', { labels: ['site=a', 'site=b'] }],
    ['a prototype', 'bad-label', { labels: ['__proto__=a'] }],
    ['one that is no text', 'bad-request', { labels: [{ site: 'berlin' }] }],
    ['a reason of two lines', 'bad-request', { labels: ['a=b'], reason: 'a\r\nb' }],
    ['a seventeenth', 'too-many-labels', { labels: Array.from({ length: 17 }, (_, i) => `k${i}=v`) }],
  ])('H106 %s is refused', async (_, code, body) => {
    const before = await platform.snapshot()
    const path = '/v1/fleets/acme/devices/bonn-1/labels'
    expect((await platform.operator('POST', path, body)).body.code).toBe(code)
    expect(await kindsSince(before)).toEqual(['refused'])
  })

  test('are not for devices that are not there, nor set by devices', async () => {
    const labels = { labels: ['a=b'] }
    const post = async (path: string) => (await platform.operator('POST', path, labels)).body.code
    expect(await post('/v1/fleets/acme/devices/nobody/labels')).toBe('device-unknown')
    expect(await post('/v1/fleets/nowhere/devices/berlin-1/labels')).toBe('fleet-unknown')
    const own = '/v1/fleets/acme/devices/bonn-1/labels'
    expect((await platform.call('POST', own, { as: bonn.tls, body: labels })).body.code).toBe('forbidden')
  })
})
