import { type Cbor, cbor, concat, equal, hex, readBase64, readCbor, readHex, Tagged, utf8 } from '../src/bytes/index.ts'
import type { Code } from '../src/errors/index.ts'
import { admitRaw, type Key, webCryptoVerify } from '../src/keys/index.ts'
import {
  type Charter,
  certificateToSign,
  checkPossession,
  commonName,
  crlReason,
  keyIdentifier,
  keyUsage,
  oid,
  readCertificate,
  readCharter,
  readRevocationList,
  readSigningRequest,
  readStatement,
  readToken,
  type StatementKind,
  sameCertificate,
  signCertificate,
  signCharter,
  signRevocationList,
  signSigningRequest,
  writeToken,
} from '../src/signed/index.ts'
import { ok, refuses, same, suite } from './portable.ts'
import { odd, platform, refusedKeys, spellings, standing, unproven, unreadable } from './vectors/certificates.ts'
import { badLists, goodLists } from './vectors/lists.ts'
import { publicKeys } from './vectors/public-keys.ts'
import { badRequests, foreignRequests, goodRequests, unsignedRequests, wishingRequests } from './vectors/requests.ts'
import { badCharters, charters, misnamedCharters, unreadableCharters } from './vectors/statements.ts'

export const signed = suite('signed')

const keyOf = (title: keyof typeof publicKeys) => admitRaw(publicKeys[title].algorithm, readHex(publicKeys[title].raw))
const each = (group: Readonly<Record<string, string>>, run: (title: string, bytes: Uint8Array) => void) => {
  for (const [title, text] of Object.entries(group)) run(title, readBase64(text))
}

const january = Date.UTC(2026, 0, 1)
const day = 86_400_000

/** A key that only ever made one signature. */
const recorded = (title: keyof typeof publicKeys, signature: Uint8Array): Key => ({
  publicKey: keyOf(title),
  sign: () => signature,
})

const issuerOf = (title: keyof typeof publicKeys, name: string, signature: Uint8Array) => ({
  key: recorded(title, signature),
  subject: commonName(name),
  keyId: keyIdentifier(keyOf(title)),
})

// Certificates

signed.test('reads a device certificate', () => {
  const der = readBase64(platform.device)
  const certificate = readCertificate(der)
  ok(certificate.publicKey.equals(keyOf('device')), 'public key')
  same(certificate.algorithm, 'P-256')
  same(certificate.authority, false)
  same(certificate.pathLength, undefined)
  same([...certificate.keyUsages], [keyUsage.digitalSignature])
  same(certificate.purposes, [oid.clientAuth])
  same(certificate.altNames, {
    critical: true,
    uris: ['spiffe://acme.example.test/device/device-104'],
    dnsNames: [],
    addresses: [],
  })
  same(certificate.nameConstraints, undefined)
  same(certificate.notBefore, january)
  same(certificate.notAfter, january + 30 * day)
  same(certificate.subject, readHex('3000'))
  same(certificate.issuer, commonName('Mintmark fleet acme CA, example.test'))
  same(certificate.subjectKeyId, keyIdentifier(keyOf('device')))
  same(certificate.authorityKeyId, keyIdentifier(keyOf('acme')))
  ok(certificate.der === der, 'the bytes as they came')
})

signed.test('reads the certificate of a fleet CA', () => {
  const certificate = readCertificate(readBase64(platform.acmeCa))
  same(certificate.authority, true)
  same(certificate.pathLength, 0)
  same([...certificate.keyUsages], [keyUsage.keyCertSign, keyUsage.crlSign])
  same(certificate.purposes, [oid.clientAuth])
  same(certificate.nameConstraints, {
    permittedUriHosts: ['acme.example.test'],
    permittedDnsNames: ['acme.example.test'],
    noAddresses: true,
  })
  same(certificate.altNames, undefined)
})

