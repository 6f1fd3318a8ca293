import { derOid, derSequence } from '../src/bytes/der.ts'
import { base58, base64url, concat, equal, hex, readHex, utf8 } from '../src/bytes/index.ts'
import {
  admitRaw,
  admitSpki,
  checkSignature,
  didKey,
  type Key,
  plausibleSignature,
  readDidKey,
  readX509Signature,
  type Verify,
  webCryptoVerify,
} from '../src/keys/index.ts'
import { x509Signature } from '../src/keys/sign.ts'
import {
  bigEndian,
  littleEndian,
  onCurve,
  order25519,
  p256Order,
  p256Prime,
  p25519,
  readBigEndian,
  readLittleEndian,
  smallOrderEncodings,
} from './curves.ts'
import { ok, refuses, same, suite } from './portable.ts'

export const keys = suite('keys')

// RFC 8032 7.1, test 2: the message is one byte.
const ed25519 = {
  raw: readHex('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c'),
  message: Uint8Array.of(0x72),
  signature: readHex(
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ),
}
// Made by OpenSSL 3.0: genpkey, pkey -pubout, dgst -sha256 -sign.
const p256 = {
  spki: readHex(
    '3059301306072a8648ce3d020106082a8648ce3d03010703420004f13088cb50010af319bd72e7c0ba6907f985f3bb37d4e070a885096256ab8b191ff60ac4a2d38a2f52212e4f26f13dbcb31244ead1b12b00e3e2883525e4abd7',
  ),
  id: 'd0b0d1f276aa69a4498d1aeaf031a1548fe515648d10e49c5341f3326395b82e',
  message: utf8('mintmark'),
  der: readHex(
    '304502203f010e12cd72c91fa86426364fd8e66adea10a4f79fc2fd8fb57fb6a627cc1b2022100bffc27d741b2c716a2358d4967a3d04c2c99d9421f7c055aef4108e6f77f8399',
  ),
}
const point = p256.spki.subarray(26)
const ed25519Header = readHex('302a300506032b6570032100')

keys.test('admits the keys that OpenSSL makes, and gives each one id', () => {
  const ec = admitSpki(p256.spki)
  same([ec.algorithm, ec.raw, ec.spki, ec.id], ['P-256', point, p256.spki, p256.id])
  const ed = admitRaw('Ed25519', ed25519.raw)
  same([ed.algorithm, ed.raw, ed.spki], ['Ed25519', ed25519.raw, concat(ed25519Header, ed25519.raw)])
  same(admitSpki(ed.spki).id, ed.id)
  ok(ed.equals(admitSpki(ed.spki)) && !ed.equals(ec) && !ec.equals(ed), 'equality is of keys')
  ok(!ec.equals(admitRaw('P-256', mirrored())), 'the mirrored point is another key')
})

keys.test('takes a compressed P-256 point as the same key', async () => {
  same(admitRaw('P-256', compressed(point)).spki, p256.spki)
  same(admitRaw('P-256', compressed(mirrored())).raw, mirrored())
  await refuses('key-refused', () => admitRaw('P-256', concat(Uint8Array.of(4), point.subarray(1, 33))))
})

keys.test('keeps its own bytes when the caller overwrites his', () => {
  for (const [algorithm, raw] of [['Ed25519', ed25519.raw] as const, ['P-256', point] as const]) {
    const given = raw.slice()
    const key = admitRaw(algorithm, given)
    given.fill(0)
    same(key.raw, raw)
  }
})

keys.test('refuses every other algorithm and form of key', async () => {
  for (const [name, spki] of Object.entries(otherKeys())) {
    await refuses('key-refused', () => admitSpki(readHex(spki))).catch(cause => {
      throw new Error(name, { cause })
    })
  }
})

