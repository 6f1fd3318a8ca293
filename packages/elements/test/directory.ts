import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A path in a fresh directory that goes away with the test. */
export function fresh(name: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'mintmark-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, name)
}

/** Runs with this umask. */
export function withUmask<T>(mask: number, run: () => T): T {
  const before = process.umask(mask)
  try {
    return run()
  } finally {
    process.umask(before)
  }
}
