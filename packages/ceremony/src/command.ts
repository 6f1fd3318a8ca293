import type { Terminal } from './terminal.ts'

/** One subcommand of `mintmark-ceremony`. */
export interface Command {
  readonly name: string
  readonly summary: string
  /** The one argument that is no option, where it takes one. */
  readonly operand?: string
  readonly options: Readonly<Record<string, Option>>
  readonly example: string
  run(given: Given, desk: Desk): Promise<Report>
}

export interface Option {
  /** What stands for its value in the help; a flag has none. */
  readonly value?: string
  readonly required?: true
  readonly meaning: string
}

/** What the caller gave; every option that a command requires is there. */
export interface Given {
  readonly operand: string
  value(option: string): string
  optional(option: string): string | undefined
  flag(option: string): boolean
}

/** Where the signer sits. */
export interface Desk {
  readonly terminal: Terminal
  /** Shows a line at once, before a question. */
  say(line: string): void
  now(): number
  random(length: number): Uint8Array
}

/** What a command has to tell at its end: one JSON document, or lines for people. */
export interface Report {
  readonly json: object
  readonly lines: readonly string[]
}

/** The caller is at fault, not a peer: exit code 2. */
export class WrongUse extends Error {
  readonly hint: string

  constructor(message: string, hint: string, options?: { cause: unknown }) {
    super(message, options)
    this.name = 'WrongUse'
    this.hint = hint
  }
}
