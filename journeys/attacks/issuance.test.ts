import { generateKeyPairSync } from 'node:crypto'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pem, readPem } from '@mintmark/core/bytes'
import type { Code } from '@mintmark/core/errors'
import { readCertificate } from '@mintmark/core/signed'
import { openKeyFile } from '@mintmark/elements'
import { dataFiles } from '@mintmark/server'
import {
  openTls,
  type Reply,
  startTestPlatform,
  type TestDevice,
  type TestKey,
  type TestPlatform,
  type TlsClient,
} from '@mintmark/testing'
import * as forging from '@mintmark/testing/forge'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bytesUnder } from './kept.ts'
import { anonymously, refusal, refused, refusedToken } from './refusals.ts'

const { bits, der, extension, forge, forgeRequest, generalName, ids, integer, oid, sequence } = forging
const day = 86_400_000

let platform: TestPlatform
let device: TestDevice
/** One that never runs out, so that only a refusal can keep it whole. */
let token: Awaited<ReturnType<TestPlatform['makeToken']>>
let made: TestKey
/** All that was logged. */
const lines: string[] = []

beforeAll(async () => {
  platform = await startTestPlatform({ log: pino({ level: 'trace' }, { write: line => lines.push(line) }) })
  await platform.makeFleet('acme')
  device = await platform.enrollDevice('acme', 'device-104')
  token = await platform.makeToken('acme', { uses: 1_000 })
  made = await platform.makeKey()
})
afterAll(() => platform.stop())

const asJson = (csr: Uint8Array, name?: string): Promise<Reply> => platform.enroll(token.text, csr, name)

const asPkcs10 = (body: Uint8Array | string, query = ''): Promise<Reply> =>
  platform.call('POST', `/v1/enroll${query}`, {
    headers: { authorization: `Bearer ${token.text}`, 'content-type': 'application/pkcs10' },
    body,
  })

/** Refused in every form it can be sent in; the ledger has that and nothing else. */
async function expectRefused(csr: Uint8Array, code: Code): Promise<void> {
  const before = await platform.snapshot()
  expect(refusal(await asJson(csr))).toEqual(refused(code))
  expect(refusal(await asPkcs10(csr))).toEqual(refused(code))
  expect(refusal(await asPkcs10(pem('CERTIFICATE REQUEST', csr)))).toEqual(refused(code))
  expect(await platform.since(before)).toEqual([refusedToken('acme', token.idText, code, 3)])
}

async function expectNameRefused(name: string, code: Code = 'bad-name'): Promise<void> {
  const before = await platform.snapshot()
  expect(refusal(await asJson(made.csr, name)), JSON.stringify(name)).toEqual(refused(code))
  expect(refusal(await asPkcs10(made.csr, `?name=${encodeURIComponent(name)}`)), JSON.stringify(name)).toEqual(
    refused(code),
  )
  expect(await platform.since(before)).toEqual([refusedToken('acme', token.idText, code, 2)])
}

const spkiOf = (publicKey: { export(options: { type: 'spki'; format: 'der' }): Buffer }): Buffer =>
  publicKey.export({ type: 'spki', format: 'der' })

describe('proof of possession', () => {
  test('B18 a request that its key did not sign is refused', async () => {
    const broken = Buffer.from(made.csr)
    broken[broken.length - 5]! ^= 1
    await expectRefused(broken, 'csr-signature')
    const other = await platform.makeKey()
    await expectRefused(await forgeRequest(other.key, { spki: made.key.publicKey.spki }), 'csr-signature')
    await expectRefused(await forgeRequest(made.key, { signature: new Uint8Array(64) }), 'csr-signature')
    // Signed by the right key, but something else.
    await expectRefused(await forgeRequest(made.key, { signature: await made.key.sign(made.csr) }), 'csr-signature')
  })

  test('B18 a request of another is of no use without its key', async () => {
    // It proves possession by its device, so it is that device's certificate that comes back, to the device's own token.
    await expectRefused(device.csr, 'key-in-use')
  })
})

