import { pem } from '@mintmark/core/bytes'
import type { KeyAlgorithm } from '@mintmark/core/keys'
import { readName } from '@mintmark/core/names'
import type { Tier } from '@mintmark/core/rules'
import { readToken, signSigningRequest } from '@mintmark/core/signed'
import { checkUnused, file, keyForEnrollment, writeHome } from './home.ts'
import type { Facts } from './home-facts.ts'
import { connect } from './https.ts'
import { proveIssued } from './issued.ts'
import { fetchAnchor } from './trust.ts'

export interface Enrollment {
  /** `mmt1_...`. */
  readonly token: string
  /** The name to ask for; the token may fix one, and the platform makes one up otherwise. */
  readonly name?: string
  /** Directory of the new home. */
  readonly home: string
  /** Ed25519 where nothing is said. */
  readonly algorithm?: KeyAlgorithm
  readonly now: () => number
}

export interface Enrolled extends Facts {
  /** Path of the certificate file. */
  readonly certificate: string
  readonly tier: Tier
  /** Lower-case hex. */
  readonly serial: string
  /** Unix milliseconds. */
  readonly notAfter: number
}

/**
 * Makes a key here and has the platform certify it.
 *
 *     device                                                    whoever answers at the token's URL
 *       | GET /trust/root.pem ------ not proven, no secret --------->|
 *       |<----------------------------------------- root certificate |   its SHA-256 is in the token
 *       | (new connection, proven against that root)            platform
 *       | POST /v1/enroll  Bearer token, {csr, name?} -------------->|
 *       |<------- certificate, chain, anchor, charter, ..., receipt |   all proven before any is kept
 *
 * Safe to repeat after an interruption anywhere: the key is in the home before anything is sent, the platform answers
 * one key with one certificate, and the home is whole only once that certificate is in it.
 */
export async function enroll({ token, name, home, algorithm, now }: Enrollment): Promise<Enrolled> {
  const { url, anchor: digest } = readToken(token)
  if (name !== undefined) readName(name)
  checkUnused(home)
  const anchor = await fetchAnchor(url, digest)

  const key = keyForEnrollment(home, algorithm)
  const csr = pem('CERTIFICATE REQUEST', await signSigningRequest(key))
  const platform = connect({ url, anchor, now })
  try {
    const { body, domain } = await platform.post('/v1/enroll', { csr, ...(name !== undefined && { name }) }, token)
    const asked = { publicKey: key.publicKey, name, kind: 'identity.enrolled' } as const
    const issued = await proveIssued(body, { ...asked, anchor, domain, at: now() })
    const { did, identity, certificate, tier, chain, receipt } = issued
    const facts: Facts = {
      identity: issued.spiffeId,
      did,
      url,
      fleet: identity.fleet,
      name: identity.name,
      role: identity.role,
    }
    writeHome(home, { facts, chain, anchor, charter: issued.charter?.bytes, receipt })
    const { serial, notAfter } = certificate
    return { ...facts, certificate: file(home, 'certificate'), tier, serial, notAfter }
  } finally {
    platform.close()
  }
}
