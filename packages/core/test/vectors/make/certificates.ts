import {
  ascii,
  context,
  contextConstructed,
  DerReader,
  der,
  derBitString,
  derBoolean,
  derEcdsaSignature,
  derOid,
  derSequence,
  derTime,
  readDer,
  readEcdsaSignature,
  tag,
} from '../../../src/bytes/der.ts'
import { concat, readHex, utf8 } from '../../../src/bytes/index.ts'
import { oid } from '../../../src/signed/index.ts'
import { foreignKeys } from './foreign-keys.ts'
import {
  address,
  authorityKeyId,
  craft,
  deviceUri,
  dns,
  email,
  extension,
  keyIdExtension,
  type LeafExtensions,
  leafExtensions,
  names,
  none,
  type Parts,
  purposes,
  rdn,
  uri,
} from './parts.ts'
import {
  authorityCertificate,
  day,
  issuers,
  january,
  keys,
  leafCertificate,
  leafTime,
  rootCertificate,
  unconstrained,
} from './world.ts'

export type Group = Record<string, Uint8Array | Promise<Uint8Array>>

const leafWith = (change: Partial<LeafExtensions>, parts: Partial<Parts> = {}): Promise<Uint8Array> =>
  craft({ ...parts, extensions: leafExtensions(change) })
const integer = (...bytes: readonly number[]): Uint8Array => der(tag.integer, Uint8Array.from(bytes))
const algorithm = (...parts: readonly Uint8Array[]): Uint8Array => derSequence(...parts)
const derNull = der(tag.null)
const time = (type: number, text: string): Uint8Array => der(type, ascii(text))
const validity = (notBefore: Uint8Array, notAfter: Uint8Array): Partial<Parts> => ({
  validity: derSequence(notBefore, notAfter),
})
const [begins, ends] = [derTime(leafTime.notBefore), derTime(leafTime.notAfter)]

const device = { fleet: 'acme', role: 'device', name: 'device-104' } as const
const operator = { fleet: 'platform', role: 'operator', name: 'ann' } as const
const server = { fleet: 'platform', role: 'server', name: '' } as const

/** The platform: the CAs, and leaves that prove. */
export const platform: Group = {
  root: rootCertificate(issuers.root),
  serverCa: authorityCertificate(issuers.root, keys.server, 'server'),
  peopleCa: authorityCertificate(issuers.root, keys.people, 'people'),
  acmeCa: authorityCertificate(issuers.root, keys.acme, 'fleet', 'acme'),
  betaCa: authorityCertificate(issuers.root, keys.beta, 'fleet', 'beta'),
  // As if the ceremony had let them out: under the root, and constrained to nothing or to another fleet.
  acmeCaUnconstrained: authorityCertificate(issuers.root, keys.acme, 'fleet', 'acme', unconstrained),
  betaCaUnconstrained: authorityCertificate(issuers.root, keys.beta, 'fleet', 'beta', unconstrained),
  peopleCaUnconstrained: authorityCertificate(issuers.root, keys.people, 'people', undefined, unconstrained),
  betaCaOverAcme: authorityCertificate(issuers.root, keys.beta, 'fleet', 'beta', 'acme.example.test'),
  device: leafCertificate(issuers.acme, keys.device, device),
  deviceP256: leafCertificate(issuers.acme, keys.device2, { ...device, name: 'device-105' }),
  station: leafCertificate(issuers.acme, keys.device, { ...device, role: 'station', name: 'post-1' }),
  rootNode: leafCertificate(issuers.acme, keys.device, { ...device, role: 'root', name: 'home' }),
  betaDevice: leafCertificate(issuers.beta, keys.device, { ...device, fleet: 'beta' }),
  operator: leafCertificate(issuers.people, keys.device, operator),
  gateway: leafCertificate(issuers.people, keys.device, { ...operator, role: 'gateway', name: 'gw-1' }),
  notice: leafCertificate(issuers.people, keys.device, { fleet: 'platform', role: 'notice', name: '' }),
  server: leafCertificate(issuers.server, keys.device2, server, {
    dnsNames: ['localhost', 'mint.example.test'],
    addresses: [Uint8Array.of(127, 0, 0, 1), new Uint8Array(16)],
  }),
}

/** Under the root, and no CAs. */
export const noAuthorities: Group = {
  'a CA that may not sign certificates': craftAuthority([derBoolean(true), integer(0)], [1, 0x02]),
  'a CA without key usage': craftAuthority([derBoolean(true), integer(0)], undefined),
  'no CA, and yet it may sign certificates': craftAuthority([], [1, 0x06]),
}

