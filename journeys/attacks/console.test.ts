import { openTcp, startTestPlatform, type TestPlatform } from '@mintmark/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { anonymously, refusal, refused } from './refusals.ts'

let platform: TestPlatform

beforeAll(async () => {
  platform = await startTestPlatform()
  await platform.makeFleet('acme')
})
afterAll(() => platform.stop())

const minute = 60_000
const open = 'POST /console/session'
const openWith = (link: unknown, headers = {}) =>
  platform.browse('POST', '/console/session', { body: { link }, headers })

describe('a sign-in link', () => {
  test('I114 opens one session, once', async () => {
    const before = await platform.snapshot()
    const link = await platform.makeLink()
    const first = await openWith(link)
    expect(first.status).toBe(201)
    expect(first.body).toMatchObject({ operator: 'local', grants: 'admin:*', idle: 15 * minute })
    expect(refusal(await openWith(link))).toEqual(refused('link-spent'))
    const local = 'platform/operator/local'
    expect(await platform.since(before)).toEqual([
      { ledger: 'platform', kind: 'session.opened', by: local, body: { identity: local } },
      anonymously('link-spent', open),
    ])
  })

  test('I114 opens one session, whoever else uses it at the same moment', async () => {
    const link = await platform.makeLink()
    const replies = await Promise.all(Array.from({ length: 20 }, () => openWith(link)))
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(1)
    expect(replies.filter(({ body }) => body.code === 'link-spent')).toHaveLength(19)
  })

  test('I114 is over after two minutes', async () => {
    const link = await platform.makeLink()
    platform.clock.advance(2 * minute)
    expect(refusal(await openWith(link))).toEqual(refused('link-spent'))
  })

  test.each<[string, unknown, 'link-spent' | 'bad-request' | 'too-large']>([
    ['a link of nobody', 'A'.repeat(43), 'link-spent'],
    ['nothing', '', 'link-spent'],
    ['a number', 7, 'bad-request'],
    ['a list', ['A'.repeat(43)], 'bad-request'],
    ['a long text', 'A'.repeat(65), 'too-large'],
  ])('I114 %s opens nothing', async (_, link, code) => {
    expect(refusal(await openWith(link))).toEqual(refused(code))
  })

  test('J119 is one of four of its operator, and the oldest goes', async () => {
    const links: string[] = []
    for (let i = 0; i < 6; i++) links.push(await platform.makeLink())
    const statuses: number[] = []
    for (const link of links) statuses.push((await openWith(link)).status)
    expect(statuses).toEqual([401, 401, 201, 201, 201, 201])
  })

  test('is not made through a session', async () => {
    const headers = await platform.signIn()
    expect(refusal(await platform.browse('POST', '/v1/console/links', { headers, body: {} }))).toEqual(
      refused('not-found'),
    )
    expect(refusal(await platform.browse('POST', '/v1/renew', { headers, body: {} }))).toEqual(refused('not-found'))
  })

  test('is refused to whoever shows no certificate', async () => {
    expect(refusal(await platform.call('POST', '/v1/console/links'))).toEqual(refused('certificate-required'))
  })
})

