import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { base64 } from '@mintmark/core/bytes'
import { beforeAll, describe, expect, test } from 'vitest'
import { enroll } from '../src/enroll.ts'
import { homeState, readHome } from '../src/home.ts'
import { fresh, listen } from './listening.ts'
import { type Authority, domain, makeAuthority, makeKey, makePki, makeServed, type Pki, pemOf } from './pki.ts'
import { type Parts, type Receipts, type Reply, TestPlatform } from './platform.ts'

const now = () => Date.now()

let ours: Pki
let others: Pki
let looseCa: Authority

beforeAll(async () => {
  ours = await makePki()
  others = await makePki()
  looseCa = await makeAuthority(ours.root, 'people', undefined)
})

const read = (home: string, name: string) => readFileSync(join(home, name), 'utf8')

describe('an enrollment', () => {
  test('makes a home that only its owner can read, with all that it takes to prove who lives there', async () => {
    const platform = await TestPlatform.start(ours)
    const home = fresh('home')
    const enrolled = await enroll({ token: platform.token(), name: 'device-104', home, now })
    expect(enrolled).toMatchObject({
      identity: `spiffe://acme.${domain}/device/device-104`,
      did: expect.stringMatching(/^did:key:z6Mk/),
      url: platform.url,
      fleet: 'acme',
      name: 'device-104',
      role: 'device',
      tier: 'software',
      certificate: join(home, 'cert.pem'),
    })
    expect(readdirSync(home).sort()).toEqual([
      'anchor.pem',
      'cert.pem',
      'charter.cbor',
      'home.json',
      'key.pem',
      'receipt.json',
    ])
    expect(statSync(home).mode & 0o777).toBe(0o700)
    expect(statSync(join(home, 'key.pem')).mode & 0o777).toBe(0o600)
    expect(platform.seen).toEqual(['GET /trust/root.pem', 'POST /v1/enroll token'])
    expect(readHome(home)).toMatchObject({ identity: enrolled.identity, did: enrolled.did, url: platform.url })
  })

  test('gives files that OpenSSL verifies', async () => {
    const platform = await TestPlatform.start(ours)
    const home = fresh('home')
    await enroll({ token: platform.token(), home, now })
    const path = (name: string) => join(home, name)
    const chain = ['-untrusted', path('cert.pem'), path('cert.pem')]
    const verified = execFileSync('openssl', ['verify', '-x509_strict', '-CAfile', path('anchor.pem'), ...chain])
    expect(verified.toString()).toContain('OK')
    const [ofCertificate, ofKey] = [
      execFileSync('openssl', ['x509', '-in', path('cert.pem'), '-noout', '-pubkey']),
      execFileSync('openssl', ['pkey', '-in', path('key.pem'), '-pubout']),
    ]
    expect(ofCertificate.toString()).toBe(ofKey.toString())
  })

  test('asks with a P-256 key where that is wanted', async () => {
    const platform = await TestPlatform.start(ours)
    const { did } = await enroll({ token: platform.token(), home: fresh('home'), algorithm: 'P-256', now })
    expect(did).toMatch(/^did:key:zDn/)
  })

  test('takes the name that the platform chose where none was asked for', async () => {
    const platform = await TestPlatform.start(ours)
    platform.name = { fleet: 'acme', role: 'station', name: 'd-abc' }
    const enrolled = await enroll({ token: platform.token(), home: fresh('home'), now })
    expect(enrolled).toMatchObject({ name: 'd-abc', role: 'station' })
  })

  test('of an operator has no charter, and a certificate of the people CA', async () => {
    const platform = await TestPlatform.start(ours)
    platform.name = { fleet: 'platform', role: 'operator', name: 'ann' }
    platform.bend = parts => Object.assign(parts, { issuer: ours.people, charter: null })
    const home = fresh('home')
    const { identity } = await enroll({ token: platform.token(), home, now })
    expect(identity).toBe(`spiffe://platform.${domain}/operator/ann`)
    expect(readHome(home).charter).toBeUndefined()
    expect(JSON.parse(read(home, 'receipt.json'))).toMatchObject({ index: 4 })
  })
})

