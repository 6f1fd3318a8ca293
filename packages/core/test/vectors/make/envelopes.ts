import {
  base64url,
  type Cbor,
  type CborMap,
  cbor,
  concat,
  hex,
  readHex,
  sha256,
  Tagged,
  utf8,
} from '../../../src/bytes/index.ts'
import { didKey, type Key } from '../../../src/keys/index.ts'
import {
  type Claims,
  shortIdOf,
  writeCoseEnvelope,
  writeJwsEnvelope,
  writeMessage,
} from '../../../src/signed/index.ts'
import { january, keys } from './world.ts'

// Envelopes for readers in any language. docs/spec/envelope.md says what they show.

const { device, device2, stranger } = keys
const sender = didKey(device.publicKey)
const receiver = didKey(stranger.publicKey)
const content = '{"celsius":21.5}'
const body = concat(readHex('000102030405060708090a0b0c0d0e0f'), utf8(content))
const nonce = readHex('101112131415161718191a1b1c1d1e1f')

const plain: Claims = {
  key: sender,
  audience: receiver,
  scope: 'telemetry:write',
  once: { issued: january + 250, nonce },
  contentType: 'application/json',
  digest: sha256(body),
}

type Write = (claims: Claims, by?: Key) => Promise<Uint8Array>
const exactCose: Write = (claims, by = device) => writeCoseEnvelope(by, claims)
const exactJws: Write = (claims, by = device) => writeJwsEnvelope(by, claims)
const polymorphicCose: Write = (claims, by = device) => writeCoseEnvelope(by, claims, 'polymorphic')
const polymorphicJws: Write = (claims, by = device) => writeJwsEnvelope(by, claims, 'polymorphic')

const short = { key: shortIdOf(device.publicKey), audience: shortIdOf(stranger.publicKey) }
const p256 = { key: didKey(device2.publicKey) }
const sealed = { key: readHex('2021222324252627'), commitment: sha256(utf8('commitment')) }

const variants: readonly (readonly [name: string, claims: Partial<Claims>, by?: Key])[] = [
  ['a reading', {}],
  ['by a P-256 key', p256, device2],
  ['with short names, whole seconds and bytes', { ...short, once: { issued: january, nonce }, contentType: undefined }],
  ['of a device behind a gateway', { onBehalfOf: 'sensor-7' }],
  ['from a did:web', { issuer: 'did:web:example.test:fleets:acme:devices:device-104' }],
  ['to a did:web', { audience: 'did:web:example.test%3A8443' }],
  ['by a sender that counts', { once: { sequence: 0 } }],
  ['by a sender that has counted far', { once: { sequence: Number.MAX_SAFE_INTEGER } }],
  ['with a sealed body', { sealed, contentType: undefined }],
]

const forms = { cose: exactCose, jws: exactJws, 'cose, polymorphic': polymorphicCose, 'jws, polymorphic': polymorphicJws }

async function makeValid() {
  const made = []
  for (const [name, change, by = device] of variants) {
    const claims = { ...plain, ...change }
    for (const [form, write] of Object.entries(forms)) {
      const envelope = await write(claims, by)
      const bytes = { envelope: hex(envelope), body: hex(body), message: hex(writeMessage(envelope, body)) }
      made.push({ name: `${name}, ${form}`, signer: hex(by.publicKey.spki), claims: shown(claims), ...bytes })
    }
  }
  return made
}

/** Claims as JSON has them: bytes in hex. */
function shown({ once, sealed, digest, ...rest }: Claims) {
  return {
    ...rest,
    once: 'sequence' in once ? once : { issued: once.issued, nonce: hex(once.nonce) },
    ...(sealed && { sealed: { key: hex(sealed.key), commitment: hex(sealed.commitment) } }),
    digest: hex(digest),
  }
}

// Envelopes made by hand, signed by the device whatever they say.

type Entries = readonly (readonly [number, Cbor])[]

const goodClaims: Entries = [
  [3, receiver],
  [6, january / 1000],
  [7, nonce],
  [9, 'telemetry:write'],
]
const kid = concat(readHex('ed01'), device.publicKey.raw)
const goodHeader = (claims: Cbor): Entries => [
  [1, -19],
  [4, kid],
  [15, claims],
  [16, 'application/mint'],
  [258, -16],
]

const map = (entries: Entries): CborMap => new Map(entries)
const changed = (entries: Entries, change: Entries): Entries => [
  ...entries.filter(([key]) => !change.some(([other]) => other === key)),
  ...change,
]
const without = (entries: Entries, key: number): Entries => entries.filter(([each]) => each !== key)