describe('what a request asks for', () => {
  const wishes: [string, Uint8Array][] = [
    ['a URI of another device', names(generalName(6, 'spiffe://acme.example.test/device/device-105'))],
    ['a URI of another fleet', names(generalName(6, 'spiffe://bolt.example.test/device/device-104'))],
    ['a URI of an operator', names(generalName(6, 'spiffe://platform.example.test/operator/local'))],
    ['a DNS name', names(generalName(2, 'localhost'))],
    ['an address', names(generalName(7, Buffer.of(127, 0, 0, 1)))],
    ['a mail address', names(generalName(1, 'root@example.test'))],
    ['another kind of name', names(der(0xa0, oid('1.3.6.1.4.1.311.20.2.3'), der(0xa0, forging.utf8String('root'))))],
    ['a directory name', names(generalName(4, forging.commonName('root')))],
  ]
  test.each(wishes)('B19 %s in a request is refused', async (_, wish) => {
    await expectRefused(await forgeRequest(made.key, { extensions: [wish] }), 'csr-name')
  })

  test.each<[string, Uint8Array]>([
    ['to be a CA', extension(ids.basicConstraints, forging.isAuthority, true)],
    ['to sign certificates', extension(ids.keyUsage, forging.signsCertificates, true)],
    ['to sign code', extension(ids.extendedKeyUsage, sequence(oid(forging.purposes.codeSigning)))],
    ['to be a server', extension(ids.extendedKeyUsage, sequence(oid(forging.purposes.serverAuth)))],
    [
      'name constraints',
      extension(ids.nameConstraints, sequence(der(0xa0, sequence(generalName(2, 'example.test')))), true),
    ],
    ['an unknown extension', extension('1.2.3.4', forging.octets(Buffer.of(1)))],
  ])('B20 a request that asks %s is refused', async (_, wish) => {
    await expectRefused(await forgeRequest(made.key, { extensions: [wish] }), 'csr-name')
  })

  test('B20 any other attribute is refused too', async () => {
    const password = sequence(oid('1.2.840.113549.1.9.7'), forging.set(forging.utf8String('secret')))
    await expectRefused(await forgeRequest(made.key, { attributes: password }), 'csr-name')
    await expectRefused(await forgeRequest(made.key, { attributes: Buffer.of(5, 0) }), 'csr-name')
  })

  test('B19 B20 B26 the certificate is made of the token and the registry, whatever the subject says', async () => {
    const { key } = await platform.makeKey('P-256')
    const subject = sequence(
      forging.set(
        sequence(oid('2.5.4.3'), forging.utf8String('device-104\nCN=admin')),
        sequence(oid('2.5.4.10'), forging.utf8String('spiffe://platform.example.test/operator/local')),
      ),
      forging.set(sequence(oid('2.5.4.3'), forging.utf8String('acme/device/device-104'))),
    )
    const at = platform.clock.now()
    const { status, body } = await asJson(await forgeRequest(key, { subject }), 'plain')
    expect(status).toBe(201)
    expect(body.identity).toBe('spiffe://acme.example.test/device/plain')
    const issued = readCertificate(readPem('CERTIFICATE', String(body.certificate)))
    expect(issued).toMatchObject({
      authority: false,
      keyUsages: new Set([0]),
      purposes: [forging.purposes.clientAuth],
      nameConstraints: undefined,
      altNames: { critical: true, uris: [body.identity], dnsNames: [], addresses: [] },
    })
    expect(Buffer.from(issued.subject)).toEqual(sequence())
    expect(issued.publicKey.equals(key.publicKey)).toBe(true)
    expect(issued.notAfter - at).toBeLessThanOrEqual(30 * day)
    expect(at - issued.notBefore).toBeLessThanOrEqual(300_000 + 5_000)
  })
})

