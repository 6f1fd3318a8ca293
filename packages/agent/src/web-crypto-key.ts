import { admitRaw, type Key, type KeyAlgorithm } from '@mintmark/core/keys'

/**
 * A new key in the runtime's Web Crypto. Its private part cannot be exported, and ends with the process.
 * @param algorithm Ed25519 (RFC 8032), or ECDSA P-256 with SHA-256
 */
export async function makeKey(algorithm: KeyAlgorithm = 'Ed25519'): Promise<Key> {
  const parameters = algorithm === 'Ed25519' ? ed25519 : p256
  const pair = (await crypto.subtle.generateKey(parameters, false, ['sign', 'verify'])) as KeyPair
  return webCryptoKey(pair, algorithm)
}

/** As `crypto.subtle.generateKey` gives it. */
export interface KeyPair {
  readonly publicKey: CryptoKey
  readonly privateKey: CryptoKey
}

/** A key that is in Web Crypto already, such as one that a page keeps in IndexedDB. */
export async function webCryptoKey({ publicKey, privateKey }: KeyPair, algorithm: KeyAlgorithm): Promise<Key> {
  const raw = new Uint8Array(await crypto.subtle.exportKey('raw', publicKey))
  const how = algorithm === 'Ed25519' ? ed25519 : ecdsa
  return {
    publicKey: admitRaw(algorithm, raw),
    // Of a copy that nobody shares, as the types ask for.
    sign: async message => new Uint8Array(await crypto.subtle.sign(how, privateKey, Uint8Array.from(message))),
  }
}

const ed25519 = { name: 'Ed25519' } as const
const p256 = { name: 'ECDSA', namedCurve: 'P-256' } as const
const ecdsa = { name: 'ECDSA', hash: 'SHA-256' } as const
