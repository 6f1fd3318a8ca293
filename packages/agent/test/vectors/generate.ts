// Makes edges.ts beside this file anew. Run by hand, from the root of the checkout:
//   node packages/agent/test/vectors/generate.ts
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { concat, hex } from '@mintmark/core/bytes'
import {
  type Affine,
  basePoint,
  bigEndian,
  encoded,
  littleEndian,
  onCurve,
  order25519,
  p256Order,
  p25519,
  pointOfOrder8,
  readBigEndian,
  readLittleEndian,
  smallOrderEncodings,
  sum,
  times,
} from '../../../core/test/curves.ts'
import { VectorKey } from '../../../core/test/vectors/make/keys.ts'
import { type Edge, signedIn } from '../edge-envelope.ts'

// Signatures at the edges of what RFC 8032 and FIPS 186-5 say, over envelopes. Each is one that some library takes, or
// may, and says what all must say here.

const base = basePoint()
const torsion = pointOfOrder8()
const small = Array.from({ length: 8 }, (_, i) => times(BigInt(i), torsion))
const secret = 0x1234567890abcdef1234567890abcdef1234567890abcdefn
const honest = times(secret, base)
const seedOfR = 0x7777777777777777777777777777777n
const made: Edge[] = []

/** h of RFC 8032 5.1.7 step 2, before it is reduced by the order. */
async function challenge(a: Uint8Array, r: Uint8Array, form: Edge['form']): Promise<bigint> {
  const signed = await signedIn({ algorithm: 'Ed25519', raw: hex(a), form })
  const digest = createHash('sha512').update(r).update(a).update(signed).digest()
  return (readLittleEndian(digest.subarray(0, 32)) + (readLittleEndian(digest.subarray(32)) << 256n)) % order25519
}

interface Parts {
  /** As the envelope names it. */
  readonly a: Uint8Array
  /** What of it is known: a multiple of B. */
  readonly scalar: bigint
  /** What is added to R, a multiple of the point of order 8. */
  readonly twist?: (h: bigint) => boolean
  readonly addedToR?: Affine
  readonly form?: Edge['form']
}

/** A signature by what is known of the key, with an R for which `twist` holds. */
async function sign({ a, scalar, twist = () => true, addedToR = small[0]!, form = 'cose' }: Parts): Promise<Uint8Array> {
  let point = times(seedOfR, base)
  for (let r = seedOfR; ; r++, point = sum(point, base)) {
    const encodedR = encoded(sum(point, addedToR))
    const h = await challenge(a, encodedR, form)
    if (twist(h)) return concat(encodedR, littleEndian((r + h * scalar) % order25519))
  }
}

function add(name: string, verdict: Edge['verdict'], a: Uint8Array, signature: Uint8Array, form: Edge['form'] = 'cose'): void {
  made.push({ name, algorithm: 'Ed25519', raw: hex(a), form, signature: hex(signature), verdict })
}

const key = encoded(honest)
const good = await sign({ a: key, scalar: secret })
const [goodR, goodS] = [good.subarray(0, 32), good.subarray(32)]
const zero = new Uint8Array(32)
const notReduced = (signature: Uint8Array, times: bigint): Uint8Array =>
  concat(signature.subarray(0, 32), littleEndian(readLittleEndian(signature.subarray(32)) + times * order25519))

add('an honest signature', 'accepted', key, good)
const goodJws = await sign({ a: key, scalar: secret, form: 'jws' })
add('an honest signature in a JWS', 'accepted', key, goodJws, 'jws')
add('S + L in a JWS', 'envelope-signature', key, notReduced(goodJws, 1n), 'jws')
for (let i = 1n; readLittleEndian(goodS) + i * order25519 < 2n ** 256n; i++) {
  add(`S + ${i} L`, 'envelope-signature', key, notReduced(good, i))
}
for (const [name, s] of [
  ['0', 0n],
  ['1', 1n],
  ['L - 1', order25519 - 1n],
  ['L', order25519],
  ['L + 1', order25519 + 1n],
  ['2^252', 2n ** 252n],
  ['2^255', 2n ** 255n],
  ['2^256 - 1', 2n ** 256n - 1n],
  ['with its top bit', readLittleEndian(goodS) | (1n << 255n)],
  ['of the other sign', order25519 - readLittleEndian(goodS)],
] as const) {
  add(`S ${name}`, 'envelope-signature', key, concat(goodR, littleEndian(s)))
}
add('all zero', 'envelope-signature', key, concat(zero, zero))
add('all ones', 'envelope-signature', key, concat(zero, zero).fill(0xff))
add('R zero', 'envelope-signature', key, concat(zero, goodS))
add('R of the other sign', 'envelope-signature', key, concat(goodR.with(31, goodR[31]! ^ 0x80), goodS))
add('R and S exchanged', 'envelope-signature', key, concat(goodS, goodR))
for (const length of [0, 32, 63, 65, 128]) {
  add(`of ${length} bytes`, 'bad-envelope', key, concat(good, good).subarray(0, length))
}

