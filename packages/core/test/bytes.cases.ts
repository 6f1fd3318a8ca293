import { compare, concat, equal } from '../src/bytes/bytes.ts'
import { pem, readPem, readPemBlocks } from '../src/bytes/pem.ts'
import { sha256 } from '../src/bytes/sha256.ts'
import {
  base32,
  base58,
  base64,
  base64url,
  hex,
  readBase58,
  readBase64,
  readBase64url,
  readHex,
  readUtf8,
  utf8,
} from '../src/bytes/text.ts'
import { ok, refuses, same, suite } from './portable.ts'

export const bytesSuite = suite('bytes')
const { test } = bytesSuite

const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i * 7 + length)
const lengths = Array.from({ length: 70 }, (_, length) => length)

test('every text form gives the bytes back', () => {
  for (const length of lengths) {
    const bytes = pattern(length)
    same(readHex(hex(bytes)), bytes)
    same(readBase64(base64(bytes)), bytes)
    same(readBase64url(base64url(bytes)), bytes)
    same(readBase58(base58(bytes)), bytes)
  }
})

test('text forms agree with the vectors of RFC 4648 and base58btc', () => {
  const vectors = ['', 'Zg==', 'Zm8=', 'Zm9v', 'Zm9vYg==', 'Zm9vYmE=', 'Zm9vYmFy']
  for (const [length, text] of vectors.entries()) same(base64(utf8('foobar'.slice(0, length))), text)
  same(base64url(Uint8Array.of(0xfb, 0xff, 0xfe)), '-__-')
  same(base64(Uint8Array.of(0xfb, 0xff, 0xfe)), '+//+')
  const base32s = ['', 'my', 'mzxq', 'mzxw6', 'mzxw6yq', 'mzxw6ytb', 'mzxw6ytboi']
  for (const [length, text] of base32s.entries()) same(base32(utf8('foobar'.slice(0, length))), text)
  same(base58(utf8('Hello World!')), '2NEpo7TZRRrLZSi2U')
  same(base58(readHex('0000287fb4cd')), '11233QC4')
  same(readBase58('11233QC4'), readHex('0000287fb4cd'))
})

test('base64 takes one spelling only', async () => {
  const wrong = ['A', 'AA', 'AAA', 'AA=', 'AAAA=', 'A===', '====', '=', 'AB==', 'A/==', 'AAB=', 'AA==AA==', 'AA=A']
  wrong.push(' AA==', 'AA==\n', 'AA==\r\n', 'A A=', 'AA\n==', '-_-_', 'AA\0=', 'ÀAAA', 'AAA\u0141', '\ud83d\ude00AA')
  for (const text of wrong) await refuses('bad-encoding', () => readBase64(text))
})

test('base64url takes one spelling only', async () => {
  const wrong = [
    'A',
    'AAAAA',
    'AB',
    'AAB',
    'AA==',
    'AAA=',
    'A+AA',
    'A/AA',
    ' AA',
    'AA ',
    'AA\n',
    'A\tA',
    'A.AA',
    'AAÀA',
  ]
  for (const text of wrong) await refuses('bad-encoding', () => readBase64url(text))
})

test('each base64 tail has exactly one spelling', () => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const taken = (text: string): boolean => {
    try {
      return readBase64url(text).length > 0
    } catch {
      return false
    }
  }
  same([...alphabet].filter(last => taken(`A${last}`)).length, 4)
  same([...alphabet].filter(last => taken(`AA${last}`)).length, 16)
})

test('hex is lower case, even and nothing else', async () => {
  for (const text of ['0', '000', 'AB', 'aB', 'ab\n', ' ab', '0x', 'abzz', 'a b', 'é0', '١٢'])
    await refuses('bad-encoding', () => readHex(text))
})

test('base58 refuses what its alphabet lacks, and long texts', async () => {
  for (const text of ['0', 'O', 'I', 'l', '1 1', '+', 'a\n', 'é']) await refuses('bad-encoding', () => readBase58(text))
  await refuses('bad-encoding', () => readBase58('1'.repeat(129)))
  same(readBase58('1'.repeat(128)).length, 128)
})

test('UTF-8 is well-formed both ways', async () => {
  for (const bytes of ['80', 'c080', 'c3', 'e0a0', 'eda080', 'f5808080', 'f4908080', 'ff', '61f09f98'])
    await refuses('bad-encoding', () => readUtf8(readHex(bytes)))
  for (const text of ['', 'aé€😀', '\u0000', '\ufeffx']) same(readUtf8(utf8(text)), text)
  for (const text of ['\ud800', 'a\udc00', '\udc00\ud800']) await refuses('bad-encoding', () => utf8(text))
})

test('concat, equal and compare look at every byte', () => {
  same(concat(), new Uint8Array())
  same(concat(Uint8Array.of(1), new Uint8Array(), Uint8Array.of(2, 3).subarray(1)), Uint8Array.of(1, 3))
  ok(equal(pattern(32), pattern(32)), 'the same bytes differ')
  ok(!equal(pattern(32), pattern(31)), 'lengths differ unseen')
  for (let i = 0; i < 32; i++) {
    const other = pattern(32)
    other[i]! ^= 0x80
    ok(!equal(pattern(32), other), `byte ${i} differs unseen`)
  }
  const sorted = ['', '00', '0000', '0001', '01', '7f', '80', 'ff', 'ff00'].map(readHex)
  for (const [i, a] of sorted.entries()) {
    for (const [j, b] of sorted.entries()) same(Math.sign(compare(a, b)), Math.sign(i - j))
  }
})

