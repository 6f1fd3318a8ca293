import { pem, readPem } from '@mintmark/core/bytes'
import { readToken, writeToken } from '@mintmark/core/signed'
import { nodeSha256 } from '@mintmark/elements'
import { openTls, type Reply, startTestPlatform, type TestPlatform } from '@mintmark/testing'
import { forgeRequest } from '@mintmark/testing/forge'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bytesUnder } from './kept.ts'
import { anonymously, refusal, refused, refusedBy, refusedToken } from './refusals.ts'

const day = 86_400_000
const enrollment = 'POST /v1/enroll'

let platform: TestPlatform
/** All that was logged. */
const lines: string[] = []

beforeAll(async () => {
  platform = await startTestPlatform({ log: pino({ level: 'trace' }, { write: line => lines.push(line) }) })
  await platform.makeFleet('acme')
  await platform.makeFleet('bolt')
})
afterAll(() => platform.stop())

const csrPem = (csr: Uint8Array): string => pem('CERTIFICATE REQUEST', csr)
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

/** What a reply certifies; undefined for a refusal. */
const certificateOf = ({ body }: Pick<Reply, 'body'>): string | undefined => body.certificate as string | undefined

async function usesLeft(fleet: string, id: string): Promise<number | undefined> {
  const { tokens } = (await platform.operator('GET', `/v1/fleets/${fleet}/tokens?limit=1000`)).body
  return (tokens as { id: string; left: number }[]).find(token => token.id === id)?.left
}

describe('budgets', () => {
  test('C38 a token is refused once its uses are spent', async () => {
    const token = await platform.makeToken('acme', { uses: 2 })
    const keys = [await platform.makeKey(), await platform.makeKey(), await platform.makeKey('P-256')]
    expect((await platform.enroll(token.text, keys[0]!.csr)).status).toBe(201)
    expect((await platform.enroll(token.text, keys[1]!.csr)).status).toBe(201)
    const before = await platform.snapshot()
    for (let i = 0; i < 3; i++) {
      expect(refusal(await platform.enroll(token.text, keys[2]!.csr))).toEqual(refused('token-spent'))
    }
    expect(await platform.since(before)).toEqual([refusedToken('acme', token.idText, 'token-spent', 3)])
    expect(await usesLeft('acme', token.idText)).toBe(0)
  })

  test('C38 64 keys that claim a token for one use at once get one certificate', async () => {
    const token = await platform.makeToken('acme')
    const keys = await Promise.all(Array.from({ length: 64 }, () => platform.makeKey()))
    const before = await platform.snapshot()
    const replies = await Promise.all(keys.map(({ csr }) => platform.enroll(token.text, csr)))
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(1)
    const others = replies.filter(({ status }) => status !== 201).map(refusal)
    expect(others).toEqual(Array(63).fill(refused('token-spent')))
    expect(await usesLeft('acme', token.idText)).toBe(0)
    const facts = await platform.since(before)
    expect(facts).toHaveLength(2)
    expect(facts).toContainEqual(refusedToken('acme', token.idText, 'token-spent', 63))
  })

  test('C39 a retry by the same key gets the same certificate and spends nothing, in every form', async () => {
    const token = await platform.makeToken('acme', { uses: 3 })
    const { csr, key } = await platform.makeKey()
    const first = await platform.enroll(token.text, csr, 'retries')
    expect(first.status).toBe(201)
    const before = await platform.snapshot()
    // Another request by the same key is the same claim.
    const again = await forgeRequest(key, {})
    for (const request of [csr, again]) {
      for (const name of ['retries', undefined]) {
        const reply = await platform.enroll(token.text, request, name)
        expect(reply.status).toBe(201)
        expect(certificateOf(reply)).toBe(certificateOf(first))
      }
    }
    const headers = { ...bearer(token.text), 'content-type': 'application/pkcs10' }
    const plain = await platform.call('POST', '/v1/enroll', { headers, body: csr })
    expect(plain.text.startsWith(certificateOf(first)!)).toBe(true)
    expect(await platform.since(before)).toEqual([])
    expect(await usesLeft('acme', token.idText)).toBe(2)
  })

  test('C39 a retry under another name, or with another token, is refused', async () => {
    const [token, other] = [await platform.makeToken('acme', { uses: 3 }), await platform.makeToken('acme')]
    const { csr } = await platform.makeKey()
    await platform.enroll(token.text, csr, 'retries-once')
    const before = await platform.snapshot()
    expect(refusal(await platform.enroll(token.text, csr, 'retries-twice'))).toEqual(refused('key-in-use'))
    expect(refusal(await platform.enroll(other.text, csr, 'retries-once'))).toEqual(refused('key-in-use'))
    expect(await platform.since(before)).toEqual([
      refusedToken('acme', token.idText, 'key-in-use'),
      refusedToken('acme', other.idText, 'key-in-use'),
    ])
  })
})

