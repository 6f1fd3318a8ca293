import { readHex } from '../bytes/text.ts'
import { Refused } from '../errors/refused.ts'

// Fields of a ceremony file: JSON that crossed the air gap, so nothing about its shape is taken for granted.

/** An object with exactly these names. */
export function record(value: unknown, names: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad('not an object')
  const found = Object.keys(value)
  if (found.length !== names.length || !names.every(name => found.includes(name)))
    throw bad('unknown or missing fields')
  return value as Record<string, unknown>
}

export function text(value: unknown, most = 10_000): string {
  if (typeof value !== 'string' || value.length > most) throw bad('not text')
  return value
}

export function whole(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw bad('not a whole number')
  return value
}

/** Unix milliseconds that X.509 can say: before the year 10000 (RFC 5280 4.1.2.5). */
export function moment(value: unknown): number {
  const at = whole(value)
  if (at > lastMoment) throw bad('not a time')
  return at
}

const lastMoment = Date.UTC(9999, 11, 31, 23, 59, 59)

/** SHA-256 in lower-case hex. */
export function digest(value: unknown): string {
  const digits = text(value)
  if (readHex(digits).length !== 32) throw bad('not a SHA-256 digest')
  return digits
}

export const bad = (why: string): Refused => new Refused('bad-request-file', why)
