import { Refused } from '../errors/refused.ts'

/**
 * How many certificates an identity may have made for itself in how long: a device that was stolen must not fill its
 * fleet's ledger. It is asked again whenever a ledger is replayed, so it can grow in a later version and never shrink.
 */
export const pace = { most: 6, within: 3_600_000 } as const

/** @param issued when the certificates of the last while were issued, newest first */
export function checkPace(issued: readonly number[], at: number): void {
  const oldest = issued[pace.most - 1]
  if (oldest === undefined) return
  const retryAfter = Math.max(oldest + pace.within - at, 0)
  throw new Refused('slow-down', `${pace.most} certificates in an hour`, { retryAfter })
}

/** Ten years. */
const longestLate = 3_650 * 86_400_000

/** For how long after its certificate's end a device may renew, in milliseconds; 0 is never. */
export function readLateRenewal(value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= longestLate) return value
  throw new Refused('bad-number', `a whole number from 0 to ${longestLate}`)
}