/** Another platform that copied all names and key ids. */
export const impostor: Group = {
  root: rootCertificate(issuers.falseRoot),
  acmeCa: authorityCertificate(issuers.falseRoot, keys.impostor, 'fleet', 'acme'),
  serverCa: authorityCertificate(issuers.falseRoot, keys.impostor, 'server'),
  device: leafCertificate(issuers.falseAcme, keys.device, device),
  server: leafCertificate({ ...issuers.server, key: keys.impostor }, keys.device2, server),
}

/** Odd, and yet they prove device-104. */
export const odd: Group = {
  'nothing odd': craft(),
  'an unknown extension that is not critical': leafWith({ more: [extension('1.2.3.4', none, false)] }),
  'a critical extended key usage': leafWith({
    purposes: extension(oid.extendedKeyUsage, derSequence(derOid(oid.clientAuth))),
  }),
  'a subject that names an admin': craft({ subject: derSequence(rdn([oid.commonName, 'admin'])) }),
  'a common name with a line break': craft({ subject: derSequence(rdn([oid.commonName, 'a\nCN=admin'])) }),
  'a relative name with two values': craft({
    subject: derSequence(rdn([oid.commonName, 'a'], [oid.commonName, deviceUri])),
  }),
  'a serial number of 20 bytes': craft({ serial: integer(0x7f, ...new Array(19).fill(0xff)) }),
  'a serial number of one': craft({ serial: integer(1) }),
  'valid for one moment': craft(validity(begins, begins)),
  'no subject key id': leafWith({ subjectKeyId: none }),
  'extensions in another order': craft({ extensions: leafExtensions().reverse() }),
  'the other of the two ECDSA signatures': otherSignature(craft()),
}