describe('time and revocation of tokens', () => {
  test('C40 an expired token is refused, and a day later for retries too', async () => {
    const token = await platform.makeToken('acme', { uses: 3, ttl: day })
    const [early, late] = [await platform.makeKey(), await platform.makeKey()]
    const first = await platform.enroll(token.text, early.csr)
    platform.clock.advance(day)
    expect(refusal(await platform.enroll(token.text, late.csr))).toEqual(refused('token-expired'))
    expect(certificateOf(await platform.enroll(token.text, early.csr))).toBe(certificateOf(first))
    platform.clock.advance(day)
    const before = await platform.snapshot()
    expect(refusal(await platform.enroll(token.text, early.csr))).toEqual(refused('token-expired'))
    expect(await platform.since(before)).toEqual([refusedToken('acme', token.idText, 'token-expired')])
  })

  test('C40 a revoked token is refused for new keys and for retries', async () => {
    const token = await platform.makeToken('acme', { uses: 3 })
    const [early, late] = [await platform.makeKey(), await platform.makeKey()]
    await platform.enroll(token.text, early.csr)
    const revoke = `/v1/fleets/acme/tokens/${token.idText}/revoke`
    expect((await platform.operator('POST', revoke)).status).toBe(200)
    const before = await platform.snapshot()
    expect(refusal(await platform.enroll(token.text, late.csr))).toEqual(refused('token-revoked'))
    expect(refusal(await platform.enroll(token.text, early.csr))).toEqual(refused('token-revoked'))
    expect(refusal(await platform.operator('POST', revoke))).toEqual(refused('token-revoked'))
    expect(await platform.since(before)).toEqual([
      refusedBy('platform/operator/local', 'token-revoked', 'POST /v1/fleets/:fleet/tokens/:id/revoke'),
      refusedToken('acme', token.idText, 'token-revoked', 2),
    ])
  })

  test.each(['a new key', 'a retry'])('C40 a token revoked while the request of %s arrives is refused', async kind => {
    const token = await platform.makeToken('acme', { uses: 2 })
    const { csr } = await platform.makeKey()
    if (kind === 'a retry') await platform.enroll(token.text, csr)
    const left = await usesLeft('acme', token.idText)
    const body = JSON.stringify({ csr: csrPem(csr) })
    const connection = await openTls(platform.port)
    connection.send(
      `POST /v1/enroll HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token.text}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 9)}`,
    )
    // Another request behind it on another connection: by its answer the first is past the gate.
    await platform.call('GET', '/healthz')
    await platform.operator('POST', `/v1/fleets/acme/tokens/${token.idText}/revoke`)
    const reply = await connection.send(body.slice(9)).response()
    expect(refusal(reply!)).toEqual(refused('token-revoked'))
    expect(await usesLeft('acme', token.idText)).toBe(left)
    connection.close()
  })

  test('C40 a token of one fleet is not revoked through another, and an unknown one not at all', async () => {
    const token = await platform.makeToken('acme')
    const before = await platform.snapshot()
    for (const id of [token.idText, 'AAAAAAAAAAAAAAAAAAAAAA', 'x'.repeat(900)]) {
      const reply = await platform.operator('POST', `/v1/fleets/bolt/tokens/${id}/revoke`)
      expect(refusal(reply)).toEqual(refused('token-unknown'))
    }
    expect((await platform.since(before)).map(({ kind }) => kind)).toEqual(['refused'])
  })
})

