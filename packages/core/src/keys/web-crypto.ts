import type { Verify } from './key.ts'
import type { PublicKey } from './public-key.ts'

/** The `Verify` port by the runtime's Web Crypto, which every promised runtime has. */
export const webCryptoVerify: Verify = async (key, message, signature) => {
  const imported = imports.get(key) ?? importKey(key)
  imports.set(key, imported)
  const algorithm = key.algorithm === 'Ed25519' ? ed25519 : ecdsa
  return crypto.subtle.verify(algorithm, await imported, plain(signature), plain(message))
}

const ed25519 = { name: 'Ed25519' } as const
const ecdsa = { name: 'ECDSA', hash: 'SHA-256' } as const

// Lives as long as the key that it belongs to.
const imports = new WeakMap<PublicKey, Promise<Imported>>()

// Not as a JWK: runtimes disagree on its `alg` (Ed25519, EdDSA or none).
function importKey(key: PublicKey): Promise<Imported> {
  const algorithm = key.algorithm === 'Ed25519' ? ed25519 : ({ name: 'ECDSA', namedCurve: 'P-256' } as const)
  return crypto.subtle.importKey('raw', plain(key.raw), algorithm, false, ['verify'])
}

type Imported = Awaited<ReturnType<typeof crypto.subtle.importKey>>

/** No bytes here are in shared memory, which browsers' types ask for. */
const plain = (bytes: Uint8Array) => bytes as Uint8Array<ArrayBuffer>
