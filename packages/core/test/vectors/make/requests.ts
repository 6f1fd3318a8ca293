import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { contextConstructed, der, derBitString, derOid, derSequence, tag } from '../../../src/bytes/der.ts'
import { concat } from '../../../src/bytes/index.ts'
import { x509Signature } from '../../../src/keys/sign.ts'
import { oid, signSigningRequest } from '../../../src/signed/index.ts'
import type { Group } from './certificates.ts'
import { foreignKeys } from './foreign-keys.ts'
import type { VectorKey } from './keys.ts'
import { rdn } from './parts.ts'
import { keys } from './world.ts'

interface Parts {
  version: Uint8Array
  subject: Uint8Array
  spki: Uint8Array
  attributes: Uint8Array
  tail: Uint8Array
  algorithm: Uint8Array
  signature: Uint8Array
}

const none = new Uint8Array()
const derNull = der(tag.null)
const integer = (...bytes: readonly number[]): Uint8Array => der(tag.integer, Uint8Array.from(bytes))
const attributes = (...items: readonly Uint8Array[]): Uint8Array => der(contextConstructed(0), ...items)
const ed25519 = derSequence(derOid(oid.ed25519))
const ecdsa = derSequence(derOid(oid.ecdsaWithSha256))

/** A request for a key, signed by it, changed in the parts given. */
async function craft(change: Partial<Parts> = {}, key: VectorKey = keys.device): Promise<Uint8Array> {
  const parts = {
    version: integer(0),
    subject: derSequence(),
    spki: key.publicKey.spki,
    attributes: attributes(),
    tail: none,
    algorithm: key.publicKey.algorithm === 'Ed25519' ? ed25519 : ecdsa,
    ...change,
  }
  const info = derSequence(parts.version, parts.subject, parts.spki, parts.attributes, parts.tail)
  const signature = change.signature ?? (await x509Signature(key, info))
  return derSequence(info, parts.algorithm, derBitString(signature))
}

/** By OpenSSL's own hand: a request with this subject and these lines in its `[req]` and `[wishes]` sections. */
function openssl(
  key: VectorKey | string,
  subject: string,
  wishes: readonly string[] = [],
  req: readonly string[] = [],
) {
  const folder = mkdtempSync(join(tmpdir(), 'vectors-'))
  try {
    const [pem, config] = [join(folder, 'key.pem'), join(folder, 'req.cnf')]
    writeFileSync(
      pem,
      typeof key === 'string' ? execFileSync('openssl', ['genpkey', ...key.split(' ')], { stdio: 'pipe' }) : key.pem,
    )
    const lines = [
      '[req]',
      'distinguished_name = dn',
      'prompt = no',
      'string_mask = utf8only',
      ...req,
      '[dn]',
      'CN = x',
    ]
    if (wishes.length > 0) lines.splice(1, 0, 'req_extensions = wishes')
    lines.push('[wishes]', ...wishes, '[secrets]', 'challengePassword = correct horse', '[named]', 'CN=admin')
    writeFileSync(config, `${lines.join('\n')}\n`)
    const out = join(folder, 'out.der')
    const args = ['req', '-new', '-config', config, '-key', pem, '-outform', 'DER', '-out', out]
    // Given a subject there, OpenSSL leaves the attributes of the configuration out.
    if (subject !== '') args.push('-subj', subject)
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'inherit'] })
    return Uint8Array.from(readFileSync(out))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Accepted, all for device-104's or device-105's key. */
export const goodRequests: Group = {
  'ours, Ed25519': signSigningRequest(keys.device),
  'ours, P-256': signSigningRequest(keys.device2),
  'OpenSSL, Ed25519': openssl(keys.device, '/CN=device-104'),
  'OpenSSL, P-256': openssl(keys.device2, '/CN=device-105'),
  'OpenSSL, no subject': openssl(keys.device, '/'),
  'OpenSSL, a subject that names an admin': openssl(
    keys.device2,
    '/CN=admin/O=platform/emailAddress=a@b.c',
    [],
    ['utf8 = yes'],
  ),
  'two values in one relative name': craft({ subject: derSequence(rdn(['2.5.4.3', 'a'], ['2.5.4.10', 'b'])) }),
}

