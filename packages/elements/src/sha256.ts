import { createHash, hash } from 'node:crypto'
import type { Sha256 } from '@mintmark/core/bytes'

/** The `Sha256` port by node:crypto: for one part a single call, for more a stream instead of a copy. */
export const nodeSha256: Sha256 = (...parts) => {
  const [only] = parts
  const digest = parts.length === 1 && only ? hash('sha256', only, 'buffer') : hashAll(parts)
  // Not a Buffer: its slice() shares memory, and core's code expects a copy.
  return new Uint8Array(digest.buffer, digest.byteOffset, digest.length)
}

function hashAll(parts: readonly Uint8Array[]): Buffer {
  const state = createHash('sha256')
  for (const part of parts) state.update(part)
  return state.digest()
}
