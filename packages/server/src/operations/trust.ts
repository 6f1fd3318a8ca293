import { hex, pem } from '@mintmark/core/bytes'
import type { Certificate } from '@mintmark/core/signed'
import { nodeSha256 } from '@mintmark/elements'
import { ledgerVerifierKey, type Platform } from '../platform.ts'

/** One certificate as the Trust Center shows it. */
export interface CertificateView {
  readonly title: string
  /** SHA-256 of the DER, lower-case hex. */
  readonly sha256: string
  readonly serial: string
  readonly notBefore: string
  readonly notAfter: string
  readonly keyId: string
  readonly algorithm: string
  readonly certificate: string
}

export interface LedgerView {
  readonly origin: string
  readonly verifierKey: string
  readonly size: number
  readonly checkpoint: string
}

export interface TrustView {
  readonly domain: string
  readonly development: boolean
  readonly at: string
  readonly root: CertificateView
  readonly server: CertificateView
  readonly people: CertificateView
  readonly ledger: LedgerView
  readonly fleets: readonly FleetTrust[]
}

export interface FleetTrust {
  readonly fleet: string
  readonly authority: CertificateView
  readonly charter: string
  readonly ledger: LedgerView
}

/** What anyone may know, read live from the store on every call; of fleets, the public ones. */
export async function readTrustView(platform: Platform): Promise<TrustView> {
  const { store, trust } = platform
  const authorities = [...trust.authorities.values()]
  const view = (fleet: string, use: string): CertificateView =>
    certificateView(authorities.findLast(authority => authority.fleet === fleet && authority.use === use)!.certificate)
  const { ledger_key: platformKey } = (await store.platform())!
  const fleets: FleetTrust[] = []
  for (const row of await store.fleets()) {
    if (row.public !== 1 || row.charter === null) continue
    const ledger = await ledgerView(platform, row.name, row.ledger_key)
    const charter = Buffer.from(row.charter).toString('base64url')
    fleets.push({ fleet: row.name, authority: view(row.name, 'fleet'), charter, ledger })
  }
  return {
    domain: trust.domain,
    development: trust.development,
    at: new Date(platform.now()).toISOString(),
    root: certificateView(trust.root),
    server: view('platform', 'server'),
    people: view('platform', 'people'),
    ledger: await ledgerView(platform, 'platform', platformKey),
    fleets,
  }
}

async function ledgerView(platform: Platform, ledger: string, key: Uint8Array): Promise<LedgerView> {
  const head = (await platform.store.head(ledger))!
  const [origin] = head.checkpoint.split('\n')
  const verifierKey = ledgerVerifierKey(platform.trust.domain, ledger, key)
  return { origin: origin!, verifierKey, size: head.size, checkpoint: head.checkpoint }
}

const certificateView = (certificate: Certificate): CertificateView => ({
  title: titleOf(certificate),
  sha256: hex(nodeSha256(certificate.der)),
  serial: certificate.serial,
  notBefore: new Date(certificate.notBefore).toISOString(),
  notAfter: new Date(certificate.notAfter).toISOString(),
  keyId: certificate.publicKey.id,
  algorithm: certificate.publicKey.algorithm,
  certificate: pem('CERTIFICATE', certificate.der),
})

/** The common name: the last element of the one-element names that we issue. */
const titleOf = ({ subject }: Certificate): string => {
  const text = Buffer.from(subject)
  const at = text.lastIndexOf(Buffer.from([0x55, 0x04, 0x03, 0x0c]))
  return at < 0 ? '' : text.subarray(at + 5).toString('utf8')
}
