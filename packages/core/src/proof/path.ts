import { equal } from '../bytes/bytes.ts'
import { Refused } from '../errors/refused.ts'
import type { Verify } from '../keys/key.ts'
import { checkSignature } from '../keys/signature.ts'
import type { Certificate } from '../signed/certificate.ts'
import { keyUsage } from '../signed/extensions.ts'

/**
 * Path validation (RFC 5280 6.1) from DER, for chains of our profile: the anchor, one authority, one leaf. Node's
 * `authorizationError` is no substitute: an expired certificate of a foreign CA reports only CERT_HAS_EXPIRED.
 */

/**
 * Checks that `anchor` is a root that signed itself and `authority` a CA under it, both valid at `at` (Unix ms).
 * @throws Refused `bad-certificate`
 */
export async function checkAuthority(
  authority: Certificate,
  anchor: Certificate,
  at: number,
  verify: Verify,
): Promise<void> {
  await checkAnchor(anchor, at, verify)
  await checkIssued(authority, anchor, verify)
  checkAuthorityBits(authority)
  checkTime(authority, at)
}

/**
 * Checks that `leaf` was issued by `authority` for the authority's one purpose and within its names. Time is not
 * judged here: an expired leaf of ours still says who it was.
 * @throws Refused `bad-certificate`
 */
export async function checkLeaf(leaf: Certificate, authority: Certificate, verify: Verify): Promise<void> {
  checkAuthorityBits(authority)
  if (leaf.authority || leaf.keyUsages.has(keyUsage.keyCertSign)) throw bad('a CA certificate used as a leaf')
  if (leaf.keyUsages.size !== 1 || !leaf.keyUsages.has(keyUsage.digitalSignature)) throw bad('key usage of a leaf')
  // Exactly the one purpose of its CA: absent, any, or further purposes are all refused (RFC 5280 4.2.1.12).
  if (leaf.purposes?.length !== 1 || leaf.purposes[0] !== authority.purposes?.[0]) throw bad('purpose')
  // RFC 5280 4.2.1.10: only a CA constrains names.
  if (leaf.nameConstraints !== undefined) throw bad('name constraints in a leaf')
  checkNames(leaf, authority)
  await checkIssued(leaf, authority, verify)
}

/** Checks a root by itself. @throws Refused `bad-certificate` */
export async function checkAnchor(anchor: Certificate, at: number, verify: Verify): Promise<void> {
  checkAuthorityBits(anchor)
  checkTime(anchor, at)
  if (!equal(anchor.issuer, anchor.subject)) throw bad('the anchor is not a root')
  await checkSignedBy(anchor, anchor, verify)
}

/** Both bounds included (RFC 5280 4.1.2.5), so the whole of the last second. */
export const isInTime = ({ notBefore, notAfter }: Certificate, at: number): boolean =>
  at >= notBefore && at <= notAfter + 999

/** The one URI of a certificate whose alternative names are critical, as they must be beside an empty subject. */
export function readOnlyUri({ altNames }: Certificate): string {
  const [uri, ...more] = altNames?.uris ?? []
  if (!altNames?.critical || uri === undefined || more.length > 0) throw bad('not exactly one SPIFFE ID')
  return uri
}

async function checkIssued(certificate: Certificate, issuer: Certificate, verify: Verify): Promise<void> {
  // RFC 5280 6.1.3 (a)(4), 4.2.1.1
  if (!equal(certificate.issuer, issuer.subject)) throw bad('issuer name')
  if (!certificate.authorityKeyId || !issuer.subjectKeyId || !equal(certificate.authorityKeyId, issuer.subjectKeyId)) {
    throw bad('issuer key id')
  }
  if (certificate.notAfter > issuer.notAfter) throw bad('outlives its issuer')
  await checkSignedBy(certificate, issuer, verify)
}

async function checkSignedBy(certificate: Certificate, issuer: Certificate, verify: Verify): Promise<void> {
  const { publicKey } = issuer
  if (certificate.algorithm !== publicKey.algorithm) throw bad('signature algorithm')
  if (!(await checkSignature(verify, publicKey, certificate.signed, certificate.signature))) throw bad('signature')
}

/** RFC 5280 6.1.4 (k), (n): a CA says so and may sign certificates. */
function checkAuthorityBits(certificate: Certificate): void {
  if (!certificate.authority || !certificate.keyUsages.has(keyUsage.keyCertSign)) throw bad('not a CA')
}

function checkTime(certificate: Certificate, at: number): void {
  if (!isInTime(certificate, at)) throw bad('issuer outside its validity')
}

/** RFC 5280 6.1.4 (g), 4.2.1.10: every name of the leaf is inside what its CA is constrained to. */
function checkNames(leaf: Certificate, authority: Certificate): void {
  const constraints = authority.nameConstraints
  if (constraints === undefined) return
  const { uris = [], dnsNames = [], addresses = [] } = leaf.altNames ?? {}
  const inside =
    uris.every(uri => constraints.permittedUriHosts.includes(hostOf(uri))) &&
    dnsNames.every(name => constraints.permittedDnsNames.some(base => name === base || name.endsWith(`.${base}`))) &&
    (addresses.length === 0 || !constraints.noAddresses)
  if (!inside) throw bad('a name outside the constraints of its CA')
}

const hostOf = (uri: string): string => /^[a-z]+:\/\/([^/?#:@]+)\//.exec(uri)?.[1] ?? ''

const bad = (why: string): Refused => new Refused('bad-certificate', why)
