import { Refused } from '../errors/refused.ts'
import { coversName, readName, readNamePattern } from '../names/names.ts'
import type { Role } from '../names/spiffe.ts'
import { type RegistryRecord, reachesTier, type Tier } from './standing.ts'

/** The bounded right to mint identities. People call it a token. */
export interface Permit {
  /** base64url of 16 bytes. */
  readonly id: string
  /** Whose: a fleet, or `platform` for operators. */
  readonly fleet: string
  readonly role: Role
  /** SHA-256 of the secret; the secret itself is nowhere but with its holder. */
  readonly secretHash: Uint8Array
  readonly uses: number
  readonly left: number
  /** Unix milliseconds; refused from then on. */
  readonly expires: number
  /** A name, or a pattern with one `*`; undefined covers any name. */
  readonly pattern: string | undefined
  /** The weakest kind of key it accepts. */
  readonly tier: Tier
  /** Id of the key that it replaces under the one name that it covers; undefined for a token of new names. */
  readonly replaces: string | undefined
  readonly revoked: boolean
  /** What an operator who enrolls with it may do; of others undefined. */
  readonly grants?: string | undefined
}

export const permitBounds = { uses: 1_000_000, ttl: 90 * 86_400_000 } as const

/** How long after its expiry a token still answers for what it enrolled: a lost reply must not brick a device. */
export const replayGrace = 86_400_000

/** Uses: 1 to 1,000,000. */
export const readUses = (value: unknown): number => readWhole(value, 1, permitBounds.uses)

/** Time to live in milliseconds: one second to 90 days. */
export const readTtl = (value: unknown): number => readWhole(value, 1_000, permitBounds.ttl)

function readWhole(value: unknown, least: number, most: number): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least || value > most) {
    throw new Refused('bad-number', `a whole number from ${least} to ${most}`)
  }
  return value
}

/**
 * A factory reset: the name goes on with another key. Only a name in good standing does, and only from the key that the
 * token was made for: a second token, or a renewal with another key, in between makes this one worthless.
 */
export function checkReplacement(holder: RegistryRecord | undefined, replaces: string): void {
  if (holder === undefined) throw new Refused('device-unknown')
  if (holder.standing !== 'good') throw new Refused('name-retired')
  if (holder.key !== replaces) throw new Refused('token-outdated')
}

/** A token covers one name, a pattern, or any name; not both of the first two. */
export function readCovered(name: string | undefined, pattern: string | undefined): string | undefined {
  if (name !== undefined && pattern !== undefined) throw new Refused('bad-request', 'a name or a pattern, not both')
  return name !== undefined ? readName(name) : pattern === undefined ? undefined : readNamePattern(pattern)
}

/** Whether a permit may be spent on this name now. The store asks again inside the transaction. */
export function checkSpend(permit: Permit, name: string, tier: Tier, at: number): void {
  if (permit.revoked) throw new Refused('token-revoked')
  // Asked so that what is no number is refused.
  if (!(at < permit.expires)) throw new Refused('token-expired')
  if (permit.pattern !== undefined && !coversName(permit.pattern, name)) throw new Refused('token-name', name)
  if (!reachesTier(tier, permit.tier)) throw new Refused('token-tier', `${permit.tier} is asked for`)
  if (!(permit.left >= 1)) throw new Refused('token-spent')
}

/** Whether a permit still answers for a key that it enrolled (RFC 9110 9.2.2: a retry must not cost a use). */
export function checkReplay(permit: Permit, at: number): void {
  if (permit.revoked) throw new Refused('token-revoked')
  if (!(at < permit.expires + replayGrace)) throw new Refused('token-expired')
}
