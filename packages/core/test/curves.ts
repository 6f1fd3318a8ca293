import { hex, readHex } from '../src/bytes/index.ts'

// The edges of the curves, computed by the schoolbook (RFC 8032 5.1, SP 800-186 3.2.1.3) and not by what is tested.

export const p25519 = 2n ** 255n - 19n
export const order25519 = 2n ** 252n + 27742317777372353535851937790883648493n
export const p256Prime = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n
export const p256Order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

export interface Affine {
  readonly x: bigint
  readonly y: bigint
}

/** All multiples of a point of order 8, with either sign bit where x = 0, and again with y + p where that fits. */
export function smallOrderEncodings(): Uint8Array[] {
  known ??= [...multiplesOfOrder8()].map(littleEndian)
  return known
}

/** Whether an edwards25519 point has this y. */
export function onCurve(y: bigint): boolean {
  return xOf(y) !== undefined
}

export const bigEndian = (value: bigint): Uint8Array => readHex(value.toString(16).padStart(64, '0'))
export const littleEndian = (value: bigint): Uint8Array => bigEndian(value).reverse()
export const readBigEndian = (bytes: Uint8Array): bigint => BigInt(`0x${hex(bytes)}`)
export const readLittleEndian = (bytes: Uint8Array): bigint => readBigEndian(bytes.slice().reverse())

let known: Uint8Array[] | undefined

function multiplesOfOrder8(): Set<bigint> {
  const generator = pointOfOrder8()
  const encodings = new Set<bigint>()
  let multiple: Affine = { x: 0n, y: 1n }
  for (let i = 0; i < 8; i++) {
    for (const y of [multiple.y, multiple.y + p25519].filter(y => y < 2n ** 255n)) {
      for (const sign of multiple.x === 0n ? [0n, 1n] : [multiple.x & 1n]) encodings.add(y | (sign << 255n))
    }
    multiple = sum(multiple, generator)
  }
  if (multiple.y !== 1n) throw new Error('the order is not 8')
  return encodings
}

/** The base point B (RFC 8032 5.1): y = 4/5, x even. */
export function basePoint(): Affine {
  const y = quotient(4n, 5n)
  const x = xOf(y)!
  return { x: x % 2n === 0n ? x : p25519 - x, y }
}

/** RFC 8032 5.1.2. */
export const encoded = ({ x, y }: Affine): Uint8Array => littleEndian(y | ((x & 1n) << 255n))

export function pointOfOrder8(): Affine {
  for (let y = 2n; ; y++) {
    const x = xOf(y)
    if (x === undefined) continue
    // What the prime order takes away leaves a point of order 1, 2, 4 or 8.
    const torsion = times(order25519, { x, y })
    if (times(4n, torsion).y !== 1n) return torsion
  }
}

export function times(n: bigint, base: Affine): Affine {
  let result: Affine = { x: 0n, y: 1n }
  for (const bit of n.toString(2)) {
    result = sum(result, result)
    if (bit === '1') result = sum(result, base)
  }
  return result
}

export function sum(a: Affine, b: Affine): Affine {
  const product = d * a.x * b.x * a.y * b.y
  return { x: quotient(a.x * b.y + a.y * b.x, 1n + product), y: quotient(a.y * b.y + a.x * b.x, 1n - product) }
}

function xOf(y: bigint): bigint | undefined {
  const square = quotient(y * y - 1n, d * y * y + 1n)
  const candidate = power(square, (p25519 + 3n) / 8n)
  const turned = modulo(candidate * power(2n, (p25519 - 1n) / 4n))
  return [candidate, turned].find(x => modulo(x * x - square) === 0n)
}

function quotient(a: bigint, b: bigint): bigint {
  return modulo(a * power(b, p25519 - 2n))
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  for (const bit of exponent.toString(2)) result = modulo(result * result * (bit === '1' ? modulo(base) : 1n))
  return result
}

function modulo(a: bigint): bigint {
  return ((a % p25519) + p25519) % p25519
}

const d = quotient(-121665n, 121666n)
