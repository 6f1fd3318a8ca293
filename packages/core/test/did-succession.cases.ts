import { type Cbor, cborMap, hex } from '../src/bytes/index.ts'
import { Refused } from '../src/errors/index.ts'
import { admitRaw, didKey, type Key, webCryptoVerify } from '../src/keys/index.ts'
import { readDidSuccession, signDidSuccession, signStatement } from '../src/signed/index.ts'
import { refuses, same, suite } from './portable.ts'

export const didSuccession = suite('succession of a DID')

declare const crypto: {
  readonly subtle: {
    generateKey(how: { name: 'Ed25519' }, exported: true, uses: ['sign', 'verify']): Promise<Pair>
    exportKey(format: 'raw', key: object): Promise<ArrayBuffer>
    sign(how: 'Ed25519', key: object, message: Uint8Array): Promise<ArrayBuffer>
  }
}
interface Pair {
  readonly publicKey: object
  readonly privateKey: object
}

async function makeKey(): Promise<Key> {
  const { publicKey, privateKey } = await crypto.subtle.generateKey({ name: 'Ed25519' }, true, ['sign', 'verify'])
  const raw = new Uint8Array(await crypto.subtle.exportKey('raw', publicKey))
  const sign = async (message: Uint8Array) => new Uint8Array(await crypto.subtle.sign('Ed25519', privateKey, message))
  return { publicKey: admitRaw('Ed25519', raw), sign }
}

const at = Date.UTC(2026, 0, 1)

didSuccession.test('says what key comes after another, by both', async () => {
  const [old, next] = [await makeKey(), await makeKey()]
  const said = await readDidSuccession(await signDidSuccession(old, next, at), old.publicKey, webCryptoVerify)
  same([said.old, hex(said.new.raw), said.at], [didKey(old.publicKey), hex(next.publicKey.raw), at])
})

didSuccession.test('refuses all that is not the word of both', async () => {
  const [old, next, other] = [await makeKey(), await makeKey(), await makeKey()]
  const names = { v: 1, old: didKey(old.publicKey), new: didKey(next.publicKey) }
  const accept = (by: Key, change: Readonly<Record<string, Cbor | undefined>> = {}) =>
    signStatement(by, 'did-succession-accepted', cborMap({ ...names, ...change }))
  const accepted = await accept(next)
  const announce = (change: Readonly<Record<string, Cbor | undefined>>, by = old) =>
    signStatement(by, 'did-succession', cborMap({ ...names, at, accepted, ...change }))
  const read = (bytes: Uint8Array) => readDidSuccession(bytes, old.publicKey, webCryptoVerify)
  same((await read(await announce({}))).old, names.old)
  const third = didKey(other.publicKey)
  const bad = [
    // A bare claim by whoever would like to come after it, and by the one whose key comes next.
    await announce({}, other),
    await announce({}, next),
    await announce({ old: third }),
    await announce({ old: third, accepted: await accept(next, { old: third }) }),
    // Somebody else's key, which nobody asked: accepted by the old key, by a third, or for another succession.
    await announce({ new: third }),
    await announce({ accepted: await accept(old) }),
    await announce({ accepted: await accept(other) }),
    await announce({ accepted: await accept(next, { old: third }) }),
    await announce({ accepted: await accept(next, { new: third }) }),
    await announce({ accepted: await accept(next, { v: 2 }) }),
    await announce({ accepted: await accept(next, { more: 1 }) }),
    await announce({ accepted: await signStatement(next, 'did-succession', cborMap(names)) }),
    await announce({ accepted: undefined }),
    await announce({ new: names.old, accepted: await accept(old, { new: names.old }) }),
    await announce({ v: 2 }),
    await announce({ at: undefined }),
    await announce({ at: -1 }),
    await announce({ more: 1 }),
    await signStatement(old, 'key-succession', cborMap({ ...names, at, accepted })),
  ]
  for (const bytes of bad) await refuses('bad-statement', () => read(bytes))
  const no = await announce({ new: 'did:web:example.test' })
  await refuses('bad-did', () => read(no))
})

didSuccession.test('refuses one that was changed after it was signed', async () => {
  const [old, next] = [await makeKey(), await makeKey()]
  const bytes = await signDidSuccession(old, next, at)
  for (let i = 0; i < bytes.length; i++) {
    const changed = Uint8Array.from(bytes)
    changed[i]! ^= 1
    let refused: unknown
    await readDidSuccession(changed, old.publicKey, webCryptoVerify).catch((error: unknown) => {
      refused = error
    })
    same(refused instanceof Refused, true)
  }
})