describe('what a token is for', () => {
  test.each(['bolt/device-1', 'bolt/device/device-1', 'spiffe://bolt.example.test/device/x', '../bolt/x'])(
    'C41 a token of one fleet does not name %s of another',
    async name => {
      const token = await platform.makeToken('acme')
      const { csr } = await platform.makeKey()
      const before = await platform.snapshot()
      expect(refusal(await platform.enroll(token.text, csr, name))).toEqual(refused('bad-name'))
      const fleet = await platform.call('POST', '/v1/enroll', {
        headers: bearer(token.text),
        body: { csr: csrPem(csr), fleet: 'bolt' },
      })
      expect(refusal(fleet)).toEqual(refused('bad-request'))
      expect(await platform.since(before)).toEqual([
        refusedToken('acme', token.idText, 'bad-name'),
        refusedToken('acme', token.idText, 'bad-request'),
      ])
    },
  )

  test('C41 a token for a name, or for a pattern of names, is refused for any other', async () => {
    const one = await platform.makeToken('acme', { name: 'only-me' })
    const some = await platform.makeToken('acme', { pattern: 'sensor-*', uses: 3 })
    const { csr } = await platform.makeKey()
    const before = await platform.snapshot()
    for (const name of ['only-m', 'only-me-too', 'xonly-me', 'sensor-1']) {
      expect(refusal(await platform.enroll(one.text, csr, name)), name).toEqual(refused('token-name'))
    }
    // Without a name it would be one of the platform's making, which the pattern does not cover.
    for (const name of ['sensor-', 'sensor', 'xsensor-1', 'sensorx1', undefined]) {
      expect(refusal(await platform.enroll(some.text, csr, name)), name).toEqual(refused('token-name'))
    }
    expect(await platform.since(before)).toEqual([
      refusedToken('acme', one.idText, 'token-name', 4),
      refusedToken('acme', some.idText, 'token-name', 5),
    ])
    expect((await platform.enroll(one.text, csr)).body.identity).toBe('spiffe://acme.example.test/device/only-me')
  })

  test.each([0, -1, 1.5, 1_000_001, 2 ** 53, '1', null, true, [1]])('C41 no token is made for %j uses', async uses => {
    const before = await platform.snapshot()
    const reply = await platform.operator('POST', '/v1/fleets/acme/tokens', { uses, ttl: day })
    expect(refusal(reply)).toEqual(refused('bad-number'))
    expect((await platform.since(before)).map(({ kind }) => kind)).toEqual(['refused'])
  })
})

describe('where a token is shown', () => {
  /** Shown in every place where it should not be. */
  const exposed: Awaited<ReturnType<TestPlatform['makeToken']>>[] = []

  test('C42 a token is taken from one header only, and from no other place', async () => {
    const token = await platform.makeToken('acme')
    exposed.push(token)
    const { csr } = await platform.makeKey()
    const body = { csr: csrPem(csr) }
    const { text } = token
    const before = await platform.snapshot()
    for (const [path, headers, sent, code] of [
      [`/v1/enroll?token=${text}`, {}, body, 'refused'],
      [`/v1/enroll?access_token=${text}`, {}, body, 'refused'],
      [`/v1/enroll/${text}`, {}, body, 'not-found'],
      ['/v1/enroll', {}, { ...body, token: text }, 'refused'],
      ['/v1/enroll', { cookie: `token=${text}` }, body, 'refused'],
      ['/v1/enroll', { referer: `https://localhost/?token=${text}` }, body, 'refused'],
      ['/v1/enroll', { 'x-token': text, token: text }, body, 'refused'],
      ['/v1/enroll', { 'proxy-authorization': `Bearer ${text}` }, body, 'refused'],
      ['/v1/enroll', { authorization: text }, body, 'refused'],
      ['/v1/enroll', { authorization: `Basic ${Buffer.from(`:${text}`).toString('base64')}` }, body, 'refused'],
      ['/v1/enroll', { authorization: `bearer ${text}` }, body, 'refused'],
      ['/v1/enroll', { authorization: `Bearer  ${text}` }, body, 'refused'],
      ['/v1/enroll', { authorization: `Bearer ${text}, Bearer ${text}` }, body, 'refused'],
      [`/v1/enroll?name=x&token=${text}`, bearer(text), body, 'bad-request'],
      [`/v1/enroll?name=${text}`, bearer(text), body, 'bad-name'],
      ['/v1/enroll', bearer(text), { ...body, token: text }, 'bad-request'],
      ['/v1/enroll', bearer(text), { ...body, [text]: 1 }, 'bad-request'],
      ['/v1/enroll', bearer(text), { csr: text }, 'bad-pem'],
      ['/v1/enroll', bearer(text), { ...body, name: text }, 'bad-name'],
      ['/v1/enroll', bearer(text), text, 'unsupported-media'],
      ['/v1/enroll', { ...bearer(text), 'content-type': 'application/json' }, text, 'bad-json'],
      [`/v1/fleets/${text}`, {}, undefined, 'method-not-allowed'],
    ] as const) {
      const reply = await platform.call('POST', path, { headers, body: sent })
      expect(refusal(reply), `${path} ${Object.keys(headers)}`).toEqual(refused(code))
      expect(reply.text).not.toContain(text.slice(0, 32))
    }
    const facts = await platform.since(before)
    expect(facts.filter(({ kind }) => kind !== 'refused')).toEqual([])
    expect(facts).toContainEqual(anonymously('refused', enrollment, 12))
    // Shown where it belongs it is still good.
    expect((await platform.enroll(text, csr)).status).toBe(201)
  })

  test('C42 no secret of a token is in a log, a file or a metric', async () => {
    const token = await platform.makeToken('acme')
    const { csr } = await platform.makeKey()
    await platform.enroll(token.text, csr, 'canary')
    // A broken one, one with another secret, and one whose sender goes away.
    await platform.enroll(`${token.text}!`, csr)
    await platform.enroll(token.text.slice(0, 60), csr)
    const gone = await openTls(platform.port)
    gone.send(
      `POST /v1/enroll HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token.text}\r\nContent-Length: 100\r\n\r\nx`,
    )
    await platform.call('GET', '/healthz')
    gone.close()
    await gone.closed
    const malformed = await openTls(platform.port)
    malformed.send(`POST /v1/enroll HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token.text}\r\nX y: z\r\n\r\n`)
    await malformed.closed
    const metrics = await (await fetch(`${platform.console}metrics`)).text()

    const kept = bytesUnder(platform.data)
    const log = Buffer.from(lines.join(''))
    // What is there to be found is found: the hash of the secret, and a log that speaks of refusals.
    expect(kept.includes(nodeSha256(token.secret))).toBe(true)
    expect(log.includes('"code":"bad-token"')).toBe(true)
    expect(exposed).toHaveLength(1)
    for (const { secret, text } of [token, ...exposed]) {
      const bytes = Buffer.from(secret)
      // Of the text itself the pieces that hold bytes of the secret only.
      const pieces = [text, ...[30, 40, 50].map(at => text.slice(at, at + 10))]
      for (const needle of [
        bytes,
        ...(['hex', 'base64', 'base64url'] as const).map(how => bytes.toString(how)),
        ...pieces,
      ]) {
        for (const [place, found] of Object.entries({ kept, log, metrics: Buffer.from(metrics) })) {
          expect(found.includes(needle), `${place} has the secret`).toBe(false)
        }
      }
    }
  })
})