/** What `readCertificate` refuses with `bad-certificate`; all but the last few are signed by the acme CA. */
export const unreadable: Group = {
  'version 1, no version': craft({ version: none }),
  'version 2': craft({ version: der(contextConstructed(0), integer(1)) }),
  'version 4': craft({ version: der(contextConstructed(0), integer(3)) }),
  'version 3 in two bytes': craft({ version: der(contextConstructed(0), integer(0, 2)) }),
  'version with more beside it': craft({ version: der(contextConstructed(0), integer(2), integer(2)) }),
  'serial number 0': craft({ serial: integer(0) }),
  'negative serial number': craft({ serial: integer(0x80, 1) }),
  'serial number of 21 bytes': craft({ serial: integer(1, ...new Array(20).fill(0)) }),
  'serial number of 20 bytes with the high bit': craft({ serial: integer(0, 0x80, ...new Array(19).fill(0)) }),
  'serial number with a zero in front': craft({ serial: integer(0, 1) }),
  'empty serial number': craft({ serial: integer() }),
  'serial number as an octet string': craft({ serial: der(tag.octetString, Uint8Array.of(1)) }),
  'another algorithm inside': craft({ innerAlgorithm: algorithm(derOid(oid.ed25519)) }),
  'another algorithm outside': craft({ outerAlgorithm: algorithm(derOid(oid.ed25519)) }),
  'algorithm with NULL': craft({
    innerAlgorithm: algorithm(derOid(oid.ecdsaWithSha256), derNull),
    outerAlgorithm: algorithm(derOid(oid.ecdsaWithSha256), derNull),
  }),
  'ECDSA with SHA-1': craft(bothAlgorithms('1.2.840.10045.4.1')),
  'ECDSA with SHA-384': craft(bothAlgorithms('1.2.840.10045.4.3.3')),
  'MD5 with RSA': craft(bothAlgorithms('1.2.840.113549.1.1.4')),
  'RSA with SHA-256': craft(bothAlgorithms('1.2.840.113549.1.1.11')),
  'ends before it begins': craft(validity(ends, begins)),
  'fractional seconds': craft(validity(begins, time(tag.generalizedTime, '20510131000000.5Z'))),
  'no seconds': craft(validity(begins, time(tag.utcTime, '2601310000Z'))),
  'an offset instead of Z': craft(validity(begins, time(tag.utcTime, '260131000000+0000'))),
  'no zone': craft(validity(begins, time(tag.utcTime, '260131000000'))),
  'GeneralizedTime before 2050': craft(validity(begins, time(tag.generalizedTime, '20260131000000Z'))),
  '31 February': craft(validity(begins, time(tag.utcTime, '260231000000Z'))),
  'a leap second': craft(validity(begins, time(tag.utcTime, '260630235960Z'))),
  'hour 24': craft(validity(begins, time(tag.utcTime, '260131240000Z'))),
  'month 0': craft(validity(begins, time(tag.utcTime, '260031000000Z'))),
  'a time as text': craft(validity(begins, time(tag.printableString, '260131000000Z'))),
  'a third time': craft({ validity: derSequence(begins, ends, ends) }),
  'no extensions at all': craft({ extensions: undefined }),
  'an empty list of extensions': craft({ extensions: [] }),
  'an issuer unique id': craft({
    extensions: undefined,
    tail: concat(der(context(1), Uint8Array.of(0, 1)), wrapped(leafExtensions())),
  }),
  'something after the extensions': craft({ tail: derNull }),
  'an extension twice': leafWith({ more: [names(uri(deviceUri))] }),
  'an extension twice, with another name': leafWith({ more: [names(uri('spiffe://acme.example.test/device/admin'))] }),
  'an unknown extension twice': leafWith({ more: [1, 2].map(() => extension('1.2.3.4', none, false)) }),
  'an unknown critical extension': leafWith({ more: [extension('1.2.3.4', none)] }),
  'a critical subject key id': leafWith({
    subjectKeyId: extension(oid.subjectKeyId, der(tag.octetString, new Uint8Array(20))),
  }),
  'critical FALSE spelled out': leafWith({
    purposes: derSequence(
      derOid(oid.extendedKeyUsage),
      derBoolean(false),
      der(tag.octetString, derSequence(derOid(oid.clientAuth))),
    ),
  }),
  'critical as 0x01': leafWith({
    purposes: derSequence(
      derOid(oid.extendedKeyUsage),
      der(tag.boolean, Uint8Array.of(1)),
      der(tag.octetString, derSequence(derOid(oid.clientAuth))),
    ),
  }),
  '17 extensions': leafWith({ more: Array.from({ length: 11 }, (_, i) => extension(`1.2.3.${i}`, none, false)) }),
  'an extension in a constructed octet string': leafWith({
    purposes: derSequence(
      derOid(oid.extendedKeyUsage),
      der(0x24, der(tag.octetString, derSequence(derOid(oid.clientAuth)))),
    ),
  }),
  'something after the value of an extension': leafWith({
    purposes: derSequence(
      derOid(oid.extendedKeyUsage),
      der(tag.octetString, derSequence(derOid(oid.clientAuth))),
      derNull,
    ),
  }),
  'something after the value inside an extension': leafWith({
    purposes: extension(oid.extendedKeyUsage, concat(derSequence(derOid(oid.clientAuth)), derNull), false),
  }),
  'cA FALSE spelled out': leafWith({ basic: extension(oid.basicConstraints, derSequence(derBoolean(false))) }),
  'a path length and no CA': leafWith({ basic: extension(oid.basicConstraints, derSequence(integer(0))) }),
  'a negative path length': leafWith({
    basic: extension(oid.basicConstraints, derSequence(derBoolean(true), integer(0xff))),
  }),
  'key usage with zero bits at the end': leafWith({ keyUsage: keyUsageOf(0, 0x80) }),
  'key usage with unused bits set': leafWith({ keyUsage: keyUsageOf(6, 0x81) }),
  'key usage with 8 unused bits': leafWith({ keyUsage: keyUsageOf(8, 0x80) }),
  'key usage of nothing': leafWith({ keyUsage: keyUsageOf(0) }),
  'key usage of zero': leafWith({ keyUsage: keyUsageOf(0, 0) }),
  'key usage without any byte': leafWith({ keyUsage: keyUsageOf() }),
  'key usage of three bytes': leafWith({ keyUsage: keyUsageOf(0, 0x80, 0, 1) }),
  'an empty extended key usage': leafWith({ purposes: purposes() }),
  'nine purposes': leafWith({ purposes: purposes(...Array.from({ length: 9 }, (_, i) => `1.2.3.${i}`)) }),
  'an empty alternative name': leafWith({ names: names() }),
  'an e-mail address': leafWith({ names: names(uri(deviceUri), email('a@example.test')) }),
  'a directory name': leafWith({
    names: names(uri(deviceUri), der(contextConstructed(4), derSequence(rdn([oid.commonName, 'admin'])))),
  }),
  'another name (UPN)': leafWith({
    names: names(
      uri(deviceUri),
      der(
        contextConstructed(0),
        derOid('1.3.6.1.4.1.311.20.2.3'),
        der(contextConstructed(0), der(tag.utf8String, ascii('admin'))),
      ),
    ),
  }),
  'a registered id': leafWith({ names: names(uri(deviceUri), der(context(8), Uint8Array.of(0x2a, 3))) }),
  'an address of 5 bytes': leafWith({ names: names(uri(deviceUri), address(127, 0, 0, 1, 0)) }),
  'an address with its mask': leafWith({ names: names(uri(deviceUri), address(127, 0, 0, 1, 255, 0, 0, 0)) }),
  'a URI in a constructed tag': leafWith({ names: names(der(contextConstructed(6), ascii(deviceUri))) }),
  'an empty URI': leafWith({ names: names(uri('')) }),
  'a URI with NUL': leafWith({ names: names(uri(`${deviceUri}\0.evil`)) }),
  'a URI ending in NUL': leafWith({ names: names(uri(`${deviceUri}\0`)) }),
  'a URI with CR LF': leafWith({ names: names(uri(`${deviceUri}\r\nURI:x`)) }),
  'a URI ending in LF': leafWith({ names: names(uri(`${deviceUri}\n`)) }),
  'a URI with a space': leafWith({ names: names(uri(`${deviceUri} `)) }),
  'a URI with a tab': leafWith({ names: names(uri(`${deviceUri}\t`)) }),
  'a URI with DEL': leafWith({ names: names(uri(`${deviceUri}\x7f`)) }),
  'a Cyrillic a': leafWith({ names: names(uri(utf8('spiffe://аcme.example.test/device/device-104'))) }),
  'full-width letters': leafWith({ names: names(uri(utf8('spiffe://acme.example.test/device/ｄevice-104'))) }),
  'a right-to-left override': leafWith({
    names: names(uri(utf8('spiffe://acme.example.test/device/\u202e401-ecived'))),
  }),
  'Latin-1 letters': leafWith({ names: names(uri('spiffe://acme.example.test/device/d\xe9vice')) }),
  'a URI of 2,049 bytes': leafWith({ names: names(uri(`${deviceUri}/`.padEnd(2_049, 'a'))) }),
  'a DNS name of 254 bytes': leafWith({ names: names(uri(deviceUri), dns('a'.repeat(254))) }),
  '33 names': leafWith({ names: names(...Array.from({ length: 33 }, () => uri(deviceUri))) }),
  'a number as the alternative name': leafWith({ names: extension(oid.subjectAltName, integer(1)) }),
  'sequences nested 1,500 deep as the alternative name': leafWith({
    names: extension(oid.subjectAltName, nested(1_500)),
  }),
  'an authority key id with issuer and serial': leafWith({
    authorityKeyId: extension(
      oid.authorityKeyId,
      derSequence(
        der(context(0), issuers.acme.keyId),
        der(contextConstructed(1), der(contextConstructed(4), issuers.root.subject)),
        der(context(2), Uint8Array.of(1)),
      ),
      false,
    ),
  }),
  'an authority key id without a key id': leafWith({
    authorityKeyId: extension(oid.authorityKeyId, derSequence(), false),
  }),
  'name constraints over IPv4 only': leafWith({
    more: [constraints([der(context(6), ascii('acme.example.test'))], [new Uint8Array(8)])],
  }),
  'name constraints that exclude part of IPv4': leafWith({
    more: [constraints([], [Uint8Array.of(10, 0, 0, 0, 255, 0, 0, 0), new Uint8Array(32)])],
  }),
  'name constraints over addresses of no bytes': leafWith({ more: [constraints([], [none])] }),
  'name constraints that permit e-mail': leafWith({
    more: [constraints([der(context(1), ascii('example.test'))], [])],
  }),
  'name constraints with a minimum': leafWith({
    more: [
      extension(
        oid.nameConstraints,
        derSequence(
          der(contextConstructed(0), derSequence(der(context(6), ascii('acme.example.test')), der(context(0), none))),
        ),
      ),
    ],
  }),
  'a key in a bit string with unused bits': craft({
    spki: derSequence(
      derSequence(derOid(oid.ed25519)),
      der(tag.bitString, Uint8Array.of(1), keys.device.publicKey.raw),
    ),
  }),
  'a key with something after it': craft({
    spki: derSequence(derSequence(derOid(oid.ed25519)), derBitString(keys.device.publicKey.raw), derNull),
  }),
  'a key as an octet string': craft({
    spki: derSequence(derSequence(derOid(oid.ed25519)), der(tag.octetString, keys.device.publicKey.raw)),
  }),
  'a signature in a bit string with unused bits': changed(craft(), outer => [
    outer[0]!,
    outer[1]!,
    der(tag.bitString, Uint8Array.of(1), readDer(outer[2]!, tag.bitString).body.subarray(1)),
  ]),
  'a signature with bytes after it': changed(craft(), outer => [
    outer[0]!,
    outer[1]!,
    der(tag.bitString, readDer(outer[2]!, tag.bitString).body, Uint8Array.of(0)),
  ]),
  'an empty signature': changed(craft(), outer => [outer[0]!, outer[1]!, derBitString(none)]),
  'a fourth part': changed(craft(), outer => [...outer, derNull]),
  'a byte after it': craft().then(whole => concat(whole, Uint8Array.of(0))),
  'a byte short': craft().then(whole => whole.subarray(0, -1)),
  'two of them': craft().then(whole => concat(whole, whole)),
  'indefinite length': craft().then(whole => concat(Uint8Array.of(0x30, 0x80), whole.subarray(4), new Uint8Array(2))),
  'a length with a zero in front': craft().then(whole => concat(Uint8Array.of(0x30, 0x83, 0), whole.subarray(2))),
  'a length of 2 GiB': craft().then(whole => concat(readHex('308480000000'), whole.subarray(4))),
  'a set': craft().then(whole => concat(Uint8Array.of(0x31), whole.subarray(1))),
}

