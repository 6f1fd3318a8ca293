import { Refused } from '../errors/refused.ts'

/**
 * Messages that are recorded in a minute, of one key and of a fleet. They also bound what is kept to know a message that
 * comes again: a nonce is kept for less than a minute, so of one key there are never more than twice as many. It is asked
 * again whenever a ledger is replayed, so it can grow in a later version and never shrink.
 */
export const messagePace = { within: 60_000, ofOne: 60_000, ofFleet: 600_000 } as const

/** How many messages a minute a fleet lets one of its keys have recorded. @throws Refused `bad-number` */
export function readMessagesPerMinute(value: unknown): number {
  const { ofOne } = messagePace
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1 && value <= ofOne) return value
  throw new Refused('bad-number', `a whole number from 1 to ${ofOne}`)
}
