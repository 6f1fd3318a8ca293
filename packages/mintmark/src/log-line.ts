import type { Line } from '@mintmark/device'
import { printable } from './print.ts'

// A line of the log of what stays, on stderr: for a program as JSON, for a person as text.

export const jsonLine = ({ level, event, facts }: Line, at: Date): string =>
  JSON.stringify({ time: at.toISOString(), level, event, ...facts })

/** `2026-11-22T02:54:23.000Z info renewed serial=4f... until=2026-12-22T...` */
export const textLine = ({ level, event, facts }: Line, at: Date): string =>
  [at.toISOString(), level, event, ...Object.entries(facts).map(([name, value]) => `${name}=${quoted(value)}`)].join(
    ' ',
  )

function quoted(value: string | number): string {
  const text = printable(String(value))
  return /[\s"=]/.test(text) ? JSON.stringify(text) : text
}

/** Of an error, and of what caused it. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : `${error.message}: ${messageOf(error.cause)}`
}
