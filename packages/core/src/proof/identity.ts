import { Refused } from '../errors/refused.ts'
import type { Verify } from '../keys/key.ts'
import { type FullName, path, type Role, readSpiffeId } from '../names/spiffe.ts'
import { type Certificate, readCertificate } from '../signed/certificate.ts'
import { oid } from '../signed/oid.ts'
import { checkLeaf, readOnlyUri } from './path.ts'

let make: (name: FullName) => Identity
/** True of what this room made, whatever the type checker was told. */
export let isIdentity: (value: unknown) => value is Identity

/**
 * Who the peer proved to be. Only the functions of this file make one, from a certificate that leads to the root;
 * operations take an Identity and never a name from a request.
 */
export class Identity implements FullName {
  // A private field makes the type nominal: an object of the same shape is not an Identity.
  readonly #proven = true
  readonly fleet: string
  readonly role: Role
  readonly name: string

  private constructor({ fleet, role, name }: FullName) {
    this.fleet = fleet
    this.role = role
    this.name = name
  }

  /** Key of the registry: `acme/device/device-104`. */
  get path(): string {
    return path(this)
  }

  static {
    make = name => new Identity(name)
    isIdentity = value => typeof value === 'object' && value !== null && #proven in value
  }
}

/** A certificate that proves an identity. Time and standing are judged by the gate, request by request. */
export interface PeerProof {
  readonly identity: Identity
  readonly certificate: Certificate
}

/** One of our own issuing CAs, already checked against the root with `checkAuthority`. */
export interface IssuingAuthority {
  /** The fleet it may issue for; `platform` for the server CA and the people CA. */
  readonly fleet: string
  readonly use: 'fleet' | 'server' | 'people'
  readonly certificate: Certificate
}

/**
 * Proves who a TLS client is from its leaf certificate alone; the issuer is one of our own, found by key id, so chains
 * that peers send are never followed.
 * @throws Refused `certificate-refused`, with the reason in `detail`
 */
export async function provePeer(
  leaf: Uint8Array,
  domain: string,
  issuerOf: (authorityKeyId: Uint8Array) => IssuingAuthority | undefined,
  verify: Verify,
): Promise<PeerProof> {
  try {
    const certificate = readCertificate(leaf)
    const issuer = certificate.authorityKeyId && issuerOf(certificate.authorityKeyId)
    if (issuer === undefined) throw new Refused('bad-certificate', 'not issued by a CA of this platform')
    await checkLeaf(certificate, issuer.certificate, verify)
    // The platform's own server certificate is none: taken from its host, it must not open a door.
    if (certificate.purposes?.[0] !== oid.clientAuth) throw new Refused('bad-certificate', 'not for clients')
    const name = readOnlyName(domain, certificate)
    checkMayName(issuer, name)
    // The key that signs notices calls nobody.
    if (name.role === 'notice') throw new Refused('bad-certificate', 'not for clients')
    return { identity: make(name), certificate }
  } catch (cause) {
    if (!(cause instanceof Refused)) throw cause
    throw new Refused('certificate-refused', cause.detail ?? cause.code, { cause })
  }
}

/** One SPIFFE ID, and nothing beside it. */
function readOnlyName(domain: string, certificate: Certificate): FullName {
  const name = readSpiffeId(domain, readOnlyUri(certificate))
  const { dnsNames = [], addresses = [] } = certificate.altNames ?? {}
  if (dnsNames.length + addresses.length > 0) throw new Refused('bad-certificate', 'names beside the SPIFFE ID')
  return name
}

/** The right issuer for the fleet and the role: one fleet's CA can never name another's device. */
function checkMayName(issuer: IssuingAuthority, name: FullName): void {
  const use = name.fleet !== 'platform' ? 'fleet' : name.role === 'server' ? 'server' : 'people'
  if (issuer.use !== use || issuer.fleet !== name.fleet) throw new Refused('bad-certificate', 'issuer of another fleet')
}
