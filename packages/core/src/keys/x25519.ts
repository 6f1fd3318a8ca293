import { concat } from '../bytes/bytes.ts'
import { readHex } from '../bytes/text.ts'
import { Refused } from '../errors/refused.ts'

// curve25519 (RFC 7748 4.1) as far as admission needs it. A public key is u in 32 bytes, little-endian. Both the curve
// and its twist are safe to be asked for a shared secret, so a point need not be on either.

/**
 * The u whose points have an order that divides 8, on the curve or its twist: with them every shared secret is zero
 * (RFC 7748 6.1). 0, 1, the two of order 8, and p - 1.
 */
const smallOrder = [
  readHex('0000000000000000000000000000000000000000000000000000000000000000'),
  readHex('0100000000000000000000000000000000000000000000000000000000000000'),
  readHex('e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800'),
  readHex('5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157'),
  readHex('ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'),
]

/**
 * Admits a key to encrypt to. RFC 7748 5 has implementations take u above p, and ignore the top bit; here a key has one
 * encoding, so that it has one id.
 * @returns a copy @throws Refused `key-refused`
 */
export function admitX25519(raw: Uint8Array): Uint8Array {
  if (raw.length !== 32) throw new Refused('key-refused', 'length')
  if (!isBelowPrime(raw)) throw new Refused('key-refused', 'not canonical')
  if (smallOrder.some(u => raw.every((byte, i) => byte === u[i]))) throw new Refused('key-refused', 'small order')
  return concat(raw)
}

/** u < 2^255 - 19. */
function isBelowPrime(raw: Uint8Array): boolean {
  if (raw[31]! > 0x7f) return false
  if (raw[31] !== 0x7f || raw[0]! < 0xed) return true
  for (let i = 1; i < 31; i++) if (raw[i] !== 0xff) return true
  return false
}
