// Makes docs/spec/sealing-vectors.json anew. Run by hand, from the root of the checkout:
//   node packages/agent/test/make-sealing-vectors.ts
// P-256 signs with chance, so every run writes other bytes; the cases need no change for it.
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { concat, hex, readHex, sha256, utf8 } from '@mintmark/core/bytes'
import { didKey, type Key } from '@mintmark/core/keys'
import {
  type Claims,
  encryptionKeyId,
  type SealedWith,
  sealInfo,
  writeCoseEnvelope,
  writeJwsEnvelope,
  writeMessage,
  writeSealedBody,
} from '@mintmark/core/signed'
import { january, keys } from '../../core/test/vectors/make/world.ts'
import { seal } from '../src/seal/hpke.ts'
import type { KeyPair } from '../src/web-crypto-key.ts'
import { x25519Pair } from './x25519-pair.ts'

// RFC 7748 6.1: Bob's pair.
const receiverPrivate = readHex('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb')
const receiverPublic = readHex('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f')
const ephemeral = createHash('sha256').update('mintmark vectors, worthless key: ephemeral').digest()

const { device, device2, stranger } = keys
const salt = readHex('000102030405060708090a0b0c0d0e0f')
const nonce = readHex('101112131415161718191a1b1c1d1e1f')

const plain: SealedWith = {
  audience: didKey(stranger.publicKey),
  scope: 'telemetry:write',
  once: { issued: january + 250, nonce },
  contentType: 'application/json',
}
const variants: readonly (readonly [name: string, change: Partial<SealedWith>, content: string, by?: Key])[] = [
  ['a reading', {}, '{"celsius":21.5}'],
  ['by a P-256 key', {}, '{"celsius":21.5}', device2],
  ['of nothing', { contentType: undefined }, ''],
  ['of a device behind a gateway', { onBehalfOf: 'sensor-7' }, '{"celsius":21.5}'],
  ['from a did:web', { issuer: 'did:web:example.test:fleets:acme:devices:device-104' }, '{"celsius":21.5}'],
  ['by a sender that counts', { once: { sequence: 7 } }, '{"celsius":21.5}'],
]

const valid = []
for (const [name, change, content, by = device] of variants) {
  for (const form of ['cose', 'jws'] as const) {
    const open = { ...plain, ...change }
    const key = encryptionKeyId(receiverPublic)
    const disclosure = concat(salt, utf8(content))
    const info = sealInfo(open, form, by.publicKey, key)
    const pair: KeyPair = await x25519Pair(ephemeral)
    const sealed = await seal(receiverPublic, info, disclosure, pair)
    const body = writeSealedBody(sealed)
    const claims: Claims = {
      ...open,
      key: didKey(by.publicKey),
      sealed: { key, commitment: sha256(disclosure) },
      digest: sha256(body),
    }
    const envelope = await (form === 'jws' ? writeJwsEnvelope : writeCoseEnvelope)(by, claims)
    valid.push({
      name: `${name}, ${form}`,
      signer: hex(by.publicKey.spki),
      receiver: hex(receiverPublic),
      receiverPrivate: hex(receiverPrivate),
      info: hex(info),
      enc: hex(sealed.enc),
      ciphertext: hex(sealed.ciphertext),
      disclosure: hex(disclosure),
      commitment: hex(sha256(disclosure)),
      message: hex(writeMessage(envelope, body)),
    })
  }
}
const file = new URL('../../../docs/spec/sealing-vectors.json', import.meta.url)
writeFileSync(file, `${JSON.stringify({ valid }, undefined, 2)}\n`)
