import { Refused } from '@mintmark/core/errors'
import type { PeerProof } from '@mintmark/core/proof'
import { decideRenewal, renewed } from '@mintmark/core/rules'
import { checkPossession, readSigningRequest } from '@mintmark/core/signed'
import { issuance, issue, type Platform } from '../platform.ts'
import { type EnrollmentReply, replyOf } from './enroll.ts'

/** Another certificate for the identity that the connection proved, with the same key. */
export async function renew(platform: Platform, proof: PeerProof, csr: Uint8Array): Promise<EnrollmentReply> {
  const request = readSigningRequest(csr)
  await checkPossession(request, platform.verify)
  const { identity, certificate } = proof
  const record = await platform.store.standing(identity.path)
  const facts = issuance(platform, identity.fleet, identity.role)
  const grant = decideRenewal(identity, record, certificate.publicKey, request.publicKey, facts)
  if (record === undefined) throw new Refused('unknown')
  const { der, authority } = await issue(platform, grant)
  const receipt = await platform.store.commit(renewed(grant, der, identity.path, platform.now()))
  return replyOf(platform, authority, identity.path, request.publicKey, der, record.tier, receipt)
}
