import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { Refused } from '@mintmark/core/errors'
import { admitSpki, type Key, type KeyAlgorithm, type PublicKey } from '@mintmark/core/keys'
import { nodeVerify } from './verify.ts'

/** Bytes of a new PKCS#8 private key. Whoever asks wipes them. */
export function makePkcs8(algorithm: KeyAlgorithm): Buffer {
  const { privateKey } =
    algorithm === 'Ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return privateKey.export({ type: 'pkcs8', format: 'der' })
}

/** A key in this process's memory. The private part is in a private field and has no way out. */
export class SoftwareKey implements Key {
  readonly publicKey: PublicKey
  readonly #privateKey: KeyObject

  /** Takes PKCS#8; refuses (`key-refused`) what is neither Ed25519 nor P-256. */
  constructor(pkcs8: Uint8Array) {
    this.#privateKey = readPkcs8(pkcs8)
    this.publicKey = admitSpki(createPublicKey(this.#privateKey).export({ type: 'spki', format: 'der' }))
    // PKCS#8 of an EC key carries the public point too, and OpenSSL believes it without computing.
    const probe = Buffer.from('mintmark pairwise consistency')
    if (!nodeVerify(this.publicKey, probe, this.sign(probe))) throw new Error('the two halves of the key do not match')
  }

  sign(message: Uint8Array): Uint8Array {
    const digest = this.publicKey.algorithm === 'Ed25519' ? null : 'sha256'
    const signature = sign(digest, message, { key: this.#privateKey, dsaEncoding: 'ieee-p1363' })
    return new Uint8Array(signature.buffer, signature.byteOffset, signature.length)
  }
}

function readPkcs8(pkcs8: Uint8Array): KeyObject {
  const view = Buffer.from(pkcs8.buffer, pkcs8.byteOffset, pkcs8.length)
  try {
    return createPrivateKey({ key: view, format: 'der', type: 'pkcs8' })
  } catch (cause) {
    throw new Refused('key-refused', 'not a PKCS#8 private key', { cause })
  }
}
