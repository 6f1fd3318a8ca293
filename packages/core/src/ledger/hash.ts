import { shortLived } from '../bytes/bytes.ts'
import { type Sha256, sha256 } from '../bytes/index.ts'

// Hashes of the tree (RFC 9162 2.1.1, the same as RFC 6962 2.1). A leaf and a node begin with different bytes, so an
// entry can never pass for an inner node. The hash function comes as the last argument: a server hands in its own.

/** The leaf hash of an entry: SHA-256(0x00 || entry). */
export const leafHash = (entry: Uint8Array, hash: Sha256 = sha256): Uint8Array => hash(shortLived(leafPrefix, entry))

/** The hash of a node over its two children: SHA-256(0x01 || left || right). */
export function nodeHash(left: Uint8Array, right: Uint8Array, hash: Sha256 = sha256): Uint8Array {
  nodeMessage.set(left, 1)
  nodeMessage.set(right, 1 + hashLength)
  return hash(nodeMessage)
}

/** The root of the empty tree: SHA-256 of nothing. */
export const emptyRoot = (hash: Sha256 = sha256): Uint8Array => hash(new Uint8Array(0))

export const hashLength = 32

/** A number of leaves, or the place of one: what a double counts exactly. */
export const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

const leafPrefix = Uint8Array.of(0x00)

// One for all nodes, as a hash returns before the next begins: V8 keeps arrays beyond 64 bytes off its heap, and a new
// one costs half as much as the hash.
const nodeMessage = new Uint8Array(1 + 2 * hashLength)
nodeMessage[0] = 0x01