// R of small order: S = h a makes it hold for the neutral point where nobody looks, and for all of them with a cofactor.
for (const [i, r] of smallOrderEncodings().entries()) {
  const h = await challenge(key, r, 'cose')
  add(`R of small order, encoding ${i}`, 'envelope-signature', key, concat(r, littleEndian((h * secret) % order25519)))
}
// R not canonical.
for (let i = 0n; i < 19n; i++) {
  const r = littleEndian(p25519 + i)
  const h = await challenge(key, r, 'cose')
  add(`R with y = p + ${i}`, 'envelope-signature', key, concat(r, littleEndian((h * secret) % order25519)))
}
// R with a part of small order: a check with a cofactor takes it.
for (let i = 1; i < 8; i++) {
  const signature = await sign({ a: key, scalar: secret, addedToR: small[i]! })
  add(`R with ${i} of the point of order 8`, 'envelope-signature', key, signature)
}

// Keys of small order: nobody has a secret, anyone signs.
for (const [i, a] of smallOrderEncodings().entries()) {
  const name = `a key of small order, encoding ${i}`
  add(`${name}, R and S of nobody`, 'key-refused', a, await sign({ a, scalar: 0n, twist: h => h % 8n === 0n }))
  add(`${name}, and R the same, S zero`, 'key-refused', a, concat(a, zero))
  add(`${name}, in a JWS`, 'key-refused', a, await sign({ a, scalar: 0n, twist: h => h % 8n === 0n, form: 'jws' }), 'jws')
}
// Keys that are not canonical, or no point.
for (let i = 0n; i < 19n; i++) {
  const on = onCurve(i) ? 'a point' : 'no point'
  add(`a key with y = p + ${i}, ${on}`, 'key-refused', littleEndian(p25519 + i), good)
  add(`a key with y = p + ${i} and the sign, ${on}`, 'key-refused', littleEndian(p25519 + i + (1n << 255n)), good)
}
for (let y = 2n, found = 0; found < 3; y++) {
  if (onCurve(y)) continue
  found++
  add(`a key with y = ${y}, no point`, 'key-refused', littleEndian(y), good)
}
for (const length of [31, 33]) {
  const raw = concat(key, zero).subarray(0, length)
  made.push({ name: `a key of ${length} bytes`, algorithm: 'Ed25519', raw: hex(raw), form: 'cose', signature: hex(good), verdict: 'bad-envelope' })
}

// Keys with a part of small order are keys: whoever has the secret signs where the part goes away, and else not.
for (let i = 1; i < 8; i++) {
  const a = encoded(sum(honest, small[i]!))
  const rest = (h: bigint): number => Number((h * BigInt(i)) % 8n)
  const name = `a key with ${i} of the point of order 8`
  add(`${name}, which h takes away`, 'accepted', a, await sign({ a, scalar: secret, twist: h => rest(h) === 0 }))
  add(`${name}, which h leaves`, 'envelope-signature', a, await sign({ a, scalar: secret, twist: h => rest(h) !== 0 }))
  const addedToR = small[(8 - i) % 8]!
  const balanced = await sign({ a, scalar: secret, addedToR, twist: h => rest(h) === i })
  add(`${name}, which R takes away`, 'accepted', a, balanced)
}
const minus = encoded(times(order25519 - secret, base))
add('a key of the other sign', 'envelope-signature', minus, good)

// P-256.
const p256 = new VectorKey('P-256', 'edges')
const raw = hex(p256.publicKey.raw)
const signature = p256.sign(await signedIn({ algorithm: 'P-256', raw, form: 'cose' }))
const [r, s] = [readBigEndian(signature.subarray(0, 32)), readBigEndian(signature.subarray(32))]
const fits = (value: bigint): bigint => value % 2n ** 256n
for (const [name, verdict, first, second] of [
  ['an honest signature', 'accepted', r, s],
  ['s of the other sign', 'accepted', r, p256Order - s],
  ['r of the other sign', 'envelope-signature', p256Order - r, s],
  ['r zero', 'envelope-signature', 0n, s],
  ['s zero', 'envelope-signature', r, 0n],
  ['both zero', 'envelope-signature', 0n, 0n],
  ['r = n', 'envelope-signature', p256Order, s],
  ['s = n', 'envelope-signature', r, p256Order],
  ['s = n + 1', 'envelope-signature', r, p256Order + 1n],
  ['r + n', 'envelope-signature', fits(r + p256Order), s],
  ['s + n', 'envelope-signature', r, fits(s + p256Order)],
  ['both 1', 'envelope-signature', 1n, 1n],
  ['both n - 1', 'envelope-signature', p256Order - 1n, p256Order - 1n],
  ['all ones', 'envelope-signature', 2n ** 256n - 1n, 2n ** 256n - 1n],
  ['exchanged', 'envelope-signature', s, r],
] as const) {
  const bytes = concat(bigEndian(first), bigEndian(second))
  made.push({ name: `P-256: ${name}`, algorithm: 'P-256', raw, form: 'cose', signature: hex(bytes), verdict })
}

const lines = made.map(edge => `  ${JSON.stringify(edge)},`)
const text = ['// Made by generate.ts.', '', 'export const edges = [', ...lines, '] as const', '']
writeFileSync(new URL('edges.ts', import.meta.url), text.join('\n'))
