import { pem } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { didKey, type PublicKey } from '@mintmark/core/keys'
import type { Receipt, ReceiptJson } from '@mintmark/core/ledger'
import { path, readPath, spiffeId } from '@mintmark/core/names'
import { type PermitHolder, provePermit } from '@mintmark/core/proof'
import {
  type Change,
  decideEnrollment,
  decideReplay,
  enrolled,
  type Permit,
  type RegistryRecord,
  readChange,
} from '@mintmark/core/rules'
import { checkPossession, type EnrollmentToken, readSigningRequest } from '@mintmark/core/signed'
import { nodeSha256 } from '@mintmark/elements'
import { type Authority, issuance, issue, issuingAuthority, type Platform } from '../platform.ts'
import type { Row } from '../store/index.ts'
import { readReceipt } from './ledger.ts'

/** What leaves the platform with a certificate: all a device needs to trust its fleet, and the proof that it is logged. */
export interface EnrollmentReply {
  readonly certificate: Uint8Array
  /** The issuing CA. */
  readonly chain: Uint8Array
  readonly anchor: Uint8Array
  /** Undefined for identities of the platform itself, which belong to no fleet. */
  readonly charter: Uint8Array | undefined
  readonly identity: string
  readonly did: string
  readonly tier: string
  readonly receipt: Receipt
}

/** PROVE: the secret that was shown is the permit's. */
export async function proveToken(
  platform: Platform,
  token: Pick<EnrollmentToken, 'id' | 'secret'>,
): Promise<{ holder: PermitHolder; permit: Permit }> {
  const permit = await platform.store.permit(Buffer.from(token.id).toString('base64url'))
  const holder = provePermit(permit, token.secret, nodeSha256)
  return { holder, permit: permit! }
}

/**
 * Enrolls the key of a signing request for the holder of a permit. Idempotent on (permit, key): a retry gets the
 * certificate that was issued, and spends nothing.
 * @param csr PKCS#10, DER
 * @param requested the name asked for
 */
export async function enroll(
  platform: Platform,
  { holder, permit }: { holder: PermitHolder; permit: Permit },
  csr: Uint8Array,
  requested: string | undefined,
): Promise<EnrollmentReply> {
  const request = readSigningRequest(csr)
  await checkPossession(request, platform.verify)
  const { publicKey } = request
  const owner = await platform.store.keyOwner(publicKey.id)
  if (owner) return replay(platform, holder, permit, owner, publicKey, requested)

  const grant = decideEnrollment(holder, permit, publicKey, requested, issuance(platform, permit.fleet, permit.role))
  const { der, authority } = await issue(platform, grant)
  let receipt: Receipt
  try {
    receipt = await platform.store.commit(enrolled(grant, der, platform.now()))
  } catch (error) {
    // Two retries of one device at once: the other one has it now.
    const taken = error instanceof Refused && error.code === 'key-in-use'
    const now = taken ? await platform.store.keyOwner(publicKey.id) : undefined
    if (now === undefined) throw error
    return replay(platform, holder, permit, now, publicKey, requested)
  }
  return replyOf(platform, authority, path(grant.name), publicKey, der, grant.tier, receipt)
}

async function replay(
  platform: Platform,
  holder: PermitHolder,
  permit: Permit,
  owner: Row<'key'>,
  publicKey: PublicKey,
  requested: string | undefined,
): Promise<EnrollmentReply> {
  const record = (await platform.store.standingNow(owner.identity)) as RegistryRecord | undefined
  if (record === undefined) throw new Refused('key-in-use')
  const facts = { permit: owner.permit ?? undefined, current: record.key === owner.id, record }
  // Read again: the token was proven before the body had come, and may have been revoked in the meantime.
  decideReplay(holder, (await platform.store.permit(permit.id)) ?? permit, facts, requested, platform.now())
  const [entry] = await platform.store.entries(owner.ledger, owner.idx, owner.idx + 1)
  const { body } = readChange(entry!.change) as Change<'identity.enrolled'>
  const { fleet, role } = readPath(owner.identity)
  const authority = issuingAuthority(platform.trust, fleet, role === 'device' ? 'fleet' : 'people')
  const receipt = await readReceipt(platform, owner.ledger, owner.idx)
  return replyOf(platform, authority, owner.identity, publicKey, body.certificate, body.tier, receipt)
}

export function replyOf(
  platform: Platform,
  authority: Authority,
  identity: string,
  publicKey: PublicKey,
  certificate: Uint8Array,
  tier: string,
  receipt: Receipt,
): EnrollmentReply {
  const { trust } = platform
  return {
    certificate,
    chain: authority.certificate.der,
    anchor: trust.root.der,
    charter: trust.charters.get(authority.fleet),
    identity: spiffeId(trust.domain, readPath(identity)),
    did: didKey(publicKey),
    tier,
    receipt,
  }
}

/** The reply as JSON; the same for an enrollment and a renewal. */
export const enrollmentJson = (reply: EnrollmentReply) => ({
  certificate: pem('CERTIFICATE', reply.certificate),
  chain: lastingPem(reply.chain),
  anchor: lastingPem(reply.anchor),
  charter: reply.charter === undefined ? null : Buffer.from(reply.charter).toString('base64url'),
  identity: reply.identity,
  did: reply.did,
  tier: reply.tier,
  receipt: receiptJson(reply.receipt),
})

const pems = new WeakMap<Uint8Array, string>()

/** PEM of a certificate that is in many replies: our own CAs. */
function lastingPem(der: Uint8Array): string {
  const known = pems.get(der)
  if (known !== undefined) return known
  const text = pem('CERTIFICATE', der)
  pems.set(der, text)
  return text
}

/** As in core, with the runtime's own base64: it is in every reply. */
export const receiptJson = ({ origin, index, entry, proof, checkpoint }: Receipt): ReceiptJson => ({
  origin,
  index,
  entry: Buffer.from(entry).toString('base64'),
  proof: proof.map(hash => Buffer.from(hash).toString('base64')),
  checkpoint,
})
