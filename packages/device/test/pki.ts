import { createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { concat, hex, pem } from '@mintmark/core/bytes'
import { admitSpki, type Key, type KeyAlgorithm, type PublicKey } from '@mintmark/core/keys'
import type { FullName } from '@mintmark/core/names'
import { commonName, type Issuer, keyIdentifier, type LeafRequest, signCertificate } from '@mintmark/core/signed'

export const day = 86_400_000
export const domain = 'example.test'

export interface TestKey extends Key {
  readonly pem: string
}

export interface Authority {
  readonly der: Uint8Array
  readonly issuer: Issuer
  readonly publicKey: PublicKey
}

/** One root and what is under it. */
export interface Pki {
  readonly root: Authority
  readonly server: Authority
  readonly people: Authority
  readonly acme: Authority
  readonly globex: Authority
}

export function makeKey(algorithm: KeyAlgorithm = 'P-256'): TestKey {
  const { privateKey } =
    algorithm === 'Ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const digest = algorithm === 'Ed25519' ? null : 'sha256'
  return {
    publicKey: admitSpki(concat(createPublicKey(privateKey).export({ type: 'spki', format: 'der' }))),
    sign: message => concat(sign(digest, message, { key: privateKey, dsaEncoding: 'ieee-p1363' })),
    pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

export async function makePki(title = 'Mintmark Test Root'): Promise<Pki> {
  const key = makeKey()
  const { publicKey } = key
  const issuer = { key, subject: commonName(title), keyId: keyIdentifier(publicKey) }
  const root = {
    issuer,
    publicKey,
    der: await signCertificate(issuer, { kind: 'root', title, publicKey, ...years(10) }),
  }
  const [server, people, acme, globex] = [
    await makeAuthority(root, 'server', undefined),
    await makeAuthority(root, 'people', `platform.${domain}`),
    await makeAuthority(root, 'fleet', `acme.${domain}`),
    await makeAuthority(root, 'fleet', `globex.${domain}`),
  ]
  return { root, server, people, acme, globex }
}

/** A CA under another; where it signs for itself, by its own key. */
export async function makeAuthority(
  root: Authority | 'itself',
  use: 'fleet' | 'server' | 'people',
  host: string | undefined,
): Promise<Authority> {
  const key = makeKey()
  const { publicKey } = key
  const title = `${host ?? use} CA`
  const issuer = { key, subject: commonName(title), keyId: keyIdentifier(publicKey) }
  const by = root === 'itself' ? issuer : root.issuer
  const der = await signCertificate(by, { kind: 'authority', title, use, host, publicKey, ...years(2) })
  return { der, publicKey, issuer }
}

/** A leaf for 30 days around now. */
export function makeLeaf(
  { issuer }: Authority,
  publicKey: PublicKey,
  name: FullName,
  more: Partial<LeafRequest> = {},
): Promise<Uint8Array> {
  return signCertificate(issuer, { kind: 'leaf', domain, name, publicKey, ...years(0), ...more })
}

/** What a TLS server is configured with. */
export interface Served {
  readonly key: string
  readonly cert: string
}

const serverName = { fleet: 'platform', role: 'server', name: '' } as const

export async function makeServed(authority: Authority, more: Partial<LeafRequest> = {}): Promise<Served> {
  const key = makeKey()
  const hosts = { dnsNames: ['localhost'], addresses: [Uint8Array.of(127, 0, 0, 1)] }
  const leaf = await makeLeaf(authority, key.publicKey, more.name ?? serverName, { ...hosts, ...more })
  return { key: key.pem, cert: pemOf(leaf, authority.der) }
}

export const pemOf = (...chain: readonly Uint8Array[]): string => chain.map(der => pem('CERTIFICATE', der)).join('')

function years(count: number) {
  const serial = randomBytes(16)
  serial[0]! &= 0x7f
  serial[0]! |= 0x40
  const now = Date.now()
  return { serial: hex(serial), notBefore: now - day, notAfter: now + 30 * day + count * 365 * day }
}
