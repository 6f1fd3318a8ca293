import { Refused } from '@mintmark/core/errors'
import type { PublicKey } from '@mintmark/core/keys'
import type { PeerProof } from '@mintmark/core/proof'
import {
  type Change,
  change,
  decideRenewal,
  decideSuccession,
  introduced,
  readChange,
  renewed,
} from '@mintmark/core/rules'
import { checkPossession, readKeySuccession, readSigningRequest } from '@mintmark/core/signed'
import { issuance, issue, issuingAuthority, type Platform } from '../platform.ts'
import { type EnrollmentReply, replyOf } from './enroll.ts'
import { readReceipt } from './ledger.ts'

/**
 * Another certificate for the identity that the connection proved: for the same key, or for one that the key of the
 * connection signed for.
 * @param succession the statement that says so
 */
export async function renew(
  platform: Platform,
  proof: PeerProof,
  csr: Uint8Array,
  succession: Uint8Array | undefined,
): Promise<EnrollmentReply> {
  const request = readSigningRequest(csr)
  await checkPossession(request, platform.verify)
  if (succession !== undefined) return succeed(platform, proof, request.publicKey, succession)
  const { identity, certificate } = proof
  const record = await platform.store.standing(identity.path)
  const facts = issuance(platform, identity.fleet, identity.role)
  const grant = decideRenewal(identity, record, certificate.publicKey, request.publicKey, facts)
  const { der, authority } = await issue(platform, grant)
  const receipt = await platform.store.commit(renewed(grant, der, identity.path, platform.now()))
  return replyOf(platform, authority, identity.path, request.publicKey, der, grant.tier, receipt)
}

/** A retry gets the certificate that the new key was given; nothing is introduced twice. */
async function succeed(
  platform: Platform,
  { identity, certificate }: PeerProof,
  next: PublicKey,
  succession: Uint8Array,
): Promise<EnrollmentReply> {
  const said = await readKeySuccession(succession, certificate.publicKey, platform.verify)
  const record = await platform.store.standing(identity.path)
  const facts = issuance(platform, identity.fleet, identity.role)
  const grant = decideSuccession(identity, record, certificate.publicKey, next, said, facts)
  const { der, authority } = await issue(platform, grant)
  try {
    const receipt = await platform.store.commit(introduced(grant, der, succession, platform.now()))
    return replyOf(platform, authority, identity.path, next, der, grant.tier, receipt)
  } catch (error) {
    // A retry: the change was made, and its reply was lost or is on its way.
    const taken = error instanceof Refused && error.code === 'key-in-use'
    const given = taken ? await readPending(platform, identity.path, next) : undefined
    if (given === undefined) throw error
    return given
  }
}

/** What was answered when this key was introduced, as long as it waits for its first connection and can make one. */
async function readPending(
  platform: Platform,
  identity: string,
  publicKey: PublicKey,
): Promise<EnrollmentReply | undefined> {
  const record = await platform.store.standingNow(identity)
  if (record?.pending !== publicKey.id) return undefined
  const row = await platform.store.certificateOf(identity, publicKey.id)
  if (row === undefined || row.not_after < platform.now()) return undefined
  const [entry] = await platform.store.entries(row.ledger, row.idx, row.idx + 1)
  const { body } = readChange(entry!.change) as Change<'key.introduced'>
  const authority = issuingAuthority(platform.trust, row.ledger, row.ledger === 'platform' ? 'people' : 'fleet')
  const receipt = await readReceipt(platform, row.ledger, row.idx)
  return replyOf(platform, authority, identity, publicKey, body.certificate, body.tier, receipt)
}

/**
 * A connection that the pending key proved makes it the current one. Every open connection of the key before it is cut
 * once this is committed, and that key is refused from then on.
 */
export async function promoteKey(platform: Platform, { identity, certificate }: PeerProof): Promise<void> {
  const key = certificate.publicKey.id
  const body = { identity: identity.path, key }
  const facts = { kind: 'key.promoted', at: platform.now(), by: identity.path, ledger: identity.fleet, body } as const
  try {
    await platform.store.commit(change(facts))
  } catch (error) {
    if (!(error instanceof Refused && error.code === 'key-superseded')) throw error
    // Another request on such a connection came first: what was to be so is so.
    if ((await platform.store.standingNow(identity.path))?.key !== key) throw error
  }
}
