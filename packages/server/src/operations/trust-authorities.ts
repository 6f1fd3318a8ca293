import { equal } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import type { PublicKey } from '@mintmark/core/keys'
import { checkAnchor, checkAuthority } from '@mintmark/core/proof'
import { type Certificate, type Charter, readCertificate } from '@mintmark/core/signed'
import type { Keeper, KeyName } from '../keeper/keeper.ts'
import type { Authority, Platform } from '../platform.ts'
import type { Row } from '../store/index.ts'
import { type CertificateFinding, type CertificateView, certificateView } from './trust-certificates.ts'

/** @param der as stored; one that cannot be read is thrown */
export async function rootView(
  { trust, now, verify }: Platform,
  der: Uint8Array,
): Promise<{ certificate: Certificate; view: CertificateView }> {
  const inUse = equal(der, trust.root.der)
  const certificate = inUse ? trust.root : readCertificate(der)
  const findings: CertificateFinding[] = []
  if (!inUse) {
    findings.push('not-in-use')
    if (!(await proves(() => checkAnchor(certificate, within(now(), certificate), verify)))) findings.push('not-proven')
  }
  return { certificate, view: certificateView(certificate, now(), findings) }
}

interface Place {
  readonly fleet: string
  readonly use: Authority['use']
  readonly root: Certificate
  readonly charter?: Charter | undefined
}

/** The newest CA that is stored for this use, expired or not, or null where none can be read. */
export async function authorityView(
  { trust, keeper, now, verify }: Platform,
  rows: readonly Row<'authority'>[],
  { fleet, use, root, charter }: Place,
): Promise<CertificateView | null> {
  const isHere = (other: { fleet: string; use: string }): boolean => other.fleet === fleet && other.use === use
  const row = rows.findLast(isHere)
  // What the platform issues by was proven when it was read; the same bytes need no second proof.
  const held = [...trust.authorities.values()].filter(isHere).sort((a, b) => a.since - b.since)
  const inUse = held.at(-1)?.certificate
  const isSame = row !== undefined && inUse !== undefined && equal(row.certificate, inUse.der)
  const certificate = isSame ? inUse : row && readStored(row.certificate)
  if (certificate === undefined) return null

  const findings: CertificateFinding[] = []
  const kept = keptKey(keeper, use === 'fleet' ? `fleet-ca-${fleet}` : `${use}-ca`)
  if (!kept?.equals(certificate.publicKey)) findings.push('other-key')
  if (charter && charter.authority !== certificate.publicKey.id) findings.push('not-chartered')
  if (!isSame) {
    // An expired one is shown as such: it was left out of what the platform uses, and nobody replaced it.
    if (inUse !== undefined) findings.push('not-in-use')
    const at = within(now(), certificate, root)
    if (!(await proves(() => checkAuthority(certificate, root, at, verify)))) findings.push('not-proven')
  }
  return certificateView(certificate, now(), findings)
}

/** The public half of a key that the keeper signs with; undefined where it has none of that name. */
export const keptKey = (keeper: Keeper, name: KeyName): PublicKey | undefined =>
  unlessRefused(() => keeper.key(name).publicKey)

const readStored = (der: Uint8Array): Certificate | undefined => unlessRefused(() => readCertificate(der))

function unlessRefused<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof Refused) return undefined
    throw error
  }
}

async function proves(check: () => Promise<void>): Promise<boolean> {
  try {
    await check()
    return true
  } catch (error) {
    if (error instanceof Refused) return false
    throw error
  }
}

/** A moment at which these were valid, nearest to now: whether something is expired is another question. */
const within = (now: number, ...certificates: readonly Certificate[]): number => {
  const latest = Math.min(now, ...certificates.map(({ notAfter }) => notAfter))
  return Math.max(latest, ...certificates.map(({ notBefore }) => notBefore))
}