describe('guessing', () => {
  test('C43 an unknown token and a wrong secret are told the same, and soon to slow down', async () => {
    const token = await platform.makeToken('acme', { uses: 2 })
    const read = readToken(token.text)
    const wrong = writeToken({ ...read, secret: new Uint8Array(32) })
    const unknown = writeToken({ ...read, id: new Uint8Array(16) })
    const { csr } = await platform.makeKey()
    const before = await platform.snapshot()
    const replies: Reply[] = []
    for (let i = 0; i < 62; i++) replies.push(await platform.enroll(i % 2 ? wrong : unknown, csr))
    expect(new Set(replies.slice(0, 60).map(({ text }) => text)).size).toBe(1)
    expect(refusal(replies[0]!)).toEqual(refused('refused'))
    expect(replies.slice(60).map(refusal)).toEqual([refused('slow-down'), refused('slow-down')])
    // Limits count failures only: whoever proves the secret is let in from the same address, and told the exact code.
    expect((await platform.enroll(token.text, csr)).status).toBe(201)
    expect(refusal(await platform.enroll(token.text, csr, 'other'))).toEqual(refused('key-in-use'))
    expect(await platform.since(before)).toContainEqual(anonymously('refused', enrollment, 62))
    platform.clock.advance(60_000)
    expect(refusal(await platform.enroll(wrong, csr))).toEqual(refused('refused'))
  })

  test('C43 whoever does not prove the secret learns nothing of a spent, revoked or expired token', async () => {
    const spent = await platform.makeToken('acme')
    await platform.enroll(spent.text, (await platform.makeKey()).csr)
    const revoked = await platform.makeToken('acme')
    await platform.operator('POST', `/v1/fleets/acme/tokens/${revoked.idText}/revoke`)
    const expired = await platform.makeToken('acme', { ttl: 1_000 })
    platform.clock.advance(60_000)
    const { csr } = await platform.makeKey()
    for (const { text } of [spent, revoked, expired]) {
      const wrong = writeToken({ ...readToken(text), secret: new Uint8Array(32).fill(1) })
      expect(refusal(await platform.enroll(wrong, csr))).toEqual(refused('refused'))
    }
  })

  test.each<[string, (text: string) => string]>([
    ['of another version', text => text.replace('mmt1_', 'mmt2_')],
    ['without its mark', text => text.slice(5)],
    ['in capitals', text => text.toUpperCase()],
    [
      'with a pad bit set',
      text => `${text.slice(0, -1)}${text.at(-1) === 'A' ? 'B' : String.fromCharCode(text.at(-1)!.charCodeAt(0) + 1)}`,
    ],
    ['cut short', text => text.slice(0, 60)],
    ['with another end', text => `${text}AAAA`],
    ['of 600 characters', text => text.padEnd(600, 'A')],
  ])('C43 a token %s is not read', async (_, bend) => {
    const { text } = await platform.makeToken('acme')
    const { csr } = await platform.makeKey()
    const before = await platform.snapshot()
    expect(refusal(await platform.enroll(bend(text), csr))).toEqual(refused('bad-token'))
    expect(await platform.since(before)).toEqual([anonymously('bad-token', enrollment)])
  })
})

