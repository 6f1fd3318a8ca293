import type { IncomingMessage } from 'node:http'
import { type Code, Refused } from '@mintmark/core/errors'
import type { PeerProof } from '@mintmark/core/proof'
import {
  type Access,
  decideAct,
  decideEntry,
  decideNoticeEntry,
  decideScope,
  type Grants,
  readGrants,
} from '@mintmark/core/rules'
import { readToken } from '@mintmark/core/signed'
import { proveToken } from '../operations/enroll.ts'
import { promoteKey } from '../operations/renew.ts'
import type { Platform } from '../platform.ts'
import type { Caller } from './call.ts'

/** What a request shows, proven or not yet refused. */
export interface Shown {
  caller: Caller
}

/** What is different about the listener that a request came to. */
export interface Door {
  readonly name: 'machine' | 'console'
  /** READ: the head of a request. @throws Refused */
  checkHead(request: IncomingMessage): void
  /** PROVE: who sent it, by certificate or by session; undefined where nothing is shown. @throws Refused */
  prove(request: Pick<IncomingMessage, 'socket' | 'headers'>): Promise<Proven | undefined>
  /** What it wants to be shown. */
  readonly wanted: Code
}

export type Proven = Extract<Caller, { kind: 'identity' }>

/**
 * PROVE and the gate: who was proven is held against the registry as it is now; without a certificate a token may be
 * shown. No header names a caller: not X-Forwarded-*, not any other.
 * @param shown told who was proven before anything is refused, so that the refusal can be recorded and answered exactly
 */
export async function enter(
  platform: Platform,
  door: Pick<Door, 'prove' | 'wanted'>,
  request: IncomingMessage,
  row: Access,
  params: Readonly<Record<string, string>>,
  shown: Shown,
): Promise<void> {
  const caller = await door.prove(request)
  if (caller) {
    shown.caller = caller
    const { proof } = caller
    const record = await platform.store.standing(proof.identity.path)
    const roles = row.roles.length > 0 ? row.roles : [proof.identity.role]
    if (row.standing === 'decommissioned') decideNoticeEntry(proof, record, { roles })
    else if (row.standing !== 'any') {
      const late = row.late ? await lateRenewal(platform, proof) : 0
      const use = decideEntry(proof, record, { roles }, platform.now(), late)
      if (use === 'pending') await promoteKey(platform, proof)
    }
    if (proof.identity.role === 'device' && row.scope !== undefined) {
      decideScope(await platform.store.rights(proof.identity.path), row.scope)
    }
    if (proof.identity.role === 'operator') {
      const grants = readGrants((await platform.store.grants(proof.identity.path)) ?? '')
      shown.caller = { ...caller, grants }
      if (row.grant) checkGrant(grants, row.grant, params.fleet)
    }
  } else if (row.roles.length > 0) {
    throw new Refused(door.wanted)
  }
  if (row.token) {
    const bearer = /^Bearer ([A-Za-z0-9_-]+)$/.exec(request.headers.authorization ?? '')
    if (!bearer) throw new Refused('refused', 'no token')
    shown.caller = { kind: 'token', ...(await proveToken(platform, readToken(bearer[1]!))) }
  }
}

/** How long after its end this certificate still renews: what its fleet gives its sleepers, and the platform nobody. */
async function lateRenewal(platform: Platform, { identity, certificate }: PeerProof): Promise<number> {
  if (platform.now() <= certificate.notAfter) return 0
  return (await platform.store.fleet(identity.fleet))?.late_renewal ?? 0
}

/** Decided from grants and path alone: whether there is such a fleet is not even looked up for who may not see it. */
function checkGrant(grants: Grants, { act, over }: NonNullable<Access['grant']>, fleet: string | undefined): void {
  const isPlatform = over === 'platform' || (over === 'ledger' && fleet === 'platform')
  // Its own tokens are for operators, and no fleet's.
  if (!isPlatform && (fleet === undefined || fleet === 'platform')) throw new Refused('fleet-unknown')
  decideAct(grants, act, isPlatform ? undefined : fleet)
}
