import { concat } from '../bytes/index.ts'
import { Refused } from '../errors/index.ts'
import { hashLength } from './hash.ts'
import { isWidth } from './tiles.ts'

// What is in the files of C2SP tlog-tiles. Nothing here is signed: a reader compares the hashes with a checkpoint.

/** The most bytes an entry may have. */
export const longestEntry = 0xffff

/** An entry bundle: each entry as a big-endian uint16 length and its bytes. */
export function writeBundle(entries: readonly Uint8Array[]): Uint8Array {
  if (!isWidth(entries.length)) throw new RangeError('a bundle has 1 to 256 entries')
  return concat(...entries.flatMap(entry => [lengthOf(entry), entry]))
}

/** Exactly `width` entries and nothing after them. */
export function readBundle(bytes: Uint8Array, width: number): Uint8Array[] {
  if (!isWidth(width)) throw new RangeError('a bundle has 1 to 256 entries')
  const entries: Uint8Array[] = []
  let at = 0
  while (entries.length < width) {
    if (at + 2 > bytes.length) throw new Refused('ledger-broken', 'bundle too short')
    const start = at + 2
    at = start + ((bytes[at]! << 8) | bytes[at + 1]!)
    entries.push(bytes.slice(start, at))
  }
  if (at !== bytes.length) throw new Refused('ledger-broken', 'bundle length')
  return entries
}

/** A tile: the hashes, one after the other. */
export function writeTile(hashes: readonly Uint8Array[]): Uint8Array {
  if (!isWidth(hashes.length) || hashes.some(hash => hash.length !== hashLength)) throw new RangeError('not a tile')
  return concat(...hashes)
}

/** Exactly `width` hashes. */
export function readTile(bytes: Uint8Array, width: number): Uint8Array[] {
  if (!isWidth(width)) throw new RangeError('a tile has 1 to 256 hashes')
  if (bytes.length !== width * hashLength) throw new Refused('ledger-broken', 'tile length')
  return Array.from({ length: width }, (_, i) => bytes.slice(i * hashLength, (i + 1) * hashLength))
}

function lengthOf(entry: Uint8Array): Uint8Array {
  if (entry.length > longestEntry) throw new RangeError('an entry has at most 65,535 bytes')
  return Uint8Array.of(entry.length >> 8, entry.length & 0xff)
}
