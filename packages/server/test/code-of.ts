import { type Code, Refused } from '@mintmark/core/errors'

/** What it is refused with; undefined where it is not. */
export function codeOf(run: () => unknown): Code | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    return error.code
  }
}
