import { Refused } from '../errors/refused.ts'
import type { Role } from '../names/spiffe.ts'
import type { PeerProof } from '../proof/identity.ts'
import type { Act } from './operator.ts'
import type { Rights } from './rights.ts'
import { compileScopes } from './scope.ts'
import { checkStanding, type RegistryRecord } from './standing.ts'

/** One row of the access table: who may call an operation. A row is written for every operation, or it is not served. */
export interface Access {
  /** Roles that may call with a certificate; empty where no certificate is wanted. */
  readonly roles: readonly Role[]
  /** The holder of an enrollment token may call. */
  readonly token: boolean
  /** Anyone may call, with or without a certificate. */
  readonly anyone: boolean
  /** The listener that serves it: to machines over mutual TLS, to people's browsers with a session, or both. */
  readonly door: 'machine' | 'console' | 'both'
  /** Also with a certificate that has expired, for as long as the policy of its fleet gives it. */
  readonly late?: boolean
  /**
   * Whose standing the row is for; good where nothing is said. `decommissioned`: who is to hear that it is over, and
   * nobody else. `any`: what is brought says itself whose it is, and who brings it does not matter.
   */
  readonly standing?: 'decommissioned' | 'any'
  /** What a device must have been granted besides: the scope that it would send such a message for. */
  readonly scope?: string
  /** What an operator's grants must cover, and for what: the fleet or the ledger that the path names, or the platform. */
  readonly grant?: { readonly act: Act; readonly over: 'fleet' | 'ledger' | 'platform' }
}

/**
 * The strict gate, on every request and not only at the handshake: the certificate is inside its time, the registry
 * knows the name, its standing is good, the key is its current key or the one that comes after it, and the role is one
 * the operation is for.
 * @param record read now, after the request arrived
 * @param late how long after its end the certificate still does, in milliseconds
 * @returns which of the name's keys was proven: a pending one becomes current by this
 * @throws Refused
 */
export function decideEntry(
  proof: PeerProof,
  record: RegistryRecord | undefined,
  access: Pick<Access, 'roles'>,
  at: number,
  late = 0,
): 'current' | 'pending' {
  const { certificate, identity } = proof
  checkStanding(record)
  // Bound to the key, not to issuer and serial: those can be copied into another certificate (CVE-2024-2048).
  const use = record!.identity === identity.path ? useOf(record!, certificate.publicKey.id) : undefined
  if (use === undefined) throw new Refused('key-superseded')
  // Asked so that a time that is no number is refused. The second of `notAfter` is still inside (RFC 5280 4.1.2.5).
  if (!(at >= certificate.notBefore)) throw new Refused('certificate-refused', 'not valid yet')
  if (!(at <= certificate.notAfter + 999 + late)) throw new Refused('certificate-expired')
  if (!access.roles.includes(identity.role)) throw new Refused('forbidden')
  return use
}

/** What a key is to its name; undefined for one that was superseded or never its own. */
export function useOf(
  { key, pending }: { readonly key: string; readonly pending: string | null | undefined },
  id: string,
): 'current' | 'pending' | undefined {
  return id === key ? 'current' : id === pending ? 'pending' : undefined
}

/**
 * The same for a row with a scope.
 * @param rights of the name, read now; undefined where nobody gave it any
 * @throws Refused `scope-refused`
 */
export function decideScope(rights: Pick<Rights, 'scopes'> | undefined, scope: string): void {
  if (!compileScopes(rights?.scopes ?? [])(scope)) throw new Refused('scope-refused', scope)
}

/**
 * The gate before the decommission notice: for the last key of a decommissioned name, or the one that was about to take
 * its place. Time is not judged: a device that slept for longer than its certificate must learn of its end too.
 * @throws Refused
 */
export function decideNoticeEntry(
  { certificate, identity }: PeerProof,
  record: RegistryRecord | undefined,
  { roles }: Pick<Access, 'roles'>,
): void {
  if (record === undefined) throw new Refused('unknown')
  if (record.standing === 'revoked') throw new Refused('revoked')
  const use = record.identity === identity.path ? useOf(record, certificate.publicKey.id) : undefined
  if (use === undefined) throw new Refused('key-superseded')
  if (record.standing !== 'decommissioned') throw new Refused('not-decommissioned')
  if (!roles.includes(identity.role)) throw new Refused('forbidden')
}
