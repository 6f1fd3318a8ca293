/** A public key that passed admission. Made only by `admitSpki`, `admitRaw` and `readDidKey`. */
export interface PublicKey {
  readonly algorithm: 'Ed25519' | 'P-256'
  /** Ed25519: 32 bytes (RFC 8032 5.1.2). P-256: 65 bytes, uncompressed point (SEC 1 2.3.3). */
  readonly raw: Uint8Array
  /** SubjectPublicKeyInfo, DER (RFC 8410, RFC 5480). */
  readonly spki: Uint8Array
}
