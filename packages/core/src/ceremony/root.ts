import { equal } from '../bytes/bytes.ts'
import type { Key } from '../keys/sign.ts'
import { type Certificate, readCertificate } from '../signed/certificate.ts'
import { commonName, keyIdentifier, type RootRequest, signCertificate } from '../signed/profile.ts'

/** The common name of a root. A development root says so wherever its certificate is shown. */
export const rootTitle = (domain: string, development: boolean): string =>
  `Mintmark ${development ? 'DEVELOPMENT root' : 'root'}, ${domain}`

/** Makes the root certificate itself: self-signed, path length 1. */
export async function signRoot(key: Key, request: Omit<RootRequest, 'kind' | 'publicKey'>): Promise<Certificate> {
  const issuer = { key, subject: commonName(request.title), keyId: keyIdentifier(key.publicKey) }
  return readCertificate(await signCertificate(issuer, { ...request, kind: 'root', publicKey: key.publicKey }))
}

/** Whether this root speaks for the domain, and as what; undefined for the root of another domain. */
export function rootKind(root: Certificate, domain: string): 'production' | 'development' | undefined {
  if (equal(root.subject, commonName(rootTitle(domain, false)))) return 'production'
  return equal(root.subject, commonName(rootTitle(domain, true))) ? 'development' : undefined
}
