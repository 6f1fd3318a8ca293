import {
  ascii,
  context,
  contextConstructed,
  der,
  derBitString,
  derBoolean,
  derOid,
  derSequence,
  derTime,
  derUnsigned,
  tag,
} from '../bytes/der.ts'
import { sha256 } from '../bytes/sha256.ts'
import { readHex, utf8 } from '../bytes/text.ts'
import type { PublicKey } from '../keys/public-key.ts'
import { type Key, x509Signature } from '../keys/sign.ts'
import { type FullName, spiffeId } from '../names/spiffe.ts'
import { signatureAlgorithm } from './algorithm.ts'
import { oid } from './oid.ts'

/**
 * Every certificate that Mintmark signs is one of the kinds below, built from our own state only; the public key is
 * all that a signing request contributes.
 */
export type CertificateRequest = RootRequest | AuthorityRequest | LeafRequest

interface Common {
  /** 16 random bytes as hex, the first bit clear so that the DER integer stays positive and 16 bytes long. */
  readonly serial: string
  readonly publicKey: PublicKey
  /** Unix milliseconds; rounded down to seconds. */
  readonly notBefore: number
  readonly notAfter: number
}

/** The offline root; self-signed. */
export interface RootRequest extends Common {
  readonly kind: 'root'
  /** Common name, shown to people. */
  readonly title: string
}

/** A CA under the root: path length 0, one purpose. */
export interface AuthorityRequest extends Common {
  readonly kind: 'authority'
  readonly title: string
  /** `fleet` and `people` issue for clientAuth, `server` for serverAuth. */
  readonly use: 'fleet' | 'server' | 'people'
  /** `<fleet>.<domain>` or `platform.<domain>`: what its names are constrained to; undefined for the server CA. */
  readonly host: string | undefined
}

/** An identity: exactly one SPIFFE ID, no subject. */
export interface LeafRequest extends Common {
  readonly kind: 'leaf'
  readonly domain: string
  readonly name: FullName
  /** Only for `platform/server`: the host names and addresses (4 or 16 bytes) clients dial. */
  readonly dnsNames?: readonly string[]
  readonly addresses?: readonly Uint8Array[]
}

/** Who signs: the key, and the issuer's subject (DER) and subject key id. For a root, its own. */
export interface Issuer {
  readonly key: Key
  readonly subject: Uint8Array
  readonly keyId: Uint8Array
}

export async function signCertificate(issuer: Issuer, request: CertificateRequest): Promise<Uint8Array> {
  const tbs = certificateToSign(issuer.key.publicKey.algorithm, issuer.subject, issuer.keyId, request)
  const signature = await x509Signature(issuer.key, tbs)
  return derSequence(tbs, signatureAlgorithm[issuer.key.publicKey.algorithm], derBitString(signature))
}

/** The TBSCertificate for a request: the same bytes for the same request, so that a merge can compare. */
export function certificateToSign(
  algorithm: PublicKey['algorithm'],
  issuerName: Uint8Array,
  issuerKeyId: Uint8Array,
  request: CertificateRequest,
): Uint8Array {
  return derSequence(
    version3,
    derUnsigned(readHex(request.serial)),
    signatureAlgorithm[algorithm],
    issuerName,
    derSequence(derTime(request.notBefore), derTime(request.notAfter)),
    request.kind === 'leaf' ? emptyName : commonName(request.title),
    request.publicKey.spki,
    der(contextConstructed(3), derSequence(...extensionsOf(request, issuerKeyId))),
  )
}

/** A distinguished name of one common name. */
export const commonName = (title: string): Uint8Array =>
  derSequence(der(tag.set, derSequence(derOid(oid.commonName), der(tag.utf8String, utf8(title)))))

const emptyName = derSequence()

/** RFC 7093 2 (1): the first 160 bits of SHA-256 of the public key's bits. */
export const keyIdentifier = (key: PublicKey): Uint8Array => sha256(key.raw).subarray(0, 20)

const version3 = der(contextConstructed(0), der(tag.integer, Uint8Array.of(2)))

function extensionsOf(request: CertificateRequest, issuerKeyId: Uint8Array): Uint8Array[] {
  const ownKeyId = keyIdentifier(request.publicKey)
  const keyIds = [
    extension(oid.subjectKeyId, false, der(tag.octetString, ownKeyId)),
    extension(oid.authorityKeyId, false, derSequence(der(context(0), issuerKeyId))),
  ]
  if (request.kind === 'root') {
    // A root names no authority key: it is its own (RFC 5280 4.2.1.1).
    return [authorityConstraints(1), signsCertificates, keyIds[0]!]
  }
  if (request.kind === 'authority') {
    const purpose = request.use === 'server' ? forServers : forClients
    const constraints = request.host === undefined ? [] : [nameConstraints(request.host)]
    return [authorityConstraints(0), signsCertificates, purpose, ...constraints, ...keyIds]
  }
  const purpose = request.name.role === 'server' ? forServers : forClients
  return [leafConstraints, signsOnly, purpose, altNames(request), ...keyIds]
}

const extension = (id: string, critical: boolean, value: Uint8Array): Uint8Array =>
  derSequence(derOid(id), ...(critical ? [derBoolean(true)] : []), der(tag.octetString, value))

const authorityConstraints = (pathLength: 0 | 1): Uint8Array =>
  extension(oid.basicConstraints, true, derSequence(derBoolean(true), der(tag.integer, Uint8Array.of(pathLength))))

const leafConstraints = extension(oid.basicConstraints, true, derSequence())
// Named bit lists: digitalSignature is bit 0; keyCertSign and cRLSign are bits 5 and 6.
const signsOnly = extension(oid.keyUsage, true, der(tag.bitString, Uint8Array.of(7, 0x80)))
const signsCertificates = extension(oid.keyUsage, true, der(tag.bitString, Uint8Array.of(1, 0x06)))
const forClients = extension(oid.extendedKeyUsage, false, derSequence(derOid(oid.clientAuth)))
const forServers = extension(oid.extendedKeyUsage, false, derSequence(derOid(oid.serverAuth)))

/** RFC 5280 4.2.1.6: critical where the subject is empty. */
function altNames({ domain, name, dnsNames = [], addresses = [] }: LeafRequest): Uint8Array {
  return extension(
    oid.subjectAltName,
    true,
    derSequence(
      der(context(6), ascii(spiffeId(domain, name))),
      ...dnsNames.map(dns => der(context(2), ascii(dns))),
      ...addresses.map(address => der(context(7), address)),
    ),
  )
}

/**
 * RFC 5280 4.2.1.10. URI alone would leave DNS free: a stolen fleet CA could issue `DNS:localhost` and pose as the
 * platform. So URI and DNS are held to the fleet's host, and addresses are excluded altogether.
 */
function nameConstraints(host: string): Uint8Array {
  const permitted = [6, 2].map(kind => derSequence(der(context(kind), ascii(host))))
  const excluded = [8, 32].map(size => derSequence(der(context(7), new Uint8Array(size))))
  return extension(
    oid.nameConstraints,
    true,
    derSequence(der(contextConstructed(0), ...permitted), der(contextConstructed(1), ...excluded)),
  )
}
