import { type Cbor, readBase64, readCbor, readHex, type Tagged } from '../src/bytes/index.ts'
import { Refused } from '../src/errors/index.ts'
import { admitRaw, admitX25519, didKey, type Key, webCryptoVerify } from '../src/keys/index.ts'
import {
  type EncryptionKey,
  encryptionKeyId,
  readEncryptionKey,
  sealSuite,
  signEncryptionKey,
} from '../src/signed/index.ts'
import { refuses, same, suite } from './portable.ts'
import { badEncryptionKeys, encryptionKeys, refusedEncryptionKeys } from './vectors/encryption-keys.ts'
import { publicKeys } from './vectors/public-keys.ts'

export const encryptionKey = suite('encryption key')

const keyOf = (title: keyof typeof publicKeys) => admitRaw(publicKeys[title].algorithm, readHex(publicKeys[title].raw))
const [stranger, device2] = [keyOf('stranger'), keyOf('device2')]
const january = Date.UTC(2026, 0, 1)

const said: EncryptionKey = {
  did: didKey(stranger),
  key: readHex('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f'),
  suite: sealSuite,
  version: 1,
  issued: january,
  expires: january + 90 * 86_400_000,
}
const cases = [
  [encryptionKeys.ed25519, stranger, said],
  [encryptionKeys.p256, device2, { ...said, did: didKey(device2) }],
] as const

encryptionKey.test('reads what either kind of key announces', async () => {
  for (const [text, signer, announced] of cases) {
    same(await readEncryptionKey(readBase64(text), signer, webCryptoVerify), announced)
  }
})

encryptionKey.test('signs the same statement again', async () => {
  for (const [text, publicKey, announced] of cases) {
    const wanted = readBase64(text)
    const signature = ((readCbor(wanted) as Tagged).value as readonly Cbor[])[3] as Uint8Array
    const recorded: Key = { publicKey, sign: () => signature }
    same(await signEncryptionKey(recorded, announced), wanted)
  }
})

encryptionKey.test('signs nothing that would be refused', async () => {
  const key: Key = { publicKey: stranger, sign: () => new Uint8Array(64) }
  await refuses('bad-statement', () => signEncryptionKey(key, { ...said, did: didKey(device2) }))
  await refuses('bad-statement', () => signEncryptionKey(key, { ...said, expires: Number.NaN }))
  await refuses('key-refused', () => signEncryptionKey(key, { ...said, key: new Uint8Array(32) }))
})

for (const [title, text] of Object.entries(badEncryptionKeys)) {
  encryptionKey.test(`refuses a statement: ${title}`, () =>
    refuses('bad-statement', () => readEncryptionKey(readBase64(text), stranger, webCryptoVerify)),
  )
}
for (const [title, text] of Object.entries(refusedEncryptionKeys)) {
  encryptionKey.test(`refuses a statement with ${title}`, () =>
    refuses('key-refused', () => readEncryptionKey(readBase64(text), stranger, webCryptoVerify)),
  )
}

encryptionKey.test('refuses a statement that was changed after it was signed', async () => {
  const bytes = readBase64(encryptionKeys.ed25519)
  for (let at = 0; at < bytes.length; at++) {
    const changed = Uint8Array.from(bytes)
    changed[at]! ^= 1
    let refused: unknown
    await readEncryptionKey(changed, stranger, webCryptoVerify).catch((error: unknown) => {
      refused = error
    })
    same(refused instanceof Refused, true)
  }
})

encryptionKey.test('admits each key in one encoding, and none whose secrets are known', async () => {
  same(admitX25519(said.key), said.key)
  same(encryptionKeyId(said.key).length, 8)
  const [high, low] = ['ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', '7f'.padStart(62, '0')]
  // The greatest key that is one, and one that only ends like what is not canonical.
  admitX25519(readHex(`eb${high}`))
  admitX25519(readHex(`ee${low}`))
  const refused = [
    ...['00', '01'].map(first => first.padEnd(64, '0')),
    ...['ec', 'ed', 'ee', 'ff'].map(first => first + high),
    ...['00', '01'].map(first => `${first.padEnd(62, '0')}80`),
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
    '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
    `${'11'.repeat(31)}91`,
    '11'.repeat(31),
    '11'.repeat(33),
  ]
  for (const raw of refused) await refuses('key-refused', () => admitX25519(readHex(raw)))
})