describe('an enrollment that is run again', () => {
  test('after a lost reply has the same key and gets the same certificate', async () => {
    const platform = await TestPlatform.start(ours)
    const [home, token] = [fresh('home'), platform.token()]
    platform.instead = call => (call === 'POST /v1/enroll' ? 'hang up' : undefined)
    await expect(enroll({ token, home, now })).rejects.toMatchObject({ code: 'unreachable' })
    expect(homeState(home)).toBe('key-only')
    const key = read(home, 'key.pem')
    platform.instead = () => undefined
    await enroll({ token, home, now })
    expect(read(home, 'key.pem')).toBe(key)
    expect(platform.seen.filter(call => call.startsWith('POST'))).toHaveLength(2)
  })

  test('after it was done is refused before anything is sent', async () => {
    const platform = await TestPlatform.start(ours)
    const [home, token] = [fresh('home'), platform.token()]
    await enroll({ token, home, now })
    platform.seen.length = 0
    await expect(enroll({ token, home, now })).rejects.toMatchObject({ code: 'home-exists' })
    expect(platform.seen).toEqual([])
  })

  test('with another kind of key than it began with is refused, and the token is not sent', async () => {
    const platform = await TestPlatform.start(ours)
    const [home, token] = [fresh('home'), platform.token()]
    platform.instead = call => (call === 'POST /v1/enroll' ? 'hang up' : undefined)
    await expect(enroll({ token, home, now })).rejects.toMatchObject({ code: 'unreachable' })
    platform.seen.length = 0
    const again = enroll({ token, home, algorithm: 'P-256', now })
    await expect(again).rejects.toMatchObject({ code: 'home-exists', hint: expect.stringContaining('Ed25519') })
    expect(platform.seen).toEqual(['GET /trust/root.pem'])
  })

  test('after a power cut before the certificate was written is completed', async () => {
    const platform = await TestPlatform.start(ours)
    const [home, token] = [fresh('home'), platform.token()]
    await enroll({ token, home, now })
    const certificate = read(home, 'cert.pem')
    execFileSync('rm', [join(home, 'cert.pem')])
    writeFileSync(join(home, 'home.json'), 'half')
    await enroll({ token, home, now })
    expect(read(home, 'cert.pem')).toBe(certificate)
  })
})

describe('the token is kept from', () => {
  test('a server with another root than the token names', async () => {
    const platform = await TestPlatform.start(ours)
    const [home, token] = [fresh('home'), platform.token({ anchor: others.root.der })]
    await expect(enroll({ token, home, now })).rejects.toMatchObject({ code: 'anchor-mismatch' })
    expect(platform.seen).toEqual(['GET /trust/root.pem'])
    expect(homeState(home)).toBe('empty')
  })

  test('a server that shows the right root and cannot prove itself under it', async () => {
    const seen: string[] = []
    const server = createServer(await makeServed(others.server), (request, response) => {
      seen.push(`${request.url} ${request.headers.authorization}`)
      response.end(pemOf(ours.root.der))
    })
    const { url } = await listen(server)
    const platform = await TestPlatform.start(ours)
    const enrollment = enroll({ token: platform.token({ url }), home: fresh('home'), now })
    await expect(enrollment).rejects.toMatchObject({ code: 'server-not-proven' })
    expect(seen).toEqual(['/trust/root.pem undefined'])
  })

  test.each([
    ['a page', { status: 200, body: {} }],
    ['a refusal', { status: 403, body: { code: 'token-spent', message: 'no', hint: 'send it elsewhere' } }],
    ['a private key', { status: 200, body: makeKey().pem }],
  ])('a server whose root is %s, and its words are not handed on', async (_, answer) => {
    const platform = await TestPlatform.start(ours)
    platform.instead = call => (call === 'GET /trust/root.pem' ? answer : undefined)
    const error = await enroll({ token: platform.token(), home: fresh('home'), now }).catch(error => error)
    expect(error).toMatchObject({ code: 'server-not-proven', hint: undefined })
    expect(platform.seen).toEqual(['GET /trust/root.pem'])
  })
})

type Lie = readonly [what: string, why: string, tell: (parts: Parts) => unknown]

