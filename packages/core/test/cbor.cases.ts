import { type Cbor, cbor, cborMap, readCbor, splitCbor, Tagged } from '../src/bytes/cbor.ts'
import { hex, readHex } from '../src/bytes/text.ts'
import { ok, refuses, same, suite } from './portable.ts'

export const cborSuite = suite('cbor')
const { test } = cborSuite

/** RFC 8949 appendix A, as far as our subset goes. */
const vectors: readonly (readonly [Cbor, string])[] = [
  [0, '00'],
  [23, '17'],
  [24, '1818'],
  [255, '18ff'],
  [256, '190100'],
  [65_535, '19ffff'],
  [65_536, '1a00010000'],
  [4_294_967_295, '1affffffff'],
  [4_294_967_296, '1b0000000100000000'],
  [1_000_000_000_000, '1b000000e8d4a51000'],
  [Number.MAX_SAFE_INTEGER, '1b001fffffffffffff'],
  [-1, '20'],
  [-24, '37'],
  [-25, '3818'],
  [-256, '38ff'],
  [-257, '390100'],
  [-1000, '3903e7'],
  [Number.MIN_SAFE_INTEGER, '3b001ffffffffffffe'],
  [false, 'f4'],
  [true, 'f5'],
  [null, 'f6'],
  ['', '60'],
  ['IETF', '6449455446'],
  ['\u00fc', '62c3bc'],
  ['\ud800\udd51', '64f0908591'],
  [readHex(''), '40'],
  [readHex('01020304'), '4401020304'],
  [[], '80'],
  [[1, [2, 3], [4, 5]], '8301820203820405'],
  [Array.from({ length: 25 }, (_, i) => i + 1), '98190102030405060708090a0b0c0d0e0f101112131415161718181819'],
  [new Map(), 'a0'],
  [
    new Map([
      ['a', 'A'],
      ['b', 'B'],
    ]),
    'a26161614161626142',
  ],
  [new Tagged(1, 1_363_896_240), 'c11a514b67b0'],
  [new Tagged(32, 'x'), 'd8206178'],
]

test('writes and reads the vectors of RFC 8949', () => {
  for (const [value, bytes] of vectors) {
    same(hex(cbor(value)), bytes)
    same(readCbor(readHex(bytes)), value)
  }
})

test('sorts keys by their encoded bytes, whatever order they came in', () => {
  const keys = [10, 100, -1, 'z', 'aa', '']
  const sorted = 'a60af41864f420f460f4617af4626161f4'
  same(hex(cbor(new Map(keys.map(key => [key, false])))), sorted)
  same(hex(cbor(new Map(keys.reverse().map(key => [key, false])))), sorted)
  same([...(readCbor(readHex(sorted)) as ReadonlyMap<string, Cbor>).keys()], [10, 100, -1, '', 'z', 'aa'])
  same(hex(cbor(cborMap({ b: 1, a: 2, c: undefined }))), 'a2616102616201')
})

test('an item has one spelling: longer heads are refused', async () => {
  for (const major of [0x00, 0x20, 0x40, 0x60, 0x80, 0xa0, 0xc0]) {
    const first = (info: number) => hex(Uint8Array.of(major | info))
    const longer = ['00', '17'].map(value => first(24) + value)
    longer.push(`${first(25)}0018`, `${first(25)}00ff`, `${first(26)}00000100`, `${first(26)}0000ffff`)
    longer.push(`${first(27)}0000000000010000`, `${first(27)}00000000ffffffff`, `${first(27)}0020000000000000`)
    longer.push(`${first(27)}ffffffffffffffff`)
    for (const head of longer) await refuses('bad-cbor', () => readCbor(readHex(head + '00'.repeat(64))))
    for (const info of [28, 29, 30, 31]) {
      for (const rest of ['', 'ff', '00ff', '4100ff'])
        await refuses('bad-cbor', () => readCbor(readHex(first(info) + rest)))
    }
  }
})

