import 'reflect-metadata'
import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes, webcrypto } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { hex, pem, readPem } from '@mintmark/core/bytes'
import { authorityHost } from '@mintmark/core/ceremony'
import { Refused } from '@mintmark/core/errors'
import type { KeyAlgorithm } from '@mintmark/core/keys'
import type { Key } from '@mintmark/core/keys/sign'
import type { FullName } from '@mintmark/core/names'
import { checkAuthority, type IssuingAuthority, provePeer, proveServer } from '@mintmark/core/proof'
import {
  checkPossession,
  commonName,
  crlReason,
  keyIdentifier,
  type LeafRequest,
  readCertificate,
  readRevocationList,
  readSigningRequest,
  signCertificate,
  signRevocationList,
  signSigningRequest,
} from '@mintmark/core/signed'
import { createKeyFile, nodeVerify } from '@mintmark/elements'
import * as x509 from '@peculiar/x509'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { need } from '../../../scripts/services.ts'
import { type Forgery, forge, generalName, purposes, sequence } from '../src/forge.ts'

// What our code signs, before software that is not ours; and what that software makes, before our code. A stolen fleet
// CA forges certificates with the encoder of `forge.ts`, which shares nothing with core's.

const folder = mkdtempSync(join(tmpdir(), 'mintmark-oracles-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const domain = 'example.test'
const now = Date.now()
const day = 86_400_000

const keyFile = (title: string): string => join(folder, `${title.replaceAll(' ', '-')}.key`)
const makeKey = (title: string, algorithm: KeyAlgorithm = 'P-256'): Key => createKeyFile(keyFile(title), algorithm)
const serial = (): string => {
  const bytes = randomBytes(16)
  bytes[0]! &= 0x7f
  return hex(bytes)
}

interface Authority {
  readonly key: Key
  readonly subject: Uint8Array
  readonly keyId: Uint8Array
  readonly certificate: Uint8Array
}

async function makeRoot(title: string): Promise<Authority> {
  const key = makeKey(title)
  const [subject, keyId] = [commonName(title), keyIdentifier(key.publicKey)]
  const times = { notBefore: now - day, notAfter: now + 9_000 * day }
  const request = { kind: 'root', title, serial: serial(), publicKey: key.publicKey, ...times } as const
  return { key, subject, keyId, certificate: await signCertificate({ key, subject, keyId }, request) }
}

async function makeAuthority(root: Authority, use: 'fleet' | 'server' | 'people', fleet?: string): Promise<Authority> {
  const title = `Mintmark ${fleet ?? use} CA`
  const key = makeKey(title)
  const certificate = await signCertificate(root, {
    kind: 'authority',
    title,
    use,
    host: authorityHost(domain, use, fleet),
    serial: serial(),
    publicKey: key.publicKey,
    notBefore: now - day,
    notAfter: now + 3_650 * day,
  })
  return { key, subject: commonName(title), keyId: keyIdentifier(key.publicKey), certificate }
}

const makeLeaf = (by: Authority, key: Key, name: FullName, more: Partial<LeafRequest> = {}): Promise<Uint8Array> =>
  signCertificate(by, {
    kind: 'leaf',
    domain,
    name,
    serial: serial(),
    publicKey: key.publicKey,
    notBefore: now - 300_000,
    notAfter: now + 30 * day,
    ...more,
  })

const root = await makeRoot('Mintmark root')
const serverCa = await makeAuthority(root, 'server')
const peopleCa = await makeAuthority(root, 'people')
const acmeCa = await makeAuthority(root, 'fleet', 'acme')
const betaCa = await makeAuthority(root, 'fleet', 'beta')

const deviceKeys = { Ed25519: makeKey('device', 'Ed25519'), 'P-256': makeKey('device P-256') }
const device = { fleet: 'acme', role: 'device', name: 'device-104' } as const
const deviceUri = 'spiffe://acme.example.test/device/device-104'

interface Leaf {
  readonly by: Authority
  readonly purpose: 'sslclient' | 'sslserver'
  readonly der: Uint8Array
  readonly key: string
}

/** What the platform issues. */
const good: Readonly<Record<string, Leaf>> = {
  'a device with an Ed25519 key': {
    by: acmeCa,
    purpose: 'sslclient',
    der: await makeLeaf(acmeCa, deviceKeys.Ed25519, device),
    key: keyFile('device'),
  },
  'a device with a P-256 key': {
    by: acmeCa,
    purpose: 'sslclient',
    der: await makeLeaf(acmeCa, deviceKeys['P-256'], device),
    key: keyFile('device P-256'),
  },
  'a device of another fleet': {
    by: betaCa,
    purpose: 'sslclient',
    der: await makeLeaf(betaCa, deviceKeys.Ed25519, { ...device, fleet: 'beta' }),
    key: keyFile('device'),
  },
  'an operator': {
    by: peopleCa,
    purpose: 'sslclient',
    der: await makeLeaf(peopleCa, deviceKeys.Ed25519, { fleet: 'platform', role: 'operator', name: 'ann' }),
    key: keyFile('device'),
  },
  'the server': {
    by: serverCa,
    purpose: 'sslserver',
    der: await makeLeaf(
      serverCa,
      deviceKeys['P-256'],
      { fleet: 'platform', role: 'server', name: '' },
      {
        dnsNames: ['localhost', 'mint.example.test'],
        addresses: [Uint8Array.of(127, 0, 0, 1)],
      },
    ),
    key: keyFile('device P-256'),
  },
}

const { spki } = deviceKeys['P-256'].publicKey
const forged = (parts: Partial<Forgery>, by: Authority = acmeCa): Promise<Uint8Array> =>
  forge(by, { spki, uris: [deviceUri], ...parts }, now)
const uri = generalName(6, deviceUri)

/** What whoever stole the CA of fleet acme, or a device's key, might sign. */
const stolen: Readonly<Record<string, Uint8Array>> = {
  'a URI of another fleet': await forged({ uris: ['spiffe://beta.example.test/device/device-104'] }),
  'a URI of the platform': await forged({ uris: ['spiffe://platform.example.test/operator/ann'] }),
  'DNS:localhost beside the URI': await forged({ altNames: sequence(uri, generalName(2, 'localhost')) }),
  'DNS:localhost alone': await forged({ altNames: sequence(generalName(2, 'localhost')) }),
  'an IPv4 address': await forged({ altNames: sequence(uri, generalName(7, Uint8Array.of(127, 0, 0, 1))) }),
  'an IPv6 address': await forged({ altNames: sequence(uri, generalName(7, new Uint8Array(16))) }),
  'a certificate for servers': await forged({ purposes: [purposes.serverAuth] }),
  'a certificate for servers and clients, DNS:localhost': await forged({
    purposes: [purposes.serverAuth, purposes.clientAuth],
    altNames: sequence(generalName(2, 'localhost')),
  }),
  'an expired certificate': await makeLeaf(acmeCa, deviceKeys['P-256'], device, {
    notBefore: now - 2 * day,
    notAfter: now - day,
  }),
  'a certificate not yet valid': await makeLeaf(acmeCa, deviceKeys['P-256'], device, { notBefore: now + day }),
  'a bit turned': turned(good['a device with a P-256 key']!.der),
}

/** What whoever stole the people CA might sign, to pose as the platform. */
const posing = await forged(
  { purposes: [purposes.serverAuth], altNames: sequence(generalName(2, 'localhost')) },
  peopleCa,
)

/** A device that signs for another: its key id is that of its certificate. */
const asIssuer: Authority = {
  key: deviceKeys['P-256'],
  subject: sequence(),
  keyId: keyIdentifier(deviceKeys['P-256'].publicKey),
  certificate: good['a device with a P-256 key']!.der,
}
const byLeaf = await forged({ spki: deviceKeys.Ed25519.publicKey.spki }, asIssuer)

function turned(der: Uint8Array): Uint8Array {
  const changed = Uint8Array.from(der)
  changed[der.length - 5]! ^= 1
  return changed
}

let files = 0
/** The path of a new file with these certificates, as PEM. */
function certificatesIn(...ders: readonly Uint8Array[]): string {
  const path = join(folder, `${++files}.pem`)
  writeFileSync(path, ders.map(der => pem('CERTIFICATE', der)).join(''))
  return path
}

/** The path of a new file with these bytes. */
function bytesIn(bytes: Uint8Array | string): string {
  const path = join(folder, `${++files}.bin`)
  writeFileSync(path, bytes)
  return path
}

/** What a command said, and whether it went well. */
function say(command: string, ...args: readonly string[]): { readonly well: boolean; readonly text: string } {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (error) throw error
  return { well: status === 0, text: `${stdout}${stderr}` }
}

const issuers: readonly IssuingAuthority[] = (
  [
    ['acme', 'fleet', acmeCa],
    ['beta', 'fleet', betaCa],
    ['platform', 'people', peopleCa],
    ['platform', 'server', serverCa],
  ] as const
).map(([fleet, use, { certificate }]) => ({ fleet, use, certificate: readCertificate(certificate) }))

const prove = (der: Uint8Array) =>
  provePeer(
    der,
    domain,
    keyId => issuers.find(({ certificate }) => hex(certificate.subjectKeyId!) === hex(keyId)),
    nodeVerify,
  )

describe('our own code', () => {
  test('proves the clients and the server that the platform issues for', async () => {
    for (const [title, { der, purpose, by }] of Object.entries(good)) {
      if (purpose === 'sslclient') expect((await prove(der)).identity.path, title).toMatch(/\/(?:device|operator)\//)
      else expect(await proveServer([der, by.certificate], root.certificate, now, nodeVerify)).toBe(domain)
    }
  })

  test.each(Object.keys(stolen).filter(title => !/expired|not yet/.test(title)))('proves nobody by %s', async title => {
    await expect(prove(stolen[title]!)).rejects.toThrow(Refused)
  })

  test('proves nobody by what a device signed', async () => {
    await expect(prove(byLeaf)).rejects.toThrow(Refused)
  })
})

describe('OpenSSL', () => {
  const missing = need('openssl')
  if (missing) return test.skip(missing)

  const verify = (der: Uint8Array, purpose: string, ...untrusted: readonly Uint8Array[]) =>
    say(
      'openssl',
      ...['verify', '-x509_strict', '-purpose', purpose, '-CAfile', certificatesIn(root.certificate)],
      ...['-untrusted', certificatesIn(...untrusted), certificatesIn(der)],
    )

  test.each(Object.keys(good))('verifies %s, strictly', title => {
    const { der, purpose, by } = good[title]!
    expect(verify(der, purpose, by.certificate)).toMatchObject({ well: true })
  })

  test('verifies the CAs and the root, strictly', () => {
    for (const { certificate } of [serverCa, peopleCa, acmeCa, betaCa, root]) {
      expect(verify(certificate, 'any', certificate)).toMatchObject({ well: true })
    }
  })

  test('takes no client for a server, and no server for a client', () => {
    for (const { der, purpose, by } of Object.values(good)) {
      const other = purpose === 'sslclient' ? 'sslserver' : 'sslclient'
      expect(verify(der, other, by.certificate)).toMatchObject({ well: false, text: /purpose/ })
    }
  })

  test.each([
    ['a URI of another fleet', 'sslclient', /permitted subtree violation/],
    ['a URI of the platform', 'sslclient', /permitted subtree violation/],
    ['DNS:localhost beside the URI', 'sslclient', /permitted subtree violation/],
    ['DNS:localhost alone', 'sslclient', /permitted subtree violation/],
    ['an IPv4 address', 'sslclient', /excluded subtree violation/],
    ['an IPv6 address', 'sslclient', /excluded subtree violation/],
    ['a certificate for servers', 'sslclient', /purpose/],
    ['a certificate for servers', 'sslserver', /purpose/],
    ['a certificate for servers and clients, DNS:localhost', 'sslserver', /purpose|permitted/],
    ['an expired certificate', 'sslclient', /expired/],
    ['a certificate not yet valid', 'sslclient', /not yet valid/],
    ['a bit turned', 'sslclient', /signature failure|bad signature/],
  ])('refuses what a stolen fleet CA signs: %s, for %s', (title, purpose, reason) => {
    const said = verify(stolen[title]!, purpose, acmeCa.certificate)
    expect(said.text).toMatch(reason)
    expect(said.well).toBe(false)
  })

  test('refuses what a stolen people CA signs to pose as the platform', () => {
    expect(verify(posing, 'sslserver', peopleCa.certificate)).toMatchObject({ well: false, text: /purpose/ })
    // Asked for any purpose, which is what some clients do: then the name constraints hold.
    const said = verify(posing, 'any', peopleCa.certificate)
    expect(said).toMatchObject({ well: false, text: /permitted subtree violation/ })
  })

  test('refuses what a device signs', () => {
    const said = verify(byLeaf, 'sslclient', asIssuer.certificate, acmeCa.certificate)
    expect(said.text).toMatch(/invalid CA|unable to get/)
    expect(said.well).toBe(false)
  })

  test('refuses a chain that ends in another root', async () => {
    const other = await makeRoot('Another root')
    const file = certificatesIn(other.certificate)
    const { der, by } = good['an operator']!
    const said = say(
      'openssl',
      'verify',
      '-CAfile',
      file,
      '-untrusted',
      certificatesIn(by.certificate),
      certificatesIn(der),
    )
    expect(said).toMatchObject({ well: false, text: /unable to get (?:local )?issuer/ })
  })

  test.each(Object.entries(deviceKeys))('verifies our signing request for %s', async (_, key) => {
    const file = bytesIn(await signSigningRequest(key))
    const said = say('openssl', 'req', '-verify', '-inform', 'DER', '-in', file, '-noout', '-text')
    expect(said).toMatchObject({ well: true, text: /verify OK/ })
    expect(said.text).toMatch(/Subject: *\n/)
  })

  test.each([
    ['Ed25519', '-algorithm ED25519'],
    ['P-256', '-algorithm EC -pkeyopt ec_paramgen_curve:P-256'],
  ])('makes a signing request for %s that we accept, as DER and as PEM', async (algorithm, options) => {
    for (const form of ['DER', 'PEM'] as const) {
      const made = opensslRequest(options, form)
      const der = form === 'PEM' ? readPem('CERTIFICATE REQUEST', made.toString('latin1')) : made
      const request = readSigningRequest(der)
      await checkPossession(request, nodeVerify)
      expect(request.publicKey.algorithm).toBe(algorithm)
      await expect(checkPossession(readSigningRequest(turned(der)), nodeVerify)).rejects.toMatchObject({
        code: 'csr-signature',
      })
    }
  })

  test.each([
    ['RSA', '-algorithm RSA -pkeyopt rsa_keygen_bits:2048'],
    ['P-384', '-algorithm EC -pkeyopt ec_paramgen_curve:P-384'],
    ['secp256k1', '-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1'],
    ['Ed448', '-algorithm ED448'],
  ])('makes a signing request for %s that we refuse for its key', (_, options) => {
    expect(() => readSigningRequest(opensslRequest(options, 'DER'))).toThrow(
      expect.objectContaining({ code: 'key-refused' }),
    )
  })

  test('makes a signing request with wishes, which we refuse for them', () => {
    for (const wish of [`subjectAltName=URI:${deviceUri}`, 'basicConstraints=CA:TRUE', 'extendedKeyUsage=serverAuth']) {
      expect(() => readSigningRequest(opensslRequest('-algorithm ED25519', 'DER', '-addext', wish))).toThrow(
        expect.objectContaining({ code: 'csr-name' }),
      )
    }
  })

  test('makes a whole platform by its own hand, which our code proves', async () => {
    const made = opensslPlatform()
    const [anchor, ca, leaf] = [made.root, made.ca, made.leaf].map(der => readCertificate(der))
    await checkAuthority(ca!, anchor!, now, nodeVerify)
    const issuer = { fleet: 'acme', use: 'fleet', certificate: ca! } as const
    const { identity } = await provePeer(leaf!.der, domain, () => issuer, nodeVerify)
    expect(identity.path).toBe('acme/device/device-104')
  })

  describe('with revocation lists', () => {
    const revoked = readCertificate(good['a device with an Ed25519 key']!.der)
    const times = { thisUpdate: now - 60_000, nextUpdate: now + day }
    let file: string
    let der: Uint8Array
    beforeAll(async () => {
      der = await signRevocationList(acmeCa, {
        number: 2 ** 40,
        ...times,
        revocations: [
          { serial: serial(), at: now - day, reason: crlReason.unspecified },
          { serial: revoked.serial, at: now - 60_000, reason: crlReason.cessationOfOperation },
        ],
      })
      const empty = await signRevocationList(root, { number: 0, ...times, revocations: [] })
      file = bytesIn(pem('X509 CRL', der) + pem('X509 CRL', empty))
    })
    const check = (leaf: Uint8Array) =>
      say(
        'openssl',
        ...['verify', '-x509_strict', '-crl_check_all', '-CRLfile', file, '-CAfile', certificatesIn(root.certificate)],
        ...['-untrusted', certificatesIn(acmeCa.certificate), certificatesIn(leaf)],
      )

    test('verifies the list by its issuer, and not by another', () => {
      const verify = (ca: Authority) =>
        say(
          'openssl',
          'crl',
          '-in',
          bytesIn(der),
          '-inform',
          'DER',
          '-CAfile',
          certificatesIn(ca.certificate),
          '-noout',
        )
      expect(verify(acmeCa).text).toMatch(/verify OK/)
      expect(verify(betaCa).text).not.toMatch(/verify OK/)
    })

    test('reads what the list says', () => {
      const { text } = say('openssl', 'crl', '-in', bytesIn(der), '-inform', 'DER', '-noout', '-text')
      expect(text).toMatch(/Version 2/)
      expect(text).toMatch(/CRL Number: *\n *(?:1099511627776|0x10000000000)/)
      expect(text).toContain(`Serial Number: ${revoked.serial.toUpperCase()}`)
      expect(text).toMatch(/Cessation Of Operation/)
    })

    test('refuses who is on the list and nobody else', () => {
      expect(check(revoked.der)).toMatchObject({ well: false, text: /certificate revoked/ })
      expect(check(good['a device with a P-256 key']!.der)).toMatchObject({ well: true })
    })

    test('makes a list by its own hand, which our code reads', async () => {
      const made = opensslPlatform()
      const ca = readCertificate(made.ca)
      const list = await readRevocationList(made.crl, ca, nodeVerify)
      expect(list.number).toBe(0x1000)
      expect(list.revocations).toMatchObject([{ serial: readCertificate(made.leaf).serial, reason: 1 }])
    })
  })
})

function opensslRequest(options: string, form: 'DER' | 'PEM', ...more: readonly string[]): Buffer {
  const key = bytesIn(execFileSync('openssl', ['genpkey', ...options.split(' ')], { stdio: 'pipe' }))
  const out = join(folder, `${++files}.csr`)
  execFileSync('openssl', ['req', '-new', '-key', key, '-subj', '/CN=x', '-outform', form, '-out', out, ...more])
  return readFileSync(out)
}

/** A root, a fleet CA, a device and a list that revokes it: OpenSSL's keys, encoder and signatures. */
function opensslPlatform(): Record<'root' | 'ca' | 'leaf' | 'crl', Uint8Array> {
  const home = mkdtempSync(join(folder, 'openssl-'))
  const at = (name: string): string => join(home, name)
  const openssl = (...args: readonly string[]) => execFileSync('openssl', args, { cwd: home, stdio: 'pipe' })
  const times = (from: number, to: number) =>
    [from, to].map(moment => new Date(moment).toISOString().replace(/\.\d+|[-:T]/g, ''))
  const config = `
[ca]
default_ca = any
[any]
database = index.txt
serial = serial.txt
crlnumber = crlnumber.txt
new_certs_dir = .
default_md = sha256
default_crl_days = 7
policy = anything
unique_subject = no
crl_extensions = list
[anything]
commonName = optional
[list]
authorityKeyIdentifier = keyid
[root]
basicConstraints = critical, CA:TRUE, pathlen:1
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[ca_of_acme]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
nameConstraints = critical, permitted;URI:acme.example.test, permitted;DNS:acme.example.test, excluded;IP:0.0.0.0/0.0.0.0, excluded;IP:::/::
[device]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = critical, URI:${deviceUri}
[req]
distinguished_name = none
[none]
`
  writeFileSync(at('openssl.cnf'), config)
  writeFileSync(at('index.txt'), '')
  writeFileSync(at('serial.txt'), `${hex(randomBytes(8)).replace(/^./, '4')}\n`)
  writeFileSync(at('crlnumber.txt'), '1000\n')
  for (const name of ['root', 'ca', 'leaf']) {
    openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', `${name}.key`)
    const subject = name === 'leaf' ? '/' : `/CN=openssl ${name}`
    openssl('req', '-new', '-config', 'openssl.cnf', '-key', `${name}.key`, '-subj', subject, '-out', `${name}.csr`)
  }
  const sign = (name: string, section: string, by: readonly string[], until: number) => {
    const [from, to] = times(now - day, until)
    const common = ['ca', '-batch', '-notext', '-config', 'openssl.cnf', '-extensions', section, '-preserveDN']
    openssl(...common, ...by, '-startdate', from!, '-enddate', to!, '-in', `${name}.csr`, '-out', `${name}.pem`)
  }
  sign('root', 'root', ['-selfsign', '-keyfile', 'root.key'], now + 9_000 * day)
  sign('ca', 'ca_of_acme', ['-cert', 'root.pem', '-keyfile', 'root.key'], now + 3_650 * day)
  const byCa = ['-cert', 'ca.pem', '-keyfile', 'ca.key']
  sign('leaf', 'device', byCa, now + 30 * day)
  openssl('ca', '-config', 'openssl.cnf', ...byCa, '-revoke', 'leaf.pem', '-crl_reason', 'keyCompromise')
  openssl('ca', '-config', 'openssl.cnf', ...byCa, '-gencrl', '-out', 'list.pem')
  const read = (name: string) => readPem('CERTIFICATE', readFileSync(at(name), 'latin1'))
  return {
    root: read('root.pem'),
    ca: read('ca.pem'),
    leaf: read('leaf.pem'),
    crl: readPem('X509 CRL', readFileSync(at('list.pem'), 'latin1')),
  }
}

describe('GnuTLS', () => {
  const missing = need('certtool')
  if (missing) return test.skip(missing)

  const ids = { sslclient: purposes.clientAuth, sslserver: purposes.serverAuth }
  const verify = (der: Uint8Array, purpose: 'sslclient' | 'sslserver', ...chain: readonly Uint8Array[]) =>
    say(
      'certtool',
      ...['--verify', '--load-ca-certificate', certificatesIn(root.certificate), '--verify-profile', 'medium'],
      ...['--verify-purpose', ids[purpose], '--infile', certificatesIn(der, ...chain)],
    )

  test.each(Object.keys(good))('verifies %s', title => {
    const { der, purpose, by } = good[title]!
    expect(verify(der, purpose, by.certificate)).toMatchObject({ well: true })
    const chain = certificatesIn(der, by.certificate, root.certificate)
    expect(say('certtool', '--verify-chain', '--infile', chain)).toMatchObject({ well: true })
  })

  // It does not compare URIs with name constraints: docs/verifiers.md.
  test.each([
    ['DNS:localhost beside the URI', 'sslclient'],
    ['DNS:localhost alone', 'sslclient'],
    ['an IPv4 address', 'sslclient'],
    ['an IPv6 address', 'sslclient'],
    ['a certificate for servers', 'sslclient'],
    ['a certificate for servers', 'sslserver'],
    ['a certificate for servers and clients, DNS:localhost', 'sslserver'],
    ['an expired certificate', 'sslclient'],
    ['a certificate not yet valid', 'sslclient'],
    ['a bit turned', 'sslclient'],
  ] as const)('refuses what a stolen fleet CA signs: %s, for %s', (title, purpose) => {
    const said = verify(stolen[title]!, purpose, acmeCa.certificate)
    expect(said.text).toMatch(/Not verified|not trusted/i)
    expect(said.well).toBe(false)
  })

  test('refuses what a stolen people CA signs to pose as the platform', () => {
    expect(verify(posing, 'sslserver', peopleCa.certificate).well).toBe(false)
    const chain = certificatesIn(posing, peopleCa.certificate, root.certificate)
    expect(say('certtool', '--verify-chain', '--infile', chain)).toMatchObject({ well: false, text: /not verified/i })
  })

  test('refuses what a device signs', () => {
    expect(verify(byLeaf, 'sslclient', asIssuer.certificate, acmeCa.certificate).well).toBe(false)
  })

  test('reads our signing requests and lists', async () => {
    for (const key of Object.values(deviceKeys)) {
      const said = say('certtool', '--crq-info', '--inder', '--infile', bytesIn(await signSigningRequest(key)))
      expect(said).toMatchObject({ well: true, text: /Self signature: verified/ })
    }
    const list = { number: 7, thisUpdate: now, nextUpdate: now + day, revocations: [] }
    const said = say(
      'certtool',
      ...['--verify-crl', '--load-ca-certificate', certificatesIn(acmeCa.certificate)],
      ...['--infile', bytesIn(pem('X509 CRL', await signRevocationList(acmeCa, list)))],
    )
    expect(said.text).toMatch(/Verified/)
  })
})

describe('@peculiar/x509', () => {
  const parse = (der: Uint8Array) => new x509.X509Certificate(Uint8Array.from(der))

  test.each(Object.keys(good))('reads and verifies %s', async title => {
    const { der, by } = good[title]!
    const [leaf, issuer, anchor] = [parse(der), parse(by.certificate), parse(root.certificate)]
    expect(await leaf.verify({ publicKey: issuer, date: new Date(now) })).toBe(true)
    expect(await issuer.verify({ publicKey: anchor, date: new Date(now) })).toBe(true)
    expect(await anchor.isSelfSigned()).toBe(true)
    const chain = await new x509.X509ChainBuilder({ certificates: [issuer, anchor] }).build(leaf)
    expect(chain).toHaveLength(3)
    const names = leaf.getExtension(x509.SubjectAlternativeNameExtension)!
    const ours = readCertificate(der)
    expect(names.critical).toBe(true)
    expect(names.names.toJSON().flatMap(({ type, value }) => (type === 'url' ? [value] : []))).toEqual(
      ours.altNames!.uris,
    )
    expect(leaf.serialNumber.replace(/^(?:00)+/, '')).toBe(ours.serial)
    expect(leaf.notBefore.getTime()).toBe(ours.notBefore)
    expect(leaf.notAfter.getTime()).toBe(ours.notAfter)
    expect(leaf.subject).toBe('')
    expect(leaf.getExtension(x509.BasicConstraintsExtension)).toMatchObject({ ca: false, critical: true })
  })

  test('verifies our signing requests, and makes one that we accept', async () => {
    for (const key of Object.values(deviceKeys)) {
      const request = new x509.Pkcs10CertificateRequest(Uint8Array.from(await signSigningRequest(key)))
      expect(await request.verify()).toBe(true)
    }
    for (const algorithm of [{ name: 'Ed25519' }, { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }]) {
      const keys = (await webcrypto.subtle.generateKey(algorithm, false, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
      const made = await x509.Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: algorithm })
      await checkPossession(readSigningRequest(new Uint8Array(made.rawData)), nodeVerify)
    }
  })

  test('verifies our lists', async () => {
    const revocations = [{ serial: '7f01', at: now, reason: crlReason.cessationOfOperation }]
    const list = { number: 7, thisUpdate: now, nextUpdate: now + day, revocations }
    const crl = new x509.X509Crl(Uint8Array.from(await signRevocationList(acmeCa, list)))
    expect(await crl.verify({ publicKey: parse(acmeCa.certificate).publicKey })).toBe(true)
    expect(crl.entries.map(({ serialNumber }) => serialNumber)).toEqual(['7f01'])
  })
})

describe('node:tls', () => {
  const asPem = (...ders: readonly Uint8Array[]): string => ders.map(der => pem('CERTIFICATE', der)).join('')
  const keyOf = (path: string): string => readFileSync(path, 'utf8')
  const ca = asPem(root.certificate)

  /** Whether a server thinks the client authorised, as Node tells it. */
  async function isAuthorized(der: Uint8Array, key: string, ...chain: readonly Uint8Array[]): Promise<boolean> {
    const server = good['the server']!
    const listener = createServer({
      // Node's verdict is what is asked for, so Node may not act upon it.
      ...{ ca, requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.3' },
      ...{ cert: asPem(server.der, serverCa.certificate), key: keyOf(server.key) },
    })
    listener.listen(0, '127.0.0.1')
    await once(listener, 'listening')
    const { port } = listener.address() as AddressInfo
    const accepted = once(listener, 'secureConnection') as Promise<[TLSSocket]>
    const client = connect({ port, ca, servername: 'localhost', cert: asPem(der, ...chain), key: keyOf(key) })
    try {
      await once(client, 'secureConnect')
      const [socket] = await accepted
      return socket.authorized
    } finally {
      client.destroy()
      listener.close()
    }
  }

  test.each(Object.keys(good).filter(title => title !== 'the server'))('authorises %s', async title => {
    const { der, key, by } = good[title]!
    expect(await isAuthorized(der, key, by.certificate)).toBe(true)
  })

  test.each(Object.keys(stolen).filter(title => title !== 'a bit turned'))(
    'does not authorise what a stolen fleet CA signs: %s',
    async title => {
      expect(await isAuthorized(stolen[title]!, keyFile('device P-256'), acmeCa.certificate)).toBe(false)
    },
  )

  test('does not authorise the server as a client, nor what a device signs', async () => {
    const { der, key } = good['the server']!
    expect(await isAuthorized(der, key, serverCa.certificate)).toBe(false)
    expect(await isAuthorized(byLeaf, keyFile('device'), asIssuer.certificate, acmeCa.certificate)).toBe(false)
  })

  test.each([
    'DNS:localhost alone',
    'a certificate for servers',
    'a certificate for servers and clients, DNS:localhost',
  ])('takes nothing of a stolen fleet CA for a server: %s', async title => {
    const listener = createServer({
      cert: asPem(stolen[title]!, acmeCa.certificate),
      key: keyOf(keyFile('device P-256')),
    })
    listener.on('tlsClientError', () => undefined).listen(0, '127.0.0.1')
    await once(listener, 'listening')
    const { port } = listener.address() as AddressInfo
    const client = connect({ port, ca, servername: 'localhost' })
    await expect(once(client, 'secureConnect')).rejects.toThrow()
    client.destroy()
    listener.close()
  })
})
