import { hex } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import type { Verify } from '@mintmark/core/keys'
import { admitRaw } from '@mintmark/core/keys'
import { verifierKey } from '@mintmark/core/ledger'
import { checkAuthority, type IssuingAuthority } from '@mintmark/core/proof'
import { type Grant, type Issuance, isGrant } from '@mintmark/core/rules'
import { type Certificate, type Issuer, readCertificate, signCertificate } from '@mintmark/core/signed'
import type { Keeper, KeyName } from './keeper/keeper.ts'
import type { RegistryChanges } from './operations/registry-changes.ts'
import type { Sessions } from './operations/sessions.ts'
import type { Relay } from './relay/relay.ts'
import type { LedgerSigner, Row, Store } from './store/index.ts'

/** Everything an operation gets, and nothing else: time and randomness are arguments. */
export interface Platform {
  readonly store: Store
  readonly keeper: Keeper
  /** Unix milliseconds. */
  now(): number
  random(length: number): Uint8Array
  readonly verify: Verify
  /** As the store has it now; read again when a fleet becomes active. */
  readonly trust: Trust
  /** Of the registry, for verifiers that ask this process. */
  readonly changes: RegistryChanges
  /** Hands on what is sealed. */
  readonly relay: Relay
  /** Of operators in the console of this process. */
  readonly sessions: Sessions
  /**
   * Answers a ceremony request with a development root that lives on this machine. Present only where the platform was
   * founded by a rehearsal; a platform with an offline root has nothing here to ask.
   */
  readonly rehearse?: ((request: Uint8Array) => Promise<Uint8Array>) | undefined
}

/** The platform's own CAs, each checked against the root, as the store holds them. */
export interface Trust {
  readonly domain: string
  readonly root: Certificate
  /** The root was made by a rehearsal on this machine, not at an air gap. */
  readonly development: boolean
  /** By subject key id, hex. */
  readonly authorities: ReadonlyMap<string, Authority>
  /** Of active fleets, by name. */
  readonly charters: ReadonlyMap<string, Uint8Array>
}

export interface Authority extends IssuingAuthority {
  readonly since: number
}

/**
 * Reads the trust that the store holds. An authority that does not prove, expired or tampered with, is left out: nothing
 * is issued or admitted by it. @throws Refused `data-missing` where no platform was founded */
export async function readTrust(store: Store, now: number, verify: Verify): Promise<Trust> {
  const platform = await store.platform()
  if (platform === undefined) throw new Refused('data-missing')
  const root = readCertificate(platform.root)
  const authorities = new Map<string, Authority>()
  for (const row of await store.authorities()) {
    const certificate = await readProven(row, root, now, verify)
    if (certificate === undefined) continue
    const use = row.use as Authority['use']
    authorities.set(row.key_id, { fleet: row.fleet, use, certificate, since: row.since })
  }
  const charters = new Map<string, Uint8Array>()
  for (const { name, charter } of await store.fleets()) if (charter) charters.set(name, charter)
  return { domain: platform.domain, root, development: platform.development === 1, authorities, charters }
}

async function readProven(
  { key_id, certificate: der }: Row<'authority'>,
  root: Certificate,
  now: number,
  verify: Verify,
): Promise<Certificate | undefined> {
  try {
    const certificate = readCertificate(der)
    await checkAuthority(certificate, root, now, verify)
    return hex(certificate.subjectKeyId!) === key_id ? certificate : undefined
  } catch (error) {
    if (error instanceof Refused) return undefined
    throw error
  }
}

/** The authority that issues for a fleet (or `platform`) now: the newest of its use. */
export function issuingAuthority(trust: Trust, fleet: string, use: Authority['use']): Authority {
  const found = [...trust.authorities.values()].filter(authority => authority.fleet === fleet && authority.use === use)
  const newest = found.sort((a, b) => a.since - b.since).at(-1)
  if (newest === undefined) throw new Refused('fleet-pending')
  return newest
}

/** Signs what was decided, with the key of the authority that the name belongs to. Nothing leaves before its commit. */
export async function issue(platform: Platform, grant: Grant): Promise<{ der: Uint8Array; authority: Authority }> {
  if (!isGrant(grant)) throw new TypeError('only a grant is issued')
  const authority = issuingAuthority(platform.trust, grant.name.fleet, useOf(grant.name.fleet, grant.name.role))
  const der = await signCertificate(issuerOf(platform.keeper, authority), grant.request)
  return { der, authority }
}

/** What a certificate for this name takes from the platform now. */
export function issuance(platform: Platform, fleet: string, role: string): Issuance {
  const authority = issuingAuthority(platform.trust, fleet, useOf(fleet, role))
  return {
    domain: platform.trust.domain,
    at: platform.now(),
    serial: serialNumber(platform.random),
    until: authority.certificate.notAfter,
  }
}

/** What the keeper calls the key of an authority. */
export const keyNameOf = ({ use, fleet }: Pick<Authority, 'use' | 'fleet'>): KeyName =>
  use === 'fleet' ? `fleet-ca-${fleet}` : `${use}-ca`

export function issuerOf(keeper: Keeper, authority: Authority): Issuer {
  const name = keyNameOf(authority)
  const { subject, subjectKeyId } = authority.certificate
  return { key: keeper.key(name), subject, keyId: subjectKeyId! }
}

const useOf = (fleet: string, role: string): Authority['use'] =>
  fleet !== 'platform' ? 'fleet' : role === 'server' ? 'server' : 'people'

/** 128 random bits with the first cleared, so that the DER integer is positive and short (RFC 5280 4.1.2.2). */
export function serialNumber(random: Platform['random']): string {
  const bytes = random(16)
  // A zero first byte would make a shorter integer; these two bits keep every serial 16 bytes long.
  bytes[0] = (bytes[0]! & 0x7f) | 0x40
  return hex(bytes)
}

/** `acme.example.test/ledger`: the origin of a ledger's checkpoints. */
export const originOf = (domain: string, ledger: string): string => `${ledger}.${domain}/ledger`

export const ledgerSigner =
  (keeper: Keeper, domain: string) =>
  (ledger: string): LedgerSigner => ({ origin: originOf(domain, ledger), key: keeper.key(`ledger-${ledger}`) })

/** The verifier key (C2SP signed-note) of a ledger, for auditors and witnesses. */
export const ledgerVerifierKey = (domain: string, ledger: string, raw: Uint8Array): string =>
  verifierKey(originOf(domain, ledger), admitRaw('Ed25519', raw))
