import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The directory of the console's pages; undefined where nobody built them, as an install without scripts does not. */
export function consolePages(): string | undefined {
  const page = fileURLToPath(import.meta.resolve('@mintmark/console/pages'))
  return existsSync(page) ? dirname(page) : undefined
}
