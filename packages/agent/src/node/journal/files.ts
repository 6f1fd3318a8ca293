import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { makeDirectoryDurably, removeTornWrites, renameDurably, writeFileDurably } from '@mintmark/elements'

/** What a journal does to the disk. Each is done when it returns, and stays after a power cut. */
export interface JournalFiles {
  write(path: string, bytes: Uint8Array): void
  rename(from: string, to: string): void
  remove(path: string): void
}

export const journalFiles = (directory: string): JournalFiles => ({
  write(path, bytes) {
    const file = join(directory, path)
    makeDirectoryDurably(dirname(file), 0o700)
    writeFileDurably(file, bytes, { mode: 0o600, replace: true })
  },
  rename: (from, to) => renameDurably(join(directory, from), join(directory, to)),
  // Nobody misses what comes back.
  remove(path) {
    rmSync(join(directory, path), { force: true })
    if (path.includes('.p/')) removeIfEmpty(dirname(join(directory, path)))
  },
})

export const readJournalFile = (directory: string, path: string): Uint8Array | undefined =>
  existsSync(join(directory, path)) ? readFileSync(join(directory, path)) : undefined

/** Every file under `tile`, as a path of C2SP tlog-tiles. Torn writes are removed, so only whoever writes may ask. */
export function tileFiles(directory: string): string[] {
  const top = join(directory, 'tile')
  if (!existsSync(top)) return []
  const all = readdirSync(top, { withFileTypes: true, recursive: true })
  return all.filter(one => one.isFile()).map(one => relative(directory, join(one.parentPath, one.name)))
}

export function removeTorn(directory: string): void {
  removeTornWrites(directory)
  const top = join(directory, 'tile')
  if (!existsSync(top)) return
  removeTornWrites(top)
  for (const one of readdirSync(top, { withFileTypes: true, recursive: true })) {
    if (one.isDirectory()) removeTornWrites(join(one.parentPath, one.name))
  }
}

function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory)
  } catch {
    // Something is in it still.
  }
}