describe('a session', () => {
  const me = (headers: object) => platform.browse('GET', '/v1/me', { headers: { ...headers } })

  test('is the operator whose link it was', async () => {
    const reply = await me(await platform.signIn())
    expect(reply.status).toBe(200)
    expect(reply.body).toMatchObject({
      identity: 'spiffe://platform.example.test/operator/local',
      name: 'local',
      grants: 'admin:*',
      session: { idle: 15 * minute },
    })
    expect(reply.headers['set-cookie']).toBeUndefined()
  })

  test('does what its operator may, and the ledger has the name', async () => {
    const headers = await platform.signIn()
    const before = await platform.snapshot()
    const body = { uses: 1, ttl: minute }
    expect((await platform.browse('POST', '/v1/fleets/acme/tokens', { headers, body })).status).toBe(201)
    expect(await platform.since(before)).toMatchObject([
      { ledger: 'acme', kind: 'token.created', by: 'platform/operator/local' },
    ])
  })

  test('I114 is chosen by the platform: a session that somebody made up is none', async () => {
    const forged = ['A'.repeat(43), 'constructor'.padEnd(43, 'A'), 'A', '', `${'A'.repeat(43)} `]
    for (const session of forged) {
      expect(refusal(await me({ authorization: `Session ${session}` })), session).toEqual(refused('session-ended'))
      const body = { link: await platform.makeLink(), session }
      expect(refusal(await platform.browse('POST', '/console/session', { body }))).toEqual(refused('bad-request'))
    }
    expect(refusal(await me({}))).toEqual(refused('session-ended'))
    expect(refusal(await me({ cookie: (await platform.signIn()).authorization }))).toEqual(refused('session-ended'))
  })

  test('I114 a second link gives a second session; the first stays what it was', async () => {
    const [first, second] = [await platform.signIn(), await platform.signIn()]
    expect(first).not.toEqual(second)
    const link = await platform.makeLink()
    const opened = await openWith(link, first)
    expect(opened.status).toBe(201)
    expect(`Session ${opened.body.session}`).not.toBe(first.authorization)
  })

  test('is nothing to the listener for machines', async () => {
    const headers = await platform.signIn()
    expect(refusal(await platform.call('GET', '/v1/fleets', { headers }))).toEqual(refused('certificate-required'))
  })

  test('ends when it is asked to', async () => {
    const headers = await platform.signIn()
    expect((await platform.browse('DELETE', '/console/session', { headers })).status).toBe(200)
    expect(refusal(await me(headers))).toEqual(refused('session-ended'))
  })

  test('ends after 15 minutes without a request', async () => {
    const headers = await platform.signIn()
    platform.clock.advance(14 * minute)
    expect((await me(headers)).status).toBe(200)
    platform.clock.advance(14 * minute)
    expect((await me(headers)).status).toBe(200)
    platform.clock.advance(15 * minute)
    expect(refusal(await me(headers))).toEqual(refused('session-ended'))
  })

  test('ends after 8 hours, whatever is asked through it', async () => {
    const headers = await platform.signIn()
    const expires = Date.parse(((await me(headers)).body.session as { expires: string }).expires)
    while (platform.clock.now() + 14 * minute < expires) {
      platform.clock.advance(14 * minute)
      expect((await me(headers)).status).toBe(200)
    }
    platform.clock.advance(14 * minute)
    expect(refusal(await me(headers))).toEqual(refused('session-ended'))
  })

  test('J119 is one of eight of its operator, and the one that was used longest ago goes', async () => {
    const sessions: { authorization: string }[] = []
    for (let i = 0; i < 8; i++) sessions.push(await platform.signIn())
    await me(sessions[0]!)
    sessions.push(await platform.signIn())
    const statuses: number[] = []
    for (const each of sessions) statuses.push((await me(each)).status)
    expect(statuses).toEqual([200, 401, ...Array(7).fill(200)])
  })
})

