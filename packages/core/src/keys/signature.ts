import { readEcdsaSignature } from '../bytes/der.ts'
import { Refused } from '../errors/index.ts'
import * as ed25519 from './ed25519.ts'
import type { Verify } from './key.ts'
import * as p256 from './p256.ts'
import { type KeyAlgorithm, PublicKey } from './public-key.ts'

/**
 * Whether the key signed the message: the strict pre-check, then the runtime's own verification. Nothing else in
 * Mintmark calls a `Verify` port. Never identify anything by a signature's bytes: where (r, s) verifies, so does
 * (r, n - s).
 * @throws Refused `key-refused` for what only looks like an admitted key
 */
export function checkSignature(
  verify: Verify,
  key: PublicKey,
  message: Uint8Array,
  signature: Uint8Array,
): boolean | Promise<boolean> {
  if (!PublicKey.isAdmitted(key)) throw new Refused('key-refused', 'not admitted')
  return plausibleSignature(key.algorithm, signature) && verify(key, message, signature)
}

/** The pre-check that makes every runtime give one verdict: what it refuses, some runtimes take and others do not. */
export function plausibleSignature(algorithm: KeyAlgorithm, signature: Uint8Array): boolean {
  if (signature.length !== 64) return false
  // FIPS 186-5 6.4.2 step 1: r and s from 1 to n - 1.
  if (algorithm === 'P-256') return p256.isScalar(signature.subarray(0, 32)) && p256.isScalar(signature.subarray(32))
  // RFC 8032 5.1.7 step 1; beyond it, no R of small order.
  return ed25519.isCanonical(signature) && !ed25519.hasSmallOrder(signature) && ed25519.isReducedScalar(signature, 32)
}

/**
 * Raw 64 bytes of a signature as X.509 carries it: Ed25519 as it is (RFC 8410 6), P-256 from an ECDSA-Sig-Value in
 * strict DER (RFC 3279 2.2.3).
 */
export function readX509Signature(algorithm: KeyAlgorithm, bytes: Uint8Array): Uint8Array {
  if (algorithm === 'P-256') return readEcdsaSignature(bytes)
  if (bytes.length !== 64) throw new Refused('bad-der', 'length of an Ed25519 signature')
  return bytes
}