async function signCose(header: Uint8Array, digest: Cbor = plain.digest, unprotected: CborMap = new Map()) {
  const signed = cbor(['Signature1', header, new Uint8Array(), digest])
  return cbor(new Tagged(18, [header, unprotected, digest, await device.sign(signed)]))
}
const withHeader = (change: Entries) => signCose(cbor(map(changed(goodHeader(map(goodClaims)), change))))
const withClaims = (change: Entries) => signCose(cbor(map(goodHeader(map(changed(goodClaims, change))))))
const lackingHeader = (key: number) => signCose(cbor(map(without(goodHeader(map(goodClaims)), key))))
const lackingClaim = (key: number) => signCose(cbor(map(goodHeader(map(without(goodClaims, key))))))

/** The header with some of its bytes exchanged for others, which mean the same to a lenient reader. */
async function respelled(from: string, to: string): Promise<Uint8Array> {
  const header = hex(cbor(map(goodHeader(map(goodClaims)))))
  if (!header.includes(from)) throw new Error(`no ${from} in ${header}`)
  return signCose(readHex(header.replace(from, to)))
}

const goodJwsHeader = { alg: 'Ed25519', kid: sender, typ: 'mint+jwt' }
const goodJwsClaims = {
  aud: receiver,
  iat: january / 1000,
  jti: base64url(nonce),
  scope: 'telemetry:write',
  digest: base64url(plain.digest),
}

async function signJws(header: string, claims: string, tail = ''): Promise<Uint8Array> {
  const signed = `${base64url(utf8(header))}.${base64url(utf8(claims))}`
  return utf8(`${signed}.${base64url(await device.sign(utf8(signed)))}${tail}`)
}
const jwsHeader = (change: object) =>
  signJws(JSON.stringify({ ...goodJwsHeader, ...change }), JSON.stringify(goodJwsClaims))
const jwsClaims = (change: object) =>
  signJws(JSON.stringify(goodJwsHeader), JSON.stringify({ ...goodJwsClaims, ...change }))
/** The claims as text, with a part of it exchanged. */
const jwsText = (from: string, to: string) =>
  signJws(JSON.stringify(goodJwsHeader), JSON.stringify(goodJwsClaims).replace(from, to))

const seconds = (january / 1000).toString(16)

