import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs'
import { equal } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { type Checkpoint, checkConsistency, proveConsistency, readCheckpoint } from '@mintmark/core/ledger'
import { isCode, nodeSha256 } from '@mintmark/elements'
import { serverVerify } from '../verify.ts'
import type { LedgerSigner } from './commit.ts'
import type { Connection, LastHead } from './database.ts'
import type { Queries } from './queries.ts'
import { hashesOf } from './rows.ts'

// SQLite's log ends where it cannot be read any more. After a kill that is where it was written up to; where a bit has
// turned it is earlier, and everything behind it, revocations too, would be gone without a word. So the head that was
// signed last is kept in a file beside the database: all transactions are in one log, so where the last one is, all are.
//
// The file is written after each commit and not synced: after a power cut it may be of an earlier commit, never of one
// that is not in the log.

/** All of it in one page of the disk: nobody sees a half of it. */
const length = 1_024

export function lastHeadFile(path: string): LastHead & { close(): void } {
  let file: number | undefined
  return {
    note(checkpoint) {
      try {
        file ??= openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o600)
        const bytes = Buffer.alloc(length, '\n')
        bytes.write(checkpoint)
        writeSync(file, bytes, 0, length, 0)
      } catch (error) {
        // What it had says less, and nothing wrong.
        if (!isCode(error, 'ENOSPC', 'EDQUOT', 'EFBIG', 'EIO', 'EROFS', 'EMFILE', 'ENFILE')) throw error
      }
    },
    read() {
      try {
        return readFileSync(path, 'utf8')
      } catch (error) {
        if (isCode(error, 'ENOENT')) return undefined
        throw error
      }
    },
    close() {
      if (file !== undefined) closeSync(file)
    },
  }
}

export interface Noted extends Checkpoint {
  readonly ledger: string
  /** As it was signed. */
  readonly checkpoint: string
}

/** Undefined where it is damaged, as it may be after a power cut. */
export async function readLastHead(text: string, signer: (ledger: string) => LedgerSigner): Promise<Noted | undefined> {
  const ledger = /^([a-z0-9-]+)\./.exec(text)?.[1]
  try {
    if (ledger === undefined) return undefined
    const { origin, key } = signer(ledger)
    const checkpoint = `${text.trimEnd()}\n`
    const by = { origin, publicKey: key.publicKey, verify: serverVerify }
    return { ...(await readCheckpoint(checkpoint, by)), ledger, checkpoint }
  } catch (error) {
    if (error instanceof Refused) return undefined
    throw error
  }
}

/** That a ledger still has what was committed last. @throws Refused `ledger-broken` */
export async function checkLastHead(
  connection: Connection,
  queries: Queries,
  noted: Noted,
  signer: (ledger: string) => LedgerSigner,
): Promise<void> {
  const { ledger, size, root } = noted
  const row = await connection.first(queries.head, { ledger })
  if (row === undefined || row.size < size) {
    throw new Refused('ledger-broken', `ledger ${ledger} ends at entry ${row?.size ?? 0} of ${size}`, {
      hint: lostHint,
    })
  }
  const { origin, key } = signer(ledger)
  try {
    const head = await readCheckpoint(row.checkpoint, { origin, publicKey: key.publicKey, verify: serverVerify })
    if (head.size === size && equal(head.root, root)) return
    const proof = await proveConsistency(size, head.size, hashesOf(connection, queries, ledger), nodeSha256)
    checkConsistency({ from: size, fromRoot: root, to: head.size, toRoot: head.root, proof }, nodeSha256)
  } catch (cause) {
    if (!(cause instanceof Refused)) throw cause
    throw new Refused('ledger-broken', `ledger ${ledger} is not the one that was committed to`, {
      cause,
      hint: lostHint,
    })
  }
}

const lostHint = 'the database has lost its end, or was put back: see "When something fails" in docs/operator.md'
