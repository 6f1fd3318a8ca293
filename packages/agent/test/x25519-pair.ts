import { concat, readHex } from '@mintmark/core/bytes'
import type { KeyPair } from '../src/web-crypto-key.ts'

/** A pair from its private bytes, of vectors. By PKCS#8, as runtimes disagree on what a JWK has. */
export async function x25519Pair(secret: Uint8Array): Promise<KeyPair> {
  const pkcs8 = Uint8Array.from(concat(readHex('302e020100300506032b656e04220420'), secret))
  const privateKey = await crypto.subtle.importKey('pkcs8', pkcs8, { name: 'X25519' }, true, ['deriveBits'])
  const base = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 9 : 0))
  const point = await crypto.subtle.importKey('raw', base, { name: 'X25519' }, true, [])
  const raw = await crypto.subtle.deriveBits({ name: 'X25519', public: point }, privateKey, 256)
  return { publicKey: await crypto.subtle.importKey('raw', raw, { name: 'X25519' }, true, []), privateKey }
}
