import type { Json } from '@mintmark/core/bytes'
import { objectOf, odd } from './http-entry.ts'

/** What became of a name, as an entry of its fleet's ledger says. */
export interface Change {
  readonly version: number
  readonly kind: string
  readonly identity: string
}

export interface Changes {
  readonly version: number
  /** Milliseconds from when it was asked for. */
  readonly lease: number
  readonly reset: boolean
  readonly changes: readonly Change[]
}

/** Longer than any platform gives one, and too long to be believed. */
const longestLease = 10_000

/** Reads the answer to `GET /v1/registry/changes`. @throws Refused `unavailable` */
export function readChanges(answer: Json): Changes {
  const { version, lease, reset = false, changes } = objectOf(answer)
  const isLease = typeof lease === 'number' && lease > 0 && lease <= longestLease
  if (!isVersion(version) || !isLease || typeof reset !== 'boolean' || !Array.isArray(changes)) throw odd('changes')
  return { version, lease, reset, changes: (changes as readonly Json[]).map(readChange) }
}

/** Reads the data of a `change`, and of what carries a version alone. @throws Refused `unavailable` */
export function readChange(value: Json): Change {
  const { version, kind, identity } = objectOf(value)
  if (!isVersion(version) || typeof kind !== 'string' || typeof identity !== 'string') throw odd('change')
  return { version, kind, identity }
}

/** Of a ledger without an entry it is -1. */
const isVersion = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= -1
