import { type Sha256, sha256 } from '../bytes/index.ts'
import { Refused } from '../errors/index.ts'
import type { Frontier } from './frontier.ts'
import { hashLength, isCount, nodeHash } from './hash.ts'

/**
 * Reads stored hashes: `count` (1 to 256, all of one tile) from `first` on, of the full subtrees of 256^level leaves.
 * Level 0 are the leaf hashes; higher levels are what `append` gives as `tiles`. Never asked for more than the tree
 * of the size in question has.
 */
export type ReadHashes = (
  level: number,
  first: number,
  count: number,
) => readonly Uint8Array[] | Promise<readonly Uint8Array[]>

/** RFC 9162 2.1.3.1: that the entry at `index` is in the tree of `size` entries. */
export async function proveInclusion(
  index: number,
  size: number,
  read: ReadHashes,
  hash: Sha256 = sha256,
): Promise<Uint8Array[]> {
  if (!isCount(index) || !isCount(size) || index >= size) throw new RangeError('no such entry')
  const path: Range[] = []
  let [start, end] = [0, size]
  while (end - start > 1) {
    const middle = start + powerBelow(end - start)
    path.push(index < middle ? { start: middle, end } : { start, end: middle })
    if (index < middle) end = middle
    else start = middle
  }
  return hashesOf(path.reverse(), read, hash)
}

/** RFC 9162 2.1.4.1: that the tree of `to` entries begins with the tree of `from` entries. Empty from 0 and to itself. */
export async function proveConsistency(
  from: number,
  to: number,
  read: ReadHashes,
  hash: Sha256 = sha256,
): Promise<Uint8Array[]> {
  if (!isCount(from) || !isCount(to) || from > to) throw new RangeError('no such trees')
  if (from === 0) return []
  const path: Range[] = []
  let [start, end] = [0, to]
  while (from < end) {
    const middle = start + powerBelow(end - start)
    path.push(from <= middle ? { start: middle, end } : { start, end: middle })
    if (from <= middle) end = middle
    else start = middle
  }
  // The verifier holds the old root; where that is itself the subtree, it is not sent again.
  if (start > 0) path.push({ start, end })
  return hashesOf(path.reverse(), read, hash)
}

/** The frontier that the tree had, or has, at this size. */
export async function frontierAt(size: number, read: ReadHashes, hash: Sha256 = sha256): Promise<Frontier> {
  if (!isCount(size)) throw new RangeError('no such tree')
  return { size, hashes: await hashesOf(fullSubtrees({ start: 0, end: size }), read, hash) }
}

/** The leaves from `start` to before `end`: a full subtree, or all that is right of one. */
interface Range {
  readonly start: number
  readonly end: number
}

/** Hashes of one tile, the smallest run that has all we need of it. */
interface Run {
  readonly level: number
  first: number
  end: number
}

async function hashesOf(ranges: readonly Range[], read: ReadHashes, hash: Sha256): Promise<Uint8Array[]> {
  const parts = ranges.map(range => fullSubtrees(range).map(tileRun))
  const runs = new Map<string, Run>()
  for (const run of parts.flat()) {
    const known = runs.get(tileName(run))
    if (known === undefined) runs.set(tileName(run), { ...run })
    else [known.first, known.end] = [Math.min(known.first, run.first), Math.max(known.end, run.end)]
  }
  const entries = await Promise.all([...runs].map(async ([name, run]) => [name, await readRun(run, read)] as const))
  const stored = new Map(entries)
  const subtree = (run: Run): Uint8Array => {
    const from = run.first - runs.get(tileName(run))!.first
    return fold(stored.get(tileName(run))!.slice(from, from + run.end - run.first), hash)
  }
  return parts.map(part => part.map(subtree).reduceRight((right, left) => nodeHash(left, right, hash)))
}

async function readRun({ level, first, end }: Run, read: ReadHashes): Promise<readonly Uint8Array[]> {
  const hashes = await read(level, first, end - first)
  if (hashes.length !== end - first || hashes.some(hash => hash.length !== hashLength)) {
    throw new Refused('ledger-broken', `hashes ${first} to ${end} of level ${level} are not stored`)
  }
  return hashes
}

/** A full subtree of 2^h leaves from the stored level below it: 2^(h mod 8) hashes of one tile. */
function tileRun({ start, end }: Range): Run {
  let [level, unit] = [0, 1]
  for (; unit * 256 <= end - start; unit *= 256) level++
  return { level, first: start / unit, end: end / unit }
}

const tileName = ({ level, first }: Run): string => `${level}/${Math.floor(first / 256)}`

/** Largest first. A range begins where its largest subtree may begin, so the rest follows from its length alone. */
function fullSubtrees({ start, end }: Range): Range[] {
  const subtrees: Range[] = []
  for (let at = start; at < end; ) {
    const next = at + powerBelow(end - at + 1)
    subtrees.push({ start: at, end: next })
    at = next
  }
  return subtrees
}

function fold(hashes: readonly Uint8Array[], hash: Sha256): Uint8Array {
  let row = hashes
  while (row.length > 1) {
    const children = row
    row = Array.from({ length: children.length / 2 }, (_, i) => nodeHash(children[2 * i]!, children[2 * i + 1]!, hash))
  }
  return row[0]!
}

/** The largest power of two below n, for n > 1. */
function powerBelow(n: number): number {
  let power = 1
  while (power * 2 < n) power *= 2
  return power
}
