import { hex, pem } from '@mintmark/core/bytes'
import { type Certificate, oid } from '@mintmark/core/signed'
import { nodeSha256 } from '@mintmark/elements'

/** One CA certificate as the Trust Center shows it. */
export interface CertificateView {
  readonly title: string
  /** SHA-256 of the DER, lower-case hex. */
  readonly sha256: string
  readonly serial: string
  readonly notBefore: string
  readonly notAfter: string
  readonly validity: 'valid' | 'expired' | 'not-yet-valid'
  /** Whole days until it ends; negative once it has. */
  readonly daysLeft: number
  /** SHA-256 of the public key (SPKI), lower-case hex. */
  readonly keyId: string
  readonly algorithm: string
  /** What its certificates may be for; empty where it says nothing. */
  readonly purposes: readonly string[]
  /** How many CAs may stand below it; null where it says nothing. */
  readonly pathLength: number | null
  /** The names it is held to; null where it is held to none. */
  readonly names: { readonly uriHosts: readonly string[]; readonly dnsNames: readonly string[] } | null
  /** It may issue for no IP address. */
  readonly noAddresses: boolean
  readonly certificate: string
  readonly mismatch: boolean
  readonly findings: readonly CertificateFinding[]
}

/**
 * The platform signs with another key; the root did not sign it for this; the running platform uses another
 * certificate; the fleet's charter names another CA.
 */
export type CertificateFinding = 'other-key' | 'not-proven' | 'not-in-use' | 'not-chartered'

export function certificateView(
  certificate: Certificate,
  now: number,
  findings: readonly CertificateFinding[],
): CertificateView {
  const { der, serial, notBefore, notAfter, publicKey, purposes, pathLength, nameConstraints } = certificate
  return {
    title: titleOf(certificate),
    sha256: hex(nodeSha256(der)),
    serial,
    notBefore: new Date(notBefore).toISOString(),
    notAfter: new Date(notAfter).toISOString(),
    validity: now < notBefore ? 'not-yet-valid' : now > notAfter + 999 ? 'expired' : 'valid',
    daysLeft: Math.floor((notAfter - now) / 86_400_000),
    keyId: publicKey.id,
    algorithm: publicKey.algorithm,
    purposes: (purposes ?? []).map(id => purposeNames.get(id) ?? id),
    pathLength: pathLength ?? null,
    names: nameConstraints
      ? { uriHosts: nameConstraints.permittedUriHosts, dnsNames: nameConstraints.permittedDnsNames }
      : null,
    noAddresses: nameConstraints?.noAddresses ?? false,
    certificate: pem('CERTIFICATE', der),
    mismatch: findings.length > 0,
    findings,
  }
}

const purposeNames: ReadonlyMap<string, string> = new Map([
  [oid.clientAuth, 'client'],
  [oid.serverAuth, 'server'],
])

/** The common name: the last element of the one-element names that we issue. */
function titleOf({ subject }: Certificate): string {
  const text = Buffer.from(subject)
  const at = text.lastIndexOf(Buffer.from([0x55, 0x04, 0x03]))
  const length = text[at + 4]
  if (at < 0 || length === undefined) return ''
  // X.690 8.1.3.5: from 128 bytes on the length has a length of its own.
  return text.subarray(at + 5 + (length < 0x80 ? 0 : length & 0x7f)).toString('utf8')
}