signed.test('reads the root, which names no authority, and its end after 2049', () => {
  const root = readCertificate(readBase64(platform.root))
  same(root.pathLength, 1)
  same(root.authorityKeyId, undefined)
  same(root.purposes, undefined)
  same(root.notAfter, Date.UTC(2051, 0, 1))
  ok(equal(root.issuer, root.subject), 'signed by itself')
})

signed.test("reads a server's host names and addresses", () => {
  const { altNames, purposes } = readCertificate(readBase64(platform.server))
  same(purposes, [oid.serverAuth])
  same(altNames?.uris, ['spiffe://platform.example.test/server'])
  same(altNames?.dnsNames, ['localhost', 'mint.example.test'])
  same(altNames?.addresses, [Uint8Array.of(127, 0, 0, 1), new Uint8Array(16)])
})

each(odd, (title, der) => signed.test(`reads a certificate: ${title}`, () => void readCertificate(der)))
each(unproven, (title, der) => signed.test(`reads what proves nobody: ${title}`, () => void readCertificate(der)))
each(unreadable, (title, der) =>
  signed.test(`refuses a certificate: ${title}`, () => refuses('bad-certificate', () => readCertificate(der))),
)
each(refusedKeys, (title, der) =>
  signed.test(`refuses the key of a certificate: ${title}`, () => refuses('key-refused', () => readCertificate(der))),
)

signed.test('keeps a URI as it is spelled', () => {
  each(spellings, (text, der) => same(readCertificate(der).altNames?.uris, [text]))
})

signed.test('writes a serial number as hex without zeros in front', () => {
  same(readCertificate(readBase64(odd['a serial number of one'])).serial, '01')
  same(readCertificate(readBase64(odd['a serial number of 20 bytes'])).serial, `7f${'ff'.repeat(19)}`)
})

signed.test('tells certificates apart by all of their bytes', () => {
  const [a, b] = [readCertificate(readBase64(standing.original)), readCertificate(readBase64(standing.twin))]
  same(a.serial, b.serial)
  same(a.issuer, b.issuer)
  same(a.authorityKeyId, b.authorityKeyId)
  same(sameCertificate(a, b), false)
  same(sameCertificate(a, readCertificate(readBase64(standing.original))), true)
})

signed.test('refuses a certificate by its size before it reads it', async () => {
  await refuses('too-large', () => readCertificate(new Uint8Array(8_193)))
  await refuses('too-large', () => readCertificate(new Uint8Array(100_000_000)))
  await refuses('bad-certificate', () => readCertificate(new Uint8Array(8_192)))
  await refuses('bad-certificate', () => readCertificate(new Uint8Array()))
})

signed.test('refuses every certificate that is cut short', async () => {
  const der = readBase64(platform.device)
  for (let length = 0; length < der.length; length++) {
    await refuses('bad-certificate', () => readCertificate(der.subarray(0, length)))
  }
})

signed.test('reads from a view of a larger buffer', () => {
  const der = readBase64(platform.device)
  const buffer = concat(new Uint8Array(7).fill(0x30), der, new Uint8Array(7).fill(0x30))
  same(readCertificate(buffer.subarray(7, 7 + der.length)).serial, readCertificate(der).serial)
})

signed.test('signs the same certificate again from the same request', async () => {
  const wanted = readBase64(platform.device)
  const read = readCertificate(wanted)
  const request = {
    kind: 'leaf',
    domain: 'example.test',
    name: { fleet: 'acme', role: 'device', name: 'device-104' },
    serial: read.serial,
    publicKey: keyOf('device'),
    // Rounded down to seconds.
    notBefore: january + 999,
    notAfter: january + 30 * day + 999,
  } as const
  const issuer = issuerOf('acme', 'Mintmark fleet acme CA, example.test', read.signature)
  same(await signCertificate(issuer, request), wanted)
  same(certificateToSign('P-256', issuer.subject, issuer.keyId, request), read.signed)
})

