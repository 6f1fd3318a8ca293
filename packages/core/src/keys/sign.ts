import { derEcdsaSignature } from '../bytes/der.ts'
import type { Key } from './key.ts'

// Apart from the rest of keys, so that the rooms which only check signatures (the gateway) cannot import signing.

export type { Key } from './key.ts'

/** A signature as X.509 carries it: Ed25519 raw (RFC 8410 6), P-256 as ECDSA-Sig-Value (RFC 3279 2.2.3). */
export async function x509Signature(key: Key, message: Uint8Array): Promise<Uint8Array> {
  const signature = await key.sign(message)
  return key.publicKey.algorithm === 'P-256' ? derEcdsaSignature(signature) : signature
}
