import { Refused } from '@mintmark/core/errors'
import { admitSpki, didKey } from '@mintmark/core/keys'
import type { Receipt } from '@mintmark/core/ledger'
import { path, readName, readPath, spiffeId } from '@mintmark/core/names'
import type { Identity, PeerProof } from '@mintmark/core/proof'
import {
  change,
  type Grants,
  labelsOf,
  noRights,
  type Rights,
  readLabel,
  readLabelChange,
  readReason,
  useOf,
  writeGrants,
  writeLabel,
  writeLabelChange,
} from '@mintmark/core/rules'
import type { Platform } from '../platform.ts'
import type { RecordWithKeys, Row } from '../store/index.ts'
import { webDid } from '../web-did.ts'
import { type EntryPage, type EntryQuestion, listEntries } from './entries.ts'
import type { Session } from './sessions.ts'
import { sessionView } from './sign-in.ts'

export interface DeviceView {
  readonly name: string
  readonly identity: string
  /** Of the current key. */
  readonly did: string
  /** Of the key that becomes current with its first connection. */
  readonly pendingDid: string | null
  readonly standing: string
  readonly standingSince: string
  readonly reason: string | null
  readonly tier: string
  readonly enrolled: string
  readonly serial: string
  readonly notAfter: string
  /** When its word came that it wiped its key; null for a device that never said so. */
  readonly wiped: string | null
  readonly labels: Readonly<Record<string, string>>
}

/** One key of a name's history. */
export interface KeyView {
  readonly id: string
  readonly did: string
  readonly since: string
  readonly until: string | null
  readonly state: 'current' | 'pending' | 'superseded'
}

const pageSize = { default: 100, most: 1_000 } as const

export interface DeviceQuestion {
  /** `site=berlin` */
  readonly label?: string | undefined
  /** A part of the name. */
  readonly search?: string | undefined
  readonly standing?: string | undefined
  readonly after?: string | undefined
  readonly limit?: number | undefined
}

/** One page of a fleet's devices in order of name. `next` leads on, also from a page on which few were found. */
export async function listDevices(
  platform: Platform,
  fleet: string,
  { label, search, standing, after = '', ...page }: DeviceQuestion,
): Promise<{ devices: DeviceView[]; next: string | null }> {
  if (!(await platform.store.fleet(fleet))) throw new Refused('fleet-unknown')
  const sought = {
    label: label === undefined ? undefined : writeLabel(...readLabel(label)),
    search: search === undefined ? undefined : readSearch(search),
    standing: standing === undefined ? undefined : readStandingWord(standing),
  }
  const limit = Math.min(page.limit ?? pageSize.default, pageSize.most)
  const { rows, next = null } = await platform.store.devices(fleet, { ...sought, after, limit })
  return { devices: rows.map(row => deviceView(platform, row)), next }
}

/** Sets labels of a device and takes others away. What is so already adds no fact. */
export async function labelDevice(
  platform: Platform,
  by: Identity,
  { fleet, name }: { readonly fleet: string; readonly name: string },
  input: { readonly labels: readonly string[]; readonly reason?: string | undefined },
): Promise<DeviceView> {
  const wanted = readLabelChange(input.labels)
  const reason = input.reason === undefined ? undefined : readReason(input.reason)
  const row = await readRecord(platform, fleet, name)
  const has = labelsOf(row.labels ?? '')
  if ([...wanted].every(([key, value]) => has.get(key) === value)) return deviceView(platform, row)
  const body = { identity: row.identity, labels: writeLabelChange(wanted), reason }
  await platform.store.commit(change({ kind: 'device.labelled', at: platform.now(), by: by.path, ledger: fleet, body }))
  return deviceView(platform, await readRecord(platform, fleet, name))
}

export async function readDevice(
  platform: Platform,
  fleet: string,
  name: string,
): Promise<DeviceView & { readonly rights: Rights; readonly keys: readonly KeyView[] }> {
  const row = await readRecord(platform, fleet, name)
  const [keys, rights] = await Promise.all([platform.store.keysOf(row.identity), platform.store.rights(row.identity)])
  return { ...deviceView(platform, row), rights: rights ?? noRights, keys: keys.map(key => keyView(row, key)) }
}

/** What the ledger of its fleet has about a device, newest first. */
export async function listDeviceEvents(
  platform: Platform,
  fleet: string,
  name: string,
  page: Pick<EntryQuestion, 'before' | 'limit'>,
): Promise<EntryPage> {
  const { identity } = await readRecord(platform, fleet, name)
  return listEntries(platform, fleet, { ...page, about: identity })
}