test('floats, undefined and other simple values are refused', async () => {
  const wrong = [
    'f7',
    'e0',
    'f3',
    'f8ff',
    'f818',
    'f814',
    'f90000',
    'f93c00',
    'f97e00',
    'fa47c35000',
    'fb3ff199999999999a',
    'ff',
  ]
  for (const bytes of wrong) await refuses('bad-cbor', () => readCbor(readHex(bytes)))
})

test('maps have sorted, unique keys that are numbers or texts', async () => {
  const wrong = ['a2010101 02', 'a202000100', 'a2617800617800', 'a2617900617800', 'a262616100617a00', 'a2617800 0100']
  wrong.push('a1400000', 'a1800000', 'a1a00000', 'a1f400', 'a1f600', 'a1c10000', 'a220000000', 'a3010002000200')
  for (const bytes of wrong) await refuses('bad-cbor', () => readCbor(readHex(bytes.replace(' ', ''))))
})

test('every prefix is refused, and so is anything after the item', async () => {
  for (const [value] of vectors) {
    const bytes = cbor(value)
    for (let end = 0; end < bytes.length; end++) await refuses('bad-cbor', () => readCbor(bytes.subarray(0, end)))
    await refuses('bad-cbor', () => readCbor(Uint8Array.of(...bytes, 0)))
  }
})

test('a huge count ends before anything is allocated', async () => {
  for (const major of ['5', '7', '9', 'b']) {
    for (const count of ['affffffff', 'b001fffffffffffff', 'a7fffffff']) {
      await refuses('bad-cbor', () => readCbor(readHex(major + count)))
      await refuses('bad-cbor', () => readCbor(readHex(`${major + count}${'00'.repeat(100)}`)))
    }
  }
})

test('nesting is bounded alike for reader and writer', async () => {
  const nested = (depth: number): Cbor => (depth === 0 ? 0 : [nested(depth - 1)])
  same(readCbor(cbor(nested(8))), nested(8))
  throws(() => cbor(nested(9)))
  for (const open of ['81', 'a100', 'c1']) {
    same(hex(cbor(readCbor(readHex(`${open.repeat(8)}00`)))), `${open.repeat(8)}00`)
    await refuses('bad-cbor', () => readCbor(readHex(`${open.repeat(9)}00`)))
    await refuses('bad-cbor', () => readCbor(readHex(open.repeat(10_000))))
  }
})

test('text is UTF-8', async () => {
  for (const bytes of ['61ff', '62c328', '63eda080']) await refuses('bad-encoding', () => readCbor(readHex(bytes)))
  await refuses('bad-encoding', () => cbor('\ud800'))
})

test('the writer takes safe integers only', () => {
  for (const value of [0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, -(2 ** 53)]) throws(() => cbor(value))
  same(hex(cbor(-0)), '00')
})

function throws(run: () => unknown): void {
  let thrown: unknown
  try {
    run()
  } catch (error) {
    thrown = error
  }
  ok(thrown instanceof RangeError, `${run} did not throw`)
}

test('reads each text as it is, whichever came before it', () => {
  const texts = ['', 'a', 'é', '\u0080', 'ÿ', '😀']
  for (let i = 0; i < 2_000; i++) texts.push(`${i}`, `t${i * 7}`, `${i}é`, 'x'.repeat(i % 70) + (i % 13))
  for (let round = 0; round < 2; round++) for (const text of texts) same(readCbor(cbor(text)), text)
})

test('cuts a sequence after its first item, and refuses one that ends too early or goes too deep', async () => {
  const items = [
    '00',
    '1818',
    '3903e7',
    '4401020304',
    '6161',
    'f6',
    '8301820203820405',
    'a26161614161626142',
    'c11a514b67b0',
  ]
  for (const item of items) {
    const [first, rest] = splitCbor(readHex(`${item}4101`))
    same([hex(first), hex(rest)], [item, '4101'])
    if (item.length === 2) continue
    await refuses('bad-cbor', () => splitCbor(readHex(item.slice(0, -2))))
  }
  for (const bad of [
    '',
    '1c',
    '9f',
    '5f',
    '5bffffffffffffffff',
    '9bffffffffffffffff',
    `${'81'.repeat(10)}00`,
    '1817',
  ]) {
    await refuses('bad-cbor', () => splitCbor(readHex(bad)))
  }
})
