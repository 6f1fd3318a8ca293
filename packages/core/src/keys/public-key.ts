import { equal, hex, sha256 } from '../bytes/index.ts'

export type KeyAlgorithm = 'Ed25519' | 'P-256'

/**
 * A public key that passed admission. Made only by `admitSpki`, `admitRaw` and `readDidKey`: the index exports the
 * type alone, and the private field keeps a look-alike object from being one.
 */
export class PublicKey {
  readonly algorithm: KeyAlgorithm
  /** Ed25519: 32 bytes (RFC 8032 5.1.2). P-256: 65 bytes, uncompressed point (SEC 1 2.3.3). */
  readonly raw: Uint8Array
  /** SubjectPublicKeyInfo, DER (RFC 8410, RFC 5480). */
  readonly spki: Uint8Array
  #admittedId: string | undefined

  constructor(algorithm: KeyAlgorithm, raw: Uint8Array, spki: Uint8Array) {
    this.algorithm = algorithm
    this.raw = raw
    this.spki = spki
  }

  /** The key id: SHA-256 of the SPKI, 64 hex characters. One key has one id, because admission is canonical. */
  get id(): string {
    this.#admittedId ??= hex(sha256(this.spki))
    return this.#admittedId
  }

  /** Whether it is one: a registry that brings a look-alike could bring a key for which anyone can sign. */
  static isAdmitted(key: PublicKey): boolean {
    return #admittedId in key
  }

  equals(other: PublicKey): boolean {
    return equal(this.spki, other.spki)
  }
}