/** What `readCertificate` refuses with `key-refused`. */
export const refusedKeys: Group = Object.fromEntries(
  Object.entries(foreignKeys).map(([title, spki]) => [title, craft({ spki })]),
)

/** Signed by the acme CA and read without complaint, and yet they prove nobody. */
export const unproven: Group = {
  'no alternative name': leafWith({ names: none }),
  'an alternative name that is not critical': leafWith({
    names: extension(oid.subjectAltName, derSequence(uri(deviceUri)), false),
  }),
  'two URIs': leafWith({ names: names(uri(deviceUri), uri('spiffe://acme.example.test/device/device-105')) }),
  'one URI twice': leafWith({ names: names(uri(deviceUri), uri(deviceUri)) }),
  'a DNS name only': leafWith({ names: names(dns('acme.example.test')) }),
  'a DNS name beside the URI': leafWith({ names: names(uri(deviceUri), dns('acme.example.test')) }),
  'a DNS name below the host beside the URI': leafWith({ names: names(dns('x.acme.example.test'), uri(deviceUri)) }),
  'DNS:localhost beside the URI': leafWith({ names: names(uri(deviceUri), dns('localhost')) }),
  'an address beside the URI': leafWith({ names: names(uri(deviceUri), address(127, 0, 0, 1)) }),
  'no extended key usage': leafWith({ purposes: none }),
  'any purpose': leafWith({ purposes: purposes('2.5.29.37.0') }),
  'clients and servers': leafWith({ purposes: purposes(oid.clientAuth, oid.serverAuth) }),
  'servers and clients': leafWith({ purposes: purposes(oid.serverAuth, oid.clientAuth) }),
  'clients twice': leafWith({ purposes: purposes(oid.clientAuth, oid.clientAuth) }),
  'servers only': leafWith({ purposes: purposes(oid.serverAuth) }),
  'code signing': leafWith({ purposes: purposes('1.3.6.1.5.5.7.3.3') }),
  'e-mail': leafWith({ purposes: purposes('1.3.6.1.5.5.7.3.4') }),
  'no key usage': leafWith({ keyUsage: none }),
  'key usage with keyCertSign': leafWith({ keyUsage: keyUsageOf(2, 0x84) }),
  'key usage keyCertSign only': leafWith({ keyUsage: keyUsageOf(2, 0x04) }),
  'key usage with key agreement': leafWith({ keyUsage: keyUsageOf(3, 0x88) }),
  'key usage keyEncipherment only': leafWith({ keyUsage: keyUsageOf(5, 0x20) }),
  'a CA': leafWith({ basic: extension(oid.basicConstraints, derSequence(derBoolean(true))) }),
  'a CA of path length 0 with its key usage': leafWith({
    basic: extension(oid.basicConstraints, derSequence(derBoolean(true), integer(0))),
    keyUsage: keyUsageOf(1, 0x06),
  }),
  'name constraints in a leaf': leafWith({
    more: [constraints([der(context(6), ascii('acme.example.test'))], [new Uint8Array(8), new Uint8Array(32)])],
  }),
  'no authority key id': leafWith({ authorityKeyId: none }),
  'the key id of another CA': leafWith({ authorityKeyId: authorityKeyId(issuers.beta.keyId) }),
  'an empty authority key id': leafWith({ authorityKeyId: authorityKeyId(none) }),
  'another issuer name': craft({ issuer: issuers.beta.subject }),
  'an empty issuer name': craft({ issuer: derSequence() }),
  'a second longer than its CA': craft(validity(begins, derTime(Date.UTC(2036, 0, 1) + 1_000))),
  'until the year 9999': craft(validity(begins, derTime(Date.UTC(9999, 11, 31, 23, 59, 59)))),
  'signed by the device itself': craft({}, { ...issuers.acme, key: keys.device2 }),
  'signed with an Ed25519 key in the name of acme': craft(bothAlgorithms(oid.ed25519), {
    ...issuers.acme,
    key: keys.stranger,
  }),
  'signed by the beta CA in the name of acme': craft({}, { ...issuers.acme, key: keys.beta }),
}

