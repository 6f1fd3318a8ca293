import { closeSync, existsSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs'
import type { DatabaseSync, StatementSync } from 'node:sqlite'

// When a disk fails to sync, the system drops what was not written and says nothing of it the next time: a file reads
// as if it were whole, and after a power cut it is not. So a commit whose sync failed ends the process, and the next one
// believes nothing of the log that it has not written itself.

const chunk = 1 << 20

/**
 * Writes the log beside a database again as it reads, and syncs it: whatever of it was dropped is then on the disk, and
 * what was there stays the same at every moment. For whoever has the database for writing, before it is opened.
 */
export function writeLogAgain(path: string): void {
  const log = `${path}-wal`
  if (!existsSync(log)) return
  const file = openSync(log, 'r+')
  try {
    const bytes = Buffer.alloc(chunk)
    for (let at = 0, length: number; ; at += length) {
      length = readSync(file, bytes, 0, chunk, at)
      if (length === 0) break
      for (let done = 0; done < length; ) done += writeSync(file, bytes, done, length - done, at + done)
    }
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** Pages of the log, 4 KB each: few enough to be read at a start, many enough that a page is moved once for many commits. */
const longest = 8_192
const betweenLooks = 16

/** Moves the log into the database: SQLite would do so by itself, and say nothing of a disk that failed. */
export class Log {
  readonly #db: DatabaseSync
  readonly #look: StatementSync
  #commits = 0

  constructor(db: DatabaseSync) {
    this.#db = db
    this.#look = db.prepare('pragma wal_checkpoint(noop)')
  }

  /** Where it has become long; to be called after each commit. */
  keepShort(): void {
    if (++this.#commits % betweenLooks !== 0) return
    const { log, checkpointed } = this.#look.get() as { log: number; checkpointed: number }
    if (log - checkpointed >= longest) this.#db.exec('pragma wal_checkpoint(passive)')
  }
}

export const isSqliteError = (error: unknown): error is Error & { readonly errcode: number } =>
  error instanceof Error && 'code' in error && error.code === 'ERR_SQLITE_ERROR'

/** SQLITE_IOERR_FSYNC, SQLITE_IOERR_DIR_FSYNC. */
const syncs = new Set([1_034, 1_290])

/** Whether it is a disk's failure to say that it has what was written. */
export const isUnsynced = (error: unknown): error is Error => isSqliteError(error) && syncs.has(error.errcode)
