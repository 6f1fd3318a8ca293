import {
  context,
  contextConstructed,
  DerReader,
  der,
  derBitString,
  derBoolean,
  derEcdsaSignature,
  derOid,
  derSequence,
  derTime,
  derUnsigned,
  readDer,
  readEcdsaSignature,
  readOid,
  readTime,
  tag,
} from '../src/bytes/der.ts'
import { hex, readHex, utf8 } from '../src/bytes/text.ts'
import { ok, refuses, same, suite } from './portable.ts'

export const derSuite = suite('der')
const { test } = derSuite

const reader = (text: string): DerReader => new DerReader(readHex(text))

test('lengths are definite and minimal, and read back', async () => {
  for (const length of [0, 1, 127, 128, 255, 256, 257, 65_535, 65_536, 70_000]) {
    const bytes = der(tag.octetString, new Uint8Array(length))
    same(readDer(bytes, tag.octetString).body.length, length)
    same(readDer(bytes, tag.octetString).whole, bytes)
  }
  same(hex(der(tag.octetString, new Uint8Array(128)).subarray(0, 3)), '048180')
  same(hex(der(tag.octetString, new Uint8Array(256)).subarray(0, 4)), '04820100')
  same(hex(der(tag.octetString, new Uint8Array(65_536)).subarray(0, 5)), '0483010000')
  const wrong = ['0480', '04800000', '048100', '04817f', `04820080${'00'.repeat(128)}`, `048200ff${'00'.repeat(255)}`]
  wrong.push(
    `0483000100${'00'.repeat(256)}`,
    `048300ffff${'00'.repeat(65_535)}`,
    '04830100',
    '0484800000000000',
    '048480000000',
    '0484ffffffff',
    '04ff',
    '0401',
    '04820001',
  )
  wrong.push(
    '0485000000000100',
    '0488ffffffffffffffff00',
    `048401000000${'00'.repeat(64)}`,
    '048480000000ff',
    '04847fffffff',
  )
  for (const text of wrong) await refuses('bad-der', () => reader(text).element())
  let thrown: unknown
  try {
    der(tag.octetString, new Uint8Array(0x1000000))
  } catch (error) {
    thrown = error
  }
  ok(thrown instanceof RangeError, 'an element over the limit was written')
})

test('high tags are refused, other tags and contexts are told apart', async () => {
  for (const text of ['1f0100', '3f0100', '5f8101', '9f1f00', 'bf2000', 'ff0000']) {
    await refuses('bad-der', () => reader(text).element())
  }
  same([context(0), context(2), contextConstructed(0), contextConstructed(3)], [0x80, 0x82, 0xa0, 0xa3])
  await refuses('bad-der', () => reader('0400').expect(tag.integer))
  await refuses('bad-der', () => reader('').expect(tag.integer))
  same(reader('0400').optional(tag.integer), undefined)
  same(reader('').optional(tag.integer), undefined)
  same(reader('0400').optional(tag.octetString)?.body.length, 0)
  await refuses('bad-der', () => reader('3100').sequence())
  await refuses('bad-der', () => reader('3000').set())
})

test('every prefix of an element is refused, and so is anything after it', async () => {
  const long = der(tag.octetString, new Uint8Array(300))
  for (const whole of [derSequence(derOid('1.2.840.10045.2.1'), derUnsigned(readHex('80'))), long]) {
    const [type = 0] = whole
    same(readDer(whole, type).whole, whole)
    for (let end = 0; end < whole.length; end++) await refuses('bad-der', () => readDer(whole.subarray(0, end), type))
    await refuses('bad-der', () => readDer(Uint8Array.of(...whole, 0), type))
    await refuses('bad-der', () => readDer(Uint8Array.of(...whole, ...whole), type))
  }
})

test('an element inside may not reach beyond the one around it', async () => {
  await refuses('bad-der', () => reader('3003040200').sequence().element())
  await refuses('bad-der', () => reader('300304020000').sequence().element())
  const inside = reader('3004020101050005').sequence()
  same(inside.integer(), Uint8Array.of(1))
  await refuses('bad-der', () => inside.end())
})

test('integers are minimal', async () => {
  for (const body of ['00', '7f', '80', 'ff', '0080', '00ff', 'ff7f', 'ff00', '008000000000000000']) {
    same(hex(reader(hex(der(tag.integer, readHex(body)))).integer()), body)
  }
  for (const body of ['', '0000', '007f', '000080', 'ffff', 'ff80', 'ffffff']) {
    await refuses('bad-der', () => reader(hex(der(tag.integer, readHex(body)))).integer())
  }
  same(hex(derUnsigned(readHex('00000080'))), '02020080')
  same([derUnsigned(new Uint8Array()), derUnsigned(new Uint8Array(3)), derUnsigned(readHex('7f'))].map(hex), [
    '020100',
    '020100',
    '02017f',
  ])
})

test('small integers go from 0 to 2^31 - 1', async () => {
  for (const [body, value] of [
    ['00', 0],
    ['7f', 127],
    ['0080', 128],
    ['00ffffff', 0xffffff],
    ['7fffffff', 0x7fffffff],
  ] as const) {
    same(reader(hex(der(tag.integer, readHex(body)))).smallInteger(), value)
  }
  for (const body of ['ff', '80000000', '0080000000', '00ffffffff', '0100000000']) {
    await refuses('bad-der', () => reader(hex(der(tag.integer, readHex(body)))).smallInteger())
  }
})

