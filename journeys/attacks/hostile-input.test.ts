import { openTls, type Reply, startTestPlatform, type TestDevice, type TestPlatform } from '@mintmark/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { operations } from '../../packages/server/src/inbound/operations.ts'
import { refusal, refused } from './refusals.ts'

let platform: TestPlatform
let ann: TestDevice
let device: TestDevice
let session: { readonly authorization: string }

// The platform is in this process: what is done to a prototype there is done here.
const prototypes = [Object, Array, String, Number, Boolean, Function, Map, Set, Uint8Array, Promise, Error, RegExp]
const shapeOf = (): string[] =>
  prototypes.map(({ name, prototype }) => `${name}: ${Reflect.ownKeys(prototype).map(String).sort()}`)
let before: string[]

beforeAll(async () => {
  before = shapeOf()
  platform = await startTestPlatform()
  await platform.makeFleet('acme')
  device = await platform.enrollDevice('acme', 'device-104')
  ann = await platform.enrollOperator('ann', 'admin:*')
  session = await platform.signIn(ann.tls)
})
afterAll(() => platform.stop())

const polluted = (): unknown[] => ['admin', 'grants', 'polluted', 'role'].map(name => ({})[name as never])
const send = (method: string, path: string, body: string, headers: Readonly<Record<string, string>> = {}) =>
  platform.call(method, path, { as: ann.tls, body, headers: { 'content-type': 'application/json', ...headers } })

const takingJson = Object.entries(operations)
  .filter(([name, { input }]) => input !== undefined && !/renew|notice|enroll|console/.test(name))
  .map(([name]) => name)
/** What no operator may call. */
const ofDevices: ReadonlySet<string> = new Set(['PUT /v1/encryption-key'])
const pathOf = (name: string): string =>
  name
    .split(' ')[1]!
    .replace(':fleet', 'acme')
    .replace(':name', name.includes('/operators/') ? 'ann' : 'device-104')
    .replace(':id', 'A'.repeat(22))

describe('I111 a prototype', () => {
  test.each(takingJson)('is not reached through the body of %s', async name => {
    expect(takingJson.length).toBeGreaterThan(10)
    const [method = ''] = name.split(' ')
    for (const body of [
      '{"__proto__":{"admin":true,"polluted":true}}',
      '{"constructor":{"prototype":{"polluted":true}}}',
      '{"name":"x","__proto__":{"grants":"admin:*"},"reason":"x"}',
      '{"reason":"x","prototype":{"polluted":true}}',
      '{"reason":{"__proto__":{"polluted":true}}}',
      '["__proto__","polluted",true]',
      '"__proto__"',
      '{"hasOwnProperty":1,"toString":1,"valueOf":1}',
      '{"\\u005f\\u005fproto__":{"polluted":true}}',
    ]) {
      const headers = { 'content-type': 'application/json' }
      const replies = ofDevices.has(name)
        ? [await platform.call(method, pathOf(name), { as: device.tls, headers, body })]
        : [
            await send(method, pathOf(name), body),
            await platform.browse(method, pathOf(name), { headers: session, body }),
          ]
      for (const reply of replies) {
        expect(['bad-request', 'bad-json', 'bad-number'], `${body}: ${reply.text}`).toContain(reply.body.code)
      }
      expect(polluted()).toEqual([undefined, undefined, undefined, undefined])
    }
    expect(shapeOf()).toEqual(before)
  })

  test.each([
    '__proto__=1',
    '__proto__[admin]=1',
    '__proto__.admin=1',
    'constructor[prototype][admin]=1',
    'constructor=1',
    'toString=1',
    'hasOwnProperty=1',
    'limit[__proto__]=1',
    '%5f%5fproto__=1',
  ])('is not reached through the query ?%s', async query => {
    for (const path of ['/v1/fleets', '/v1/fleets/acme/devices', '/v1/audit/acme', '/v1/operators', '/v1/me']) {
      const reply = await platform.call('GET', `${path}?${query}`, { as: ann.tls })
      expect(refusal(reply), path).toEqual(refused('bad-request'))
    }
    expect(shapeOf()).toEqual(before)
  })

  test('is not reached through header fields', async () => {
    const fields = ['__proto__', 'constructor', 'prototype', 'hasOwnProperty', 'toString', '__defineGetter__']
    const connection = await openTls(platform.port, ann.tls)
    const lines = fields.map(name => `${name}: {"admin":true,"polluted":true}\r\n`).join('')
    connection.send(`GET /v1/me HTTP/1.1\r\nHost: localhost\r\n${lines}Connection: close\r\n\r\n`)
    const reply = (await connection.response())!
    connection.close()
    expect([reply.status, reply.body.name, reply.body.grants]).toEqual([200, 'ann', 'admin:*'])
    expect([shapeOf(), polluted()]).toEqual([before, Array(4).fill(undefined)])
  })

  test('gives nobody a name, a fleet or a grant', async () => {
    const words = ['constructor', 'tostring', 'valueof', 'hasownproperty', 'prototype']
    for (const word of ['__proto__', ...words]) {
      const asked: [string, Reply][] = []
      for (const path of [`/v1/fleets/${word}`, `/v1/fleets/acme/devices/${word}`, `/v1/operators/${word}`]) {
        asked.push([path, await platform.call('GET', path, { as: ann.tls })])
      }
      for (const [path, { status }] of asked) expect([400, 404], path).toContain(status)
    }
    // They are names like any other where they are of the right letters.
    await platform.makeFleet('constructor')
    const one = await platform.enrollOperator('tostring', 'auditor:constructor')
    const fleets = (await platform.call('GET', '/v1/fleets', { as: one.tls })).body.fleets as { fleet: string }[]
    expect(fleets.map(({ fleet }) => fleet)).toEqual(['constructor'])
    expect(refusal(await platform.call('GET', '/v1/fleets/acme', { as: one.tls }))).toEqual(refused('fleet-unknown'))
    expect((await platform.call('GET', '/v1/fleets/constructor', { as: one.tls })).status).toBe(200)
  })
})