describe('names in certificates that a stolen CA key signed', () => {
  async function expectNobody(parts: Partial<forging.Forgery>): Promise<void> {
    const { spki } = device.key.publicKey
    const uris = ['spiffe://acme.example.test/device/device-104']
    const leaf = await forge(await platform.fleetAuthority('acme'), { spki, uris, ...parts }, platform.clock.now())
    await expectRefusedClient({ cert: pem('CERTIFICATE', leaf), key: device.pem })
  }

  async function expectRefusedClient(as: TlsClient): Promise<void> {
    const before = await platform.snapshot()
    expect(refusal(await platform.call('GET', '/v1/me', { as }))).toEqual(refused('certificate-refused'))
    expect(await platform.since(before)).toEqual([anonymously('certificate-refused', 'GET /v1/me')])
  }

  const good = 'spiffe://acme.example.test/device/device-104'
  test.each<[string, string]>([
    ['NUL', `${good}\0`],
    ['NUL inside', 'spiffe://acme.example.test/device/device-104\0.evil'],
    ['CR LF', `${good}\r\n`],
    ['a comma and another URI', `${good}, URI:${good}`],
    ['quotes', `"${good}"`],
    ['a backslash', 'spiffe://acme.example.test\\device\\device-104'],
    ['a space', `${good} `],
    ['dot segments', 'spiffe://acme.example.test/device/../device/device-104'],
    ['encoded dot segments', 'spiffe://acme.example.test/device/%2e%2e/device-104'],
    ['an encoded letter', 'spiffe://acme.example.test/device/device%2d104'],
    ['two slashes', 'spiffe://acme.example.test//device/device-104'],
    ['a query', `${good}?x`],
    ['a fragment', `${good}#x`],
    ['user information', 'spiffe://root@acme.example.test/device/device-104'],
    ['a port', 'spiffe://acme.example.test:443/device/device-104'],
    ['a scheme in capitals', 'SPIFFE://acme.example.test/device/device-104'],
    ['a host in capitals', 'spiffe://ACME.example.test/device/device-104'],
    ['another scheme', 'https://acme.example.test/device/device-104'],
    ['a slash at the end', `${good}/`],
    ['a dot after the host', 'spiffe://acme.example.test./device/device-104'],
    ['a name in capitals', 'spiffe://acme.example.test/device/Device-104'],
    ['a longer host', 'spiffe://x.acme.example.test/device/device-104'],
    ['a role of nobody', 'spiffe://acme.example.test/admin/device-104'],
    ['no name', 'spiffe://acme.example.test/device'],
    ['2,049 bytes', `${good}${'x'.repeat(2_049 - good.length)}`],
    ['8-bit letters', 'spiffe://acme.example.test/device/d\u00e9vice'],
  ])('B21 a URI with %s is refused', async (_, uri) => {
    await expectNobody({ uris: [uri] })
  })

  test('B21 B22 two URIs are refused, be they the same, and so is none', async () => {
    await expectNobody({ uris: [good, good] })
    await expectNobody({ uris: [good, 'spiffe://acme.example.test/device/device-105'] })
    await expectNobody({ uris: ['spiffe://platform.example.test/operator/local', good] })
    await expectNobody({ altNames: sequence(generalName(2, 'x.acme.example.test')) })
    await expectNobody({ altNames: null })
    await expectNobody({ altNames: sequence(generalName(6, good), generalName(2, 'x.acme.example.test')) })
    await expectNobody({ altNames: sequence(generalName(6, good), generalName(7, Buffer.of(127, 0, 0, 1))) })
  })

  test('B22 B26 a name elsewhere than in the one URI is none', async () => {
    await expectNobody({ altNames: null, subject: forging.commonName(good) })
    const uri = extension(ids.subjectAltName, sequence(generalName(6, good)))
    // Not critical, twice, or under the identifier of the issuer's names.
    await expectNobody({ altNames: null, extensions: [uri] })
    await expectNobody({ extensions: [extension(ids.subjectAltName, sequence(generalName(6, good)), true)] })
    await expectNobody({ altNames: null, extensions: [extension('2.5.29.18', sequence(generalName(6, good)), true)] })
  })

  test('B26 a subject does not change who it is', async () => {
    const subject = sequence(
      forging.set(
        sequence(oid('2.5.4.3'), forging.utf8String('a\nCN=admin')),
        sequence(oid('2.5.4.3'), forging.utf8String('b')),
      ),
    )
    const { spki } = device.key.publicKey
    const forger = await platform.fleetAuthority('acme')
    const leaf = await forge(forger, { spki, uris: [good], subject }, platform.clock.now())
    const { body } = await platform.call('GET', '/v1/me', { as: { cert: pem('CERTIFICATE', leaf), key: device.pem } })
    expect(body.identity).toBe(good)
  })

  test.each<[string, Partial<forging.Forgery>]>([
    ['a negative serial number', { serial: Buffer.of(0x80, 1) }],
    ['serial number 0', { serial: Buffer.of(0) }],
    ['a serial number of 21 bytes', { serial: Buffer.alloc(21, 1) }],
    ['an unknown critical extension', { extensions: [extension('1.2.3.4', forging.octets(Buffer.of(1)), true)] }],
    ['an extension twice', { extensions: [extension(ids.keyUsage, forging.signsOnly, true)] }],
    ['name constraints of its own', { extensions: [extension(ids.nameConstraints, sequence(), true)] }],
    ['a URI as a constructed string', { altNames: sequence(der(0xa6, generalName(6, good))) }],
  ])('B30 a certificate with %s is refused', async (_, parts) => {
    await expectNobody(parts)
  })

  test('B31 a certificate with one algorithm inside and another outside is refused', async () => {
    const { 'P-256': ours, Ed25519: other } = forging.signatureAlgorithms
    const sha1 = sequence(oid('1.2.840.10045.4.1'))
    const md5 = sequence(oid('1.2.840.113549.1.1.4'), Buffer.of(5, 0))
    for (const [innerAlgorithm, outerAlgorithm] of [
      [ours, other],
      [other, ours],
      [sha1, sha1],
      [md5, md5],
      [sha1, ours],
    ] as const) {
      await expectNobody({ innerAlgorithm, outerAlgorithm })
    }
  })

  test('B32 a validity that ends before it begins, or is not of its form, is refused', async () => {
    const now = platform.clock.now()
    const [past, soon] = [forging.time(now - day), forging.time(now + day)]
    await expectNobody({ notBefore: soon, notAfter: past })
    await expectNobody({ notAfter: forging.generalizedTime('99991231235959Z') })
    await expectNobody({
      notAfter: forging.generalizedTime(`${new Date(now + day).toISOString().replace(/[-:T]/g, '')}`),
    })
    await expectNobody({ notAfter: forging.generalizedTime('20350101000000Z') })
    await expectNobody({ notAfter: der(0x17, Buffer.from('350101000000+0100')) })
    await expectNobody({ notAfter: der(0x17, Buffer.from('351301000000Z')) })
    // Longer than the CA.
    await expectNobody({ notAfter: forging.time(now + 6 * 365 * day) })
  })

  test('B32 a certificate is good in the whole of its last second, and not after it', async () => {
    const end = Math.floor(platform.clock.now() / 1_000) * 1_000 + 600_000
    const { spki } = device.key.publicKey
    const parts = { spki, uris: [good], notAfter: forging.time(end) }
    const leaf = await forge(await platform.fleetAuthority('acme'), parts, platform.clock.now())
    const connection = await openTls(platform.port, { cert: pem('CERTIFICATE', leaf), key: device.pem })
    const ask = async () => (await connection.send('GET /v1/me HTTP/1.1\r\nHost: x\r\n\r\n').response())?.body.code
    platform.clock.advance(end - platform.clock.now() - 60_000)
    expect(await ask()).toBeUndefined()
    platform.clock.advance(61_001)
    expect(await ask()).toBe('certificate-expired')
    connection.close()
  })

  test.each<[string, Partial<forging.Forgery>]>([
    ['no purpose in its list of purposes', { purposes: [] }],
    ['no name in its list of names', { altNames: sequence() }],
    ['an empty value for names', { altNames: Buffer.alloc(0) }],
    [
      'empty attributes of a TPM',
      {
        altNames: sequence(
          generalName(4, sequence(forging.set(sequence(oid('2.23.133.2.1'), forging.utf8String(''))))),
        ),
      },
    ],
    ['directory attributes that are empty', { altNames: sequence(), extensions: [extension('2.5.29.9', sequence())] }],
    ['no usage in its list of usages', { keyUsage: bits(Buffer.alloc(0)) }],
    ['constraints that are no sequence', { basicConstraints: Buffer.of(5, 0) }],
    ['an empty key id of its issuer', { authorityKeyId: Buffer.alloc(0) }],
  ])('B36 a certificate with %s is refused', async (_, parts) => {
    await expectNobody(parts)
  })

  test('B37 a certificate with a megabyte of names, or a chain of ten thousand, reaches nothing', async () => {
    const { spki } = device.key.publicKey
    const forger = await platform.fleetAuthority('acme')
    const altNames = sequence(...Array(20_000).fill(generalName(6, good)))
    const large = await forge(forger, { spki, altNames }, platform.clock.now())
    const chain = pem('CERTIFICATE', device.certificate.der).repeat(10_000)
    for (const cert of [pem('CERTIFICATE', large), chain]) {
      const before = await platform.snapshot()
      const connection = await openTls(platform.port, { cert, key: device.pem })
      connection.send('GET /v1/me HTTP/1.1\r\nHost: x\r\n\r\n')
      const [reply] = await Promise.race([connection.responses(), connection.response().then(one => [one])])
      if (reply) expect(refusal(reply)).toEqual(refused('certificate-refused'))
      connection.close()
      expect((await platform.call('GET', '/healthz')).status).toBe(200)
      const facts = await platform.since(before)
      expect(facts.filter(({ kind }) => kind !== 'refused')).toEqual([])
    }
  })
})

