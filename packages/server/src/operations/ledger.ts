import { Refused } from '@mintmark/core/errors'
import type { Receipt } from '@mintmark/core/ledger'
import { proveInclusion, readTilePath, tileWidth, writeBundle, writeTile } from '@mintmark/core/ledger'
import { nodeSha256 } from '@mintmark/elements'
import { originOf, type Platform } from '../platform.ts'

/** The proof that an entry is in its ledger, against the newest checkpoint. */
export async function readReceipt(platform: Platform, ledger: string, index: number): Promise<Receipt> {
  const { store, trust } = platform
  const head = await store.head(ledger)
  if (head === undefined || index >= head.size) throw new Refused('no-receipt')
  const [entry] = await store.entries(ledger, index, index + 1)
  const proof = await proveInclusion(index, head.size, store.hashes(ledger), nodeSha256)
  return { origin: originOf(trust.domain, ledger), index, entry: entry!.change, proof, checkpoint: head.checkpoint }
}

/** The signed head of a ledger (C2SP tlog-checkpoint). */
export async function readHead(platform: Platform, ledger: string): Promise<string> {
  const head = await platform.store.head(ledger)
  if (head === undefined) throw new Refused('not-found')
  return head.checkpoint
}

/** A tile or an entry bundle by its path (C2SP tlog-tiles), as wide as it is asked for. */
export async function readLedgerTile(platform: Platform, ledger: string, path: string): Promise<Uint8Array> {
  const { level, index, width } = readTilePath(path)
  const head = await platform.store.head(ledger)
  if (head === undefined || width > tileWidth(level, index, head.size)) throw new Refused('not-found')
  const from = index * 256
  if (level === 'entries') {
    const entries = await platform.store.entries(ledger, from, from + width)
    return writeBundle(entries.map(({ change }) => change))
  }
  return writeTile(await platform.store.hashes(ledger)(level, from, width))
}
