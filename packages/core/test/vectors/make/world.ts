import { authorityHost } from '../../../src/ceremony/index.ts'
import type { FullName } from '../../../src/names/index.ts'
import {
  type AuthorityRequest,
  commonName,
  type Issuer,
  keyIdentifier,
  type LeafRequest,
  signCertificate,
} from '../../../src/signed/index.ts'
import { VectorKey } from './keys.ts'

// One platform, example.test, with two fleets; and beside it another that copied every name.

export const domain = 'example.test'
export const day = 86_400_000
export const january = Date.UTC(2026, 0, 1)
export const leafTime = { notBefore: january, notAfter: january + 30 * day }
const authorityTime = { notBefore: january, notAfter: Date.UTC(2036, 0, 1) }

export const keys = {
  root: new VectorKey('P-256', 'root'),
  server: new VectorKey('P-256', 'server CA'),
  people: new VectorKey('P-256', 'people CA'),
  acme: new VectorKey('P-256', 'fleet acme CA'),
  beta: new VectorKey('P-256', 'fleet beta CA'),
  impostor: new VectorKey('P-256', 'another platform'),
  device: new VectorKey('Ed25519', 'device-104'),
  device2: new VectorKey('P-256', 'device-105'),
  stranger: new VectorKey('Ed25519', 'stranger'),
  ledger: new VectorKey('Ed25519', 'ledger of acme'),
  notice: new VectorKey('P-256', 'decommission notices'),
  edRoot: new VectorKey('Ed25519', 'root with an Ed25519 key'),
}

const issuer = (key: VectorKey, title: string): Issuer => ({
  key,
  subject: commonName(title),
  keyId: keyIdentifier(key.publicKey),
})

export const issuers = {
  root: issuer(keys.root, `Mintmark root, ${domain}`),
  server: issuer(keys.server, `Mintmark server CA, ${domain}`),
  people: issuer(keys.people, `Mintmark people CA, ${domain}`),
  acme: issuer(keys.acme, `Mintmark fleet acme CA, ${domain}`),
  beta: issuer(keys.beta, `Mintmark fleet beta CA, ${domain}`),
  /** The names and key ids of the acme CA and of the root, and another key. */
  falseAcme: {
    ...issuer(keys.impostor, `Mintmark fleet acme CA, ${domain}`),
    keyId: keyIdentifier(keys.acme.publicKey),
  },
  falseRoot: { ...issuer(keys.impostor, `Mintmark root, ${domain}`), keyId: keyIdentifier(keys.root.publicKey) },
}

let serials = 0
/** 1001, 1002, ... in 16 bytes. */
export const nextSerial = (): string => (++serials + 0x1000).toString(16).padStart(30, '0').padStart(32, '4')

export const rootCertificate = (by: Issuer, title = `Mintmark root, ${domain}`): Promise<Uint8Array> =>
  signCertificate(by, {
    kind: 'root',
    title,
    serial: nextSerial(),
    publicKey: by.key.publicKey,
    notBefore: january,
    notAfter: Date.UTC(2051, 0, 1),
  })

/** In place of a host: the CA may name anything. */
export const unconstrained = ''

export const authorityCertificate = (
  by: Issuer,
  key: VectorKey,
  use: AuthorityRequest['use'],
  fleet?: string,
  host = authorityHost(domain, use, fleet),
): Promise<Uint8Array> =>
  signCertificate(by, {
    kind: 'authority',
    title: `Mintmark ${fleet === undefined ? use : `fleet ${fleet}`} CA, ${domain}`,
    use,
    host: host === unconstrained ? undefined : host,
    serial: nextSerial(),
    publicKey: key.publicKey,
    ...authorityTime,
  })

export const leafCertificate = (
  by: Issuer,
  key: VectorKey,
  name: FullName,
  more: Partial<LeafRequest> = {},
): Promise<Uint8Array> =>
  signCertificate(by, {
    kind: 'leaf',
    domain,
    name,
    serial: nextSerial(),
    publicKey: key.publicKey,
    ...leafTime,
    ...more,
  })