signed.test('signs the same CA and root again', async () => {
  const root = readCertificate(readBase64(platform.root))
  const rootIssuer = issuerOf('root', 'Mintmark root, example.test', root.signature)
  const rootRequest = {
    kind: 'root',
    title: 'Mintmark root, example.test',
    serial: root.serial,
    publicKey: keyOf('root'),
    notBefore: root.notBefore,
    notAfter: root.notAfter,
  } as const
  same(await signCertificate(rootIssuer, rootRequest), root.der)
  const ca = readCertificate(readBase64(platform.betaCa))
  const request = {
    kind: 'authority',
    use: 'fleet',
    host: 'beta.example.test',
    title: 'Mintmark fleet beta CA, example.test',
    serial: ca.serial,
    publicKey: keyOf('beta'),
    notBefore: ca.notBefore,
    notAfter: ca.notAfter,
  } as const
  const issuer = issuerOf('root', 'Mintmark root, example.test', ca.signature)
  same(await signCertificate(issuer, request), ca.der)
})

signed.test('writes no name that is not ASCII as if it were another that is', () => {
  const request = {
    kind: 'leaf',
    domain: 'example.test',
    name: { fleet: 'platform', role: 'server', name: '' },
    serial: '40',
    publicKey: keyOf('device2'),
    notBefore: january,
    notAfter: january,
  } as const
  const write = (dnsName: string) =>
    certificateToSign('P-256', commonName('CA'), new Uint8Array(20), { ...request, dnsNames: [dnsName] })
  ok(write('m1nt.test').length > 0, 'a plain one')
  for (const dnsName of ['m\u0131nt.test', 'm\u0069\u0307nt.test', '\u{1d41d}.test', 'm\u00ednt.test']) {
    let fault: unknown
    try {
      write(dnsName)
    } catch (error) {
      fault = error
    }
    ok(fault instanceof RangeError, `${dnsName}: ${fault}`)
  }
})

// Signing requests

each(goodRequests, (title, der) =>
  signed.test(`accepts a signing request: ${title}`, async () => {
    const request = readSigningRequest(der)
    await checkPossession(request, webCryptoVerify)
    ok(request.publicKey.equals(keyOf('device')) || request.publicKey.equals(keyOf('device2')), 'the key inside')
    same(Object.keys(request).sort(), ['publicKey', 'signature', 'signed'])
  }),
)
const refused: readonly (readonly [Code, Readonly<Record<string, string>>])[] = [
  ['csr-name', wishingRequests],
  ['bad-csr', badRequests],
  ['key-refused', foreignRequests],
]
for (const [code, group] of refused) {
  each(group, (title, der) =>
    signed.test(`refuses a signing request (${code}): ${title}`, () => refuses(code, () => readSigningRequest(der))),
  )
}
each(unsignedRequests, (title, der) =>
  signed.test(`refuses a signing request without proof of possession: ${title}`, async () => {
    const request = readSigningRequest(der)
    await refuses('csr-signature', () => checkPossession(request, webCryptoVerify))
  }),
)

signed.test('refuses a signing request by its size, and what is none', async () => {
  await refuses('too-large', () => readSigningRequest(new Uint8Array(4_097)))
  await refuses('bad-csr', () => readSigningRequest(new Uint8Array(4_096)))
  await refuses('bad-csr', () => readSigningRequest(new Uint8Array()))
  await refuses('bad-csr', () => readSigningRequest(readBase64(platform.device)))
  await refuses('bad-csr', () => readSigningRequest(utf8('-----BEGIN CERTIFICATE REQUEST-----')))
  await refuses('bad-csr', () => readSigningRequest(concat(readHex('308480000000'), new Uint8Array(100))))
  const der = readBase64(goodRequests['ours, Ed25519'])
  for (let length = 0; length < der.length; length++) {
    await refuses('bad-csr', () => readSigningRequest(der.subarray(0, length)))
  }
})

