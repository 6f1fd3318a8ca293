import type { Code } from './codes.ts'

export interface RefusedOptions {
  readonly hint?: string
  readonly cause?: unknown
  readonly retryAfter?: number
}

/**
 * The peer is told no. The code may go on the wire; `detail` is for our own log and never leaves the process.
 * A fault of ours is any other Error: the wire then gets an id only.
 *
 * What a code says to everyone stands in the table (`codes`), and is not loaded with this: pages throw it too.
 */
export class Refused extends Error {
  readonly code: Code
  readonly detail: string | undefined
  /** What to do next, where this case wants more than its code says to everyone (`hintOf`). */
  readonly hint: string | undefined
  /** Milliseconds after which asking again has a chance, where that is known. */
  readonly retryAfter: number | undefined

  constructor(code: Code, detail?: string, options: RefusedOptions = {}) {
    super(detail === undefined ? code : `${code}: ${detail}`, { cause: options.cause })
    this.name = 'Refused'
    this.code = code
    this.detail = detail
    this.hint = options.hint
    this.retryAfter = options.retryAfter
  }
}
