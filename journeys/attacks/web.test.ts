import { openTls, startTestPlatform, type TestDevice, type TestPlatform } from '@mintmark/testing'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { refusal, refused, refusedBy } from './refusals.ts'

let platform: TestPlatform
let device: TestDevice
/** All that was logged, a line each. */
const lines: string[] = []

beforeAll(async () => {
  platform = await startTestPlatform({ log: pino({ level: 'trace' }, { write: line => lines.push(line) }) })
  await platform.makeFleet('acme', { isPublic: true })
  device = await platform.enrollDevice('acme', 'device-104')
})
afterAll(() => platform.stop())

const host = 'Host: localhost\r\n'
/** What would be answered 200 if it were taken for a request. */
const smuggled = `GET /healthz HTTP/1.1\r\n${host}\r\n`
const chunked = 'Transfer-Encoding: chunked\r\n'

describe('two readings of one request', () => {
  /** Codes of all answers until the server closes, as it must: nothing that follows is read. */
  async function codesOf(bytes: string): Promise<unknown[]> {
    const connection = await openTls(platform.port, device.tls)
    connection.send(Buffer.from(bytes, 'latin1'))
    const codes: unknown[] = []
    // One that stays open is a failure: then it ends here.
    const patience = setTimeout(() => {
      codes.push('still open')
      connection.close()
    }, 5_000)
    for (const { status, body } of await connection.responses()) codes.push(status < 400 ? status : body.code)
    clearTimeout(patience)
    return codes
  }

  const framings: [string, string][] = [
    ['a length and chunks', `Content-Length: 5\r\n${chunked}\r\n0\r\n\r\n`],
    ['chunks and a length', `${chunked}Content-Length: 5\r\n\r\n0\r\n\r\n`],
    ['two lengths', 'Content-Length: 0\r\nContent-Length: 5\r\n\r\n'],
    ['one length twice', 'Content-Length: 0\r\nContent-Length: 0\r\n\r\n'],
    ...['+0', '0x0', '0, 0', '-1', '', '1e1', '0 0', '0;', '18446744073709551616'].map((value): [string, string] => [
      `length ${JSON.stringify(value)}`,
      `Content-Length: ${value}\r\n\r\n`,
    ]),
    ...[
      'xchunked',
      'chunked, identity',
      'identity',
      'gzip, chunked',
      'chunked, chunked',
      '"chunked"',
      '',
      'chunked;q=1',
      'chunked\x0b',
    ].map((value): [string, string] => [
      `coding ${JSON.stringify(value)}`,
      `Transfer-Encoding: ${value}\r\n\r\n0\r\n\r\n`,
    ]),
    ['two codings', `${chunked}Transfer-Encoding: identity\r\n\r\n0\r\n\r\n`],
    ['a space before the colon', 'Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n'],
    ['a folded coding', 'Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n'],
    ['a folded length', 'Content-Length:\r\n 0\r\n\r\n'],
    ['a folded field', 'X-One: a\r\n b\r\n\r\n'],
    ['a fold by a tab', 'X-One: a\r\n\tb\r\n\r\n'],
    ['a folded token', 'Authorization: Bearer\r\n mmt1_AAAA\r\n\r\n'],
    ['lines that end with LF', 'X-One: a\nX-Two: b\r\n\r\n'],
    ['a bare CR', 'X-One: a\rX-Two: b\r\n\r\n'],
    ['NUL', 'X-One: a\0b\r\n\r\n'],
    ['a control character', 'X-One: a\x01b\r\n\r\n'],
    ['a space in a name', 'X One: a\r\n\r\n'],
    ['no name', ': a\r\n\r\n'],
    ['no colon', 'X-One\r\n\r\n'],
    ['another host', 'Host: evil.test\r\n\r\n'],
    ['two tokens', 'Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n'],
    ['two content types', 'Content-Type: application/json\r\nContent-Type: application/pkcs10\r\n\r\n'],
    ['an expectation of its own', 'Expect: 200-ok\r\n\r\n'],
  ]
  test.each(framings)('I112 %s is refused, and nothing behind it is read', async (_, rest) => {
    expect(await codesOf(`GET /healthz HTTP/1.1\r\n${host}${rest}${smuggled}`)).toEqual(['bad-request'])
  })

  test('I112 it is a fact, under the name of whoever proved one', async () => {
    const before = await platform.snapshot()
    const both = `Content-Length: 5\r\n${chunked}\r\n0\r\n\r\n`
    await codesOf(`GET /healthz HTTP/1.1\r\n${host}${both}${smuggled}`)
    await codesOf(`GET //healthz HTTP/1.1\r\n${host}\r\n${smuggled}`)
    expect(await platform.since(before)).toEqual([refusedBy(device.path, 'bad-request', 'none', 2)])
  })

  test.each<[string, string]>([
    ['an extension with a line end', '0;x\ny\r\n\r\n'],
    ['a size with 0x', '0x1\r\na\r\n0\r\n\r\n'],
    ['a size with an underscore', '1_0\r\na\r\n0\r\n\r\n'],
    ['a size that is negative', '-1\r\na\r\n0\r\n\r\n'],
    ['a size of 2^68', 'fffffffffffffffff\r\na\r\n0\r\n\r\n'],
    ['more than its size', '1\r\nabc0\r\n\r\n'],
    ['lines that end with LF', '0\n\n'],
    ['a length in the trailer', '0\r\nContent-Length: 3\r\n\r\n'],
  ])('I112 a chunk with %s ends the connection', async (_, chunk) => {
    // The request it is part of may have been answered; nothing behind it is.
    const codes = await codesOf(`GET /healthz HTTP/1.1\r\n${host}${chunked}\r\n${chunk}${smuggled}`)
    expect(codes.filter(code => code === 200)).toEqual([])
  })

  test.each([
    'https://localhost/healthz',
    'http://evil.test/healthz',
    '//healthz',
    '//v1/fleets',
    '/v1/..;/healthz',
    '/v1/../healthz',
    '/v1/..',
    '/./healthz',
    '/.healthz',
    '/v1%2ffleets',
    '/v1%2Ffleets',
    '/%76%31/fleets',
    '/v1/fleets/acme%2fdevices',
    '/v1/fleets/%2e%2e/healthz',
    '/healthz/',
    '/healthz%00',
    '/healthz%0d%0aX-One:%20a',
    '/healthz;jsessionid=1',
    '/healthz#fragment',
    '/healthz?a=1&a=2',
    '/healthz?a?b',
    '\\healthz',
    '/\\healthz',
    '/healthz\\..\\v1',
    '*',
    'healthz',
    '/',
    '/healthz\u00e9',
    `/${'x'.repeat(1_100)}`,
  ])('I112 the target %j is refused', async target => {
    expect(await codesOf(`GET ${target} HTTP/1.1\r\n${host}\r\n${smuggled}`)).toEqual(['bad-request'])
  })

  test.each<[string, string]>([
    ['HTTP/1.0', `GET /healthz HTTP/1.0\r\n${host}\r\n`],
    ['HTTP/1.0 with chunks', `GET /healthz HTTP/1.0\r\n${host}${chunked}\r\n0\r\n\r\n`],
    ['HTTP/2.0 in the words of 1', `GET /healthz HTTP/2.0\r\n${host}\r\n`],
    ['HTTP/1.2', `GET /healthz HTTP/1.2\r\n${host}\r\n`],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['no host', 'GET /healthz HTTP/1.1\r\n\r\n'],
    ['a method in small letters', `get /healthz HTTP/1.1\r\n${host}\r\n`],
    ['a method of nobody', `FETCH /healthz HTTP/1.1\r\n${host}\r\n`],
    ['a line of its own before the fields', `GET /healthz HTTP/1.1\r\n X: y\r\n${host}\r\n`],
    ['a response', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ])('I112 %s is refused', async (_, bytes) => {
    expect(await codesOf(bytes + smuggled)).toEqual(['bad-request'])
  })

  test('I112 more fields, or longer ones, than a request needs are refused', async () => {
    for (const fields of ['X: y\r\n'.repeat(100), `X: ${'y'.repeat(20_000)}\r\n`]) {
      expect(await codesOf(`GET /healthz HTTP/1.1\r\n${host}${fields}\r\n`)).toEqual(['too-large'])
    }
  })

  test('I112 a tunnel is not opened, and an upgrade not made', async () => {
    expect(await codesOf(`CONNECT localhost:443 HTTP/1.1\r\n${host}\r\n${smuggled}`)).toEqual([])
    const upgrade = 'Connection: Upgrade, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAA\r\n'
    expect(await codesOf(`GET /v1/fleets HTTP/1.1\r\n${host}${upgrade}\r\n`)).toEqual(['forbidden'])
  })

  test('I112 a body that was refused unread is not the next request', async () => {
    const post = `POST /v1/fleets HTTP/1.1\r\n${host}Content-Length: ${smuggled.length + 10}\r\n\r\n${smuggled}`
    expect(await codesOf(post)).toEqual(['forbidden'])
    // Nor is one of a request that takes none.
    const whole = `GET /healthz HTTP/1.1\r\n${host}Content-Length: ${smuggled.length}\r\n\r\n${smuggled}`
    const last = `GET /healthz HTTP/1.0\r\n\r\n`
    expect(await codesOf(whole + last)).toEqual([200, 'bad-request'])
  })

  test('I112 what is no request does not answer for the one before it', async () => {
    const codes = await codesOf(`${smuggled}NONSENSE\r\n\r\n`)
    expect(codes.filter(code => code !== 200)).toEqual([])
  })
})

describe('strings that mean something elsewhere', () => {
  const injections = [
    "'; drop table registry; --",
    '" or "1"="1',
    "x' union select secret_hash from permit --",
    '<script>alert(document.domain)</script>',
    '<img src=x onerror=alert(1)>',
    '"><svg/onload=alert(1)>',
    '=HYPERLINK("http://evil.test","x")',
    '@SUM(1+9)*cmd|"/C calc"!A0',
    '*)(uid=*))(|(uid=*',
    '{{constructor.constructor("return process")()}}',
    '%0d%0aSet-Cookie: a=b',
    '../../../../etc/passwd',
    '; cat /etc/passwd #',
    '%s%n%x',
    '__proto__',
    'null',
    '\u{1f4a3} \u00e9 e\u0301 \u4e2d',
    'x'.repeat(200),
  ]

  test('I113 a reason is kept letter by letter, and does nothing', async () => {
    for (const [i, reason] of injections.entries()) {
      await platform.enrollDevice('acme', `reason-${i}`)
      const path = `/v1/fleets/acme/devices/reason-${i}`
      const reply = await platform.operator('POST', `${path}/revoke`, { reason })
      expect(reply.status).toBe(200)
      const read = await platform.operator('GET', path)
      expect(read.body.reason).toBe(reason)
      expect(read.headers).toMatchObject({ 'content-type': 'application/json', 'x-content-type-options': 'nosniff' })
      expect(read.headers['set-cookie']).toBeUndefined()
    }
    const page = await (await fetch(`${platform.console}trust`)).text()
    expect(injections.filter(text => page.includes(text) && /[<>"']/.test(text))).toEqual([])
  })

  test.each<[string, string]>([
    ['a line end', 'a\nb'],
    ['CR LF', 'a\r\nSet-Cookie: a=b'],
    ['NUL', 'a\0b'],
    ['an escape of a terminal', '\u001b[2J'],
    ['a mark that turns the direction', 'a\u202eb'],
    ['a line separator', 'a\u2028b'],
    ['a lone surrogate', 'a\ud800'],
    ['a byte order mark', '\ufeffa'],
    ['a tab', 'a\tb'],
    ['nothing', ''],
    ['201 characters', 'x'.repeat(201)],
  ])('I113 a reason with %s is refused', async (_, reason) => {
    const before = await platform.snapshot()
    // Written by hand: a lone surrogate would not survive as UTF-8.
    const body = JSON.stringify({ reason }).replace('\ud800', '\\ud800')
    const operation = 'POST /v1/fleets/:fleet/devices/:name/revoke'
    const reply = await platform.call('POST', '/v1/fleets/acme/devices/device-104/revoke', {
      as: await platform.operatorTls(),
      headers: { 'content-type': 'application/json' },
      body,
    })
    expect(refusal(reply)).toEqual(refused('bad-request'))
    expect(await platform.since(before)).toEqual([refusedBy('platform/operator/local', 'bad-request', operation)])
  })

  test('I113 names and patterns in requests of operators are names or refused', async () => {
    const before = await platform.snapshot()
    const input = { uses: 1, ttl: 60_000 }
    for (const text of injections.filter(text => !/^\w+$/.test(text))) {
      for (const [path, body, code] of [
        ['/v1/fleets', { name: text }, 'bad-fleet'],
        ['/v1/fleets/acme/tokens', { ...input, name: text }, 'bad-name'],
        ['/v1/fleets/acme/tokens', { ...input, pattern: text }, 'bad-name'],
      ] as const) {
        expect(refusal(await platform.operator('POST', path, body)), text).toEqual(refused(code))
      }
    }
    expect((await platform.since(before)).filter(({ kind }) => kind !== 'refused')).toEqual([])
  })

  test('I113 a query is compared, not run', async () => {
    const list = (query: string) => platform.operator('GET', `/v1/fleets/acme/devices?${query}`)
    const all = (await list('limit=1000')).body.devices as object[]
    expect(all.length).toBeGreaterThan(1)
    const injected = encodeURIComponent("' or '1'='1")
    expect((await list(`limit=1000&after=${injected}`)).body.devices).toHaveLength(all.length)
    expect((await list(`after=${encodeURIComponent('~')}`)).body.devices).toEqual([])
    for (const limit of ['0', '-1', '1e3', '1;drop', '', '9'.repeat(30), 'NaN']) {
      expect(refusal(await list(`limit=${encodeURIComponent(limit)}`)), limit).toEqual(refused('bad-number'))
    }
    expect(refusal(await list('fleet=bolt'))).toEqual(refused('bad-request'))
    expect(refusal(await list('__proto__=x'))).toEqual(refused('bad-request'))
  })

  test('I113 a configuration comes back as it went in, whatever it is', async () => {
    const values = injections.filter(text => text !== '__proto__')
    const configuration = Object.fromEntries(values.map(text => [text, { [text]: [text] }]))
    const as = await platform.operatorTls()
    expect((await platform.operator('PUT', '/v1/fleets/acme/config', { configuration })).status).toBe(200)
    const read = await platform.call('GET', '/v1/config', { as: device.tls })
    expect(read.body.configuration).toEqual(configuration)
    const headers = { 'content-type': 'application/json' }
    const polluted = '{"configuration":{"__proto__":{"isAdmin":true}}}'
    const reply = await platform.call('PUT', '/v1/fleets/acme/config', { as, headers, body: polluted })
    expect(refusal(reply)).toEqual(refused('bad-json'))
    expect((Object.prototype as { isAdmin?: boolean }).isAdmin).toBeUndefined()
  })

  test('I113 one refusal is one line of the log', async () => {
    const from = lines.length
    const token = await platform.makeToken('acme', { uses: 5 })
    const { csr } = await platform.makeKey()
    for (const name of ['a\nforged line', 'a\u001b[31m', 'a\u2028b']) await platform.enroll(token.text, csr, name)
    const said = lines.slice(from)
    expect(said.length).toBeGreaterThan(2)
    for (const line of said) {
      expect(line.split('\n')).toHaveLength(2)
      expect([...line].every(letter => letter === '\n' || letter >= ' ')).toBe(true)
      expect(JSON.parse(line)).toHaveProperty('msg')
    }
  })
})
