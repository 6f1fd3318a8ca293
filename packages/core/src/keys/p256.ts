import { compare, concat } from '../bytes/bytes.ts'
import { readHex } from '../bytes/text.ts'

// The curve P-256, y^2 = x^3 - 3x + b over p (SP 800-186 3.2.1.3), as far as admission needs it. Everything here is
// public, so nothing is constant in time.

const p = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n
const b = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn
/** n, the order of the group. */
const order = readHex('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551')
const zero = new Uint8Array(32)

/** An uncompressed point (SEC 1 2.3.3): both coordinates below p, and on the curve. */
export function isPoint(point: Uint8Array): boolean {
  if (point.length !== 65 || point[0] !== 0x04) return false
  const x = readBigEndian(point, 1)
  const y = readBigEndian(point, 33)
  return x < p && y < p && (y * y) % p === rightSide(x)
}

/**
 * The uncompressed form of a compressed point (SEC 1 2.3.4), or undefined where it is of another form. Still to be
 * checked by `isPoint`: where x has no y, neither has what this returns.
 */
export function decompress(point: Uint8Array): Uint8Array | undefined {
  if (!isCompressed(point)) return undefined
  const x = readBigEndian(point, 1)
  const root = squareRoot(rightSide(x))
  const y = (root & 1n) === BigInt(point[0]! & 1) ? root : p - root
  return concat(Uint8Array.of(0x04), point.subarray(1), bigEndian(y))
}

/** The form of a compressed point with x below p, be it on the curve or not. */
export function isCompressed(point: Uint8Array): boolean {
  return point.length === 33 && (point[0] === 0x02 || point[0] === 0x03) && readBigEndian(point, 1) < p
}

export function compress(point: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(0x02 | (point[64]! & 1)), point.subarray(1, 33))
}

/** 0 < scalar < n, as both r and s of a signature must be (FIPS 186-5 6.4.2 step 1). */
export function isScalar(scalar: Uint8Array): boolean {
  return compare(scalar, zero) > 0 && compare(scalar, order) < 0
}

function rightSide(x: bigint): bigint {
  return (((x * x - 3n) % p) * x + b + p * p) % p
}

/** a^((p + 1) / 4), p being 3 modulo 4. The exponent is 2^254 - 2^222 + 2^190 + 2^94. */
function squareRoot(a: bigint): bigint {
  const ones2 = (squared(a, 1) * a) % p
  const ones4 = (squared(ones2, 2) * ones2) % p
  const ones8 = (squared(ones4, 4) * ones4) % p
  const ones16 = (squared(ones8, 8) * ones8) % p
  const ones32 = (squared(ones16, 16) * ones16) % p
  const high = (squared(ones32, 32) * a) % p
  return squared((squared(high, 96) * a) % p, 94)
}

function squared(a: bigint, times: number): bigint {
  let value = a
  for (let i = 0; i < times; i++) value = (value * value) % p
  return value
}

function readBigEndian(bytes: Uint8Array, at: number): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, 32)
  return (
    (view.getBigUint64(0) << 192n) |
    (view.getBigUint64(8) << 128n) |
    (view.getBigUint64(16) << 64n) |
    view.getBigUint64(24)
  )
}

function bigEndian(value: bigint): Uint8Array {
  return readHex(value.toString(16).padStart(64, '0'))
}
