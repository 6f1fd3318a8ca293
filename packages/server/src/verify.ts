import type { Verify } from '@mintmark/core/keys'
import { nodeVerify } from '@mintmark/elements'
import sodium from 'sodium-native'

/**
 * The server's `Verify` port: Ed25519 by libsodium, which takes less than half the time of OpenSSL and, after the strict
 * pre-check of core, gives the same verdicts; P-256 by node:crypto.
 */
export const serverVerify: Verify = (key, message, signature) =>
  key.algorithm === 'Ed25519'
    ? sodium.crypto_sign_verify_detached(view(signature), view(message), view(key.raw))
    : nodeVerify(key, message, signature)

/** The same bytes as a Buffer, which is what the native module takes. */
const view = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