/** `csr-name`: what a request may not ask for. */
export const wishingRequests: Group = {
  'a URI of another device': openssl(keys.device, '/CN=x', [
    'subjectAltName = URI:spiffe://acme.example.test/device/admin',
  ]),
  'a URI of another fleet': openssl(keys.device2, '/CN=x', [
    'subjectAltName = URI:spiffe://beta.example.test/device/x',
  ]),
  'a DNS name': openssl(keys.device, '/CN=x', ['subjectAltName = DNS:localhost']),
  'an address': openssl(keys.device, '/CN=x', ['subjectAltName = IP:127.0.0.1']),
  'an e-mail address': openssl(keys.device, '/CN=x', ['subjectAltName = email:a@example.test']),
  'another name': openssl(keys.device, '/CN=x', ['subjectAltName = otherName:1.3.6.1.4.1.311.20.2.3;UTF8:admin']),
  'a directory name': openssl(keys.device, '/CN=x', ['subjectAltName = dirName:named']),
  'to be a CA': openssl(keys.device, '/CN=x', ['basicConstraints = critical, CA:TRUE', 'keyUsage = keyCertSign']),
  'code signing': openssl(keys.device, '/CN=x', ['extendedKeyUsage = codeSigning']),
  'name constraints': openssl(keys.device, '/CN=x', ['nameConstraints = permitted;DNS:example.test']),
  'a harmless key usage': openssl(keys.device, '/CN=x', ['keyUsage = digitalSignature']),
  'a challenge password': openssl(keys.device, '', [], ['attributes = secrets']),
  'an empty list of extensions': craft({
    attributes: attributes(derSequence(derOid('1.2.840.113549.1.9.14'), der(tag.set, derSequence()))),
  }),
  'an unknown attribute': craft({ attributes: attributes(derSequence(derOid('1.2.3.4'), der(tag.set))) }),
  'something that is no attribute': craft({ attributes: attributes(derNull) }),
}

/** `bad-csr` */
export const badRequests: Group = {
  'version 2': craft({ version: integer(1) }),
  'version -1': craft({ version: integer(0xff) }),
  'version 0 in two bytes': craft({ version: integer(0, 0) }),
  'no version': craft({ version: none }),
  'no attributes': craft({ attributes: none }),
  'attributes in a set': craft({ attributes: der(tag.set) }),
  'attributes twice': craft({ tail: attributes() }),
  'something after the attributes': craft({ tail: derNull }),
  'a subject in a set': craft({ subject: der(tag.set) }),
  'a P-256 signature for an Ed25519 key': craft({ spki: keys.device.publicKey.spki }, keys.device2),
  'an Ed25519 signature for a P-256 key': craft({ spki: keys.device2.publicKey.spki }),
  'an algorithm with NULL': craft({ algorithm: derSequence(derOid(oid.ed25519), derNull) }),
  'ECDSA with SHA-384': craft({ algorithm: derSequence(derOid('1.2.840.10045.4.3.3')) }, keys.device2),
  'ECDSA with SHA-1': craft({ algorithm: derSequence(derOid('1.2.840.10045.4.1')) }, keys.device2),
  'an Ed25519 signature of 63 bytes': craft({ signature: new Uint8Array(63) }),
  'an Ed25519 signature of 65 bytes': craft({ signature: new Uint8Array(65) }),
  'no signature bytes': craft({ signature: none }),
  'an ECDSA signature as r and s': craft({ signature: new Uint8Array(64).fill(1) }, keys.device2),
  'an ECDSA signature with a zero in front': craft({ signature: derSequence(integer(0, 1), integer(1)) }, keys.device2),
  'a negative ECDSA signature': craft({ signature: derSequence(integer(0x80), integer(1)) }, keys.device2),
  'an ECDSA signature of 33 bytes': craft(
    { signature: derSequence(integer(...new Array(33).fill(1)), integer(1)) },
    keys.device2,
  ),
  'bytes after it': craft().then(whole => concat(whole, none, Uint8Array.of(0))),
  'a byte short': craft().then(whole => whole.subarray(0, -1)),
  'two requests': craft().then(whole => concat(whole, whole)),
  'only the inner part': craft().then(whole => whole.subarray(3, -74)),
}

/** `key-refused` */
export const foreignRequests: Group = {
  ...Object.fromEntries(Object.entries(foreignKeys).map(([title, spki]) => [title, craft({ spki }, keys.device2)])),
  'RSA, by OpenSSL': openssl('-algorithm RSA -pkeyopt rsa_keygen_bits:2048', '/CN=x'),
  'P-384, by OpenSSL': openssl('-algorithm EC -pkeyopt ec_paramgen_curve:P-384', '/CN=x'),
  'P-256 by explicit parameters, by OpenSSL': openssl(
    '-algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit',
    '/CN=x',
  ),
  'Ed448, by OpenSSL': openssl('-algorithm ED448', '/CN=x'),
}

/** `csr-signature` from `checkPossession`: well made, and not signed by the key inside. */
export const unsignedRequests: Group = {
  'the key of another device, Ed25519': craft({ spki: keys.stranger.publicKey.spki }),
  'the key of another device, P-256': craft({ spki: keys.acme.publicKey.spki }, keys.device2),
  'a signature of zeros, Ed25519': craft({ signature: new Uint8Array(64) }),
  'a signature of r = s = 0': craft({ signature: derSequence(integer(0), integer(0)) }, keys.device2),
  'a signature of r = s = 1': craft({ signature: derSequence(integer(1), integer(1)) }, keys.device2),
  'another subject than was signed': craft({ subject: derSequence(rdn(['2.5.4.3', 'a'])) }).then(other =>
    craft({ signature: other.slice(-64) }),
  ),
}