keys.test('refuses an algorithm identifier with other parameters', async () => {
  const bits = (length: number) => concat(Uint8Array.of(0x03, length + 1, 0))
  const ed = (...identifier: Uint8Array[]) =>
    derSequence(derSequence(derOid('1.3.101.112'), ...identifier), bits(32), ed25519.raw)
  const ec = (...identifier: Uint8Array[]) =>
    derSequence(derSequence(derOid('1.2.840.10045.2.1'), ...identifier), bits(65), point)
  same(admitSpki(ed()).raw, ed25519.raw)
  same(admitSpki(ec(derOid('1.2.840.10045.3.1.7'))).raw, point)
  const nothing = Uint8Array.of(0x05, 0)
  for (const spki of [ed(nothing), ed(derOid('1.2.840.10045.3.1.7')), ec(), ec(nothing), ec(derOid('1.3.101.112'))]) {
    await refuses('key-refused', () => admitSpki(spki))
  }
  await refuses('bad-der', () => admitSpki(ec(derOid('1.2.840.10045.3.1.7'), nothing)))
})

keys.test('refuses DER that is not strict', async () => {
  const ed = concat(ed25519Header, ed25519.raw)
  const changed = (at: number, ...bytes: number[]) =>
    concat(ed.subarray(0, at), Uint8Array.from(bytes), ed.subarray(at + 1))
  const wrong = [
    new Uint8Array(),
    ed.subarray(0, 43),
    concat(ed, Uint8Array.of(0)),
    changed(0, 0x31),
    // 42 in the long form, and of indefinite length.
    changed(1, 0x81, 0x2a),
    changed(1, 0x80),
    // One unused bit.
    changed(11, 1),
    // A third element beside the algorithm and the key.
    concat(Uint8Array.of(0x30, 0x2c), ed.subarray(2), Uint8Array.of(5, 0)),
  ]
  for (const der of wrong) await refuses('bad-der', () => admitSpki(der))
  for (const length of [0, 31, 33, 64])
    await refuses('key-refused', () => admitRaw('Ed25519', new Uint8Array(length).fill(2)))
})

keys.test('refuses all 14 encodings of the Ed25519 points of small order', async () => {
  const encodings = smallOrderEncodings()
  same(new Set(encodings.map(hex)).size, 14)
  for (const encoding of encodings) {
    await refuses('key-refused', () => admitRaw('Ed25519', encoding))
    await refuses('key-refused', () => admitSpki(concat(ed25519Header, encoding)))
    ok(!plausibleSignature('Ed25519', concat(encoding, ed25519.signature.subarray(32))), `R = ${hex(encoding)}`)
  }
})

keys.test('refuses every Ed25519 y of p or more', async () => {
  for (let excess = 0n; excess < 19n; excess++) {
    for (const sign of [0n, 1n]) {
      const encoding = littleEndian(p25519 + excess + (sign << 255n))
      await refuses('key-refused', () => admitRaw('Ed25519', encoding))
      ok(!plausibleSignature('Ed25519', concat(encoding, ed25519.signature.subarray(32))), `p + ${excess} as R`)
    }
  }
  // The largest canonical y but one: p - 2 is not on the curve, p - 3 is.
  ok(onCurve(p25519 - 3n) && !onCurve(p25519 - 2n), 'what the next two lines say')
  same(admitRaw('Ed25519', littleEndian(p25519 - 3n)).raw, littleEndian(p25519 - 3n))
  await refuses('key-refused', () => admitRaw('Ed25519', littleEndian(p25519 - 2n)))
})

keys.test('admits an Ed25519 y exactly where the curve has a point', async () => {
  let points = 0
  for (let i = 2n; i < 80n; i++) {
    const encoding = littleEndian((i ** 97n % p25519) | ((i & 1n) << 255n))
    if (!onCurve(i ** 97n % p25519)) await refuses('key-refused', () => admitRaw('Ed25519', encoding))
    else points += admitRaw('Ed25519', encoding).raw.length / 32
  }
  ok(points > 20 && points < 60, `${points} of 78 are points`)
})

keys.test('refuses what is no point of P-256', async () => {
  const wrong = [
    // The point at infinity, in its one form and as zeros.
    Uint8Array.of(0),
    new Uint8Array(33),
    new Uint8Array(65),
    concat(Uint8Array.of(4), new Uint8Array(64)),
    // Hybrid form (SEC 1 2.3.3), a bare x || y, and coordinates exchanged.
    concat(Uint8Array.of(6 | (point[64]! & 1)), point.subarray(1)),
    point.subarray(1),
    concat(Uint8Array.of(4), point.subarray(33), point.subarray(1, 33)),
  ]
  for (const at of [1, 32, 33, 64]) wrong.push(point.map((byte, i) => (i === at ? byte ^ 1 : byte)))
  for (const raw of wrong) {
    await refuses('key-refused', () => admitRaw('P-256', raw))
  }
})