const lies: readonly Lie[] = [
  [
    'a certificate for another key',
    'for another key',
    parts => Object.assign(parts, { publicKey: makeKey('Ed25519').publicKey }),
  ],
  [
    'another name than was asked for',
    'not the name asked for',
    parts => Object.assign(parts.name, { name: 'device-105' }),
  ],
  [
    'another fleet than its CA is for',
    'a name outside the constraints of its CA',
    parts => Object.assign(parts.name, { fleet: 'globex' }),
  ],
  ["another fleet's CA", 'a charter of another CA', parts => Object.assign(parts, { issuer: ours.globex })],
  [
    "another fleet's CA and name, with the charter of ours",
    'a charter of another CA',
    parts => Object.assign(parts, { issuer: ours.globex, name: { ...parts.name, fleet: 'globex' } }),
  ],
  [
    "another fleet's CA, with a charter for it",
    'a name outside the constraints of its CA',
    parts => Object.assign(parts, { issuer: ours.globex, charter: { ...parts.charter!, authority: ours.globex } }),
  ],
  ['the people CA', 'a charter of another CA', parts => Object.assign(parts, { issuer: ours.people })],
  [
    'the people CA and no charter',
    'a name outside the constraints of its CA',
    parts => Object.assign(parts, { issuer: ours.people, charter: null }),
  ],
  [
    'a people CA that is held to nothing, and no charter',
    'issuer of another fleet',
    parts => Object.assign(parts, { issuer: looseCa, charter: null }),
  ],
  ['no charter', 'issuer of another fleet', parts => Object.assign(parts, { charter: null })],
  [
    'a CA of another root',
    'issuer key id',
    parts => Object.assign(parts, { issuer: others.acme, charter: { ...parts.charter!, authority: others.acme } }),
  ],
  ['another root', 'another root', parts => Object.assign(parts, { anchor: others.root.der })],
  [
    'a charter by another root',
    'kind, algorithm or key',
    parts => Object.assign(parts.charter!, { signer: others.root }),
  ],
  ['a charter by its own CA', 'kind, algorithm or key', parts => Object.assign(parts.charter!, { signer: ours.acme })],
  [
    'a charter of another CA',
    'a charter of another CA',
    parts => Object.assign(parts.charter!, { authority: ours.globex }),
  ],
  [
    'a charter of another fleet',
    'issuer of another fleet',
    parts => Object.assign(parts.charter!, { fleet: 'globex' }),
  ],
  [
    'a charter of another domain',
    'a charter of another platform',
    parts => Object.assign(parts.charter!, { domain: 'example.org' }),
  ],
  [
    'the name of the platform itself',
    'not for clients',
    parts =>
      Object.assign(parts, {
        name: { fleet: 'platform', role: 'server', name: '' },
        issuer: ours.server,
        charter: null,
      }),
  ],
  [
    'a receipt by another ledger key',
    'not one signature by this key',
    parts => Object.assign(parts.ledger, { key: makeKey('Ed25519') }),
  ],
  [
    'a receipt of another ledger',
    'a receipt of another ledger',
    parts => Object.assign(parts.ledger, { origin: `globex.${domain}/ledger` }),
  ],
]

type Rewrite = readonly [what: string, why: string, tell: (reply: Reply, receipts: Receipts) => unknown]

const hash = base64(new Uint8Array(32).fill(7))
const edited = (entry: string, from: string, to: string) =>
  Buffer.from(Buffer.from(entry, 'base64').toString('latin1').replace(from, to), 'latin1').toString('base64')
