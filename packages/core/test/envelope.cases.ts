import vectors from '../../../docs/spec/envelope-vectors.json' with { type: 'json' }
import { base58, hex, readHex, sha256, utf8 } from '../src/bytes/index.ts'
import { type Code, Refused } from '../src/errors/index.ts'
import { admitSpki, checkSignature, webCryptoVerify } from '../src/keys/index.ts'
import {
  type Claims,
  isNamed,
  readEnvelope,
  readMessage,
  writeCoseEnvelope,
  writeJwsEnvelope,
  writeMessage,
} from '../src/signed/index.ts'
import { ok, refuses, same, suite } from './portable.ts'

export const envelope = suite('envelope')

const shown = ({ once, sealed, digest, ...rest }: Claims) => ({
  ...rest,
  once: 'sequence' in once ? once : { issued: once.issued, nonce: hex(once.nonce) },
  sealed: sealed && { key: hex(sealed.key), commitment: hex(sealed.commitment) },
  digest: hex(digest),
})

for (const vector of vectors.valid) {
  envelope.test(`reads ${vector.name}`, async () => {
    const bytes = readHex(vector.envelope)
    const read = readEnvelope(bytes)
    same(shown(read.claims), vector.claims)
    same(read.form, vector.name.includes('jws') ? 'jws' : 'cose')
    const signer = admitSpki(readHex(vector.signer))
    same(read.algorithm, signer.algorithm)
    ok(isNamed(signer, read.claims.key), 'the signer is the one that is named')
    ok(await checkSignature(webCryptoVerify, signer, read.signed, read.signature), 'the signature')
    const message = readMessage(readHex(vector.message), 1_000)
    same([hex(message.envelope.bytes), hex(message.body)], [vector.envelope, vector.body])
    same(hex(sha256(message.body)), vector.claims.digest)
    same(hex(writeMessage(bytes, message.body)), vector.message)
  })
}

for (const { name, code, envelope: bytes } of vectors.invalid) {
  envelope.test(`refuses ${name}`, () => refuses(code as Code, () => readEnvelope(readHex(bytes))))
}

envelope.test('refuses a message without a body, with another one, or with something behind it', async () => {
  const { message, envelope: alone } = vectors.valid.find(({ name }) => name.endsWith(', cose'))!
  for (const text of [alone, `${message}00`, message.slice(0, -2), `${alone}61`.concat('41')]) {
    await refuses('bad-envelope', () => readMessage(readHex(text), 1_000))
  }
  const jws = vectors.valid.find(({ name }) => name.endsWith(', jws'))!
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readHex(jws.message))
  for (const bad of [text.replace('~', '.'), `${text}=`, `${text}~`, `${text}\n`]) {
    await refuses('bad-envelope', () => readMessage(utf8(bad), 1_000))
  }
})

envelope.test('refuses a body that is longer than it may be, before anything else is read', async () => {
  const { message } = vectors.valid[0]!
  const { length } = readMessage(readHex(message), 1_000).body
  same(readMessage(readHex(message), length).body.length, length)
  await refuses('too-large', () => readMessage(readHex(message), length - 1))
  await refuses('too-large', () => readMessage(new Uint8Array(100_000), 1_000))
})

envelope.test('writes no claims that it would not read', async () => {
  const [first] = vectors.valid
  const { claims } = readEnvelope(readHex(first!.envelope))
  const key = { publicKey: admitSpki(readHex(first!.signer)), sign: () => new Uint8Array(64) }
  for (const change of [{ key: 'device-104' }, { audience: '' }, { scope: 'a b' }, { digest: new Uint8Array(31) }]) {
    for (const write of [writeCoseEnvelope, writeJwsEnvelope]) {
      await refuses('bad-envelope', () => write(key, { ...claims, ...change }))
    }
  }
})

// Whatever the bytes, the answer is an envelope or a refusal: every cut of every vector, and every flipped bit of one.
envelope.test('reads or refuses, whatever it is given', () => {
  const first = readHex(vectors.valid[0]!.envelope)
  const damaged = [...vectors.valid, ...vectors.invalid].flatMap(({ envelope: text }) => {
    const bytes = readHex(text)
    return Array.from({ length: Math.min(bytes.length, 400) }, (_, at) => bytes.subarray(0, at))
  })
  for (let bit = 0; bit < first.length * 8; bit++) {
    const flipped = Uint8Array.from(first)
    flipped[bit >> 3]! ^= 1 << (bit & 7)
    damaged.push(flipped)
  }
  for (const bytes of damaged) {
    try {
      readEnvelope(bytes)
    } catch (error) {
      if (!(error instanceof Refused)) throw error
    }
  }
})

envelope.test('names each key as it is, whichever came before it', async () => {
  const { claims } = readEnvelope(readHex(vectors.valid[0]!.envelope))
  const key = { publicKey: admitSpki(readHex(vectors.valid[0]!.signer)), sign: () => new Uint8Array(64) }
  const raw = Uint8Array.of(0xed, 0x01, ...key.publicKey.raw)
  for (let round = 0; round < 2; round++) {
    for (let at = 2; at < raw.length; at++) {
      const name = `did:key:z${base58(raw.with(at, raw[at]! ^ 1))}`
      same(readEnvelope(await writeCoseEnvelope(key, { ...claims, key: name })).claims.key, name)
    }
  }
})

envelope.test('keeps what is signed of each of many envelopes apart', () => {
  const all = vectors.valid.map(({ envelope: text }) => readEnvelope(readHex(text)))
  const copies = all.map(({ signed }) => hex(signed))
  for (let i = 0; i < 300; i++) readEnvelope(readHex(vectors.valid[i % vectors.valid.length]!.envelope))
  same(
    all.map(({ signed }) => hex(signed)),
    copies,
  )
})