keys.test('refuses P-256 coordinates of p or more', async () => {
  // x = 5 is a point, and so small that x + p fits 256 bits.
  const small = admitRaw('P-256', concat(Uint8Array.of(2), bigEndian(5n))).raw
  const y = readBigEndian(small.subarray(33))
  same(admitRaw('P-256', concat(Uint8Array.of(4), bigEndian(5n), bigEndian(y))).raw, small)
  await refuses('key-refused', () =>
    admitRaw('P-256', concat(Uint8Array.of(4), bigEndian(5n + p256Prime), bigEndian(y))),
  )
  await refuses('key-refused', () => admitRaw('P-256', concat(Uint8Array.of(2), bigEndian(5n + p256Prime))))
  await refuses('bad-did', () => readDidKey(did(0x80, 0x24, 2, ...bigEndian(5n + p256Prime))))
  // x = 4 has no y.
  await refuses('key-refused', () => admitRaw('P-256', concat(Uint8Array.of(2), bigEndian(4n))))
  await refuses('key-refused', () => readDidKey(did(0x80, 0x24, 3, ...bigEndian(4n))))
  // The same for y: this x has y = 5.
  const low = readHex('d7325d7646cd60d80a92738ceb345f844cffaf35841022cab176f692de8de1d7')
  const lowest = concat(Uint8Array.of(4), low, bigEndian(5n))
  same(admitRaw('P-256', lowest).raw, lowest)
  await refuses('key-refused', () => admitRaw('P-256', concat(Uint8Array.of(4), low, bigEndian(5n + p256Prime))))
})

keys.test('checks signatures made by others', async () => {
  const cases = [
    { key: admitRaw('Ed25519', ed25519.raw), message: ed25519.message, signature: ed25519.signature },
    { key: admitSpki(p256.spki), message: p256.message, signature: readX509Signature('P-256', p256.der) },
  ]
  for (const { key, message, signature } of cases) {
    // Twice, because the imported key is kept.
    ok(await checkSignature(webCryptoVerify, key, message, signature), `${key.algorithm} verifies`)
    ok(await checkSignature(webCryptoVerify, key, message, signature), `${key.algorithm} verifies again`)
    ok(!(await checkSignature(webCryptoVerify, key, utf8('other'), signature)), 'another message')
    const flipped = signature.map((byte, i) => (i === 40 ? byte ^ 1 : byte))
    ok(!(await checkSignature(webCryptoVerify, key, message, flipped)), 'one bit of the signature')
  }
  const [ed, ec] = cases as [(typeof cases)[0], (typeof cases)[0]]
  ok(!(await checkSignature(webCryptoVerify, ed.key, ec.message, ec.signature)), 'the signature of another key')
})

// Every runtime would be asked only after the pre-check: with a port that says yes to all, it alone decides.
const yes: Verify = () => true

keys.test('refuses implausible Ed25519 signatures before any runtime sees them', async () => {
  const key = admitRaw('Ed25519', ed25519.raw)
  const [R, S] = [ed25519.signature.subarray(0, 32), ed25519.signature.subarray(32)]
  const s = readLittleEndian(S)
  const accepted = (signature: Uint8Array) => checkSignature(yes, key, ed25519.message, signature)
  same(await accepted(ed25519.signature), true)
  same(await accepted(concat(R, littleEndian(order25519 - 1n))), true)
  for (const wrong of [order25519, s + order25519, order25519 + 1n, 2n ** 253n, 2n ** 256n - 1n]) {
    same(await accepted(concat(R, littleEndian(wrong))), false)
  }
  for (const wrong of [new Uint8Array(64), new Uint8Array(), R, ed25519.signature.subarray(0, 63)]) {
    same(await accepted(wrong), false)
  }
  same(await accepted(concat(ed25519.signature, Uint8Array.of(0))), false)
})

