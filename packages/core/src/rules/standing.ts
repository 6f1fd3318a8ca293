import { Refused } from '../errors/refused.ts'

/** What the registry says of a name. A name it does not know has no standing and is refused. */
export type Standing = 'good' | 'revoked' | 'decommissioned'

/** Where the device's private key lives, as far as it was proven. */
export type Tier = 'software' | 'pkcs11-claimed' | 'tpm-attested'
const tiers: readonly string[] = ['software', 'pkcs11-claimed', 'tpm-attested'] satisfies Tier[]

export function readTier(text: string): Tier {
  if (!tiers.includes(text)) throw new Refused('bad-request', `a key tier is one of ${tiers.join(', ')}`)
  return text as Tier
}

/** Of two tiers; a word that is none reaches nothing and is never reached. */
export const reachesTier = (has: Tier, needs: Tier): boolean =>
  tiers.includes(needs) && tiers.indexOf(has) >= tiers.indexOf(needs)

/** The weaker of two: what can be said of a name that either of two keys proves. */
export const weakerTier = (a: Tier, b: Tier): Tier => (reachesTier(a, b) ? b : a)

/** What the registry holds of a name. Standing, scopes and history belong to the name, not to a key. */
export interface RegistryRecord {
  readonly identity: string
  readonly standing: Standing
  /** Id of the current key. */
  readonly key: string
  /** Id of the key that comes after it: introduced by the current one, and not yet seen on a connection. */
  readonly pending: string | undefined
  readonly tier: Tier
}

/** @throws Refused with the code of the standing */
export function checkStanding(record: Pick<RegistryRecord, 'standing'> | undefined): void {
  if (record === undefined) throw new Refused('unknown')
  if (record.standing !== 'good') throw new Refused(record.standing)
}

/**
 * Standing only goes down: good to revoked or decommissioned, revoked to decommissioned. Nothing brings a name back,
 * and no name is ever deleted.
 */
export function checkTransition(from: Standing, to: Exclude<Standing, 'good'>): void {
  if (from === 'decommissioned' || (from === 'revoked' && to === 'revoked')) throw new Refused('standing-final')
}
