import { randomInt } from 'node:crypto'
import { Announcer, type AnnouncerOptions } from '@mintmark/agent/sidecar'
import { base64url } from '@mintmark/core/bytes'
import { didKey, type Key } from '@mintmark/core/keys'
import type { EncryptionKey } from '@mintmark/core/signed'
import type { Line } from '@mintmark/device'

export type Outcome = Parameters<AnnouncerOptions['told']>[0]

export interface Announcing {
  /** What others seal to for an identity key now. Where that is nothing, it is seen to. */
  holds(identity: Key): EncryptionKey | undefined
  /** Resolves after the first attempt, however it ended. */
  readonly first: Promise<void>
  /** Resolves when the home is not touched any more. */
  close(): Promise<void>
}

const minute = 60_000

/** Keeps the encryption key of a home announced. */
export function startAnnouncing(what: Pick<AnnouncerOptions, 'home' | 'encryption' | 'told'>): Announcing {
  const announcer = new Announcer({
    ...what,
    now: Date.now,
    monotonic: () => performance.now(),
    chance: () => randomInt(2 ** 32) / 2 ** 32,
  })
  const timer = setInterval(() => announcer.look(), minute)
  return {
    holds: ({ publicKey }) => {
      const held = announcer.holds(didKey(publicKey))
      // Another identity key says it anew at once, and not only in a minute.
      if (!held) announcer.look()
      return held
    },
    first: announcer.look(),
    close: () => {
      clearInterval(timer)
      return announcer.close()
    },
  }
}

/** What came of it, as a line of the log. */
export function announcedLine(outcome: Outcome, factsOf: (error: unknown) => Line['facts']): Line {
  if ('why' in outcome) {
    const facts = { task: 'announce', ...factsOf(outcome.why), retryInSeconds: Math.round(outcome.retryIn / 1_000) }
    return { level: 'warn', event: 'failed', facts }
  }
  const { did, key, expires } = outcome
  return {
    level: 'info',
    event: 'announced',
    facts: { did, key: base64url(key), until: new Date(expires).toISOString() },
  }
}
