import { readHex } from '../bytes/text.ts'
import { jacobi } from './jacobi.ts'

// edwards25519 (RFC 8032 5.1) as far as admission needs it. An encoded point is y in 32 bytes, little-endian, with the
// sign of x in the top bit. Everything here is public, so nothing is constant in time.

const p = 2n ** 255n - 19n
/** -121665/121666 mod p. */
const d = 37095705934669439343138083508754565189542113879843219016388785533085940283555n

/** L, the order of the base point, little-endian: 2^252 + 27742317777372353535851937790883648493. */
const order = readHex('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010')

// The y of the eight points whose order divides 8: 1, -1, 0 (order 4) and the two roots y of d y^4 + 2 y^2 = 1 that are
// points of order 8. With either sign bit, and y + p where that fits 255 bits, these are the 14 encodings.
const smallOrder = [
  readHex('0100000000000000000000000000000000000000000000000000000000000000'),
  readHex('ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'),
  readHex('0000000000000000000000000000000000000000000000000000000000000000'),
  readHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'),
  readHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'),
]

/** y < p (RFC 8032 5.1.3 step 1), of a point at the beginning of these bytes; here and below. */
export function isCanonical(point: Uint8Array): boolean {
  // Only 19 values of 255 bits are not: 2^255 - 19 to 2^255 - 1.
  if ((point[31]! & 0x7f) !== 0x7f || point[0]! < 0xed) return true
  for (let i = 1; i < 31; i++) if (point[i] !== 0xff) return true
  return false
}

/** Of a canonical encoding, with either sign bit. */
export function hasSmallOrder(point: Uint8Array): boolean {
  return smallOrder.some(y => {
    if ((point[31]! & 0x7f) !== y[31]) return false
    for (let i = 0; i < 31; i++) if (point[i] !== y[i]) return false
    return true
  })
}

/** Of a canonical encoding: x^2 = (y^2 - 1) / (d y^2 + 1) has a root. */
export function isOnCurve(point: Uint8Array): boolean {
  const y = readLittleEndian(point) & (2n ** 255n - 1n)
  const yy = (y * y) % p
  // A quotient is a square where the product is. The divisor is never 0, for -1/d is not a square.
  return jacobi(((yy - 1n + p) * (d * yy + 1n)) % p, p) !== -1
}

/** S < L (RFC 8032 5.1.7 step 1): S + L would verify on some runtimes. */
export function isReducedScalar(bytes: Uint8Array, start = 0): boolean {
  for (let i = 31; i >= 0; i--) {
    if (bytes[start + i] !== order[i]) return bytes[start + i]! < order[i]!
  }
  return false
}

function readLittleEndian(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 32)
  return (
    view.getBigUint64(0, true) |
    (view.getBigUint64(8, true) << 64n) |
    (view.getBigUint64(16, true) << 128n) |
    (view.getBigUint64(24, true) << 192n)
  )
}