const digests: Readonly<Record<number, string>> = {
  0: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  1: '4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a',
  55: '81afe5b788dc2ce138ff83d9b20164db75a94d75d2b2432eea4a0ef605088c72',
  56: '2aba54f0ac632420a2b502431408866e40e1d5e430df4cd822642c78ab2eb9c1',
  57: '903284efbf9100e8ba1614ec65eacacad125e03f857cae7acbf8b73b23e0fdfe',
  63: '733d3d4ee79ee67145bf73da13588f6f235d37414fc64b14a2f00f1762792f5e',
  64: '79322907b3e9d013d7dc2c2f256674dbf733045cde01df3539271c6f5605feb8',
  65: 'd85c007c6eb440f085afa2b84f6f2bce4658b240e9f62cb1364bf0485a57e720',
  119: '6c87eedf096b345de205b702e5223b73b447a3207791ded3ea007ba15ed6736e',
  120: '42500cf6a1e3936d6b9e0bcfe296d654b63255e525487d3634d0b15fde591c4d',
  121: 'bfee8850f7dfa42874071a0040ef89a5ac8d70c919224c440bdb63adb65d35e8',
  127: '68f6ff710276900c0ffbbc57426f67e00c2e01f0750c7edc25ac06b8ce7a8095',
  128: '489d55fea9a73af36b6dd0be7b4117d8e5683386d39544e8a44c99a87f368707',
  1000: '6b0df76627243d095b0c4400cb658b7e804dd03461cc03aee8fc8fe0bcada168',
}

test('SHA-256 of each length around a block, whole and in parts', () => {
  for (const [length, digest] of Object.entries(digests)) {
    const message = pattern(Number(length))
    same(hex(sha256(message)), digest)
    const [a, b] = [message.length >> 2, message.length >> 1]
    same(hex(sha256(message.subarray(0, a), new Uint8Array(), message.subarray(a, b), message.subarray(b))), digest)
    same(hex(sha256(concat(Uint8Array.of(1, 2, 3), message).subarray(3))), digest)
  }
  same(hex(sha256()), digests[0])
})

test('SHA-256 of FIPS 180-4 examples', () => {
  same(hex(sha256(utf8('abc'))), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  const million = new Uint8Array(1_000_000).fill(0x61)
  same(hex(sha256(million)), 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0')
})

test('PEM gives the bytes back, joined blocks too', () => {
  const [a, b] = [pattern(100), pattern(48)]
  same(readPem('CERTIFICATE', pem('CERTIFICATE', a)), a)
  same(readPem('CERTIFICATE', pem('CERTIFICATE', a).replaceAll('\n', '\r\n')), a)
  same(readPem('CERTIFICATE', pem('CERTIFICATE', b).trimEnd()), b)
  same(readPem('PRIVATE KEY', pem('PRIVATE KEY', b)), b)
  same(readPemBlocks('CERTIFICATE', pem('CERTIFICATE', a) + pem('CERTIFICATE', b)), [a, b])
  ok(
    pem('X509 CRL', a)
      .split('\n')
      .every(line => line.length <= 64),
    'a line over 64 characters',
  )
})

test('PEM refuses junk, other labels, and any number of blocks but the one asked for', async () => {
  const block = pem('CERTIFICATE', pattern(60))
  const [first = '', body = ''] = block.split('\n')
  const wrong = [
    '',
    '\n',
    'x',
    body,
    ` ${block}`,
    `\n${block}`,
    `x\n${block}`,
    `${block}x`,
    `${block} \n`,
    block + block,
  ]
  wrong.push(block.replace(first, ''), block.replace(/-----END.*\n/, ''), block.replace('END', 'end'))
  wrong.push(
    pem('PUBLIC KEY', pattern(60)),
    block.replaceAll('CERTIFICATE', 'X509 CERTIFICATE'),
    block.replaceAll('\n', '\r'),
  )
  wrong.push(block.replace('END CERTIFICATE', 'END PUBLIC KEY'), `${first}\n-----END CERTIFICATE-----\n`)
  wrong.push(
    block.replace('\n', '\n\n'),
    block.replace('\n', '\nProc-Type: 4,ENCRYPTED\n'),
    block.replace(body, `${body} `),
  )
  wrong.push(
    block.replace(body, `${body.slice(0, 4)}=${body.slice(5)}`),
    block.replaceAll(/(?<=[A-Za-z+/])\n(?=[A-Za-z+/])/g, ''),
  )
  for (const text of wrong) await refuses('bad-pem', () => readPem('CERTIFICATE', text))
  for (const text of ['', '\r\n\n']) await refuses('bad-pem', () => readPemBlocks('CERTIFICATE', text))
})

test('a private key sent by mistake has a code of its own', async () => {
  const block = pem('CERTIFICATE', pattern(60))
  for (const label of [
    'PRIVATE KEY',
    'EC PRIVATE KEY',
    'RSA PRIVATE KEY',
    'ENCRYPTED PRIVATE KEY',
    'OPENSSH PRIVATE KEY',
  ]) {
    const key = pem('PRIVATE KEY', pattern(48)).replaceAll('PRIVATE KEY', label)
    for (const text of [key, block + key, key + block])
      await refuses('private-key-sent', () => readPem('CERTIFICATE', text))
  }
})