test('booleans and bit strings have one spelling', async () => {
  same(
    [true, false].map(value => reader(hex(derBoolean(value))).boolean()),
    [true, false],
  )
  for (const text of ['0100', '010101', '01017f', '0101fe', '01020000', '0200']) {
    await refuses('bad-der', () => reader(text).boolean())
  }
  same(reader(hex(derBitString(readHex('0102')))).bitString(), readHex('0102'))
  same(reader('030100').bitString(), new Uint8Array())
  for (const text of ['0300', '03020780', '030101', '23040302 0001'.replace(' ', '')]) {
    await refuses('bad-der', () => reader(text).bitString())
  }
})

test('object identifiers read back and have one spelling', async () => {
  const dotted = ['0.0', '0.39', '1.0', '1.39', '2.0', '2.39', '2.40', '2.47', '2.48', '2.999', '1.3.101.112']
  dotted.push(
    '1.2.840.10045.4.3.2',
    '2.5.29.17',
    '1.3.6.1.4.1.311.21.10',
    '2.16.840.1.113730.1.1',
    '1.2.268435455.128.127',
  )
  for (const text of dotted) same(reader(hex(derOid(text))).oid(), text)
  same(hex(derOid('1.2.840.113549')), '06062a864886f70d')
  same(hex(derOid('2.999.3')), '0603883703')
  const wrong = ['', '80', '8001', '2a8001', '2a80', '2a86', '2aff', '2a8080', '2affffffffffffffff7f', '2a'.repeat(33)]
  for (const body of wrong) await refuses('bad-der', () => readOid(readHex(body)))
})

const time = (type: number, text: string): number => readTime(readDer(der(type, utf8(text)), type))

test('times read back, across leap days and the year 2050', () => {
  const moments = ['1950-01-01T00:00:00Z', '1969-12-31T23:59:59Z', '1970-01-01T00:00:00Z', '1999-12-31T23:59:59Z']
  moments.push('2000-02-29T12:00:00Z', '2024-02-29T23:59:59Z', '2049-12-31T23:59:59Z', '2050-01-01T00:00:00Z')
  moments.push('2052-02-29T00:00:00Z', '2100-02-28T00:00:00Z', '9999-12-31T23:59:59Z')
  for (const moment of moments) {
    const at = Date.parse(moment)
    const bytes = derTime(at + 999)
    same(readTime(readDer(bytes, bytes[0]!)), at)
    same(bytes[0], moment < '2050' ? tag.utcTime : tag.generalizedTime)
  }
  same(hex(derTime(Date.UTC(2049, 11, 31, 23, 59, 59))), hex(der(tag.utcTime, utf8('491231235959Z'))))
  same(hex(derTime(Date.UTC(2050, 0))), hex(der(tag.generalizedTime, utf8('20500101000000Z'))))
  for (const at of [Date.UTC(1949, 11, 31, 23, 59, 59), Date.UTC(10_000, 0), Number.NaN, Number.POSITIVE_INFINITY]) {
    let thrown: unknown
    try {
      derTime(at)
    } catch (error) {
      thrown = error
    }
    ok(thrown instanceof RangeError, `${at} was written`)
  }
})

test('times that are no moment, or spelt another way, are refused', async () => {
  const utc = ['', '2601010000Z', '260101000000', '260101000000+0000', '260101000000-0700', '260101000000.5Z']
  utc.push('260229000000Z', '260431000000Z', '261301000000Z', '260001000000Z', '260100000000Z', '260132000000Z')
  utc.push('260101240000Z', '260101006000Z', '260101000060Z', '260101000000z', ' 260101000000Z', '260101000000Z ')
  utc.push('2601010000 0Z', '+60101000000Z', '20260101000000Z', '260101000000Z\n', '26010100000\u0000Z')
  for (const text of utc) await refuses('bad-der', () => time(tag.utcTime, text))
  const general = ['20491231235959Z', '20260101000000Z', '00010101000000Z', '205001010000Z', '20500101000000']
  general.push('20500101000000.0Z', '20500101000000.5Z', '20500101000000+0000', '20500229000000Z', '21000229000000Z')
  general.push('20501301000000Z', '20500101240000Z', '20500101000060Z', '500101000000Z', '120500101000000Z')
  for (const text of general) await refuses('bad-der', () => time(tag.generalizedTime, text))
  await refuses('bad-der', () => time(tag.octetString, '260101000000Z'))
  await refuses('bad-der', () => time(tag.octetString, '20500101000000Z'))
})

test('ECDSA signatures are two integers of the curve size', async () => {
  const raw = readHex(`${'00'.repeat(31)}01${'ff'.repeat(32)}`)
  same(hex(derEcdsaSignature(raw)), `3026020101022100${'ff'.repeat(32)}`)
  same(readEcdsaSignature(derEcdsaSignature(raw)), raw)
  const wrong = ['', '3000', '3003020101', '3006020101020101ff', '3009020101020101020101', '3006020101020180']
  wrong.push('300702020001020101', `302602010102210100${'00'.repeat(31)}`, '310602010102 0101'.replace(' ', ''))
  for (const text of wrong) await refuses('bad-der', () => readEcdsaSignature(readHex(text)))
})
