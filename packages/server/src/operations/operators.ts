import { Refused } from '@mintmark/core/errors'
import { path, readName, spiffeId } from '@mintmark/core/names'
import type { Identity } from '@mintmark/core/proof'
import {
  change,
  checkGiven,
  decideGrants,
  type Grants,
  mayAct,
  readGrants,
  readReason,
  readTtl,
  visibleGrants,
  writeGrants,
} from '@mintmark/core/rules'
import type { Platform } from '../platform.ts'
import type { Row } from '../store/index.ts'
import { issueToken } from './tokens.ts'

/** Who asks about operators, or does something to one. */
export interface Viewer {
  readonly identity: Identity
  readonly grants: Grants
}

export interface OperatorView {
  readonly name: string
  readonly identity: string
  /** As far as whoever asks may see: fleets that he does not are left out, as if there were none. */
  readonly grants: string
  readonly standing: string
  readonly standingSince: string
  readonly reason: string | null
  readonly enrolled: string
  readonly notAfter: string
}

/** A token for an operator that was not used yet. */
export interface InvitationView {
  readonly id: string
  readonly name: string
  readonly grants: string
  readonly expires: string
  readonly created: string
  readonly createdBy: string
}

export interface InvitationInput {
  readonly name: string
  readonly grants: string
  /** Milliseconds. */
  readonly ttl: number
  readonly reason?: string | undefined
}

/** What is done to an operator, and that whoever does it knows when it is himself. */
export interface Because {
  readonly reason: string
  readonly yourself: boolean
}

/** Those whom the viewer may know of: himself, who has to do with his fleets, and where he sees all fleets everyone. */
export async function listOperators(
  platform: Platform,
  viewer: Viewer,
): Promise<{ operators: OperatorView[]; invitations: InvitationView[] }> {
  const operators = (await platform.store.operators()).filter(row => isKnownTo(viewer, row.identity, row.grants))
  const invitations = (await openInvitations(platform)).filter(row => isKnownTo(viewer, '', row.grants!))
  return {
    operators: operators.map(row => operatorView(platform, viewer, row)),
    invitations: invitations.map(row => invitationView(viewer, row)),
  }
}

export async function readOperator(platform: Platform, viewer: Viewer, name: string): Promise<OperatorView> {
  return operatorView(platform, viewer, await readRow(platform, viewer, name))
}

/**
 * A token for one operator, with one use, that says what he may do.
 * @param url where the platform is reached
 * @throws Refused `fleet-unknown`, `forbidden` where it is not the viewer's to give
 */
export async function inviteOperator(
  platform: Platform,
  { identity: by, grants: giver }: Viewer,
  input: InvitationInput,
  url: string,
): Promise<InvitationView & { readonly token: string }> {
  const name = readName(input.name)
  const [none, given] = [new Map(), readGrants(input.grants)]
  if (given.size === 0) throw new Refused('bad-grants', 'none')
  checkGiven(giver, none, given)
  await checkFleets(platform, given)
  const row = await platform.store.operator(path({ fleet: 'platform', role: 'operator', name }))
  // Of one whom the viewer does not know of, whoever enrolls is told; here it would tell that there is one.
  if (row && isKnownTo({ identity: by, grants: giver }, row.identity, row.grants)) {
    throw new Refused(row.standing === 'good' ? 'name-taken' : 'name-retired')
  }
  const facts = {
    role: 'operator',
    uses: 1,
    expires: platform.now() + readTtl(input.ttl),
    pattern: name,
    tier: 'software',
    grants: writeGrants(given),
    reason: input.reason === undefined ? undefined : readReason(input.reason),
  }
  const { permit, token } = await issueToken(platform, by, 'platform', facts, url)
  return { ...invitationView({ identity: by, grants: giver }, permit), token }
}

/** What an operator may do from now on, as far as it is the viewer's to say. */
export async function grantOperator(
  platform: Platform,
  viewer: Viewer,
  name: string,
  wanted: string,
  { reason, yourself }: Because,
): Promise<OperatorView> {
  const because = readReason(reason)
  const said = readGrants(wanted)
  const row = await readRow(platform, viewer, name)
  const next = writeGrants(decideGrants(viewer.grants, readGrants(row.grants), said))
  await checkFleets(platform, said)
  if (row.standing !== 'good') throw new Refused('standing-final')
  if (next === row.grants) return operatorView(platform, viewer, row)
  checkMeant(viewer, row.identity, yourself)
  const { identity } = row
  const body = { identity, grants: next, reason: because }
  const by = viewer.identity.path
  await platform.store.commit(change({ kind: 'operator.granted', at: platform.now(), by, ledger: 'platform', body }))
  return operatorView(platform, viewer, { ...row, grants: next })
}