keys.test('refuses implausible P-256 signatures before any runtime sees them', async () => {
  const key = admitSpki(p256.spki)
  const raw = readX509Signature('P-256', p256.der)
  const [r, s] = [raw.subarray(0, 32), raw.subarray(32)]
  const accepted = (signature: Uint8Array) => checkSignature(yes, key, p256.message, signature)
  same(await accepted(concat(bigEndian(1n), bigEndian(p256Order - 1n))), true)
  for (const wrong of [0n, p256Order, p256Order + 1n, 2n ** 256n - 1n]) {
    same(await accepted(concat(r, bigEndian(wrong))), false)
    same(await accepted(concat(bigEndian(wrong), s)), false)
  }
  for (const wrong of [p256.der, new Uint8Array(64), raw.subarray(1), concat(raw, Uint8Array.of(0))]) {
    same(await accepted(wrong), false)
  }
  // (r, n - s) verifies too: a signature identifies nothing.
  const twin = concat(r, bigEndian(p256Order - readBigEndian(s)))
  ok(!equal(twin, raw) && (await checkSignature(webCryptoVerify, key, p256.message, twin)), 'the malleable twin')
})

keys.test('a signature that needs no secret does not verify', async () => {
  // R = A = the identity and S = 0 solve S B = R + h A for every message. The key never becomes a PublicKey; with an
  // honest key the same R and S fail before the runtime is asked.
  const identity = littleEndian(1n)
  await refuses('key-refused', () => admitRaw('Ed25519', identity))
  await refuses('key-refused', () => readDidKey(did(0xed, 0x01, ...identity)))
  const key = admitRaw('Ed25519', ed25519.raw)
  same(await checkSignature(yes, key, utf8('any'), concat(identity, new Uint8Array(32))), false)
})

keys.test('writes and reads signatures as X.509 carries them', async () => {
  const raw = readX509Signature('P-256', p256.der)
  const signer = (publicKey: Key['publicKey'], signature: Uint8Array): Key => ({
    publicKey,
    sign: async () => signature,
  })
  same(await x509Signature(signer(admitSpki(p256.spki), raw), p256.message), p256.der)
  const { signature } = ed25519
  same(await x509Signature(signer(admitRaw('Ed25519', ed25519.raw), signature), ed25519.message), signature)
  same(readX509Signature('Ed25519', signature), signature)
  await refuses('bad-der', () => readX509Signature('Ed25519', signature.subarray(1)))
  await refuses('bad-der', () => readX509Signature('P-256', raw))
  await refuses('bad-der', () => readX509Signature('P-256', concat(p256.der, Uint8Array.of(0))))
})

keys.test('reads and writes the did:key vectors of the W3C', () => {
  for (const [algorithm, text] of [
    ['Ed25519', 'did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH'],
    ['Ed25519', 'did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp'],
    ['P-256', 'did:key:zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv'],
    ['P-256', 'did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169'],
  ] as const) {
    const key = readDidKey(text)
    same([key.algorithm, didKey(key), didKey(admitSpki(key.spki))], [algorithm, text, text])
  }
})

