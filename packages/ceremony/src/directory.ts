import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { Refused } from '@mintmark/core/errors'
import { failureOf } from './system-error.ts'

/**
 * Makes a whole directory, or nothing: after a crash at any moment the name holds what it held before or all that
 * `fill` wrote. Only its owner can enter it, and a directory with anything in it is left alone.
 * @throws Refused `file-exists`
 */
export async function createDirectory<T>(path: string, fill: (directory: string) => Promise<T>): Promise<T> {
  const target = resolve(path)
  const parent = dirname(target)
  checkFree(target)
  mkdirSync(parent, { recursive: true })
  const staging = join(parent, `.${basename(target)}.${randomBytes(8).toString('hex')}.tmp`)
  mkdirSync(staging, { mode: 0o700 })
  try {
    const made = await fill(staging)
    move(staging, target)
    return made
  } finally {
    rmSync(staging, { recursive: true, force: true })
  }
}

function checkFree(path: string): void {
  try {
    if (readdirSync(path).length > 0) throw new Refused('file-exists', path)
  } catch (cause) {
    if (failureOf(cause) === 'ENOTDIR') throw new Refused('file-exists', path, { cause })
    if (failureOf(cause) !== 'ENOENT') throw cause
  }
}

// rename(2) replaces an empty directory and no other.
function move(staging: string, target: string): void {
  try {
    renameSync(staging, target)
  } catch (cause) {
    if (['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(failureOf(cause) ?? '')) {
      throw new Refused('file-exists', target, { cause })
    }
    throw cause
  }
  const parent = openSync(dirname(target), 'r')
  try {
    fsyncSync(parent)
  } finally {
    closeSync(parent)
  }
}