const did = 'did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH'
const rewrites: readonly Rewrite[] = [
  [
    'a receipt with a broken proof',
    'another root',
    ({ receipt }) => Object.assign(receipt.proof as string[], { 0: hash }),
  ],
  ['a receipt with half a proof', 'too short', ({ receipt }) => (receipt.proof as string[]).pop()],
  [
    "a receipt of another device's entry",
    'an entry about another identity',
    (reply, receipts) => Object.assign(reply, { receipt: receipts['other device'] }),
  ],
  [
    'a receipt of an entry that gives its certificate to another name',
    'an entry about another identity',
    (reply, receipts) => Object.assign(reply, { receipt: receipts['other identity'] }),
  ],
  [
    'a receipt of an older certificate of the same name and key',
    'an entry about another certificate',
    (reply, receipts) => Object.assign(reply, { receipt: receipts['older certificate'] }),
  ],
  [
    'a receipt of a renewal with the same certificate',
    'an entry of another kind',
    (reply, receipts) => Object.assign(reply, { receipt: receipts['other kind'] }),
  ],
  [
    'a receipt of its own revocation',
    'an entry of another kind',
    (reply, receipts) => Object.assign(reply, { receipt: receipts.revocation }),
  ],
  [
    'a receipt of an entry that says it is of another ledger',
    'an entry for another ledger',
    (reply, receipts) => Object.assign(reply, { receipt: receipts['other ledger'] }),
  ],
  [
    'a receipt of an entry that is no change',
    'bytes left over',
    (reply, receipts) => Object.assign(reply, { receipt: receipts['no change'] }),
  ],
  [
    "another entry's receipt with its own entry in it",
    'another root',
    ({ receipt }, { own, ...receipts }) => Object.assign(receipt, { ...receipts['other device'], entry: own.entry }),
  ],
  [
    'an entry that was edited',
    'another root',
    ({ receipt }) => Object.assign(receipt, { entry: edited(receipt.entry as string, 'software', 'hardware') }),
  ],
  ['a receipt without its entry', 'not bytes', ({ receipt }) => Object.assign(receipt, { entry: undefined })],
  ['a receipt at another index', 'another root', ({ receipt }) => Object.assign(receipt, { index: 5 })],
  ['a receipt beyond the end', 'index', ({ receipt }) => Object.assign(receipt, { index: 8 })],
  ['a receipt whose proof is no hash', 'not bytes', ({ receipt }) => Object.assign(receipt, { proof: [1] })],
  [
    'a checkpoint that was changed',
    'signature',
    ({ receipt }) => Object.assign(receipt, { checkpoint: (receipt.checkpoint as string).replace('\n8\n', '\n9\n') }),
  ],
  ['no receipt', 'not a receipt', reply => Object.assign(reply, { receipt: null })],
  ['no certificate', 'certificate', reply => Object.assign(reply, { certificate: undefined })],
  [
    'two certificates in one',
    '2 blocks',
    reply => Object.assign(reply, { certificate: `${reply.certificate}${reply.chain}` }),
  ],
  ['a private key', 'private-key-sent', reply => Object.assign(reply, { certificate: makeKey().pem })],
  ['another DID', 'not the DID of this key', reply => Object.assign(reply, { did })],
  [
    'another identity beside the certificate',
    'not the one certified',
    reply => Object.assign(reply, { identity: `spiffe://acme.${domain}/device/x` }),
  ],
  ['a tier that does not exist', 'a key tier is one of', reply => Object.assign(reply, { tier: 'diamond' })],
  ['a charter that is not base64url', 'base64 alphabet', reply => Object.assign(reply, { charter: '++' })],
]

describe('a platform that answers with', () => {
  const refusedWith = async (why: string, change: (platform: TestPlatform) => void) => {
    const platform = await TestPlatform.start(ours)
    const request = { token: platform.token(), name: 'device-104', home: fresh('home'), now }
    change(platform)
    const detail = expect.stringContaining(why)
    await expect(enroll(request)).rejects.toMatchObject({ code: 'reply-refused', detail })
    // Nothing is kept but the key, and the same home enrolls once the platform is honest.
    expect(readdirSync(request.home)).toEqual(['key.pem'])
    const key = read(request.home, 'key.pem')
    platform.bend = () => undefined
    platform.rewrite = () => undefined
    platform.forget()
    await enroll(request)
    expect(read(request.home, 'key.pem')).toBe(key)
    expect(homeState(request.home)).toBe('enrolled')
  }

  test.each(lies)('%s is not believed: %s', async (_, why, tell) => {
    await refusedWith(why, platform => {
      platform.bend = tell
    })
  })

  test.each(rewrites)('%s is not believed: %s', async (_, why, tell) => {
    await refusedWith(why, platform => {
      platform.rewrite = tell
    })
  })

  test('a refusal is quoted, and nothing is kept but the key', async () => {
    const platform = await TestPlatform.start(ours)
    platform.instead = call =>
      call === 'POST /v1/enroll' ? { status: 403, body: { code: 'token-spent', message: 'x' } } : undefined
    const home = fresh('home')
    await expect(enroll({ token: platform.token(), home, now })).rejects.toMatchObject({ code: 'token-spent' })
    expect(readdirSync(home)).toEqual(['key.pem'])
  })
})

test.each([
  ['bad-token', { token: 'mmt1_AAAA' }],
  ['bad-token', { token: '' }],
  ['bad-name', { name: 'Device 104' }],
])('refuses %s before it looks at the network or the home', async (code, wrong) => {
  const platform = await TestPlatform.start(ours)
  const home = fresh('home')
  await expect(enroll({ token: platform.token(), home, now, ...wrong })).rejects.toMatchObject({ code })
  expect(platform.seen).toEqual([])
  expect(homeState(home)).toBe('empty')
})