signed.test('refuses a signing request with any bit of its signature turned', async () => {
  for (const text of [goodRequests['ours, Ed25519'], goodRequests['OpenSSL, Ed25519']]) {
    const der = readBase64(text)
    for (let bit = 0; bit < 512; bit += 7) {
      const changed = Uint8Array.from(der)
      changed[der.length - 64 + (bit >> 3)]! ^= 1 << (bit & 7)
      await refuses('csr-signature', () => checkPossession(readSigningRequest(changed), webCryptoVerify))
    }
  }
})

signed.test('signs the same request again, with an empty subject and no attributes', async () => {
  for (const [title, text] of [
    ['device', goodRequests['ours, Ed25519']],
    ['device2', goodRequests['ours, P-256']],
  ] as const) {
    const wanted = readBase64(text)
    same(await signSigningRequest(recorded(title, readSigningRequest(wanted).signature)), wanted)
  }
})

// Revocation lists

const acme = { subject: commonName('Mintmark fleet acme CA, example.test'), publicKey: keyOf('acme') }
const revocations = [
  { serial: '40000000000000000000000000001001', at: january + 1_000, reason: crlReason.unspecified },
  { serial: '0a', at: january + 2_000, reason: crlReason.cessationOfOperation },
  { serial: 'ff', at: Date.UTC(2050, 0, 1), reason: crlReason.unspecified },
]
const list = { number: 300, thisUpdate: january, nextUpdate: january + 7 * day, revocations }

signed.test('reads a revocation list of its issuer', async () => {
  same(await readRevocationList(readBase64(goodLists.some), acme, webCryptoVerify), list)
  const none = await readRevocationList(readBase64(goodLists.none), acme, webCryptoVerify)
  same(none, { ...list, number: 0, revocations: [] })
})

signed.test('reads a revocation list in any order of serial numbers', async () => {
  const read = await readRevocationList(readBase64(goodLists.unsorted), acme, webCryptoVerify)
  same(read.revocations, [
    { serial: '09', at: january, reason: 0 },
    { serial: '03', at: january, reason: 1 },
  ])
  same((await readRevocationList(readBase64(goodLists.largestNumber), acme, webCryptoVerify)).number, 0x7fffffffffff)
})

each(badLists, (title, der) =>
  signed.test(`refuses a revocation list: ${title}`, () =>
    refuses('bad-crl', () => readRevocationList(der, acme, webCryptoVerify)),
  ),
)

signed.test('refuses a revocation list with a bit turned anywhere', async () => {
  const der = readBase64(goodLists.some)
  for (let at = 0; at < der.length; at++) {
    const changed = Uint8Array.from(der)
    changed[at]! ^= 1 << (at & 7)
    await refuses('bad-crl', () => readRevocationList(changed, acme, webCryptoVerify))
  }
})

signed.test('lets a fault of the Verify port through, for it is none of the list', async () => {
  let fault: unknown
  const broken = () => {
    throw new TypeError('no crypto here')
  }
  await readRevocationList(readBase64(goodLists.some), acme, broken).catch((error: unknown) => {
    fault = error
  })
  ok(fault instanceof TypeError, `${fault}`)
})

signed.test('signs the same revocation list again', async () => {
  const wanted = readBase64(goodLists.some)
  const issuer = { ...acme, key: recorded('acme', ecdsaSignatureOf(wanted)), keyId: keyIdentifier(keyOf('acme')) }
  same(await signRevocationList(issuer, list), wanted)
})

/** The last element is a bit string of a sequence of two integers, of 32 bytes, or 33 with a zero. */
function ecdsaSignatureOf(der: Uint8Array): Uint8Array {
  for (let length = 8; length < 80; length++) {
    const tail = der.subarray(der.length - length)
    if (tail[0] !== 0x30 || tail[1] !== length - 2 || tail[2] !== 0x02) continue
    const first = tail[3]!
    const [r, s] = [tail.subarray(4, 4 + first), tail.subarray(6 + first)]
    const padded = [r, s].map(part => concat(new Uint8Array(33), part).slice(-32))
    if (tail[4 + first] === 0x02) return concat(...padded)
  }
  throw new Error('no ECDSA signature at the end')
}

// Statements

