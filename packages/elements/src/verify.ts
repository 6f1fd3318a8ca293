import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import type { PublicKey, Verify } from '@mintmark/core/keys'

/** The `Verify` port by node:crypto, synchronous. */
export const nodeVerify: Verify = (key, message, signature) => {
  const digest = key.algorithm === 'Ed25519' ? null : 'sha256'
  return verify(digest, message, { key: keyObject(key), dsaEncoding: 'ieee-p1363' }, signature)
}

// Reading an SPKI costs a quarter of a verification. Lives as long as the key that it belongs to.
const keyObjects = new WeakMap<PublicKey, KeyObject>()

function keyObject(key: PublicKey): KeyObject {
  const known = keyObjects.get(key)
  if (known) return known
  const made = createPublicKey({ key: Buffer.from(key.spki), format: 'der', type: 'spki' })
  keyObjects.set(key, made)
  return made
}