describe('a page of another site', () => {
  const post = (headers: Record<string, string>) => openWith('A'.repeat(43), headers)

  test.each<[string, Record<string, string>]>([
    ['another site', { origin: 'https://evil.test' }],
    ['another port of this computer', { origin: 'http://127.0.0.1:1' }],
    ['this computer under another name', { origin: 'http://localhost' }],
    ['TLS', { origin: 'https://127.0.0.1' }],
    ['a sandbox', { origin: 'null' }],
    ['a name that begins with ours', { origin: 'http://127.0.0.1.evil.test' }],
  ])('I114 whose origin is %s is refused', async (_, headers) => {
    const session = await platform.signIn()
    const before = await platform.snapshot()
    expect(refusal(await post(headers))).toEqual(refused('origin-refused'))
    expect(refusal(await platform.browse('GET', '/v1/fleets', { headers: { ...session, ...headers } }))).toEqual(
      refused('origin-refused'),
    )
    const body = { name: 'evil' }
    expect(refusal(await platform.browse('POST', '/v1/fleets', { headers: { ...session, ...headers }, body }))).toEqual(
      refused('origin-refused'),
    )
    expect((await platform.since(before)).filter(({ kind }) => kind !== 'refused')).toEqual([])
  })

  test.each(['cross-site', 'same-site', 'none', 'same-origin, cross-site'])(
    'I114 which a browser calls %j is refused',
    async site => {
      expect(refusal(await post({ 'sec-fetch-site': site }))).toEqual(refused('origin-refused'))
    },
  )

  test('I114 that sends no origin is refused, unless it only reads', async () => {
    const session = await platform.signIn()
    const ask = async (method: string, path: string) => {
      const connection = await openTcp(Number(new URL(platform.console).port))
      const fields = `Host: 127.0.0.1\r\nAuthorization: ${session.authorization}\r\nConnection: close\r\n`
      connection.send(`${method} ${path} HTTP/1.1\r\n${fields}\r\n`)
      const reply = await connection.response()
      connection.close()
      return reply!
    }
    expect((await ask('GET', '/v1/fleets')).status).toBe(200)
    expect(refusal(await ask('POST', '/v1/fleets'))).toEqual(refused('origin-refused'))
    expect(refusal(await ask('DELETE', '/console/session'))).toEqual(refused('origin-refused'))
    expect((await ask('GET', '/v1/fleets')).status).toBe(200)
  })

  test.each(['evil.test', 'evil.test:8080', '127.0.0.1.evil.test', '0.0.0.0', '[::ffff:127.0.0.1]', '127.1'])(
    'I114 whose name %j was made to point here is refused (DNS rebinding)',
    async host => {
      const session = await platform.signIn()
      for (const path of ['/v1/fleets', '/v1/trust', '/console/', '/trust']) {
        const reply = await platform.browse('GET', path, { headers: { ...session, host, origin: `http://${host}` } })
        expect(refusal(reply), path).toEqual(refused('bad-request'))
      }
    },
  )

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'application/jsonx'])(
    'I114 that sends %s, as a form can, is refused',
    async type => {
      expect(refusal(await post({ 'content-type': type }))).toEqual(refused('unsupported-media'))
    },
  )

  test('I114 that sends a form is refused also where no body is read', async () => {
    const headers = { ...(await platform.signIn()), 'content-type': 'text/plain' }
    const ended = await platform.browse('DELETE', '/console/session', { headers, body: 'a=b' })
    expect(refusal(ended)).toEqual(refused('unsupported-media'))
    const { authorization } = headers
    expect((await platform.browse('GET', '/v1/me', { headers: { authorization } })).status).toBe(200)
  })

  test('I114 cannot frame any page or answer, and no answer sets a cookie or lets it read', async () => {
    const session = await platform.signIn()
    const replies = [
      ...(await Promise.all(
        ['/', '/trust', '/console', '/console/', '/nothing', '/healthz'].map(path => platform.browse('GET', path)),
      )),
      await platform.browse('GET', '/v1/fleets', { headers: session }),
      await platform.browse('OPTIONS', '/v1/fleets', { headers: { origin: 'https://evil.test' } }),
      await platform.browse('OPTIONS', '/console/session', { headers: { 'access-control-request-method': 'POST' } }),
    ]
    for (const { headers } of replies) {
      expect(headers['content-security-policy']).toMatch(/^default-src 'none'; .*frame-ancestors 'none'$/)
      expect(headers).toMatchObject({
        'x-frame-options': 'DENY',
        'x-content-type-options': 'nosniff',
        'cross-origin-resource-policy': 'same-origin',
        'cache-control': 'no-store',
      })
      expect(Object.keys(headers).filter(name => /^(?:set-cookie|access-control-)/.test(name))).toEqual([])
    }
    expect(replies.slice(-2).map(({ status }) => status)).toEqual([403, 405])
  })
})

describe('the pages', () => {
  test('that were not built say so', async () => {
    const reply = await platform.browse('GET', '/console/')
    expect([reply.status, reply.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8'])
    expect(reply.text).toContain('was not built')
    expect(reply.headers['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    )
  })
})

test('a link opens nothing once the certificate has ended that it was made with', async () => {
  const { tls, certificate } = await platform.enrollOperator('late', 'auditor:acme')
  platform.clock.advance(certificate.notAfter - platform.clock.now() - minute)
  const links = [await platform.makeLink(tls), await platform.makeLink(tls)]
  expect((await openWith(links[0])).status).toBe(201)
  platform.clock.advance(minute + 1_000)
  // Who brings a link has proven nothing yet, and is told no more than that.
  expect(refusal(await openWith(links[1]))).toEqual(refused('refused'))
})