const root = keyOf('root')
const charter: Charter = {
  domain: 'example.test',
  fleet: 'acme',
  version: 1,
  authority: keyOf('acme').id,
  ledgerKey: keyOf('ledger').raw,
  releaseRoot: undefined,
  issued: january,
}

signed.test('reads a charter by the root, of either kind of key', async () => {
  same(await readCharter(readBase64(charters.first), root, webCryptoVerify), charter)
  const released = await readCharter(readBase64(charters.released), root, webCryptoVerify)
  same(released, { ...charter, version: 2, releaseRoot: '5a'.repeat(32) })
  same(await readCharter(readBase64(charters.ed25519), keyOf('edRoot'), webCryptoVerify), charter)
})

signed.test('reads a charter only as a charter, and only by its root', async () => {
  const bytes = readBase64(charters.first)
  await refuses('bad-statement', () => readCharter(bytes, keyOf('acme'), webCryptoVerify))
  await refuses('bad-statement', () => readCharter(bytes, keyOf('edRoot'), webCryptoVerify))
  await refuses('bad-statement', () =>
    readStatement(bytes, 'another-kind' as string as StatementKind, root, webCryptoVerify),
  )
})

each(badCharters, (title, bytes) =>
  signed.test(`refuses a charter: ${title}`, () =>
    refuses('bad-statement', () => readCharter(bytes, root, webCryptoVerify)),
  ),
)
each(unreadableCharters, (title, bytes) =>
  signed.test(`refuses a charter that is not deterministic CBOR: ${title}`, () =>
    refuses('bad-cbor', () => readCharter(bytes, root, webCryptoVerify)),
  ),
)
each(misnamedCharters, (title, bytes) =>
  signed.test(`refuses a charter (${title})`, () =>
    refuses(title.split(':')[0] as Code, () => readCharter(bytes, root, webCryptoVerify)),
  ),
)

/** The first charter with its four parts changed and nothing signed anew. */
function tampered(change: (parts: Cbor[]) => Cbor): Uint8Array {
  const { value } = readCbor(readBase64(charters.first)) as Tagged
  return cbor(change([...(value as readonly Cbor[])]))
}

const protectedOf = (bytes: Uint8Array): Cbor => ((readCbor(bytes) as Tagged).value as readonly Cbor[])[0]!

signed.test('refuses a statement in another shape', async () => {
  const shapes: readonly Uint8Array[] = [
    tampered(parts => parts),
    tampered(parts => new Tagged(17, parts)),
    tampered(parts => new Tagged(98, parts)),
    tampered(parts => new Tagged(18, new Tagged(18, parts))),
    tampered(([header, unprotected, body]) => new Tagged(18, [header!, unprotected!, body!])),
    tampered(parts => new Tagged(18, [...parts, null])),
    // Whatever is in the unprotected header is not signed, so nothing may be there.
    tampered(([header, , body, signature]) => new Tagged(18, [header!, new Map([[4, 1]]), body!, signature!])),
    tampered(([header, , body, signature]) => new Tagged(18, [header!, null, body!, signature!])),
    tampered(([header, , body, signature]) => new Tagged(18, [header!, [], body!, signature!])),
    tampered(([header, , body, signature]) => new Tagged(18, [header!, utf8(''), body!, signature!])),
    tampered(([, unprotected, body, signature]) => new Tagged(18, [new Map(), unprotected!, body!, signature!])),
    tampered(([, unprotected, body, signature]) => new Tagged(18, [utf8(''), unprotected!, body!, signature!])),
    tampered(([header, unprotected, , signature]) => new Tagged(18, [header!, unprotected!, null, signature!])),
    tampered(([header, unprotected, body]) => new Tagged(18, [header!, unprotected!, body!, 'signature'])),
    cbor(null),
    cbor(new Map()),
    cbor(new Tagged(18, null)),
  ]
  for (const bytes of shapes) await refuses('bad-statement', () => readCharter(bytes, root, webCryptoVerify))
})

