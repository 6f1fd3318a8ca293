import { type Cbor, cborMap, readHex } from '../../../src/bytes/index.ts'
import { didKey } from '../../../src/keys/index.ts'
import { type EncryptionKey, sealSuite, signEncryptionKey, signStatement } from '../../../src/signed/index.ts'
import type { Group } from './certificates.ts'
import { day, january, keys } from './world.ts'

/** RFC 7748 6.1: Bob's public key. Worthless: its private half is printed beside it. */
export const recipientKey = readHex('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f')

export const someEncryptionKey: EncryptionKey = {
  did: didKey(keys.stranger.publicKey),
  key: recipientKey,
  suite: sealSuite,
  version: 1,
  issued: january,
  expires: january + 90 * day,
}

const fields: Readonly<Record<string, Cbor | undefined>> = { v: 1, ...someEncryptionKey }
const announced = (change: Readonly<Record<string, Cbor | undefined>>, by = keys.stranger): Promise<Uint8Array> =>
  signStatement(by, 'encryption-key', cborMap({ ...fields, ...change }))

export const encryptionKeys: Group = {
  ed25519: signEncryptionKey(keys.stranger, someEncryptionKey),
  p256: signEncryptionKey(keys.device2, { ...someEncryptionKey, did: didKey(keys.device2.publicKey) }),
}

/** What `readEncryptionKey` by the stranger's key refuses with `bad-statement`. */
export const badEncryptionKeys: Group = {
  'of another kind': signStatement(keys.stranger, 'key-succession', cborMap(fields)),
  'by another key': announced({}, keys.device),
  'by another key that names itself': announced({ did: didKey(keys.device.publicKey) }, keys.device),
  'of another identity': announced({ did: didKey(keys.device.publicKey) }),
  'version 2 of the form': announced({ v: 2 }),
  'no version of the form': announced({ v: undefined }),
  'no identity': announced({ did: undefined }),
  'no key': announced({ key: undefined }),
  'a key as text': announced({ key: 'de9edb7d7b7dc1b4d35b61c2ece43537' }),
  'no suite': announced({ suite: undefined }),
  'another suite': announced({ suite: 'X25519-HKDF-SHA256-ChaCha20Poly1305' }),
  'no version': announced({ version: undefined }),
  'version 0': announced({ version: 0 }),
  'a version as text': announced({ version: '1' }),
  'no time': announced({ issued: undefined }),
  'a time before 1970': announced({ issued: -1 }),
  'no end': announced({ expires: undefined }),
  'an end at its beginning': announced({ expires: january }),
  'an end after more than a year': announced({ expires: january + 366 * day + 1 }),
  'an unknown field': announced({ tier: 'tpm-attested' }),
}

/** What it refuses with `key-refused`. */
export const refusedEncryptionKeys: Group = {
  'a key of 31 bytes': announced({ key: recipientKey.subarray(1) }),
  'a key of zeros': announced({ key: new Uint8Array(32) }),
  'a key of small order': announced({
    key: readHex('e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800'),
  }),
  'a key with the top bit': announced({ key: recipientKey.map((byte, i) => (i === 31 ? byte | 0x80 : byte)) }),
}