/** By the code with which each is refused. */
const invalid: Readonly<Record<string, Readonly<Record<string, Promise<Uint8Array>>>>> = {
  'algorithm-refused': {
    'cose: HMAC 256/256': withHeader([[1, 5]]),
    'cose: ES384': withHeader([[1, -35]]),
    'cose: no algorithm': lackingHeader(1),
    'cose: an algorithm as text': withHeader([[1, 'Ed25519']]),
    'jws: none': jwsHeader({ alg: 'none' }),
    'jws: HS256': jwsHeader({ alg: 'HS256' }),
    'jws: ES256K': jwsHeader({ alg: 'ES256K' }),
    'jws: no algorithm': jwsHeader({ alg: undefined }),
  },
  'bad-envelope': {
    'cose: no key': lackingHeader(4),
    'cose: a key of 33 bytes': withHeader([[4, kid.subarray(0, 33)]]),
    'cose: a key of 35 bytes': withHeader([[4, concat(kid, Uint8Array.of(0))]]),
    'cose: a key of another multicodec': withHeader([[4, concat(readHex('ec01'), device.publicKey.raw)]]),
    'cose: a short key of 7 bytes': withHeader([[4, new Uint8Array(7)]]),
    'cose: no claims': lackingHeader(15),
    'cose: claims as a list': withHeader([[15, []]]),
    'cose: no type': lackingHeader(16),
    'cose: the type of a statement': withHeader([[16, 'application/mintmark-charter.v1']]),
    'cose: another type': withHeader([[16, 'application/cwt']]),
    'cose: no hash of the payload': lackingHeader(258),
    'cose: another hash of the payload': withHeader([[258, -44]]),
    'cose: a content type of the envelope beside that of the body': withHeader([[3, 'application/json']]),
    'cose: critical headers': withHeader([[2, [258]]]),
    'cose: an embedded key': withHeader([[-1, device.publicKey.raw]]),
    'cose: an x5u': withHeader([[35, 'https://example.test/']]),
    'cose: the content type that goes without saying': withHeader([[259, 'application/octet-stream']]),
    'cose: a content type in upper case': withHeader([[259, 'Application/JSON']]),
    'cose: a content type that is none': withHeader([[259, 'json']]),
    'cose: no audience': lackingClaim(3),
    'cose: two audiences': withClaims([[3, [receiver, sender]]]),
    'cose: an audience that is no DID': withClaims([[3, 'device-104']]),
    'cose: an audience with a fragment': withClaims([[3, `${receiver}#key`]]),
    'cose: an audience with a path': withClaims([[3, 'did:web:example.test/../x']]),
    'cose: no scope': lackingClaim(9),
    'cose: an empty scope': withClaims([[9, '']]),
    'cose: a scope with a blank': withClaims([[9, 'telemetry:write floor3']]),
    'cose: a scope of 256 characters': withClaims([[9, 'a'.repeat(256)]]),
    'cose: no time': lackingClaim(6),
    'cose: a time before 1970': withClaims([[6, -1]]),
    'cose: a time as text': withClaims([[6, '2026-01-01T00:00:00Z']]),
    'cose: a time that milliseconds cannot count': withClaims([[6, 9_007_199_254_740]]),
    'cose: milliseconds of 0': withClaims([[-70_001, 0]]),
    'cose: milliseconds of 1000': withClaims([[-70_001, 1_000]]),
    'cose: no nonce': lackingClaim(7),
    'cose: a nonce of 15 bytes': withClaims([[7, nonce.subarray(1)]]),
    'cose: a nonce of 17 bytes': withClaims([[7, concat(nonce, nonce.subarray(0, 1))]]),
    'cose: a nonce as text': withClaims([[7, base64url(nonce)]]),
    'cose: a sequence beside a time': withClaims([[-70_002, 1]]),
    'cose: a sequence below 0': signCose(
      cbor(map(goodHeader(map([...without(without(goodClaims, 6), 7), [-70_002, -1]])))),
    ),
    'cose: an expiry': withClaims([[4, january / 1000 + 60]]),
    'cose: a subject': withClaims([[2, 'device-104']]),
    'cose: an issuer that is a did:key': withClaims([[1, sender]]),
    'cose: an unknown claim': withClaims([[-70_099, 1]]),
    'cose: a seal of three parts': withClaims([[-70_004, [new Uint8Array(8), new Uint8Array(32), 1]]]),
    'cose: a seal to a key id of 7 bytes': withClaims([[-70_004, [new Uint8Array(7), new Uint8Array(32)]]]),
    'cose: a device behind it as bytes': withClaims([[-70_003, new Uint8Array(4)]]),
    'cose: a device behind it with a line break': withClaims([[-70_003, 'sensor-7\n']]),
    'cose: an unprotected header': signCose(cbor(map(goodHeader(map(goodClaims)))), plain.digest, map([[4, kid]])),
    'cose: a digest of 31 bytes': signCose(cbor(map(goodHeader(map(goodClaims)))), plain.digest.subarray(1)),
    'cose: a detached payload': signCose(cbor(map(goodHeader(map(goodClaims)))), null),
    'cose: a header that is a list': signCose(cbor([])),
    'cose: an empty header': signCose(new Uint8Array()),
    'cose: a time that is not the shortest': respelled(`061a${seconds}`, `061b00000000${seconds}`),
    'cose: a time as a float': respelled(`061a${seconds}`, `06fb41da556e40000000`),
    'cose: a nonce of indefinite length': respelled(`0750${hex(nonce)}`, `075f50${hex(nonce)}ff`),
    'cose: headers out of order': respelled(`a50132045822${hex(kid)}`, `a5045822${hex(kid)}0132`),
    'cose: a header twice': respelled('a50132', 'a601320132'),
    'cose: one byte more': withHeader([]).then(bytes => concat(bytes, Uint8Array.of(0))),
    'cose: one byte less': withHeader([]).then(bytes => bytes.subarray(0, -1)),
    'cose: another tag': withHeader([]).then(bytes => concat(Uint8Array.of(0xd1), bytes.subarray(1))),
    'cose: a signature of 63 bytes': withHeader([]).then(bytes => {
      const [head, tail] = [bytes.subarray(0, -66), bytes.subarray(-63)]
      return concat(head, readHex('583f'), tail)
    }),
    'no tag': withHeader([]).then(bytes => bytes.subarray(1)),
    empty: Promise.resolve(new Uint8Array()),
    'jws: typ JWT': jwsHeader({ typ: 'JWT' }),
    'jws: no typ': jwsHeader({ typ: undefined }),
    'jws: crit': jwsHeader({ crit: ['exp'] }),
    'jws: an embedded key': jwsHeader({ jwk: { kty: 'OKP' } }),
    'jws: jku': jwsHeader({ jku: 'https://example.test/' }),
    'jws: a key that is a path': jwsHeader({ kid: '../../key.pem' }),
    'jws: a key with a fragment': jwsHeader({ kid: `${sender}#${sender.slice(8)}` }),
    'jws: two audiences': jwsClaims({ aud: [receiver] }),
    'jws: no audience': jwsClaims({ aud: undefined }),
    'jws: a time as text': jwsClaims({ iat: `${january / 1000}` }),
    'jws: a time with a fraction': jwsClaims({ iat: january / 1000 + 0.25 }),
    'jws: a time of 1e400': jwsText(`${january / 1000}`, '1e400'),
    'jws: a time that a double cannot count': jwsText(`${january / 1000}`, '9007199254740993'),
    'jws: a time of minus zero': jwsText(`${january / 1000}`, '-0'),
    'jws: an expiry': jwsClaims({ exp: january / 1000 + 60 }),
    'jws: an unknown claim': jwsClaims({ sub: 'device-104' }),
    'jws: a claim twice': jwsText('{', '{"scope":"admin:all",'),
    'jws: a claim that reaches the prototype': jwsText('{', '{"__proto__":{"scope":"admin:all"},'),
    'jws: a nonce with pad bits': jwsClaims({ jti: `${base64url(nonce).slice(0, -1)}x` }),
    'jws: a nonce with padding': jwsClaims({ jti: `${base64url(nonce)}==` }),
    'jws: a nonce of 15 bytes': jwsClaims({ jti: base64url(nonce.subarray(1)) }),
    'jws: a nonce of nothing': jwsClaims({ jti: '' }),
    'jws: a digest of 31 bytes': jwsClaims({ digest: base64url(plain.digest.subarray(1)) }),
    'jws: a digest in standard base64': jwsClaims({ digest: '+'.repeat(43) }),
    'jws: a seal with a field that is not known': jwsClaims({
      sealed: { key: base64url(sealed.key), commitment: base64url(sealed.commitment), alg: 'none' },
    }),
    'jws: half of a surrogate': jwsText('telemetry', '\\ud800'),
    'jws: a byte order mark': signJws(`\ufeff${JSON.stringify(goodJwsHeader)}`, JSON.stringify(goodJwsClaims)),
    'jws: something after the claims': signJws(JSON.stringify(goodJwsHeader), `${JSON.stringify(goodJwsClaims)}{}`),
    'jws: a sequence beside a time': jwsClaims({ seq: 1 }),
    'jws: a header of null': signJws('null', JSON.stringify(goodJwsClaims)),
    'jws: claims of null': signJws(JSON.stringify(goodJwsHeader), 'null'),
    'jws: claims as a list': signJws(JSON.stringify(goodJwsHeader), '[]'),
    'jws: claims that nest 100 deep': jwsClaims({ scope: nested(100) }),
    'jws: four parts': signJws(JSON.stringify(goodJwsHeader), JSON.stringify(goodJwsClaims), '.x'),
    'jws: a line break at the end': signJws(JSON.stringify(goodJwsHeader), JSON.stringify(goodJwsClaims), '\n'),
    'jws: a signature with padding': signJws(JSON.stringify(goodJwsHeader), JSON.stringify(goodJwsClaims), '=='),
    'jws: no signature': signJws(JSON.stringify(goodJwsHeader), JSON.stringify(goodJwsClaims)).then(bytes =>
      bytes.subarray(0, bytes.lastIndexOf(0x2e) + 1),
    ),
  },
  'too-large': {
    'cose: 4097 bytes': withClaims([[-70_099, new Uint8Array(3_900)]]),
    'jws: 4097 bytes': jwsClaims({ scope: 'a'.repeat(3_000) }),
  },
}

function nested(depth: number): unknown {
  return depth === 0 ? '' : [nested(depth - 1)]
}

async function makeInvalid() {
  const made = []
  for (const [code, group] of Object.entries(invalid)) {
    for (const [name, bytes] of Object.entries(group)) made.push({ name, code, envelope: hex(await bytes) })
  }
  return made
}

export const makeEnvelopes = async () => ({ valid: await makeValid(), invalid: await makeInvalid() })
