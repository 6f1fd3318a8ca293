import type { PublicKey } from './public-key.ts'

/**
 * A private key in use: who it is, and its signature. Where it lives (file, TPM, PKCS#11, Web Crypto) is its own
 * business; there is no export. Bytes to sign always begin with, or are wrapped in, a context that core registers
 * (docs/spec/contexts.md): nothing signs what a peer chose wholly.
 */
export interface Key {
  readonly publicKey: PublicKey
  /** Raw 64-byte signature: Ed25519 (RFC 8032), or ECDSA P-256 with SHA-256 as r || s. */
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>
}

/**
 * Checks one raw 64-byte signature by an admitted key. Only after `plausibleSignature` holds, so that every runtime
 * gives one verdict.
 */
export type Verify = (key: PublicKey, message: Uint8Array, signature: Uint8Array) => boolean | Promise<boolean>