/**
 * Revokes an operator: refused everywhere, sessions ended and sockets cut once this answers. What he invited is refused
 * too; tokens for devices that he made are not, so they are named.
 */
export async function revokeOperator(
  platform: Platform,
  viewer: Viewer,
  name: string,
  { reason, yourself }: Because,
): Promise<OperatorView & { readonly openTokens: readonly { readonly fleet: string; readonly id: string }[] }> {
  const row = await readRow(platform, viewer, name)
  checkMeant(viewer, row.identity, yourself)
  const body = { identity: row.identity, reason: readReason(reason) }
  const [at, by] = [platform.now(), viewer.identity.path]
  try {
    if (row.standing === 'revoked') await platform.store.settled()
    else await platform.store.commit(change({ kind: 'identity.revoked', at, by, ledger: 'platform', body }))
  } catch (error) {
    // Someone else's came first: what was asked for is so.
    if (!(error instanceof Refused && error.code === 'standing-final')) throw error
    await platform.store.settled()
  }
  const openTokens = (await platform.store.openPermitsBy(row.identity, at)).map(({ fleet, id }) => ({ fleet, id }))
  return { ...(await readOperator(platform, viewer, name)), openTokens }
}

/** Takes an invitation back that the viewer could have made. */
export async function revokeInvitation(
  platform: Platform,
  viewer: Viewer,
  id: string,
  reason: string | undefined,
): Promise<InvitationView> {
  const row = (await openInvitations(platform)).find(each => each.id === id)
  if (row === undefined || !isKnownTo(viewer, '', row.grants!)) throw new Refused('token-unknown')
  checkGiven(viewer.grants, new Map(), readGrants(row.grants!))
  const body = { token: id, ...(reason === undefined ? {} : { reason: readReason(reason) }) }
  const by = viewer.identity.path
  await platform.store.commit(change({ kind: 'token.revoked', at: platform.now(), by, ledger: 'platform', body }))
  return invitationView(viewer, row)
}

type OperatorRow = Awaited<ReturnType<Platform['store']['operators']>>[number]

/** One whom the viewer may not know of is as one who is not there. */
async function readRow(platform: Platform, viewer: Viewer, name: string): Promise<OperatorRow> {
  const row = await platform.store.operator(path({ fleet: 'platform', role: 'operator', name: readName(name) }))
  if (row === undefined || !isKnownTo(viewer, row.identity, row.grants)) throw new Refused('operator-unknown')
  return row
}

function isKnownTo({ identity, grants }: Viewer, path: string, held: string): boolean {
  return identity.path === path || mayAct(grants, 'view', undefined) || visibleGrants(grants, readGrants(held)).size > 0
}

function checkMeant({ identity }: Viewer, path: string, yourself: boolean): void {
  if (identity.path === path && !yourself) throw new Refused('yourself-not-said')
}

/** A grant for a fleet that is not there is a mistake; who gives it sees all fleets, or it was refused before. */
async function checkFleets({ store }: Platform, grants: Grants): Promise<void> {
  const named = [...grants.values()].flatMap(fleets => (fleets === '*' ? [] : fleets))
  for (const fleet of new Set(named)) if (!(await store.fleet(fleet))) throw new Refused('fleet-unknown', fleet)
}

async function openInvitations({ store, now }: Platform): Promise<Row<'permit'>[]> {
  const permits = await store.permits('platform')
  const open = permits.filter(
    row => row.grants !== null && row.revoked === null && row.uses_left > 0 && now() < row.expires,
  )
  // For good; one whose maker may give less now is open again when that is given back.
  const over = (await store.operators()).filter(({ standing }) => standing !== 'good').map(({ identity }) => identity)
  return open.filter(row => !over.includes(row.created_by))
}

const seenGrants = ({ grants }: Viewer, held: string): string => writeGrants(visibleGrants(grants, readGrants(held)))

const operatorView = (platform: Platform, viewer: Viewer, row: OperatorRow): OperatorView => ({
  name: row.name,
  identity: spiffeId(platform.trust.domain, { fleet: 'platform', role: 'operator', name: row.name }),
  // His own he may know.
  grants: viewer.identity.path === row.identity ? row.grants : seenGrants(viewer, row.grants),
  standing: row.standing,
  standingSince: new Date(row.standing_at).toISOString(),
  reason: row.reason,
  enrolled: new Date(row.enrolled).toISOString(),
  notAfter: new Date(row.not_after).toISOString(),
})

const invitationView = (viewer: Viewer, row: Row<'permit'>): InvitationView => ({
  id: row.id,
  name: row.pattern!,
  grants: seenGrants(viewer, row.grants!),
  expires: new Date(row.expires).toISOString(),
  created: new Date(row.created).toISOString(),
  createdBy: row.created_by,
})
