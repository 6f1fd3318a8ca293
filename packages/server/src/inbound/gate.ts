import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { Refused } from '@mintmark/core/errors'
import { type Access, decideEntry } from '@mintmark/core/rules'
import { readToken } from '@mintmark/core/signed'
import { proveToken } from '../operations/enroll.ts'
import type { Platform } from '../platform.ts'
import type { Caller } from './call.ts'
import type { Peers } from './peers.ts'

/** What a request shows, proven or not yet refused. */
export interface Shown {
  caller: Caller
}

/**
 * PROVE and the gate: a certificate is proven and held against the registry as it is now; without one a token may be
 * shown. No header names a caller: not X-Forwarded-*, not any other.
 * @param shown told who was proven before anything is refused, so that the refusal can be recorded and answered exactly
 */
export async function enter(
  platform: Platform,
  peers: Peers,
  request: IncomingMessage,
  row: Access,
  shown: Shown,
): Promise<void> {
  const proof = await peers.prove(request.socket as TLSSocket)
  if (proof) {
    shown.caller = { kind: 'identity', proof }
    const roles = row.roles.length > 0 ? row.roles : [proof.identity.role]
    decideEntry(proof, await platform.store.standing(proof.identity.path), { roles }, platform.now())
  } else if (row.roles.length > 0) {
    throw new Refused('certificate-required')
  }
  if (row.token) {
    const bearer = /^Bearer ([A-Za-z0-9_-]+)$/.exec(request.headers.authorization ?? '')
    if (!bearer) throw new Refused('refused', 'no token')
    shown.caller = { kind: 'token', ...(await proveToken(platform, readToken(bearer[1]!))) }
  }
}
