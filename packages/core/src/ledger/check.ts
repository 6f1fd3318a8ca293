import { equal, type Sha256, sha256 } from '../bytes/index.ts'
import { Refused } from '../errors/index.ts'
import { emptyRoot, hashLength, isCount, nodeHash } from './hash.ts'

export interface Inclusion {
  readonly leafHash: Uint8Array
  readonly index: number
  readonly size: number
  readonly proof: readonly Uint8Array[]
  readonly root: Uint8Array
}

export interface Consistency {
  readonly from: number
  readonly fromRoot: Uint8Array
  readonly to: number
  readonly toRoot: Uint8Array
  readonly proof: readonly Uint8Array[]
}

/** The leaf is at `index` of the tree with this size and root, or `bad-proof`. RFC 9162 2.1.3.2. */
export function checkInclusion(claim: Inclusion, hash: Sha256 = sha256): void {
  const { leafHash, index, size, proof, root } = claim
  // RFC 9162 2.1.3.2, 1.
  if (!isCount(index) || !isCount(size) || index >= size) throw new Refused('bad-proof', 'index')
  checkLengths([leafHash, root, ...proof])
  let place: Place = { node: index, last: size - 1 }
  let result = leafHash
  for (const other of proof) {
    // RFC 9162 2.1.3.2, 4. a.
    if (place.last === 0) throw new Refused('bad-proof', 'too long')
    const left = isOnLeft(place)
    result = left ? nodeHash(other, result, hash) : nodeHash(result, other, hash)
    place = above(place, left)
  }
  // RFC 9162 2.1.3.2, 5.
  if (place.last !== 0) throw new Refused('bad-proof', 'too short')
  if (!equal(result, root)) throw new Refused('bad-proof', 'another root')
}

/**
 * The tree of `to` entries begins with the tree of `from` entries, or `bad-proof`. RFC 9162 2.1.4.2. Every tree
 * begins with the empty one, which RFC 9162 leaves open: then the proof is empty and says nothing of `toRoot`.
 */
export function checkConsistency(claim: Consistency, hash: Sha256 = sha256): void {
  const { from, fromRoot, to, toRoot, proof } = claim
  if (!isCount(from) || !isCount(to) || from > to) throw new Refused('bad-proof', 'sizes')
  checkLengths([fromRoot, toRoot, ...proof])
  if (from === 0 && !equal(fromRoot, emptyRoot(hash))) throw new Refused('bad-proof', 'root of the empty tree')
  if (from === to && !equal(fromRoot, toRoot)) throw new Refused('bad-proof', 'two roots of one size')
  if (from === 0 || from === to) {
    if (proof.length > 0) throw new Refused('bad-proof', 'too long')
    return
  }

  // RFC 9162 2.1.4.2, 1. to 5.
  if (proof.length === 0) throw new Refused('bad-proof', 'too short')
  let place: Place = { node: from - 1, last: to - 1 }
  while (place.node % 2 === 1) place = parent(place)
  // The old tree is one full subtree exactly when climbing its right edge ends at node 0.
  const [start, rest] = place.node === 0 ? [fromRoot, proof] : [proof[0]!, proof.slice(1)]
  let [oldResult, newResult] = [start, start]
  for (const other of rest) {
    // RFC 9162 2.1.4.2, 6. a.
    if (place.last === 0) throw new Refused('bad-proof', 'too long')
    const left = isOnLeft(place)
    if (left) oldResult = nodeHash(other, oldResult, hash)
    newResult = left ? nodeHash(other, newResult, hash) : nodeHash(newResult, other, hash)
    place = above(place, left)
  }
  // RFC 9162 2.1.4.2, 7.
  if (place.last !== 0) throw new Refused('bad-proof', 'too short')
  if (!equal(oldResult, fromRoot)) throw new Refused('bad-proof', 'another old root')
  if (!equal(newResult, toRoot)) throw new Refused('bad-proof', 'another new root')
}

/** A node and the last node at the same height: `fn` and `sn` of RFC 9162. */
interface Place {
  readonly node: number
  readonly last: number
}

/** The next hash of the proof is the left child, this node the right one. */
const isOnLeft = ({ node, last }: Place): boolean => node % 2 === 1 || node === last

/** One height up; past the heights at which the last node has no sibling, where it is handed on as it is. */
function above(place: Place, left: boolean): Place {
  let at = place
  if (left) while (at.node % 2 === 0 && at.node > 0) at = parent(at)
  return parent(at)
}

// Not a shift: sizes go beyond 32 bits.
const parent = ({ node, last }: Place): Place => ({ node: Math.floor(node / 2), last: Math.floor(last / 2) })

function checkLengths(hashes: readonly Uint8Array[]): void {
  if (hashes.some(hash => hash.length !== hashLength)) throw new Refused('bad-proof', 'hash length')
}
