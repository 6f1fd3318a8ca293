import { randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'

export interface DurableWrite {
  /** Permissions of the file, exactly: the umask takes nothing away. */
  readonly mode: number
  /** Whether a file of this name may be replaced. Where not, and there is one, the write fails with EEXIST. */
  readonly replace: boolean
}

/**
 * Writes a whole file, or nothing: after a crash at any moment the name holds what it held before or all of the new
 * bytes, and once this returns a power cut does not take them back. Nobody else can read the bytes before `mode` says so.
 */
export function writeFileDurably(path: string, bytes: Uint8Array, options: DurableWrite): void {
  // In the same directory, because a rename is atomic only inside one file system.
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(8).toString('hex')}.tmp`)
  try {
    writeNew(temporary, bytes, options.mode)
    if (options.replace) renameSync(temporary, path)
    else renameWithoutReplacing(temporary, path)
  } finally {
    rmSync(temporary, { force: true })
  }
  syncDirectory(dirname(path))
}

/**
 * Removes what a crash in the middle of `writeFileDurably` left in this directory: a copy of a private key, it may be. A
 * directory that was being made in the same way goes too. For whoever knows that nobody is writing there now.
 * @param before only what was last written before this moment (Unix milliseconds), where someone may be
 */
export function removeTornWrites(directory: string, before = Number.POSITIVE_INFINITY): void {
  if (!existsSync(directory)) return
  for (const name of readdirSync(directory)) {
    const path = join(directory, name)
    if (!isTorn(name)) continue
    const written = statSync(path, { throwIfNoEntry: false })?.mtimeMs
    if (written !== undefined && written < before) rmSync(path, { recursive: true, force: true })
  }
}

/** Makes a directory and those above it; once this returns a power cut does not take them back. */
export function makeDirectoryDurably(path: string, mode: number): void {
  if (existsSync(path)) return
  makeDirectoryDurably(dirname(path), mode)
  mkdirSync(path, { recursive: true, mode })
  syncDirectory(dirname(path))
}

/** Gives a file the name of another, which it replaces; once this returns a power cut does not take that back. */
export function renameDurably(from: string, to: string): void {
  renameSync(from, to)
  syncDirectory(dirname(to))
}

/** Removes a file where there is one; once this returns a power cut does not bring it back. */
export function removeFileDurably(path: string): void {
  rmSync(path, { force: true })
  syncDirectory(dirname(path))
}

/** What crashes in the middle of writing this very file have left. */
export const tornWritesOf = (path: string): string[] =>
  readdirSync(dirname(path))
    .filter(name => isTorn(name) && name.startsWith(`.${basename(path)}.`))
    .map(name => join(dirname(path), name))

const isTorn = (name: string): boolean => /^\..+\.[0-9a-f]{16}\.tmp$/.test(name)

function writeNew(path: string, bytes: Uint8Array, mode: number): void {
  const file = openSync(path, 'wx', 0o600)
  try {
    writeFileSync(file, bytes)
    fchmodSync(file, mode)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

// rename(2) replaces silently, link(2) fails with EEXIST and is as atomic.
function renameWithoutReplacing(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch (error) {
    if (!isCode(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS')) throw error
    // FAT, which USB sticks have, knows no links. Taking the name first keeps the promise not to replace; a crash between
    // the two steps leaves an empty file.
    closeSync(openSync(to, 'wx', 0o600))
    renameSync(from, to)
  }
}

// The name itself is durable only when its directory is. Windows cannot open one.
function syncDirectory(path: string): void {
  if (process.platform === 'win32') return
  const directory = openSync(path, 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}

/** Whether a system call failed with one of these codes. */
export function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.some(code => code === error.code)
}
