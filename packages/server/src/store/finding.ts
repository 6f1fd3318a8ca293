import { equal, hex } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'

/** The first place where a database is not as its ledgers say. */
export class Finding extends Error {
  readonly where: string
  readonly why: string

  constructor(where: string, why: string) {
    super(`${where}: ${why}`)
    this.where = where
    this.why = why
  }
}

export const entryOf = (ledger: string, idx: unknown): string => `ledger ${shown(ledger)}, entry ${shown(idx)}`
export const rowOf = (table: string, ...key: readonly unknown[]): string =>
  `table ${table}, row ${key.map(shown).join(' ')}`

/** Of values as a database gives them: nothing is of the type that its column promises. */
export const sameValue = (a: unknown, b: unknown): boolean =>
  a instanceof Uint8Array && b instanceof Uint8Array ? equal(a, b) : a === b

/** On one line and in plain characters: what is reported may be written by whoever is to be found. */
export function shown(value: unknown): string {
  if (value instanceof Uint8Array) return hex(value)
  const text = String(value)
  return /^[\x21-\x7e]+$/.test(text) ? text : JSON.stringify(text).replace(/[^\x20-\x7e]/g, escaped)
}

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

export const reasonOf = (error: unknown): string =>
  error instanceof Refused ? (error.detail ?? error.code) : error instanceof Error ? error.message : String(error)
