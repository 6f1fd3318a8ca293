import { base64url, readBase64url, utf8 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { admitSpki, type PublicKey } from '@mintmark/core/keys'
import { readName } from '@mintmark/core/names'

//     {
//       "mintmark": "key.v1",
//       "name": "alice",
//       "algorithm": "Ed25519",
//       "publicKey": "<SPKI>",
//       "kdf": { "name": "scrypt", "n": 131072, "r": 8, "p": 1, "salt": "<16 bytes>" },
//       "nonce": "<12 bytes>",
//       "sealed": "<AES-256-GCM of the PKCS#8, then its tag>"
//     }
//
// 1. A file has one spelling: what is read must be what this would write, to the byte. No unknown, repeated or
//    reordered field, no other white space.
// 2. Everything but `sealed` is authenticated with it, as the text of this object without that field.
// 3. The cost is bounded on both sides: below, guessing gets cheap; above, opening a hostile file takes all memory.

export interface SealedHeader {
  readonly name: string
  readonly publicKey: PublicKey
  /** scrypt's N; r is 8 and p is 1 (RFC 7914 2). Memory is 1 KiB times this. */
  readonly cost: number
  readonly salt: Uint8Array
  readonly nonce: Uint8Array
}

export interface SealedFile {
  readonly header: SealedHeader
  readonly sealed: Uint8Array
}

export function writeSealedFile({ header, sealed }: SealedFile): string {
  return `${JSON.stringify({ ...fieldsOf(header), sealed: base64url(sealed) }, undefined, 2)}\n`
}

/** What AES-GCM authenticates beside the key. */
export function authenticatedData(header: SealedHeader): Uint8Array {
  return utf8(JSON.stringify(fieldsOf(header)))
}

export function readSealedFile(text: string): SealedFile {
  const fields = readObject(text)
  const kdf = fields.kdf
  if (typeof kdf !== 'object' || kdf === null || !('n' in kdf) || !('salt' in kdf)) throw notSealed('kdf')
  const file = {
    header: {
      name: readName(readText(fields.name)),
      publicKey: admitSpki(readBase64url(readText(fields.publicKey))),
      cost: readCost(kdf.n),
      salt: readBytes(kdf.salt, 16),
      nonce: readBytes(fields.nonce, 12),
    },
    sealed: readBase64url(readText(fields.sealed)),
  }
  // Node takes shorter tags too, which are easier to forge.
  if (file.sealed.length <= 16) throw notSealed('no whole tag')
  if (writeSealedFile(file) !== text) throw notSealed('not the canonical form')
  return file
}

/** A power of two from 2^15 (32 MiB) to 2^20 (1 GiB). */
export function readCost(n: unknown): number {
  if (typeof n !== 'number' || n < 2 ** 15 || n > 2 ** 20 || !Number.isInteger(Math.log2(n))) {
    throw new Refused('bad-number', 'the scrypt cost is a power of two from 2^15 to 2^20')
  }
  return n
}

function fieldsOf(header: SealedHeader): Record<string, unknown> {
  return {
    mintmark: 'key.v1',
    name: header.name,
    algorithm: header.publicKey.algorithm,
    publicKey: base64url(header.publicKey.spki),
    kdf: { name: 'scrypt', n: header.cost, r: 8, p: 1, salt: base64url(header.salt) },
    nonce: base64url(header.nonce),
  }
}

function readObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return { ...value }
  } catch (cause) {
    throw notSealed('not JSON', cause)
  }
  throw notSealed('not an object')
}

function readText(value: unknown): string {
  if (typeof value !== 'string') throw notSealed('a field is not text')
  return value
}

function readBytes(value: unknown, length: number): Uint8Array {
  const bytes = readBase64url(readText(value))
  if (bytes.length !== length) throw notSealed('length of the salt or nonce')
  return bytes
}

function notSealed(detail: string, cause?: unknown): Refused {
  return new Refused('bad-json', detail, { cause, hint: 'this is not a key file that Mintmark sealed' })
}