/** URIs in a certificate that the acme CA signed; none of them names anyone. */
export const spellings: Group = Object.fromEntries(
  [
    'SPIFFE://acme.example.test/device/device-104',
    'Spiffe://acme.example.test/device/device-104',
    'spiffe://ACME.example.test/device/device-104',
    'spiffe://acme.Example.test/device/device-104',
    'spiffe://acme.example.test/Device/device-104',
    'spiffe://acme.example.test/device/Device-104',
    'spiffe://acme.example.test/device/device-104/',
    'spiffe://acme.example.test/device/device-104//',
    'spiffe://acme.example.test/device//device-104',
    'spiffe://acme.example.test//device/device-104',
    'spiffe:///acme.example.test/device/device-104',
    'spiffe:/acme.example.test/device/device-104',
    'spiffe:acme.example.test/device/device-104',
    'spiffe://acme.example.test./device/device-104',
    'spiffe://acme..example.test/device/device-104',
    'spiffe://.acme.example.test/device/device-104',
    'spiffe://acme.example.test:443/device/device-104',
    'spiffe://acme.example.test:/device/device-104',
    'spiffe://user@acme.example.test/device/device-104',
    'spiffe://acme.example.test@evil.test/device/device-104',
    'spiffe://@acme.example.test/device/device-104',
    'spiffe://acme.example.test/device/device-104?x=1',
    'spiffe://acme.example.test/device/device-104?',
    'spiffe://acme.example.test/device/device-104#x',
    'spiffe://acme.example.test/device/device-104#',
    'spiffe://acme.example.test/device/%64evice-104',
    'spiffe://acme.example.test/device/device%2d104',
    'spiffe://acme.example.test/device/%2e%2e',
    'spiffe://acme.example.test/device/device-104%00',
    'spiffe://acme.example.test/device/..',
    'spiffe://acme.example.test/device/.',
    'spiffe://acme.example.test/device/../device/device-104',
    'spiffe://acme.example.test/./device/device-104',
    'spiffe://acme.example.test/device/device-104,URI:spiffe://acme.example.test/device/admin',
    'spiffe://acme.example.test/device/"device-104"',
    "spiffe://acme.example.test/device/'device-104'",
    'spiffe://acme.example.test\\device\\device-104',
    'spiffe://acme.example.test/device\\device-104',
    'spiffe://acme.example.test/device/device-104;v=1',
    'spiffe://acme.example.test/device/device+104',
    'spiffe://acme.example.test/device/*',
    'spiffe://acme.example.test/device/_proto',
    'spiffe://acme.example.test/device/__proto__',
    'spiffe://acme.example.test/device/-x',
    `spiffe://acme.example.test/device/${'a'.repeat(65)}`,
    'spiffe://acme.example.test/device/',
    'spiffe://acme.example.test/device',
    'spiffe://acme.example.test/',
    'spiffe://acme.example.test',
    'spiffe://acme.example.test/device/device-104/admin',
    'spiffe://acme.example.test/devices/device-104',
    'spiffe://acme.example.test/operator/ann',
    'spiffe://acme.example.test/gateway/gw-1',
    'spiffe://acme.example.test/server',
    'spiffe://acme.example.test/notice',
    'spiffe://beta.example.test/device/device-104',
    'spiffe://platform.example.test/device/device-104',
    'spiffe://platform.example.test/operator/ann',
    'spiffe://platform.example.test/server',
    'spiffe://x.acme.example.test/device/device-104',
    'spiffe://example.test/device/device-104',
    'spiffe://acme.example.test.evil.test/device/device-104',
    'spiffe://acme.evil.test/device/device-104',
    'spiffe://xn--cme-5cd.example.test/device/device-104',
    'http://acme.example.test/device/device-104',
    'https://acme.example.test/device/device-104',
    'spiffes://acme.example.test/device/device-104',
    'urn:spiffe:acme.example.test:device:device-104',
  ].map(text => [text, leafWith({ names: names(uri(text)) })]),
)