/** Who the caller is: the certificate that was shown, and the standing that its name has now. */
export async function whoami(
  platform: Platform,
  { identity, certificate }: PeerProof,
  grants: Grants,
  session: Session | undefined,
) {
  const record = await platform.store.standing(identity.path)
  if (record === undefined) throw new Refused('unknown')
  const { fleet, role, name } = identity
  return {
    identity: spiffeId(platform.trust.domain, identity),
    did: didKey(certificate.publicKey),
    fleet,
    role,
    name,
    standing: record.standing,
    tier: record.tier,
    serial: certificate.serial,
    notAfter: new Date(certificate.notAfter).toISOString(),
    ...(role === 'operator' ? { grants: writeGrants(grants) } : {}),
    ...(session ? { session: sessionView(session) } : {}),
  }
}

/**
 * Revokes or decommissions: a fact first, then every open socket of the name is cut, then this answers. Asking again
 * for what already is so answers the same and adds no fact.
 */
export async function lowerStanding(
  platform: Platform,
  by: Identity,
  target: { readonly fleet: string; readonly name: string },
  to: 'revoked' | 'decommissioned',
  reason: string,
): Promise<DeviceView & { readonly receipt: Receipt | null }> {
  const row = await readRecord(platform, target.fleet, target.name)
  if (row.standing === to) {
    // Whoever committed it may not have been told that it is so everywhere.
    await platform.store.settled()
    return { ...deviceView(platform, row), receipt: null }
  }
  const body = { identity: row.identity, reason: readReason(reason) }
  const fact = change({ kind: `identity.${to}`, at: platform.now(), by: by.path, ledger: target.fleet, body })
  let receipt: Receipt | null = null
  try {
    receipt = await platform.store.commit(fact)
  } catch (error) {
    if (!(error instanceof Refused && error.code === 'standing-final')) throw error
    // Someone else's came first: what was asked for is so.
    if ((await platform.store.standingNow(row.identity))?.standing !== to) throw error
    await platform.store.settled()
  }
  return { ...(await readDevice(platform, target.fleet, target.name)), receipt }
}

/** did:web document (W3C did-core 5) of a device of a public fleet. */
export async function readDidDocument(platform: Platform, fleet: string, name: string) {
  const found = await platform.store.fleet(fleet)
  if (found?.public !== 1) throw new Refused('not-found')
  const row = await platform.store.recordWithKeys(path({ fleet, role: 'device', name: readName(name) }))
  if (row === undefined || row.standing !== 'good') throw new Refused('not-found')
  const did = webDid(platform.trust.domain, fleet, name)
  const key = admitSpki(row.spki)
  const method = {
    id: `${did}#key`,
    type: 'Multikey',
    controller: did,
    publicKeyMultibase: didKey(key).slice('did:key:'.length),
  }
  return {
    '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'],
    id: did,
    alsoKnownAs: [didKey(key)],
    verificationMethod: [method],
    authentication: [method.id],
    assertionMethod: [method.id],
  }
}

async function readRecord(platform: Platform, fleet: string, name: string): Promise<RecordWithKeys> {
  if (!(await platform.store.fleet(fleet))) throw new Refused('fleet-unknown')
  const row = await platform.store.recordWithKeys(path({ fleet, role: 'device', name: readName(name) }))
  if (row === undefined) throw new Refused('device-unknown')
  return row
}

/** Part of a name; what no name can have is no question. */
function readSearch(text: string): string {
  if (!/^[a-z0-9._-]{1,64}$/.test(text)) throw new Refused('bad-request', 'a search is a part of a name')
  return text
}

function readStandingWord(text: string): string {
  if (!['good', 'revoked', 'decommissioned'].includes(text)) throw new Refused('bad-request', 'standing')
  return text
}

function deviceView(platform: Platform, row: RecordWithKeys): DeviceView {
  return {
    name: row.name,
    identity: spiffeId(platform.trust.domain, readPath(row.identity)),
    did: didKey(admitSpki(row.spki)),
    pendingDid: row.pending_spki && didKey(admitSpki(row.pending_spki)),
    standing: row.standing,
    standingSince: new Date(row.standing_at).toISOString(),
    reason: row.reason,
    tier: row.tier,
    enrolled: new Date(row.enrolled).toISOString(),
    serial: row.serial,
    notAfter: new Date(row.not_after).toISOString(),
    wiped: row.wiped === null ? null : new Date(row.wiped).toISOString(),
    labels: Object.fromEntries(labelsOf(row.labels ?? '')),
  }
}

const keyView = ({ key, pending }: Row<'registry'>, { id, spki, since, until }: Row<'key'>): KeyView => ({
  id,
  did: didKey(admitSpki(spki)),
  since: new Date(since).toISOString(),
  until: until === null ? null : new Date(until).toISOString(),
  state: useOf({ key, pending }, id) ?? 'superseded',
})
