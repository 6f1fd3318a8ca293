import { linkSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { base64url, cborMap, hex, readBase64url, readHex, sha256 } from '@mintmark/core/bytes'
import { readDecommissionConfirmation, signDecommissionConfirmation, signStatement } from '@mintmark/core/signed'
import { createKeyFile, nodeVerify, openKeyFile } from '@mintmark/elements'
import { beforeAll, describe, expect, test } from 'vitest'
import { enroll } from '../src/enroll.ts'
import { homeState } from '../src/home.ts'
import { renew } from '../src/renew.ts'
import { retire } from '../src/retire.ts'
import { whoami } from '../src/whoami.ts'
import { fresh, listen } from './listening.ts'
import { type Answer, answerTo } from './notice.ts'
import { type Authority, day, domain, makeAuthority, makePki, makeServed, type Pki, pemOf } from './pki.ts'
import { type Instead, TestPlatform } from './platform.ts'

const now = () => Date.now()
let ours: Pki
let others: Pki
let selfSigned: Authority

beforeAll(async () => {
  ours = await makePki()
  others = await makePki()
  selfSigned = await makeAuthority('itself', 'people', `platform.${domain}`)
})

const question = 'POST /v1/notice'
const lastWord = 'POST /v1/notice/confirmation'

/** Every file of a home with its bytes. */
const filesOf = (home: string) =>
  Object.fromEntries(readdirSync(home).map(name => [name, readFileSync(join(home, name)).toString('hex')]))

/** An enrolled home, and a platform that answers its question as told. */
async function scene(answer: (asked: Record<string, unknown>, keyId: string) => Instead | Promise<Instead>) {
  const platform = await TestPlatform.start(ours)
  const home = fresh('home')
  await enroll({ token: platform.token(), home, now })
  const key = openKeyFile(join(home, 'key.pem')).publicKey
  const told: string[] = []
  platform.instead = (call, _, body) => {
    if (call === question) return answer(body, key.id)
    if (call !== lastWord) return undefined
    told.push(String(body.confirmation))
    return { status: 200, body: { identity: 'x', wiped: 'x', ledger: 'acme', index: 8 } }
  }
  platform.seen.length = 0
  return { platform, home, key, told }
}

const decommissioned = () => scene((asked, keyId) => answerTo(ours, keyId, asked))

describe('a decommissioned device', () => {
  test('wipes its key and its certificate, keeps why, and says so without them', async () => {
    const { platform, home, key, told } = await decommissioned()
    const same = fresh('same.pem')
    linkSync(join(home, 'key.pem'), same)
    const retired = await retire({ home, now })
    expect(retired).toMatchObject({ identity: `spiffe://acme.${domain}/device/device-104`, keyId: key.id })
    expect(readdirSync(home).sort()).toEqual([
      'anchor.pem',
      'charter.cbor',
      'home.json',
      'receipt.json',
      'retired.json',
    ])
    expect(readFileSync(same).every(byte => byte === 0)).toBe(true)
    // The question by the certificate, the last word by nobody.
    expect(platform.seen.map(call => call.replace(/ [0-9a-f]{32}$/, ' by certificate'))).toEqual([
      `${question} by certificate`,
      lastWord,
    ])
    const kept = JSON.parse(readFileSync(join(home, 'retired.json'), 'utf8'))
    expect(told).toEqual([kept.confirmation])
    expect(kept.confirmed).toBe(retired.confirmed)
    expect(await readDecommissionConfirmation(readBase64url(told[0]!), key, nodeVerify)).toEqual({
      domain,
      identity: 'acme/device/device-104',
      spki: key.id,
      notice: hex(sha256(readBase64url(kept.notice))),
      at: expect.any(Number),
    })
  })

  test('asks with another nonce each time', async () => {
    const nonces = new Set<unknown>()
    const { home } = await scene(asked => {
      nonces.add(asked.nonce)
      return { status: 409, body: { code: 'not-decommissioned', message: 'x' } }
    })
    for (let i = 0; i < 3; i++)
      await expect(retire({ home, now })).rejects.toMatchObject({ code: 'not-decommissioned' })
    expect(nonces.size).toBe(3)
    for (const nonce of nonces) expect(readBase64url(String(nonce))).toHaveLength(32)
  })

  test('has nothing more to say when it is asked again', async () => {
    const { platform, home } = await decommissioned()
    const first = await retire({ home, now })
    platform.seen.length = 0
    expect(await retire({ home, now })).toEqual(first)
    expect(platform.seen).toEqual([])
  })

  test('wipes whatever other private key is in its home', async () => {
    const { home } = await decommissioned()
    createKeyFile(join(home, 'key.next.pem'), 'P-256')
    writeFileSync(join(home, '.key.pem.0123456789abcdef.tmp'), readFileSync(join(home, 'key.pem')))
    writeFileSync(join(home, 'notes.txt'), 'not a key')
    await retire({ home, now })
    expect(readdirSync(home).filter(name => /key|notes/.test(name))).toEqual(['notes.txt'])
  })

  test('wipes the keys that messages to it were sealed to, and leaves no place for others', async () => {
    const { home } = await decommissioned()
    const directory = join(home, 'encryption-keys')
    mkdirSync(directory, { mode: 0o700 })
    const links = ['0000000001-1767225600000.pem', '.0000000002-0.pem.0123456789abcdef.tmp'].map(name => {
      createKeyFile(join(directory, name), 'Ed25519')
      const link = fresh('same.pem')
      linkSync(join(directory, name), link)
      return link
    })
    await retire({ home, now })
    for (const link of links) expect(readFileSync(link).every(byte => byte === 0)).toBe(true)
    expect(readdirSync(home)).not.toContain('encryption-keys')
  })

  test('wipes its key also where the platform cannot be told, and tells it later', async () => {
    const { platform, home, told } = await decommissioned()
    const answer = platform.instead
    for (const [instead, code] of [
      ['hang up', 'unreachable'],
      [{ status: 429, body: { code: 'slow-down', message: 'x' } }, 'slow-down'],
    ] as const) {
      platform.instead = (call, socket, body) => (call === lastWord ? instead : answer(call, socket, body))
      await expect(retire({ home, now })).rejects.toMatchObject({
        code,
        hint: 'the key and the certificate are wiped; run it again to tell the platform so',
      })
      expect([homeState(home), readdirSync(home).includes('key.pem')]).toEqual(['retired', false])
    }
    platform.instead = answer
    platform.seen.length = 0
    const { confirmed, confirmation } = await retire({ home, now })
    expect(platform.seen).toEqual([lastWord])
    expect([told, confirmed === null]).toEqual([[base64url(confirmation)], false])
  })

  test('says in every command that it is retired, and takes no other identity', async () => {
    const { platform, home } = await decommissioned()
    await retire({ home, now })
    const kept = filesOf(home)
    for (const run of [
      () => whoami({ home, now }),
      () => renew({ home, now }),
      () => enroll({ token: platform.token(), home, now }),
    ]) {
      await expect(run()).rejects.toMatchObject({ code: 'home-retired' })
    }
    expect(filesOf(home)).toEqual(kept)
    const other = fresh('home')
    await enroll({ token: platform.token(), home: other, now })
    expect(homeState(other)).toBe('enrolled')
  })

  test('keeps a key that its notice is not about', async () => {
    const { home } = await decommissioned()
    await retire({ home, now })
    createKeyFile(join(home, 'key.pem'), 'Ed25519')
    await expect(retire({ home, now })).rejects.toThrow('another key than retired.json is about')
    openKeyFile(join(home, 'key.pem'))
  })

  test('without a home is refused', async () => {
    await expect(retire({ home: fresh('home'), now })).rejects.toMatchObject({ code: 'home-missing' })
  })
})

type Bend = (answer: Answer) => void
const notice =
  (change: Partial<Answer['notice']>): Bend =>
  answer =>
    Object.assign(answer.notice, change)
const field =
  (change: object): Bend =>
  answer => {
    answer.statement = (said, key) =>
      signStatement(key, 'decommission-notice', cborMap({ v: 1, ...said, spki: readHex(said.spki), ...change }))
  }

const ignored: readonly (readonly [string, string, Bend])[] = [
  ["by a fleet CA's key", 'not the people CA', answer => (answer.issuer = ours.acme)],
  ["by the server CA's key", 'not the people CA', answer => (answer.issuer = ours.server)],
  ['by the people CA of another root', 'issuer key id', answer => (answer.issuer = others.people)],
  ['by a people CA that signed itself', 'issuer name', answer => (answer.issuer = selfSigned)],
  [
    'by the name of the people CA and another key',
    'signature',
    answer => (answer.issuer = { ...ours.people, issuer: { ...ours.people.issuer, key: others.people.issuer.key } }),
  ],
  [
    'by an operator',
    'not the notice key',
    answer => (answer.name = { fleet: 'platform', role: 'operator', name: 'ann' }),
  ],
  ['by the server', 'purpose', answer => (answer.name = { fleet: 'platform', role: 'server', name: '' })],
  [
    'by a notice key with a host name',
    'not the notice key',
    answer => (answer.leaf = { dnsNames: [`platform.${domain}`] }),
  ],
  [
    'by a notice key whose certificate has ended',
    'outside its validity',
    answer => (answer.leaf = { notBefore: Date.now() - 2 * day, notAfter: Date.now() - day }),
  ],
  ['by another key than its certificate', 'kind, algorithm or key', answer => (answer.signer = others.acme.issuer.key)],
  [
    'with a chain of three',
    'not a certificate and its CA',
    answer => (answer.chain = (...all) => pemOf(...all, ours.root.der)),
  ],
  ['without its CA', 'not a certificate and its CA', answer => (answer.chain = leaf => pemOf(leaf))],
  ['with no PEM for a chain', 'no such label', answer => (answer.chain = () => 'chain')],
  ['to another device', 'about another identity', notice({ identity: 'acme/device/device-105' })],
  [
    'to the same name in another fleet',
    'about another identity',
    notice({ identity: 'beta/device/device-104', ledger: 'beta' }),
  ],
  ['to another role of its name', 'about another identity', notice({ identity: 'acme/station/device-104' })],
  ['about another key', 'about another key', notice({ spki: '00'.repeat(32) })],
  ['of another domain', 'of another platform', notice({ domain: 'other.test' })],
  ['with another nonce', 'in answer to another question', notice({ nonce: new Uint8Array(32) })],
  ['issued before its key was certified', 'issued outside the certificate', notice({ issued: Date.now() - 10 * day })],
  ['with an unknown field', 'notice', field({ wipe: 'everything' })],
  ['of another version', 'notice', field({ v: 2 })],
  ['without a nonce', 'notice', field({ nonce: undefined })],
  [
    'that is a confirmation',
    'kind, algorithm or key',
    answer => {
      answer.statement = ({ domain, identity, spki }, key) =>
        signDecommissionConfirmation(key, { domain, identity, spki: key.publicKey.id, notice: spki, at: Date.now() })
    },
  ],
  ['that is no statement', 'truncated', answer => (answer.statement = async () => new Uint8Array())],
]

describe('a notice is ignored', () => {
  test.each(ignored)('%s', async (_, detail, bend) => {
    const { platform, home } = await scene((asked, keyId) => answerTo(ours, keyId, asked, bend))
    const before = filesOf(home)
    await expect(retire({ home, now })).rejects.toMatchObject({ code: 'notice-refused', detail })
    expect(filesOf(home)).toEqual(before)
    expect(platform.seen).toHaveLength(1)
  })

  test('that was the answer to an earlier question', async () => {
    let kept: Instead
    const { home } = await scene(async (asked, keyId) => {
      if (kept) return kept
      kept = await answerTo(ours, keyId, asked)
      return 'hang up'
    })
    const before = filesOf(home)
    await expect(retire({ home, now })).rejects.toMatchObject({ code: 'unreachable' })
    const why = { code: 'notice-refused', detail: 'in answer to another question' }
    await expect(retire({ home, now })).rejects.toMatchObject(why)
    expect(filesOf(home)).toEqual(before)
  })

  test.each<[string, object]>([
    ['no notice', { chain: 'x' }],
    ['no chain', { notice: 'x' }],
    ['a notice that is no text', { notice: 1, chain: 'x' }],
    ['a notice that is not base64url', { notice: '=', chain: 'x' }],
    ['nothing', {}],
  ])('where there is %s', async (_, part) => {
    const { home } = await scene(() => ({ status: 410, body: { code: 'decommissioned', message: 'x', ...part } }))
    const before = filesOf(home)
    await expect(retire({ home, now })).rejects.toMatchObject({ code: 'notice-refused' })
    expect(filesOf(home)).toEqual(before)
  })

  test.each([
    [403, 'revoked', 'revoked'],
    [403, 'key-superseded', 'key-superseded'],
    [409, 'not-decommissioned', 'not-decommissioned'],
    [200, 'decommissioned', 'notice-refused'],
  ])('that comes with %i and %s', async (status, code, expected) => {
    const { home } = await scene(async (asked, keyId) => {
      const { body } = await answerTo(ours, keyId, asked)
      return { status, body: { ...(body as object), code } }
    })
    const before = filesOf(home)
    await expect(retire({ home, now })).rejects.toMatchObject({ code: expected })
    expect(filesOf(home)).toEqual(before)
  })

  test('that a server brings which does not prove that it is the platform', async () => {
    const { platform, home } = await decommissioned()
    const facts = JSON.parse(readFileSync(join(home, 'home.json'), 'utf8'))
    const asked: string[] = []
    const hostile = [
      await makeServed(others.server),
      await makeServed(ours.server, { name: { fleet: 'platform', role: 'operator', name: 'ann' } }),
      await makeServed(ours.acme),
    ]
    for (const served of hostile) {
      const server = createServer({ ...served, requestCert: true, rejectUnauthorized: false }, (request, response) => {
        asked.push(String(request.url))
        response.end()
      })
      const { url } = await listen(server)
      writeFileSync(join(home, 'home.json'), JSON.stringify({ ...facts, url }))
      const before = filesOf(home)
      await expect(retire({ home, now })).rejects.toMatchObject({ code: 'server-not-proven' })
      expect(filesOf(home)).toEqual(before)
    }
    expect([asked, platform.seen]).toEqual([[], []])
  })

  test('of another platform that it leads to', async () => {
    // Under the same root and for the same path, with another domain.
    const platform = await TestPlatform.start(ours)
    const home = fresh('home')
    await enroll({ token: platform.token(), home, now })
    const key = openKeyFile(join(home, 'key.pem')).publicKey
    const served = await makeServed(ours.server, { domain: 'other.test' })
    const server = createServer(
      { ...served, ca: pemOf(ours.root.der), requestCert: true, rejectUnauthorized: false },
      async (request, response) => {
        const chunks: Buffer[] = []
        for await (const chunk of request) chunks.push(chunk)
        const answer = await answerTo(ours, key.id, JSON.parse(Buffer.concat(chunks).toString()))
        response.writeHead(410, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body))
      },
    )
    const { url } = await listen(server)
    const facts = JSON.parse(readFileSync(join(home, 'home.json'), 'utf8'))
    writeFileSync(join(home, 'home.json'), JSON.stringify({ ...facts, url }))
    await expect(retire({ home, now })).rejects.toMatchObject({ code: 'notice-refused', detail: 'by another platform' })
    expect(homeState(home)).toBe('enrolled')
  })
})

test('a clock that is days off still believes the nonce', async () => {
  const { home } = await scene((asked, keyId) => answerTo(ours, keyId, asked))
  await retire({ home, now: () => Date.now() + 3 * day })
  expect(homeState(home)).toBe('retired')
})
