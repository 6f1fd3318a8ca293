/** The only globals core may use: pure functions that every promised runtime has. No clock, no randomness, no IO. */
declare class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>
}
declare class TextDecoder {
  constructor(label: 'utf-8', options: { fatal: true; ignoreBOM: true })
  decode(bytes: Uint8Array): string
}
declare const crypto: {
  readonly subtle: {
    importKey(
      format: 'raw' | 'spki',
      bytes: Uint8Array,
      algorithm: { name: 'Ed25519' } | { name: 'ECDSA'; namedCurve: 'P-256' },
      extractable: false,
      usages: ['verify'],
    ): Promise<object>
    verify(
      algorithm: { name: 'Ed25519' } | { name: 'ECDSA'; hash: 'SHA-256' },
      key: object,
      signature: Uint8Array,
      message: Uint8Array,
    ): Promise<boolean>
  }
}