keys.test('refuses every other text for the same DID', async () => {
  const text = didKey(admitRaw('Ed25519', ed25519.raw))
  const ec = compressed(point)
  same(text, did(0xed, 0x01, ...ed25519.raw))
  const wrong = [
    '',
    'did:key:',
    'did:key:z',
    `${text}#${text.slice(8)}`,
    `${text}#`,
    `${text}?versionId=1`,
    `${text}/`,
    ` ${text}`,
    `${text}\n`,
    text.replace('did:', 'DID:'),
    text.replace('did:key:', 'did:web:'),
    text.replace('key:z', 'key:1.1:z'),
    text.replace('key:z', 'key:Z'),
    text.replace('key:z', 'key:z1'),
    // A letter that base58 leaves out, and one of another script that looks like it.
    `${text.slice(0, -1)}0`,
    `${text.slice(0, -1)}а`,
    // Multibase base64url and hexadecimal.
    `did:key:u${base64url(concat(Uint8Array.of(0xed, 0x01), ed25519.raw))}`,
    `did:key:fed01${hex(ed25519.raw)}`,
    // The multicodec in a longer varint, as a number, of another key, and missing.
    did(0xed, 0x81, 0x00, ...ed25519.raw),
    did(0x80, 0xa4, 0x00, ...ec),
    did(0xed, ...ed25519.raw),
    did(0x12, 0x00, ...ec),
    did(0xec, 0x01, ...ed25519.raw),
    did(0xe7, 0x01, ...ec),
    did(0xed, 0x02, ...ed25519.raw),
    did(0x80, 0x26, ...ec),
    did(0x80, 0x24, ...ed25519.raw),
    did(0xed, 0x01, ...ec),
    did(...ed25519.raw),
    // Lengths and forms.
    did(0xed, 0x01, ...ed25519.raw.subarray(1)),
    did(0xed, 0x01, ...ed25519.raw, 0),
    did(0x80, 0x24, ...point),
    did(0x80, 0x24, ...ec.subarray(0, 32)),
    did(0x80, 0x24, 4, ...ec.subarray(1)),
    // Not canonical: y = 1 + p.
    did(0xed, 0x01, ...littleEndian(p25519 + 1n)),
    'did:key:z'.padEnd(100_000, '6'),
  ]
  for (const other of wrong) await refuses('bad-did', () => readDidKey(other))
  for (const encoding of smallOrderEncodings()) {
    const canonical = (readLittleEndian(encoding) & (2n ** 255n - 1n)) < p25519
    await refuses(canonical ? 'key-refused' : 'bad-did', () => readDidKey(did(0xed, 0x01, ...encoding)))
  }
})

const did = (...bytes: number[]): string => `did:key:z${base58(Uint8Array.from(bytes))}`
const compressed = (raw: Uint8Array): Uint8Array => concat(Uint8Array.of(2 | (raw[64]! & 1)), raw.subarray(1, 33))
/** The same x with the other y. */
const mirrored = (): Uint8Array =>
  concat(point.subarray(0, 33), bigEndian(p256Prime - readBigEndian(point.subarray(33))))