/** Well made and signed, by a CA that may not name this. */
export const wrongIssuer: Group = {
  betaNamesAcme: leafCertificate(issuers.beta, keys.device, device),
  acmeNamesBeta: leafCertificate(issuers.acme, keys.device, { ...device, fleet: 'beta' }),
  acmeNamesOperator: leafCertificate(issuers.acme, keys.device, operator),
  peopleNamesDevice: leafCertificate(issuers.people, keys.device, device),
  peopleNamesServer: craftServer(oid.clientAuth, 'people'),
  peopleNamesServerForServers: craftServer(oid.serverAuth, 'people'),
  peopleNamesLocalhost: craft(
    {
      extensions: leafExtensions({
        names: names(uri('spiffe://platform.example.test/operator/ann'), dns('localhost')),
        authorityKeyId: authorityKeyId(issuers.people.keyId),
      }),
    },
    issuers.people,
  ),
  serverNamesServerForClients: craftServer(oid.clientAuth, 'server'),
  serverNamesOperator: craft(
    {
      extensions: leafExtensions({
        purposes: purposes(oid.serverAuth),
        names: names(uri('spiffe://platform.example.test/operator/ann')),
        authorityKeyId: authorityKeyId(issuers.server.keyId),
      }),
    },
    issuers.server,
  ),
  rootNamesDevice: craft(
    { extensions: leafExtensions({ authorityKeyId: authorityKeyId(issuers.root.keyId) }) },
    issuers.root,
  ),
  deviceNamesDevice: craft(
    { extensions: leafExtensions({ authorityKeyId: authorityKeyId(deviceIssuer().keyId) }) },
    deviceIssuer(),
  ),
  selfSigned: craft(
    {
      extensions: leafExtensions({ authorityKeyId: authorityKeyId(deviceIssuer().keyId) }),
      spki: keys.device2.publicKey.spki,
    },
    deviceIssuer(),
  ),
}