describe('the shape of a request', () => {
  const raw: [string, string, 'bad-json' | 'bad-request' | 'bad-encoding'][] = [
    ['nothing', '', 'bad-json'],
    ['a list', '[]', 'bad-request'],
    ['null', 'null', 'bad-request'],
    ['a number', '1', 'bad-request'],
    ['a text', '"csr"', 'bad-request'],
    ['no request in it', '{}', 'bad-request'],
    ['a request that is a list', '{"csr":[]}', 'bad-request'],
    ['a request that is null', '{"csr":null}', 'bad-request'],
    ['a name that is a number', '{"csr":"x","name":1}', 'bad-request'],
    ['an unknown field', '{"csr":"x","role":"operator"}', 'bad-request'],
    ['a field in capitals', '{"CSR":"x"}', 'bad-request'],
    ['a field twice', '{"csr":"x","csr":"y"}', 'bad-json'],
    ['a field twice, once escaped', '{"csr":"x","\\u0063sr":"y"}', 'bad-json'],
    ['a prototype', '{"__proto__":{"csr":"x"}}', 'bad-json'],
    ['a constructor', '{"csr":"x","constructor":{"prototype":{"csr":"y"}}}', 'bad-request'],
    ['a comment', '{"csr":"x"/**/}', 'bad-json'],
    ['a comma too many', '{"csr":"x",}', 'bad-json'],
    ['something behind it', '{"csr":"x"}{}', 'bad-json'],
    ['a byte order mark', '\ufeff{"csr":"x"}', 'bad-json'],
    ['brackets 100 deep', `${'['.repeat(100)}${']'.repeat(100)}`, 'bad-json'],
    ['brackets 30,000 deep', '['.repeat(30_000), 'bad-json'],
    ['NaN', '{"csr":NaN}', 'bad-json'],
  ]
  test.each(raw)('C44 a body that is %s is refused', async (_, body, code) => {
    const token = await platform.makeToken('acme')
    const headers = { ...bearer(token.text), 'content-type': 'application/json' }
    const before = await platform.snapshot()
    expect(refusal(await platform.call('POST', '/v1/enroll', { headers, body }))).toEqual(refused(code))
    expect(await platform.since(before)).toEqual([refusedToken('acme', token.idText, code)])
  })

  test('C44 a body that is not UTF-8 is refused', async () => {
    const token = await platform.makeToken('acme')
    const headers = { ...bearer(token.text), 'content-type': 'application/json' }
    const body = Buffer.from('{"csr":"\xff\xfe"}', 'latin1')
    expect(refusal(await platform.call('POST', '/v1/enroll', { headers, body }))).toEqual(refused('bad-encoding'))
  })

  test.each([
    'text/plain',
    'multipart/form-data; boundary=x',
    'application/x-www-form-urlencoded',
    'application/xml',
    'application/json-seq',
    'application/pkcs7-mime',
    '',
  ])('C44 the content type %j is refused', async type => {
    const token = await platform.makeToken('acme')
    const { csr } = await platform.makeKey()
    const reply = await platform.call('POST', '/v1/enroll', {
      headers: { ...bearer(token.text), 'content-type': type },
      body: JSON.stringify({ csr: csrPem(csr) }),
    })
    expect(refusal(reply)).toEqual(refused('unsupported-media'))
  })

  test('C45 no step is taken before the one it stands on', async () => {
    const device = await platform.enrollDevice('acme', 'steps')
    const { csr } = await platform.makeKey()
    const before = await platform.snapshot()
    const body = { csr: csrPem(csr) }
    // Renew without a certificate, even with a token; enroll with a certificate and without a token.
    const token = await platform.makeToken('acme')
    const renewal = await platform.call('POST', '/v1/renew', { headers: bearer(token.text), body })
    expect(refusal(renewal)).toEqual(refused('certificate-required'))
    const enrolling = await platform.call('POST', '/v1/enroll', { as: device.tls, body })
    expect(refusal(enrolling)).toEqual(refused('refused'))
    // An answer to a ceremony that nobody asked for.
    for (const answer of ['', 'AAAA', Buffer.from('{}').toString('base64url')]) {
      const reply = await platform.operator('POST', '/v1/ceremony', { answer })
      expect(reply.status).toBe(400)
    }
    const kinds = (await platform.since(before)).map(({ kind }) => kind)
    expect(kinds.filter(kind => kind !== 'refused')).toEqual(['token.created'])
  })
})

