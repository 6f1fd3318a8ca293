import { createECDH, createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'
import { base64url } from '../../../src/bytes/index.ts'
import { admitSpki, type Key, type KeyAlgorithm, type PublicKey } from '../../../src/keys/index.ts'

/** A key of the vectors' world, always the same one for the same title. Worthless: its private half is in this file. */
export class VectorKey implements Key {
  readonly publicKey: PublicKey
  readonly #private: KeyObject

  constructor(algorithm: KeyAlgorithm, title: string) {
    const seed = createHash('sha256').update(`mintmark vectors, worthless key: ${title}`).digest()
    this.#private = algorithm === 'Ed25519' ? ed25519Of(seed) : p256Of(seed)
    this.publicKey = admitSpki(createPublicKey(this.#private).export({ type: 'spki', format: 'der' }))
  }

  sign(message: Uint8Array): Uint8Array {
    const digest = this.publicKey.algorithm === 'Ed25519' ? null : 'sha256'
    return Uint8Array.from(sign(digest, message, { key: this.#private, dsaEncoding: 'ieee-p1363' }))
  }

  get pem(): string {
    return this.#private.export({ type: 'pkcs8', format: 'pem' }) as string
  }
}

function ed25519Of(seed: Buffer): KeyObject {
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex')
  return createPrivateKey({ key: Buffer.concat([prefix, seed]), format: 'der', type: 'pkcs8' })
}

function p256Of(seed: Buffer): KeyObject {
  const pair = createECDH('prime256v1')
  pair.setPrivateKey(seed)
  const point = pair.getPublicKey()
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map(part => base64url(part))
  return createPrivateKey({
    key: { kty: 'EC', crv: 'P-256', d: base64url(seed), x: x!, y: y! },
    format: 'jwk',
  })
}
