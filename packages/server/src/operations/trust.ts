import { equal } from '@mintmark/core/bytes'
import { digestWords, rootName } from '@mintmark/core/ceremony'
import { Refused } from '@mintmark/core/errors'
import type { Charter } from '@mintmark/core/signed'
import { ledgerVerifierKey, originOf, type Platform } from '../platform.ts'
import type { Row } from '../store/index.ts'
import { authorityView, keptKey, rootView } from './trust-authorities.ts'
import type { CertificateView } from './trust-certificates.ts'
import { type CharterView, charterView } from './trust-charters.ts'

export interface TrustView {
  readonly domain: string
  readonly development: boolean
  readonly at: string
  /** Something below is not what the running platform signs with; `findings` says what. */
  readonly mismatch: boolean
  readonly root: CertificateView
  /** The root's first 128 bits, to be read aloud: what the ceremony showed. */
  readonly rootWords: string
  /** Null where the store has none that can be read, which is a mismatch too. */
  readonly server: CertificateView | null
  readonly people: CertificateView | null
  readonly ledger: LedgerView
  readonly fleets: readonly FleetTrust[]
}

export interface FleetTrust {
  readonly fleet: string
  readonly authority: CertificateView | null
  readonly charter: CharterView
  readonly ledger: LedgerView
}

export interface LedgerView {
  readonly origin: string
  readonly verifierKey: string
  readonly size: number
  /** As in the checkpoint: base64. */
  readonly rootHash: string
  readonly checkpoint: string
  readonly mismatch: boolean
  readonly findings: readonly LedgerFinding[]
}

/** The keeper signs with another key; the charter names another key; the checkpoint is not of this ledger's head. */
export type LedgerFinding = 'other-key' | 'not-chartered' | 'other-head'

/** What is stored here is ours: whoever reads it did nothing wrong. */
export class UnreadableTrust extends Error {}

/**
 * What anyone may know, read from the store on every call; of fleets, the public ones. What is stored is held against
 * what the running platform signs with, so a CA that someone put in its place is shown, and flagged.
 */
export async function readTrustView(platform: Platform, shows = isPublic): Promise<TrustView> {
  try {
    return await readStored(platform, shows)
  } catch (cause) {
    if (cause instanceof Refused && cause.code !== 'unavailable')
      throw new UnreadableTrust('the stored trust cannot be read', { cause })
    throw cause
  }
}

/** Which fleets a view of the trust has. */
type Shows = (fleet: Row<'fleet'>) => boolean

const isPublic: Shows = row => row.public === 1

async function readStored(platform: Platform, shows: Shows): Promise<TrustView> {
  const { store, trust } = platform
  const stored = (await store.platform())!
  const rows = await store.authorities()
  const { certificate: root, view } = await rootView(platform, stored.root)
  const server = await authorityView(platform, rows, { fleet: 'platform', use: 'server', root })
  const people = await authorityView(platform, rows, { fleet: 'platform', use: 'people', root })
  const ledger = await ledgerView(platform, 'platform', stored.ledger_key)
  const fleets: FleetTrust[] = []
  for (const row of await store.fleets()) {
    if (!shows(row) || row.charter === null) continue
    const { charter, view } = await charterView(platform, row.name, row.charter, root)
    fleets.push({
      fleet: row.name,
      authority: await authorityView(platform, rows, { fleet: row.name, use: 'fleet', root, charter }),
      charter: view,
      ledger: await ledgerView(platform, row.name, row.ledger_key, charter),
    })
  }
  const parts = [view, server, people, ledger, ...fleets.flatMap(each => [each.authority, each.charter, each.ledger])]
  return {
    domain: trust.domain,
    // The row is what the platform was founded with; the certificate says it too, and cannot be edited.
    development: trust.development || rootName(root).development,
    at: new Date(platform.now()).toISOString(),
    mismatch: parts.some(part => part === null || part.mismatch),
    root: view,
    rootWords: digestWords(root.der),
    server,
    people,
    ledger,
    fleets,
  }
}

async function ledgerView(
  { store, trust, keeper }: Platform,
  ledger: string,
  key: Uint8Array,
  charter?: Charter,
): Promise<LedgerView> {
  const { size, checkpoint } = (await store.head(ledger))!
  const [origin = '', entries = '', rootHash = ''] = checkpoint.split('\n')
  const kept = keptKey(keeper, `ledger-${ledger}`)
  const findings: LedgerFinding[] = []
  if (!kept || !equal(key, kept.raw)) findings.push('other-key')
  if (charter && !equal(key, charter.ledgerKey)) findings.push('not-chartered')
  if (origin !== originOf(trust.domain, ledger) || entries !== String(size)) findings.push('other-head')
  const verifierKey = ledgerVerifierKey(trust.domain, ledger, key)
  return { origin, verifierKey, size, rootHash, checkpoint, mismatch: findings.length > 0, findings }
}