/** The server's certificate with one thing wrong, by the server CA. */
export const badServers: Group = {
  'no purpose': craftServer(undefined, 'server'),
  'clients and servers': craftServer([oid.serverAuth, oid.clientAuth], 'server'),
  'an alternative name that is not critical': craftServer(
    oid.serverAuth,
    'server',
    extension(oid.subjectAltName, derSequence(uri('spiffe://platform.example.test/server')), false),
  ),
  'two URIs': craftServer(
    oid.serverAuth,
    'server',
    names(uri('spiffe://platform.example.test/server'), uri('spiffe://platform.other.test/server')),
  ),
  'no URI': craftServer(oid.serverAuth, 'server', names(dns('localhost'))),
  'no names': craftServer(oid.serverAuth, 'server', none),
  'an operator': craftServer(oid.serverAuth, 'server', names(uri('spiffe://platform.example.test/operator/ann'))),
  'a fleet instead of the platform': craftServer(
    oid.serverAuth,
    'server',
    names(uri('spiffe://acme.example.test/server')),
  ),
  'more after the path': craftServer(oid.serverAuth, 'server', names(uri('spiffe://platform.example.test/server/x'))),
  'a slash after the path': craftServer(oid.serverAuth, 'server', names(uri('spiffe://platform.example.test/server/'))),
  'a domain of one label': craftServer(oid.serverAuth, 'server', names(uri('spiffe://platform.test/server'))),
  'a domain with empty labels': craftServer(oid.serverAuth, 'server', names(uri('spiffe://platform...test/server'))),
  'a domain in upper case': craftServer(oid.serverAuth, 'server', names(uri('spiffe://platform.Example.test/server'))),
  'a domain with a port': craftServer(oid.serverAuth, 'server', names(uri('spiffe://platform.example.test:1/server'))),
}

