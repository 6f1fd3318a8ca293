import { execFileSync } from 'node:child_process'
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'

/** One kind of call, on the files whose path contains a text, or ends in it where a `$` follows. */
export interface Where {
  readonly call: keyof typeof calls
  readonly path: string
  /** So many such calls pass first. */
  readonly skip?: number
}

const calls = { open: 1, write: 2, sync: 3, rename: 4, link: 5, truncate: 6, unlink: 7 } as const
const { EIO, ENOSPC } = constants.errno

/** A disk whose calls fail when a test says so, for processes that are started with its environment. See disk.c. */
export class FaultyDisk {
  readonly env: NodeJS.ProcessEnv
  readonly #file: number

  /** @param shadow a directory that gets the database as a disk would have it that drops what it could not sync */
  constructor(directory: string, shadow?: string) {
    const library = join(directory, 'disk.so')
    execFileSync('cc', ['-shared', '-fPIC', '-O2', '-o', library, join(import.meta.dirname, 'disk.c'), '-ldl'])
    const orders = join(directory, 'orders')
    this.#file = openSync(orders, 'w+')
    writeSync(this.#file, Buffer.alloc(4_096))
    this.env = {
      LD_PRELOAD: library,
      MINTMARK_DISK: orders,
      ...(shadow === undefined ? {} : { MINTMARK_DISK_SHADOW: shadow }),
    }
  }

  /** Fails one call, or so many. */
  fail(where: Where, { error = 'EIO', times = 1 }: { error?: 'EIO' | 'ENOSPC'; times?: number } = {}): void {
    this.#order(where, times, { EIO, ENOSPC }[error])
  }

  /** Kills the process that makes the call, before or after it. */
  kill(where: Where, when: 'before' | 'after'): void {
    this.#order(where, 1, when === 'before' ? 0 : -1)
  }

  /** How many calls have failed since it was last told to. */
  get hits(): number {
    const bytes = Buffer.alloc(4)
    readSync(this.#file, bytes, 0, 4, 16)
    return bytes.readInt32LE()
  }

  mend(): void {
    writeSync(this.#file, Buffer.alloc(4), 0, 4, 0)
  }

  close(): void {
    closeSync(this.#file)
  }

  #order({ call, path, skip = 0 }: Where, times: number, error: number): void {
    this.mend()
    const rest = Buffer.alloc(272)
    for (const [i, value] of [skip, times, error, 0].entries()) rest.writeInt32LE(value, i * 4)
    rest.write(path, 16)
    writeSync(this.#file, rest, 0, rest.length, 4)
    const op = Buffer.alloc(4)
    op.writeInt32LE(calls[call])
    // Last, so that it is acted on as a whole.
    writeSync(this.#file, op, 0, 4, 0)
  }
}