/** SPKIs made by OpenSSL 3.0. */
const otherKeys = (): Record<string, string> => ({
  'P-192':
    '3049301306072a8648ce3d020106082a8648ce3d0301010332000432779869e62e69223dc1c693c3b67d0a751e1c5fcfc186727faed1bb027c53890c187761d96f3f35db23ce8d696c2475',
  'P-224':
    '304e301006072a8648ce3d020106052b81040021033a000450d5e9a2c2ac71797b00ce29f515a841a960b6704a44b65e0961c8db66e58a715fb234e6e355acfefa6efba18d3b76f17fb58c061b700760',
  'P-384':
    '3076301006072a8648ce3d020106052b810400220362000465e3d47ee8cfc69e6df78fe89440fe6ed69b3f41bfa9a16bb72a99ab0d0c42db4e0768623aaa25f45e70f9e0ee7122adb11922250945e4bd5b7d9996f921413cc22024193dc1cc08e7b10f3f91ac1ba1a1405b5c7bf04e45212b56cfc04c3bfd',
  'P-521':
    '30819b301006072a8648ce3d020106052b81040023038186000401458a8ae094737a8daabc803426ae78ca9a15850566ac82a5387fa963279dd588e39e622b3e8a7f3a91da54f6fa940f631194e1fcfb10c4f46ffd39b8b29c8ff3f101b63788c0bd818e312c3fd03831cf1e889fad0e8ec694335a33fca72cc61b418527b97aa6c49fb8a098c592903a814a21db06e133677d4f609f02f4d348fd95235d',
  secp256k1:
    '3056301006072a8648ce3d020106052b8104000a03420004f8c637d067137fa659633f07c2d2f3eb549580b7c76447e081110ab5915de69761a5061e0d418e9a5de773c6a384e49e6275d6bcee645171649d6c384f9a35e1',
  brainpoolP256r1:
    '305a301406072a8648ce3d020106092b240303020801010703420004457cc0a078dd6eadda5493a4f87acdacd9f44c919659d280d38dd4a9a2ac255a66dde17df873d94daef12bace12b5d8126b02f668ea3317bc448ee7d6d72bf21',
  'P-256 with explicit parameters':
    '3082014b3082010306072a8648ce3d02013081f7020101302c06072a8648ce3d0101022100ffffffff00000001000000000000000000000000ffffffffffffffffffffffff305b0420ffffffff00000001000000000000000000000000fffffffffffffffffffffffc04205ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b031500c49d360886e704936a6678e1139d26b7819f7e900441046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5022100ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc63255102010103420004ba05679448b03a9301f47390cc7892154b248c8eaf752fb42a07141b4eef0ebb2fb73dabcdd8f21b70dfaa328fc8618a2d7509151c6a8dddc812f943bd2effce',
  'P-256, compressed':
    '3039301306072a8648ce3d020106082a8648ce3d03010703220003f13088cb50010af319bd72e7c0ba6907f985f3bb37d4e070a885096256ab8b19',
  'P-256, hybrid':
    '3059301306072a8648ce3d020106082a8648ce3d03010703420007f13088cb50010af319bd72e7c0ba6907f985f3bb37d4e070a885096256ab8b191ff60ac4a2d38a2f52212e4f26f13dbcb31244ead1b12b00e3e2883525e4abd7',
  ED448:
    '3043300506032b6571033a004e78557de58dc3d3548820bbdc42944eedd8ccb6798cec4e35415a5d3e53a8fadf3123aa497d45f322bf9967b3cec335e2b6bf94ea1f49c080',
  X25519: '302a300506032b656e0321000c6eb8c31409b32368edb92c99edf4d04f5290c4330d75405dab094c5d1d4c10',
  X448: '3042300506032b656f0339004a1478be911d34d7a12aec9b5dea664c527a6dbcafd049c3728296b57fdd59ce22f89b1c1134287d35e24e486a42b18bcaa77b49ec3da8b8',
  RSA: '30819f300d06092a864886f70d010101050003818d0030818902818100b0cbc3cabae91b65d0845baa868fc8e40050b624e5bc5a0dfb6c7c2e6896b9deb46c87b1f7ae0933f0317348a6b33a25e63fc81294c776f7684298e714732901c5b13e24a114dd18c0da1a2b3c6b7565071764a1eb7122897f079502e53de0686f8b8cd36eef77339fa6b9887aeed186eefc5c45abe4118ed03f7f04b7b0e0a30203010001',
  'RSA-PSS':
    '30819d300b06092a864886f70d01010a03818d0030818902818100b3b6707dec77bcdb8e33c7e6b7b9dbbdeec0447f4430f7e901fb45a42b01dc117dbcb479f987b820b3d5b839eba4c6e0b6bf0d07d09c8ff6a1d0c19f5af08199cf1d9278c395a24922fc0f342a56a80aa5f9ebf89cec6466ce7bdd9b1f33a8b041101ed5dbf22f4d21cfc6def7eb33e15fbe9cfeefb5aaf7eab7e99b4a8f77410203010001',
  DSA: '308201b63082012b06072a8648ce3804013082011e02818100e399359083249971ed17fcac0851d2ae439b32eeb510951f971b4f05bf7aea57bf70e526d9fe8747b3362a23083e1714aa139e9b173ff0e57c199ce18318f2caff58926d56e1fcd917bf36b2828e456eb00c2a280af78bd735aa8497aaa0232a6b8c71bb8861ea72715e7f574e9aaef2df5bd74c121cc856fdf7b9d37269301b021500a5d9d7bae8e844705c81661f7720ce571003dbaf028180114170e3c0a7dad667ce57431f38a0edc18075103e9cd32b8e78540513508c19a8c9b965c2aee615532c9ef291a8148ea7f4f4f9def5b384369582f683a0c3807f06d55cddcb85671b79e795ab8184b8fd92786d05e4a40c71ddfcb5d1866984415cf2cbc2cf1af6e4537c82ed1743b4b2dcb058ff36876d7782d737ebb3e737038184000281807e99b9070b7b65bb5231261d07e6b450d3445dbf4ce5b3d5cf8edcfb575a1e2fad75448cc8a1fbfd1e907ac496f573a92f31f85ddd5aaa4b89944100383b1b3062d61d3ed7d9d18f77274b21738b83e3d11d98702e8047abd63608ee39cc7307727c27ec523c51f4622fbc691455f9179207d52dc3bbc19e8726129555ed8452',
})