describe('names that have an owner', () => {
  test('C46 a name in use is not taken over with a token', async () => {
    const owner = await platform.enrollDevice('acme', 'owned')
    const [any, bound] = [await platform.makeToken('acme'), await platform.makeToken('acme', { name: 'owned' })]
    const { csr } = await platform.makeKey()
    const before = await platform.snapshot()
    expect(refusal(await platform.enroll(any.text, csr, 'owned'))).toEqual(refused('name-taken'))
    expect(refusal(await platform.enroll(bound.text, csr))).toEqual(refused('name-taken'))
    expect(await platform.since(before)).toEqual([
      refusedToken('acme', any.idText, 'name-taken'),
      refusedToken('acme', bound.idText, 'name-taken'),
    ])
    expect((await platform.call('GET', '/v1/me', { as: owner.tls })).status).toBe(200)
    expect(await usesLeft('acme', bound.idText)).toBe(1)
  })

  test('C47 a renewal is for the name and the key of the certificate', async () => {
    const device = await platform.enrollDevice('acme', 'renews')
    const other = await platform.enrollDevice('acme', 'renews-not')
    const thief = await platform.makeKey()
    const as = device.tls
    const before = await platform.snapshot()
    const renew = (csr: Uint8Array, more = {}) =>
      platform.call('POST', '/v1/renew', { as, body: { csr: csrPem(csr), ...more } })
    expect(refusal(await renew(device.csr, { name: 'renews-not' }))).toEqual(refused('renew-name'))
    expect(refusal(await renew(other.csr))).toEqual(refused('renew-key'))
    expect(refusal(await renew(thief.csr))).toEqual(refused('renew-key'))
    const borrowed = await forgeRequest(thief.key, { spki: device.key.publicKey.spki })
    expect(refusal(await renew(borrowed))).toEqual(refused('csr-signature'))
    expect(refusal(await renew(device.csr, { fleet: 'bolt' }))).toEqual(refused('bad-request'))
    const named = await platform.call('POST', '/v1/renew?name=renews-not', { as, body: { csr: csrPem(device.csr) } })
    expect(refusal(named)).toEqual(refused('bad-request'))
    const facts = await platform.since(before)
    expect(facts.map(({ by, body }) => [by, body.code, body.count])).toEqual([
      [device.path, 'renew-name', 1],
      [device.path, 'renew-key', 2],
      [device.path, 'csr-signature', 1],
      [device.path, 'bad-request', 2],
    ])
    const renewed = await renew(device.csr, { name: 'renews' })
    expect(renewed.body.identity).toBe('spiffe://acme.example.test/device/renews')
    expect(readPem('CERTIFICATE', String(renewed.body.certificate))).not.toEqual(device.certificate.der)
  })

  test.each(['revoke', 'decommission'] as const)('C47 after a %s nothing is renewed', async what => {
    const device = await platform.enrollDevice('acme', `renews-after-${what}`)
    const path = `/v1/fleets/acme/devices/${device.name}/${what}`
    expect((await platform.operator('POST', path, { reason: 'a test' })).status).toBe(200)
    const code = what === 'revoke' ? 'revoked' : 'decommissioned'
    const before = await platform.snapshot()
    const body = { csr: csrPem(device.csr) }
    expect(refusal(await platform.call('POST', '/v1/renew', { as: device.tls, body }))).toEqual(refused(code))
    expect(await platform.since(before)).toEqual([refusedBy(device.path, code, 'POST /v1/renew')])
  })
})