signed.test('refuses a statement with a part of another', async () => {
  const other = readCbor(readBase64(charters.released)) as Tagged
  const [, , otherBody, otherSignature] = other.value as readonly Cbor[]
  const mixed = [
    tampered(([header, unprotected, , signature]) => new Tagged(18, [header!, unprotected!, otherBody!, signature!])),
    tampered(([header, unprotected, body]) => new Tagged(18, [header!, unprotected!, body!, otherSignature!])),
    tampered(([header, unprotected, body]) => new Tagged(18, [header!, unprotected!, body!, new Uint8Array(64)])),
    tampered(([header, unprotected, body]) => new Tagged(18, [header!, unprotected!, body!, new Uint8Array()])),
    tampered(
      ([header, unprotected, body, signature]) =>
        new Tagged(18, [header!, unprotected!, body!, concat(signature as Uint8Array, new Uint8Array(1))]),
    ),
  ]
  for (const bytes of mixed) await refuses('statement-signature', () => readCharter(bytes, root, webCryptoVerify))
  // The header of the other key: then it is that key that was not expected.
  const swapped = tampered(([, ...rest]) => new Tagged(18, [protectedOf(readBase64(charters.ed25519)), ...rest]))
  await refuses('bad-statement', () => readCharter(swapped, root, webCryptoVerify))
  await refuses('statement-signature', () => readCharter(swapped, keyOf('edRoot'), webCryptoVerify))
})

signed.test('refuses a statement in another encoding, cut short or with bytes after it', async () => {
  const bytes = readBase64(charters.first)
  await refuses('bad-cbor', () => readCharter(concat(bytes, Uint8Array.of(0xf6)), root, webCryptoVerify))
  await refuses('bad-cbor', () => readCharter(concat(bytes, bytes), root, webCryptoVerify))
  for (let length = 0; length < bytes.length; length++) {
    await refuses('bad-cbor', () => readCharter(bytes.subarray(0, length), root, webCryptoVerify))
  }
  // Tag 18 in two bytes; an array of indefinite length.
  same(bytes.subarray(0, 2), Uint8Array.of(0xd2, 0x84))
  await refuses('bad-cbor', () =>
    readCharter(concat(Uint8Array.of(0xd8, 18), bytes.subarray(1)), root, webCryptoVerify),
  )
  const indefinite = concat(Uint8Array.of(0xd2, 0x9f), bytes.subarray(2), Uint8Array.of(0xff))
  await refuses('bad-cbor', () => readCharter(indefinite, root, webCryptoVerify))
  await refuses('too-large', () => readCharter(new Uint8Array(16_385), root, webCryptoVerify))
})

signed.test('signs the same charter again', async () => {
  for (const [title, text] of [
    ['root', charters.first],
    ['edRoot', charters.ed25519],
  ] as const) {
    const wanted = readBase64(text)
    const [, , , signature] = (readCbor(wanted) as Tagged).value as readonly Cbor[]
    same(await signCharter(recorded(title, signature as Uint8Array), charter), wanted)
  }
})

// Tokens

const token = {
  id: new Uint8Array(16).fill(1),
  secret: new Uint8Array(32).fill(2),
  anchor: new Uint8Array(32).fill(3),
  url: 'https://mint.example.test:8443',
}

const origins = [
  'https://a',
  'https://localhost',
  'https://mint.example.test',
  'https://mint.example.test:1',
  'https://mint.example.test:65535',
  'https://xn--mnt-hoa.test',
  'https://127.0.0.1',
  'https://0.0.0.0:8443',
  'https://255.255.255.255',
  'https://1a.2b',
  'https://[::]',
  'https://[::1]:8443',
  'https://[fe80::1]',
  'https://[2001:db8:0:0:0:0:0:1]',
  'https://[2001:db8::1:2:3:4:5]',
]

signed.test('reads the token that it writes', () => {
  for (const url of origins) same(readToken(writeToken({ ...token, url })), { ...token, url })
  ok(writeToken(token).startsWith('mmt1_'), 'prefix')
})

