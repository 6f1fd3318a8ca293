import { concat, type Sha256, sha256 } from '../bytes/index.ts'
import { Refused } from '../errors/index.ts'
import { emptyRoot, hashLength, isCount, nodeHash } from './hash.ts'

/**
 * All of a tree that appending needs: the roots of the full subtrees it consists of, largest first; one for each bit
 * set in `size`.
 */
export interface Frontier {
  readonly size: number
  readonly hashes: readonly Uint8Array[]
}

/** The root of a full subtree of 256^level leaves: one hash of a tile at that level (C2SP tlog-tiles). Level >= 1. */
export interface TileHash {
  readonly level: number
  readonly index: number
  readonly hash: Uint8Array
}

/** A tree after a batch. Who asks for neither root nor proofs pays no hash for the edge of the tree. */
export interface Appended {
  readonly frontier: Frontier
  readonly root: Uint8Array
  /** Completed by this batch, level by level, in order of index. */
  readonly tiles: readonly TileHash[]
  /** The inclusion proof of an entry of this batch, by its index in the tree, in the tree after it. Reads nothing. */
  prove(index: number): Uint8Array[]
}

export const emptyFrontier: Frontier = { size: 0, hashes: [] }

/** The full subtrees of one height that the batch touches, from an even position on. */
interface Row {
  readonly first: number
  readonly hashes: readonly Uint8Array[]
}

/** Appends a whole batch: about one hash per leaf, whatever the size of the tree; its root takes one more per level. */
export function append(before: Frontier, leafHashes: readonly Uint8Array[], hash: Sha256 = sha256): Appended {
  const size = before.size + leafHashes.length
  if (!isFrontier(before) || !isCount(size)) throw new RangeError('not a frontier that can grow')
  if (leafHashes.some(leaf => leaf.length !== hashLength)) throw new RangeError('not a leaf hash')

  const rows: Row[] = []
  const tiles: TileHash[] = []
  const older = [...before.hashes]
  const kept: Uint8Array[] = []
  let grown: readonly Uint8Array[] = [...leafHashes]
  for (let height = 0, left = before.size; left > 0 || grown.length > 0; height++, left = Math.floor(left / 2)) {
    if (height > 0 && height % 8 === 0) {
      for (const [i, root] of grown.entries()) tiles.push({ level: height / 8, index: left + i, hash: root })
    }
    // Where the subtrees of this height were odd in number, the last of them waits in the frontier for its sibling.
    const odd = left % 2
    const hashes = odd === 1 ? [older.pop()!, ...grown] : grown
    rows.push({ first: left - odd, hashes })
    const parents: Uint8Array[] = []
    for (let i = 1; i < hashes.length; i += 2) parents.push(nodeHash(hashes[i - 1]!, hashes[i]!, hash))
    if (hashes.length % 2 === 1) kept.push(hashes.at(-1)!)
    grown = parents
  }

  let edges: readonly (Uint8Array | undefined)[] | undefined
  const edgesHere = () => {
    edges ??= edgesOf(rows, hash)
    return edges
  }
  return {
    frontier: { size, hashes: kept.reverse() },
    tiles,
    get root() {
      return edgesHere().at(-1) ?? emptyRoot(hash)
    },
    prove(index) {
      if (!isCount(index) || index < before.size || index >= size) throw new RangeError('not an entry of this batch')
      return siblings(index, rows, edgesHere())
    },
  }
}

/** For each row the hash over the leaves to the right of it, if there are any; then the one over all leaves. */
function edgesOf(rows: readonly Row[], hash: Sha256): (Uint8Array | undefined)[] {
  let edge: Uint8Array | undefined
  const edges = [edge]
  for (const { hashes } of rows) {
    if (hashes.length % 2 === 1) {
      const last = hashes.at(-1)!
      edge = edge === undefined ? last : nodeHash(last, edge, hash)
    }
    edges.push(edge)
  }
  return edges
}

/** The Merkle tree hash of the whole tree. */
export function root(frontier: Frontier, hash: Sha256 = sha256): Uint8Array {
  if (!isFrontier(frontier)) throw new RangeError('not a frontier')
  if (frontier.size === 0) return emptyRoot(hash)
  return frontier.hashes.reduceRight((right, left) => nodeHash(left, right, hash))
}

/** `size`, 8 bytes big-endian, then the hashes. */
export function writeFrontier(frontier: Frontier): Uint8Array {
  if (!isFrontier(frontier)) throw new RangeError('not a frontier')
  const size = new Uint8Array(8)
  new DataView(size.buffer).setBigUint64(0, BigInt(frontier.size))
  return concat(size, ...frontier.hashes)
}

/** Reads back what `writeFrontier` wrote. It can see lost bytes, not changed ones: compare its root with a checkpoint. */
export function readFrontier(bytes: Uint8Array): Frontier {
  if (bytes.length < 8) throw new Refused('ledger-broken', 'frontier too short')
  const size = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0))
  if (!isCount(size) || bytes.length !== 8 + hashLength * ones(size)) {
    throw new Refused('ledger-broken', 'frontier length')
  }
  const hashes: Uint8Array[] = []
  for (let at = 8; at < bytes.length; at += hashLength) hashes.push(bytes.slice(at, at + hashLength))
  return { size, hashes }
}

/** RFC 9162 2.1.3.1, from the leaf up: at each height the other child of the node above, where there is one. */
function siblings(index: number, rows: readonly Row[], edges: readonly (Uint8Array | undefined)[]): Uint8Array[] {
  const proof: Uint8Array[] = []
  let position = index
  for (const [height, { first, hashes }] of rows.entries()) {
    const at = position - first
    const right = at === hashes.length - 1 ? edges[height] : hashes[at + 1]
    const sibling = at % 2 === 1 ? hashes[at - 1] : right
    if (sibling !== undefined) proof.push(sibling)
    position = Math.floor(position / 2)
  }
  return proof
}

const isFrontier = ({ size, hashes }: Frontier): boolean =>
  isCount(size) && hashes.length === ones(size) && hashes.every(hash => hash.length === hashLength)

/** How many bits are set. Bitwise operators would cut at 32. */
function ones(size: number): number {
  let count = 0
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2
  return count
}