describe('names that are asked for', () => {
  test.each([
    ['Cyrillic letters', 'd\u0435vice'],
    ['a mark that turns the direction', 'device\u202e401'],
    ['a composed letter', '\u00e9'],
    ['a decomposed letter', 'e\u0301'],
    ['full-width letters', '\uff44evice'],
    ['a zero-width joiner', 'dev\u200dice'],
    ['an emoji', 'device-\u{1f600}'],
    ['a byte order mark', '\ufeffdevice'],
    ['NUL', 'device\0'],
    ['a line end', 'device\n'],
    ['a tab', 'de\tvice'],
    ['an escape', 'device\u001b[31m'],
    ['a slash', 'a/b'],
    ['a path', '../device-104'],
    ['a dot first', '.device'],
    ['a hyphen first', '-device'],
    ['a percent sign', 'device%2e'],
    ['a space', 'de vice'],
    ['nothing', ''],
    ['markup', '<script>alert(1)</script>'],
    ['SQL', "x'; drop table registry; --"],
    ['a formula', '=cmd()'],
    ['a template', '{{7*7}}'],
  ])('B23 a name with %s is refused', async (_, name) => {
    await expectNameRefused(name)
  })

  test.each(['xn--dvice-rva', 'XN--80AK6AA92E', 'xn--'])('B23 punycode names a fleet in no case: %s', async name => {
    expect(refusal(await platform.operator('POST', '/v1/fleets', { name }))).toEqual(refused('bad-fleet'))
  })

  test.each(['Acme', 'ac.me', 'acme-', '-acme', 'platform', '', 'a'.repeat(64), 'acm\u0435', 'acme\n', '../acme'])(
    'B23 B25 a fleet is not called %j',
    async name => {
      const before = await platform.snapshot()
      expect(refusal(await platform.operator('POST', '/v1/fleets', { name }))).toEqual(refused('bad-fleet'))
      const [fact, ...more] = await platform.since(before)
      expect(fact?.body).toMatchObject({ code: 'bad-fleet' })
      expect(more).toEqual([])
    },
  )

  test('B24 two names differ in more than case', async () => {
    await expectNameRefused('Device-104')
    await expectNameRefused('DEVICE-104')
    await expectNameRefused('device-104', 'name-taken')
  })

  test('B25 a name has up to 64 characters, and the limit is on the name itself', async () => {
    await expectNameRefused('a'.repeat(65))
    await expectNameRefused('a'.repeat(256))
    const key = await platform.makeKey()
    const reply = await asJson(key.csr, 'a'.repeat(64))
    expect(reply.body.identity).toBe(`spiffe://acme.example.test/device/${'a'.repeat(64)}`)
    const before = await platform.snapshot()
    expect(refusal(await asJson(made.csr, 'a'.repeat(257)))).toEqual(refused('too-large'))
    expect(await platform.since(before)).toEqual([refusedToken('acme', token.idText, 'too-large')])
  })
})