test.each<[string, string, object]>([
  ['POST', '/v1/operators', { name: 'eve', grants: 'auditor:acme', ttl: 60_000 }],
  ['PUT', '/v1/operators/ann/grants', { grants: 'admin:*', reason: 'x', yourself: true }],
  ['POST', '/v1/operators/nobody/revoke', { reason: 'x' }],
  ['POST', `/v1/invitations/${'A'.repeat(22)}/revoke`, {}],
  ['POST', '/v1/fleets', { name: 'eve' }],
  ['POST', '/v1/fleets/acme/tokens', { uses: 1, ttl: 60_000 }],
  ['POST', `/v1/fleets/acme/tokens/${'A'.repeat(22)}/revoke`, {}],
  ['PUT', '/v1/fleets/acme/config', { configuration: {} }],
])('%s %s takes no field that it does not know', async (method, path, body) => {
  const before = await platform.snapshot()
  for (const more of [{ grant: 'admin:*' }, { role: 'admin' }, { by: 'platform/operator/local' }, { isAdmin: true }]) {
    expect(refusal(await send(method, path, JSON.stringify({ ...body, ...more })))).toEqual(refused('bad-request'))
  }
  expect((await platform.since(before)).filter(({ kind }) => kind !== 'refused')).toEqual([])
})

