import type { Verify } from '@mintmark/core/keys'
import { nodeVerify } from './verify.ts'

/** What is used of `sodium-native`, which whoever checks much brings along. */
export interface Sodium {
  crypto_sign_verify_detached(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean
}

/**
 * Ed25519 by libsodium, which takes half the time of OpenSSL and, after the strict pre-check of core, gives the same
 * verdicts; P-256 by node:crypto. Both answer at once.
 */
export const libsodiumVerify =
  (sodium: Sodium): Verify =>
  (key, message, signature) =>
    key.algorithm === 'Ed25519'
      ? sodium.crypto_sign_verify_detached(signature, message, key.raw)
      : nodeVerify(key, message, signature)
