import { styleText } from 'node:util'
import type { Command } from 'commander'

/** What a command has to say: to a script as one JSON document, to a person as text. */
export interface Outcome {
  readonly json: unknown
  readonly text: string
}

export function print(command: Command, { json, text }: Outcome): void {
  const { writeOut } = command.configureOutput()
  writeOut?.(`${isJson(command) ? JSON.stringify(json) : text}\n`)
}

export const isJson = (command: Command): boolean => command.opts<{ json?: boolean }>().json === true

/** Columns of equal width under their heads. */
export function table(
  command: Command,
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  widths = heads.map((head, i) => Math.max(head.length, ...rows.map(row => row[i]!.length))),
): string {
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd()
  return [paint(hasColours(command), 'bold', line(heads)), ...rows.map(line)].join('\n')
}

/** One line a fact, names and values aligned. */
export function lines(facts: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...facts.map(([name]) => name.length))
  return facts.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`).join('\n')
}

/** `1 entry`, `2 entries` */
export const counted = (count: number, one: string, more: string): string => `${count} ${count === 1 ? one : more}`

/** Any value of a reply, in one line. */
export const shown = (value: unknown): string =>
  value === null || value === undefined ? '-' : printable(typeof value === 'string' ? value : JSON.stringify(value))

/** `2026-12-29 23:59 UTC`; what is no time is shown as it is. */
export function moment(value: unknown): string {
  const at = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(at) ? shown(value) : `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

/** `90d`, `36h`: the same spelling that options take. */
export function duration(milliseconds: unknown): string {
  const found = (
    [
      ['d', 86_400_000],
      ['h', 3_600_000],
      ['m', 60_000],
    ] as const
  ).find(([, unit]) => typeof milliseconds === 'number' && milliseconds > 0 && milliseconds % unit === 0)
  return found ? `${Number(milliseconds) / found[1]}${found[0]}` : `${Number(milliseconds) / 1_000}s`
}

/** Without control characters: they would move the cursor and could overwrite what is above. */
export const printable = (text: string): string => text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '\u{fffd}')

/** JSON for a person, still JSON: what would move the cursor is escaped. */
export const printableJson = (value: unknown): string =>
  JSON.stringify(value, undefined, 2).replaceAll(/(?!\n)[\p{C}\p{Zl}\p{Zp}]/gu, character =>
    character
      .split('')
      .map(unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  )

export const paint = (colours: boolean, style: 'bold' | 'red', text: string): string =>
  colours ? styleText(style, text, { validateStream: false }) : text

const hasColours = (command: Command): boolean => command.configureOutput().getOutHasColors?.() ?? false