/** In pairs that only time or the registry can tell apart. */
export const standing: Group = {
  original: twin(keys.device),
  /** Same issuer, serial number, authority key id and name; another key. */
  twin: twin(keys.stranger),
  expired: leafCertificate(issuers.acme, keys.device, device, {
    notBefore: january,
    notAfter: january + day,
  }),
  later: leafCertificate(issuers.acme, keys.device, device, {
    notBefore: january + 20 * day,
    notAfter: january + 30 * day,
  }),
}

function twin(key: (typeof keys)['device']): Promise<Uint8Array> {
  return leafCertificate(issuers.acme, key, device, { serial: '40000000000000000000000000000077' })
}

function deviceIssuer() {
  return { ...issuers.acme, key: keys.device2, keyId: new Uint8Array(20).fill(7) }
}

function craftServer(
  purpose: string | readonly string[] | undefined,
  by: 'server' | 'people',
  altNames = names(uri('spiffe://platform.example.test/server')),
): Promise<Uint8Array> {
  return craft(
    {
      spki: keys.device2.publicKey.spki,
      extensions: leafExtensions({
        purposes: purpose === undefined ? none : purposes(...[purpose].flat()),
        names: altNames,
        subjectKeyId: none,
        authorityKeyId: authorityKeyId(issuers[by].keyId),
      }),
    },
    issuers[by],
  )
}

function craftAuthority(basic: readonly Uint8Array[], usage: readonly number[] | undefined): Promise<Uint8Array> {
  return craft(
    {
      subject: issuers.people.subject,
      spki: keys.people.publicKey.spki,
      extensions: [
        extension(oid.basicConstraints, derSequence(...basic)),
        ...(usage === undefined ? [] : [keyUsageOf(...usage)]),
        purposes(oid.clientAuth),
        keyIdExtension(issuers.people.keyId),
        authorityKeyId(issuers.root.keyId),
      ],
    },
    issuers.root,
  )
}

function bothAlgorithms(id: string): Partial<Parts> {
  return { innerAlgorithm: algorithm(derOid(id)), outerAlgorithm: algorithm(derOid(id)) }
}

function keyUsageOf(...body: readonly number[]): Uint8Array {
  return extension(oid.keyUsage, der(tag.bitString, Uint8Array.from(body)))
}

function constraints(permitted: readonly Uint8Array[], excluded: readonly Uint8Array[]): Uint8Array {
  const subtree = (item: Uint8Array) => derSequence(item)
  return extension(
    oid.nameConstraints,
    derSequence(
      ...(permitted.length === 0 ? [] : [der(contextConstructed(0), ...permitted.map(subtree))]),
      ...(excluded.length === 0
        ? []
        : [der(contextConstructed(1), ...excluded.map(body => subtree(der(context(7), body))))]),
    ),
  )
}

function wrapped(extensions: readonly Uint8Array[]): Uint8Array {
  return der(contextConstructed(3), derSequence(...extensions))
}

function nested(depth: number): Uint8Array {
  let inner: Uint8Array = none
  for (let i = 0; i < depth; i++) inner = derSequence(inner)
  return inner
}

async function changed(
  whole: Promise<Uint8Array>,
  change: (parts: readonly Uint8Array[]) => readonly Uint8Array[],
): Promise<Uint8Array> {
  const reader = new DerReader(readDer(await whole, tag.sequence).body)
  const parts: Uint8Array[] = []
  while (!reader.done) parts.push(reader.element().whole)
  return derSequence(...change(parts))
}

/** (r, n - s) verifies wherever (r, s) does. */
function otherSignature(whole: Promise<Uint8Array>): Promise<Uint8Array> {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  return changed(whole, ([tbs, outer, bits]) => {
    const raw = readEcdsaSignature(readDer(bits!, tag.bitString).body.subarray(1))
    const s = order - BigInt(`0x${Buffer.from(raw.subarray(32)).toString('hex')}`)
    const other = concat(raw.subarray(0, 32), readHex(s.toString(16).padStart(64, '0')))
    return [tbs!, outer!, derBitString(derEcdsaSignature(other))]
  })
}