describe('I115 a text that is made to be slow', () => {
  // Of each as many letters as the door lets through: what takes more than one look at each would never end.
  const long = 60_000
  const grants = (text: string) =>
    send('POST', '/v1/operators', JSON.stringify({ name: 'x', grants: text, ttl: 60_000 }))
  const token = (field: string, text: string) =>
    send('POST', '/v1/fleets/acme/tokens', JSON.stringify({ uses: 1, ttl: 60_000, [field]: text }))
  const list = (query: string) => platform.call('GET', `/v1/fleets/acme/devices?${query}`, { as: ann.tls })

  test.each<[string, () => Promise<Reply>]>([
    ['grants with spaces', () => grants(`admin:${' '.repeat(2_000)}!`)],
    ['grants with commas', () => grants(`admin:${','.repeat(2_000)}`)],
    ['grants with colons', () => grants(':'.repeat(2_048))],
    ['grants with fleets', () => grants(`admin:${Array.from({ length: 400 }, (_, i) => `a${i}`)}`)],
    ['grants beyond their length', () => grants('a'.repeat(long))],
    ['a name of hyphens', () => token('name', '-'.repeat(256))],
    ['a name that nearly ends', () => token('name', `${'a.'.repeat(127)}!`)],
    ['a pattern of stars', () => token('pattern', '*'.repeat(256))],
    ['a pattern of stars between letters', () => token('pattern', 'a*'.repeat(128))],
    ['a fleet of hyphens', () => send('POST', '/v1/fleets', JSON.stringify({ name: `a${'-'.repeat(250)}!` }))],
    [
      'a reason of marks',
      () => send('POST', '/v1/fleets', JSON.stringify({ name: 'x', reason: '\u0300'.repeat(256) })),
    ],
    [
      'a reason of white space',
      () => send('POST', '/v1/fleets', JSON.stringify({ name: 'x', reason: `${' '.repeat(255)}\n` })),
    ],
    ['a path of slashes', () => platform.call('GET', '/a'.repeat(4_000), { as: ann.tls })],
    ['a path of dots', () => platform.call('GET', `/v1/${'.'.repeat(8_000)}`, { as: ann.tls })],
    ['a query of many names', () => list(Array.from({ length: 2_000 }, (_, i) => `a${i}=`).join('&'))],
    ['a query that is one number', () => list(`limit=${'9'.repeat(900)}`)],
    ['a did of ones', () => platform.call('GET', `/v1/registry/did:key:z${'1'.repeat(900)}`, { as: ann.tls })],
    [
      'a session of letters',
      () => platform.browse('GET', '/v1/me', { headers: { authorization: `Session ${'A'.repeat(8_000)}` } }),
    ],
    [
      'an authorization of spaces',
      () => platform.browse('GET', '/v1/me', { headers: { authorization: `Session ${' '.repeat(8_000)}x` } }),
    ],
    [
      'an origin of dots',
      () => platform.browse('GET', '/v1/me', { headers: { origin: `http://${'.'.repeat(8_000)}` } }),
    ],
    [
      'a content type of spaces',
      () =>
        platform.browse('POST', '/v1/fleets', {
          headers: { ...session, 'content-type': `application/json${' '.repeat(8_000)}x` },
          body: '{}',
        }),
    ],
    ['brackets in brackets', () => send('POST', '/v1/fleets', '['.repeat(long))],
    ['objects in objects', () => send('POST', '/v1/fleets', '{"a":'.repeat(long / 5))],
    ['a number of many digits', () => send('POST', '/v1/fleets', `{"name":${'1'.repeat(long)}}`)],
    ['a text of escapes', () => send('POST', '/v1/fleets', `{"name":"${'\\u0041'.repeat(long / 6)}"}`)],
    ['a text of backslashes', () => send('POST', '/v1/fleets', `{"name":"${'\\\\'.repeat(long / 2)}"}`)],
  ])('%s is refused, and the next request is answered', async (_, attack) => {
    expect((await attack()).status).toBeGreaterThanOrEqual(400)
    expect((await platform.call('GET', '/v1/me', { as: ann.tls })).status).toBe(200)
  })

  // CVE-2026-21717: V8 puts names that are small numbers into a table whose order whoever sends them can compute.
  test.each<[string, (i: number) => string]>([
    ['numbers that follow each other', i => String(i)],
    ['numbers that are apart by powers of two', i => String((i * 2 ** 20) % 2 ** 24)],
    ['numbers at the end of what is one', i => String(2 ** 32 - 2 - i)],
    ['numbers that are apart by 2^16', i => String(i * 65_536)],
    ['names that share a beginning', i => `${'a'.repeat(5)}${i}`],
    ['names that are apart in one bit', i => i.toString(2).replaceAll('0', 'Aa').replaceAll('1', 'BB')],
  ])('%s as names of a configuration are kept, each with its value', async (_, nameOf) => {
    const names = [...new Set(Array.from({ length: 2_000 }, (_, i) => nameOf(i)))]
    const configuration = Object.fromEntries(names.map((name, i) => [name, i]))
    const reply = await send('PUT', '/v1/fleets/acme/config', JSON.stringify({ configuration }))
    expect([200, 413], reply.text).toContain(reply.status)
    if (reply.status === 200) expect(reply.body.configuration).toEqual(configuration)
    expect((await platform.call('GET', '/v1/me', { as: ann.tls })).status).toBe(200)
  })
})