describe('keys', () => {
  const badKeys: [string, () => Buffer][] = [
    ['RSA of 1,024 bits', () => spkiOf(generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey)],
    ['RSA of 2,048 bits', () => spkiOf(generateKeyPairSync('rsa', { modulusLength: 2_048 }).publicKey)],
    [
      'RSA with exponent 3',
      () => spkiOf(generateKeyPairSync('rsa', { modulusLength: 2_048, publicExponent: 3 }).publicKey),
    ],
    ['RSA with exponent 1 and an even modulus', () => rsa(Buffer.alloc(256, 0x7e), Buffer.of(1))],
    ['DSA', () => spkiOf(generateKeyPairSync('dsa', { modulusLength: 1_024, divisorLength: 160 }).publicKey)],
    ['P-192', () => spkiOf(generateKeyPairSync('ec', { namedCurve: 'prime192v1' }).publicKey)],
    ['P-384', () => spkiOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey)],
    ['secp256k1', () => spkiOf(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey)],
    [
      'explicit curve parameters',
      () => spkiOf(generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' }).publicKey),
    ],
    ['a point off the curve', () => p256(Buffer.concat([Buffer.of(4), Buffer.alloc(64, 1)]))],
    ['the point at infinity', () => p256(Buffer.of(0))],
    ['a compressed point', () => p256(Buffer.concat([Buffer.of(2), Buffer.alloc(32, 1)]))],
    ['coordinates above p', () => p256(Buffer.concat([Buffer.of(4), Buffer.alloc(64, 0xff)]))],
    ['X25519', () => spkiOf(generateKeyPairSync('x25519').publicKey)],
    ['Ed448', () => spkiOf(generateKeyPairSync('ed448').publicKey)],
    ['31 bytes', () => ed25519(Buffer.alloc(31, 7))],
    [
      'parameters beside Ed25519',
      () => sequence(sequence(oid('1.3.101.112'), Buffer.of(5, 0)), bits(Buffer.alloc(32, 9))),
    ],
  ]
  test.each(badKeys)('B27 a key that is %s is refused', async (_, spki) => {
    await expectRefused(await forgeRequest(made.key, { spki: spki() }), 'key-refused')
  })

  test.each([
    ['1', '0100000000000000000000000000000000000000000000000000000000000000'],
    ['1 with a sign', '0100000000000000000000000000000000000000000000000000000000000080'],
    ['0', '0000000000000000000000000000000000000000000000000000000000000000'],
    ['-1', 'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'],
    ['p', 'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'],
    ['p + 1', 'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'],
    ['of order 8', '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'],
    ['of order 8, the other', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'],
    ['off the curve', '0200000000000000000000000000000000000000000000000000000000000000'],
  ])('B28 an Ed25519 key with y = %s is refused', async (_, y) => {
    const spki = ed25519(Buffer.from(y, 'hex'))
    // The signature that verifies for any message on some runtimes: R and the key of small order, S = 0.
    const signature = Buffer.concat([Buffer.from(y, 'hex'), Buffer.alloc(32)])
    await expectRefused(await forgeRequest(made.key, { spki, signature }), 'key-refused')
  })

  test('B29 a key that another device has, or had before it was revoked, is refused', async () => {
    await expectRefused(device.csr, 'key-in-use')
    const gone = await platform.enrollDevice('acme', 'gone')
    await platform.revoke(gone)
    await expectRefused(gone.csr, 'key-in-use')
  })

  test('B29 no key of the platform itself becomes a device', async () => {
    const files = dataFiles(platform.data)
    const keys = ['fleet-ca-acme', 'people-ca', 'server-ca', 'ledger-acme', 'ledger-platform'].map(name =>
      join(files.keeper, `${name}.pem`),
    )
    for (const path of [...keys, join(files.server, 'key.pem'), join(files.operator, 'key.pem')]) {
      await expectRefused(await forgeRequest(openKeyFile(path)), 'key-in-use')
    }
  })

  test('B29 a fleet is not made with a key that a device has, and nothing of it is left', async () => {
    const early = await platform.enrollDevice('acme', 'early', 'P-256')
    const keeper = dataFiles(platform.data).keeper
    writeFileSync(join(keeper, 'fleet-ca-late.pem'), early.pem, { mode: 0o600 })
    copyFileSync(join(keeper, 'ledger-acme.pem'), join(keeper, 'ledger-late.pem'))
    const before = await platform.snapshot()
    expect(refusal(await platform.operator('POST', '/v1/fleets', { name: 'late' }))).toEqual(refused('key-in-use'))
    expect((await platform.since(before)).map(({ kind }) => kind)).toEqual(['refused'])
    expect(refusal(await platform.operator('GET', '/v1/fleets/late'))).toEqual(refused('fleet-unknown'))
  })
})

describe('bytes', () => {
  /** A request of which one part is not as DER wants it. */
  const badDer: [string, (csr: Buffer) => Uint8Array | Promise<Uint8Array>, Code][] = [
    ['nothing', () => Buffer.alloc(0), 'bad-pem'],
    [
      'an indefinite length',
      csr => Buffer.concat([Buffer.of(0x30, 0x80), csr.subarray(2), Buffer.of(0, 0)]),
      'bad-csr',
    ],
    [
      'a length that is not minimal',
      csr => Buffer.concat([Buffer.of(0x30, 0x82, 0, csr.length - 2), csr.subarray(2)]),
      'bad-csr',
    ],
    ['a length of 2^31', csr => Buffer.concat([Buffer.of(0x30, 0x84, 0x80, 0, 0, 0), csr.subarray(2)]), 'bad-csr'],
    [
      'a length of 2^24 - 1',
      csr => Buffer.concat([Buffer.of(0x30, 0x83, 0xff, 0xff, 0xff), csr.subarray(2)]),
      'bad-csr',
    ],
    ['a byte at its end', csr => Buffer.concat([csr, Buffer.of(0)]), 'bad-csr'],
    ['itself twice', csr => Buffer.concat([csr, csr]), 'bad-csr'],
    ['a byte missing', csr => csr.subarray(0, -1), 'bad-csr'],
    ['its head alone', csr => csr.subarray(0, 2), 'bad-csr'],
    ['a sequence of nothing', () => sequence(), 'bad-csr'],
    ['a version that is not minimal', () => forgeRequest(made.key, { version: integer(Buffer.of(0, 0)) }), 'bad-csr'],
    ['an empty version', () => forgeRequest(made.key, { version: integer(Buffer.alloc(0)) }), 'bad-csr'],
    ['version 1', () => forgeRequest(made.key, { version: integer(1) }), 'bad-csr'],
    ['a high tag number', () => forgeRequest(made.key, { version: Buffer.of(0x1f, 0x81, 0x01, 0) }), 'bad-csr'],
    [
      'a signature in pieces',
      () => sequence(sequence(), forging.signatureAlgorithms.Ed25519, der(0x23, bits(Buffer.alloc(64)))),
      'bad-csr',
    ],
    [
      'a key in pieces',
      () =>
        forgeRequest(made.key, { spki: sequence(sequence(oid('1.3.101.112')), der(0x23, bits(Buffer.alloc(32, 9)))) }),
      'bad-csr',
    ],
    [
      'unused bits in its key',
      () => forgeRequest(made.key, { spki: sequence(sequence(oid('1.3.101.112')), bits(Buffer.alloc(32, 8), 3)) }),
      'bad-csr',
    ],
    [
      'an algorithm without end',
      () => forgeRequest(made.key, { algorithm: sequence(der(0x06, Buffer.alloc(4, 0xff))) }),
      'bad-csr',
    ],
    ['brackets 1,000 deep', () => Buffer.from('3080'.repeat(1_000), 'hex'), 'bad-csr'],
    ['sequences 900 deep', () => deep(900), 'bad-csr'],
    ['sequences 10,000 deep', () => deep(10_000), 'too-large'],
    ['a name of 4 kB', () => forgeRequest(made.key, { subject: forging.commonName('x'.repeat(4_096)) }), 'too-large'],
  ]
  test.each(badDer)('B30 a request with %s is refused', async (_, make, code) => {
    const csr = Buffer.from(await make(Buffer.from(made.csr)))
    const before = await platform.snapshot()
    expect(refusal(await asPkcs10(csr))).toEqual(refused(code))
    const json = refusal(await platform.enroll(token.text, csr))
    // Ten thousand levels are too large as text before they are as bytes; nothing at all is no PEM block.
    expect(json).toEqual(refused(code))
    expect(await platform.since(before)).toEqual([refusedToken('acme', token.idText, code, 2)])
  })

  test('B30 a request cut off at any byte is refused', async () => {
    const codes = new Set<unknown>()
    for (let length = 1; length < made.csr.length; length += 7) {
      codes.add((await asPkcs10(made.csr.subarray(0, length))).body.code)
    }
    expect([...codes]).toEqual(['bad-csr'])
  })

  test('B31 a request under another algorithm than its key has, or under an old one, is refused', async () => {
    for (const id of [
      '1.2.840.10045.4.3.2',
      '1.2.840.10045.4.1',
      '1.2.840.113549.1.1.5',
      '1.2.840.113549.1.1.4',
      '1.3.101.113',
    ]) {
      await expectRefused(await forgeRequest(made.key, { algorithm: sequence(oid(id)) }), 'bad-csr')
    }
    const parameters = sequence(oid('1.3.101.112'), Buffer.of(5, 0))
    await expectRefused(await forgeRequest(made.key, { algorithm: parameters }), 'bad-csr')
  })

  const text = () => pem('CERTIFICATE REQUEST', made.csr)
  const badText: [string, () => string, Code][] = [
    ['two requests', () => text() + text(), 'bad-pem'],
    ['a line before it', () => `# mine\n${text()}`, 'bad-pem'],
    ['a line after it', () => `${text()}# mine\n`, 'bad-pem'],
    ['a header inside', () => text().replace('\n', '\nProc-Type: 4,ENCRYPTED\n\n'), 'bad-pem'],
    ['another label', () => text().replaceAll('CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'), 'bad-pem'],
    ['the label of a certificate', () => text().replaceAll('CERTIFICATE REQUEST', 'CERTIFICATE'), 'bad-pem'],
    ['a label that does not end', () => text().replace('-----END', '----END'), 'bad-pem'],
    ['text that is not base64', () => text().replace('\nM', '\n!'), 'bad-pem'],
    ['a certificate behind it', () => text() + device.tls.cert, 'bad-pem'],
    ['a byte order mark', () => `\ufeff${text()}`, 'bad-pem'],
  ]
  test.each(badText)('B33 PEM with %s is refused', async (_, make, code) => {
    await expectTextRefused(make(), code)
  })

  test('B33 lines that end with CR LF are read', async () => {
    const { csr } = await platform.makeKey()
    expect((await asPkcs10(pem('CERTIFICATE REQUEST', csr).replaceAll('\n', '\r\n'))).status).toBe(201)
  })

  async function expectTextRefused(csr: string, code: Code): Promise<void> {
    const before = await platform.snapshot()
    expect(refusal(await asPkcs10(csr))).toEqual(refused(code))
    const headers = { authorization: `Bearer ${token.text}` }
    expect(refusal(await platform.call('POST', '/v1/enroll', { headers, body: { csr } }))).toEqual(refused(code))
    expect(await platform.since(before)).toEqual([refusedToken('acme', token.idText, code, 2)])
  }

  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const sec1 = privateKey.export({ type: 'sec1', format: 'pem' }).toString()
  const rsaKey = generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey
  const sealed = rsaKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'x' }).toString()
  test.each<[string, () => string]>([
    ['alone', () => pkcs8],
    ['of SEC 1', () => sec1],
    ['that is encrypted', () => sealed],
    ['of RSA', () => rsaKey.export({ type: 'pkcs1', format: 'pem' }).toString()],
    ['before the request', () => pkcs8 + text()],
    ['after the request', () => text() + pkcs8],
    [
      'of OpenSSH',
      () => '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE=\n-----END OPENSSH PRIVATE KEY-----\n',
    ],
  ])('B33 a private key %s is refused by its own code', async (_, make) => {
    await expectTextRefused(make(), 'private-key-sent')
  })

  test('B33 a private key in another field, as DER, or in a renewal is refused by its own code', async () => {
    const headers = { authorization: `Bearer ${token.text}` }
    const before = await platform.snapshot()
    for (const body of [{ csr: text(), key: pkcs8 }, { csr: text(), name: pkcs8 }, { key: pkcs8 }, [pkcs8], pkcs8]) {
      const reply = await platform.call('POST', '/v1/enroll', { headers, body })
      expect(refusal(reply)).toEqual(refused('private-key-sent'))
    }
    for (const key of [
      privateKey.export({ type: 'pkcs8', format: 'der' }),
      privateKey.export({ type: 'sec1', format: 'der' }),
      rsaKey.export({ type: 'pkcs1', format: 'der' }),
    ]) {
      expect(refusal(await asPkcs10(key))).toEqual(refused('private-key-sent'))
    }
    const renewal = await platform.call('POST', '/v1/renew', { as: device.tls, body: { csr: pkcs8 } })
    expect(refusal(renewal)).toEqual(refused('private-key-sent'))
    const facts = await platform.since(before)
    expect(facts.every(({ body }) => body.code === 'private-key-sent')).toBe(true)
  })

  test('B33 no private key that was sent is in a file or a log', () => {
    const kept = bytesUnder(platform.data)
    const { d } = privateKey.export({ format: 'jwk' })
    const secret = Buffer.from(d!, 'base64url')
    for (const [place, bytes] of [
      ['data', kept],
      ['log', Buffer.from(lines.join(''))],
    ] as const) {
      expect(bytes.length, place).toBeGreaterThan(1_000)
      for (const needle of [secret, secret.toString('hex'), d!, ...bodyOf(pkcs8), ...bodyOf(sec1), ...bodyOf(sealed)]) {
        expect(bytes.includes(needle), `${place} has the private key`).toBe(false)
      }
    }
    expect(kept.includes(Buffer.from(device.key.publicKey.raw))).toBe(true)
  })

  test('B37 a body of more than 64 kB is refused before it is read', async () => {
    const head = `POST /v1/enroll HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token.text}\r\nContent-Type: application/pkcs10\r\n`
    const before = await platform.snapshot()
    const declared = await openTls(platform.port)
    const reply = await declared.send(`${head}Content-Length: 100000000\r\n\r\n`).response()
    expect(refusal(reply!)).toEqual(refused('too-large'))
    await declared.closed

    const endless = await openTls(platform.port)
    endless.send(`${head}Transfer-Encoding: chunked\r\n\r\n`)
    const chunk = `4000\r\n${'A'.repeat(0x4000)}\r\n`
    let sent = 0
    while (!endless.isClosed && sent < 100_000_000) {
      endless.send(chunk)
      sent += chunk.length
      await new Promise(resolve => setImmediate(resolve))
      if (endless.received !== '') break
    }
    expect(refusal((await endless.response())!)).toEqual(refused('too-large'))
    await endless.closed
    expect(sent).toBeLessThan(20_000_000)
    expect(await platform.since(before)).toEqual([refusedToken('acme', token.idText, 'too-large', 2)])
  })

  test('B37 text over its limit inside the body is refused', async () => {
    const before = await platform.snapshot()
    const headers = { authorization: `Bearer ${token.text}` }
    for (const csr of ['A'.repeat(8_193), `-----BEGIN CERTIFICATE REQUEST-----\n${'A'.repeat(60_000)}`]) {
      const reply = await platform.call('POST', '/v1/enroll', { headers, body: { csr } })
      expect(refusal(reply)).toEqual(refused('too-large'))
    }
    expect(await platform.since(before)).toEqual([refusedToken('acme', token.idText, 'too-large', 2)])
  })
})