const notOrigins = [
  '',
  'http://mint.example.test',
  'HTTPS://mint.example.test',
  'https://',
  'https:mint.example.test',
  'https://mint.example.test/',
  'https://mint.example.test/v1',
  'https://mint.example.test?x',
  'https://mint.example.test#x',
  'https://user@mint.example.test',
  'https://user:secret@mint.example.test',
  'https://mint.example.test@evil.test',
  'https://mint.example.test:',
  'https://mint.example.test:0',
  'https://mint.example.test:08443',
  'https://mint.example.test:65536',
  'https://mint.example.test:99999',
  'https://mint.example.test:123456',
  'https://mint.example.test:84a',
  'https://MINT.example.test',
  'https://mint..example.test',
  'https://mint.example.test.',
  'https://.example.test',
  'https://-mint.example.test',
  'https://mint-.example.test',
  'https://mint_1.example.test',
  'https://mint%2eexample.test',
  'https://mint.example.test\n',
  'https://mint.example.test\0',
  ' https://mint.example.test',
  'https://mínt.example.test',
  `https://${'a'.repeat(64)}.test`,
  // Every URL library sees an address here, and not the one that is spelled.
  'https://127.1',
  'https://2130706433',
  'https://0x7f000001',
  'https://0x7f.1',
  'https://0177.0.0.1',
  'https://127.0.0.01',
  'https://1.2.3.256',
  'https://1.2.3.4.5',
  'https://a.1',
  'https://[]',
  'https://[::1',
  'https://::1',
  'https://[:::]',
  'https://[1::2::3]',
  'https://[1:2:3:4:5:6:7]',
  'https://[1:2:3:4:5:6:7:8:9]',
  'https://[1:2:3:4:5:6:7::8]x',
  'https://[12345::]',
  'https://[fe80::1%25eth0]',
  'https://[::ffff:127.0.0.1]',
  'https://[::G]',
]

signed.test('refuses a token whose URL has more than one reading, or is none', async () => {
  for (const url of notOrigins) await refuses('bad-token', () => readToken(writeToken({ ...token, url })))
})

signed.test('refuses a malformed token', async () => {
  const text = writeToken(token)
  const body = text.slice(5)
  const wrong = [
    '',
    'mmt1_',
    body,
    `mmt2_${body}`,
    `MMT1_${body}`,
    ` ${text}`,
    `${text} `,
    `${text}\n`,
    `${text}=`,
    `mmt1_mmt1_${body}`,
    `mmt1_${body.replace(/^./, '+')}`,
    `mmt1_${body.replace(/^./, '/')}`,
    `mmt1_${body.slice(0, 50)}.${body.slice(51)}`,
    `mmt1_${body.slice(0, 50)}\u0131${body.slice(51)}`,
    // 80 bytes and no URL; 79 bytes.
    `mmt1_${body.slice(0, 106)}A`,
    `mmt1_${body.slice(0, 105)}A`,
    'mmt1_'.padEnd(513, 'A'),
    'mmt1_'.padEnd(1_000_000, 'A'),
  ]
  for (const one of wrong) await refuses('bad-token', () => readToken(one))
  for (let length = 0; length < 'mmt1_'.length + 112; length++) {
    await refuses('bad-token', () => readToken(text.slice(0, length)))
  }
})

signed.test('refuses a token with bits set beyond its last byte', async () => {
  const text = writeToken({ ...token, url: 'https://a' })
  same(text.length % 4, (5 + 119) % 4)
  const last = text.at(-1)!
  const others = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'].filter(c => c !== last)
  let accepted = 0
  for (const other of others) {
    try {
      readToken(text.slice(0, -1) + other)
      accepted++
    } catch {
      // Refused, as it should be where no other URL is spelled.
    }
  }
  // The last character carries four bits of the URL's last letter: other letters and digits are other tokens.
  ok(accepted < 16, `${accepted} spellings`)
  same(hex(readToken(text).secret), '02'.repeat(32))
})