describe('what is issued', () => {
  test('B34 a certificate ends with its CA, and after it there is none', async () => {
    const own = await startTestPlatform()
    try {
      await own.makeFleet('acme')
      const [activated] = await own.facts('acme')
      const authority = readCertificate((activated!.body as unknown as { certificate: Uint8Array }).certificate)
      own.clock.advance(authority.notAfter - own.clock.now() - 10 * day)
      const last = await own.enrollDevice('acme', 'last')
      expect(last.certificate.notAfter).toBe(authority.notAfter)
      const late = await own.makeToken('acme')
      own.clock.advance(11 * day)
      const { csr } = await own.makeKey()
      expect(refusal(await own.enroll(late.text, csr))).toEqual(refused('unavailable'))
    } finally {
      await own.stop()
    }
  })

  test('B35 serial numbers have 128 bits that nobody can guess', async () => {
    const serials = new Set<string>()
    for (let i = 0; i < 24; i++) {
      const { csr } = await platform.makeKey()
      const { body } = await asJson(csr)
      serials.add(readCertificate(readPem('CERTIFICATE', String(body.certificate))).serial)
    }
    expect(serials.size).toBe(24)
    const bytes = [...serials].map(serial => Buffer.from(serial, 'hex'))
    expect(bytes.every(({ length }) => length === 16)).toBe(true)
    // Every byte but the first, of which two bits are fixed, takes many values.
    for (let at = 0; at < 16; at++) expect(new Set(bytes.map(serial => serial[at])).size).toBeGreaterThan(12)
  })
})

function names(...general: readonly Uint8Array[]): Uint8Array {
  return extension(ids.subjectAltName, sequence(...general))
}

const rsa = (modulus: Uint8Array, exponent: Uint8Array): Buffer =>
  sequence(sequence(oid('1.2.840.113549.1.1.1'), Buffer.of(5, 0)), bits(sequence(integer(modulus), integer(exponent))))
const p256 = (point: Uint8Array): Buffer =>
  sequence(sequence(oid('1.2.840.10045.2.1'), oid('1.2.840.10045.3.1.7')), bits(point))
const ed25519 = (raw: Uint8Array): Buffer => sequence(sequence(oid('1.3.101.112')), bits(raw))

function deep(levels: number): Buffer {
  let bytes: Buffer = Buffer.alloc(0)
  for (let i = 0; i < levels; i++) bytes = sequence(bytes)
  return bytes
}

/** The lines of a PEM block that carry its bytes. */
const bodyOf = (text: string): string[] => text.split('\n').filter(line => line.length === 64)
