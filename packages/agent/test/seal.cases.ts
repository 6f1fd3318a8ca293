import { concat, hex, readHex, sha256, utf8 } from '@mintmark/core/bytes'
import type { Code } from '@mintmark/core/errors'
import { admitSpki, checkSignature, didKey, type Key, webCryptoVerify } from '@mintmark/core/keys'
import {
  type Claims,
  type Envelope,
  encryptionKeyId,
  readDisclosure,
  readEncryptionKey,
  readMessage,
  readSealedBody,
  type Sealed,
  sealInfo,
  sealSuite,
  signEncryptionKey,
  signStatement,
  writeCoseEnvelope,
  writeJwsEnvelope,
  writeMessage,
  writeSealedBody,
} from '@mintmark/core/signed'
import vectors from '../../../docs/spec/sealing-vectors.json' with { type: 'json' }
import { cborMap } from '../../core/src/bytes/index.ts'
import { ok, refuses, same, suite } from '../../core/test/portable.ts'
import { Agent, MemoryTrustRegistry, makeKey } from '../src/index.ts'
import { open, seal } from '../src/seal/hpke.ts'
import { EncryptionKeys, proveDisclosure } from '../src/seal/index.ts'
import { x25519Pair } from './x25519-pair.ts'

export const sealing = suite('sealing')

const start = Date.UTC(2026, 5, 1)
const day = 86_400_000
const forms = ['cose', 'jws'] as const
const scope = 'telemetry:write'
const other = 'telemetry:read'

/** A receiver with an encryption key, announced; a sender; and a third one who may send to the same receiver. */
async function stand() {
  const clock = { at: start }
  const now = () => clock.at
  const registry = new MemoryTrustRegistry()
  const encryption = await EncryptionKeys.open()
  const alias = 'did:web:service.example.test'
  const [serverKey, key, malloryKey] = [await makeKey(), await makeKey(), await makeKey()]
  const server = await Agent.create({ key: serverKey, registry, now, encryption, audiences: [alias] })
  const device = await Agent.create({ key, registry, now })
  const mallory = await Agent.create({ key: malloryKey, registry, now })
  const rights = { scopes: [scope, other], devices: ['sensor-7', 'sensor-8'] }
  for (const { did } of [device, mallory]) registry.register(did, rights)
  registry.register(server.did, { scopes: [], encryption: await server.announceEncryption() })
  clock.at += 60_000
  return { clock, now, registry, encryption, alias, server, serverKey, device, key, mallory, malloryKey }
}

type Stand = Awaited<ReturnType<typeof stand>>

const secret = { celsius: 21.5, room: 'the one behind the door' }
const sealedTo = (to: string) => ({ to, payload: secret, scope, seal: true })

/** Another envelope over a body, by whoever: what a thief, or a sender that lies, can make. */
async function resign(
  by: Key,
  { envelope, body }: ReturnType<typeof readMessage>,
  change: Partial<Claims> = {},
  form: Envelope['form'] = envelope.form,
): Promise<Uint8Array> {
  const claims: Claims = { ...envelope.claims, key: didKey(by.publicKey), digest: sha256(body), ...change }
  return writeMessage(await (form === 'jws' ? writeJwsEnvelope : writeCoseEnvelope)(by, claims), body)
}

const includes = (bytes: Uint8Array, part: Uint8Array): boolean => hex(bytes).includes(hex(part))

for (const form of forms) {
  sealing.test(`a sealed message arrives and arrives once, and who carries it reads nothing, ${form}`, async () => {
    const { server, device } = await stand()
    const sent = await device.send(sealedTo(server.did), { form })
    const { envelope, body } = readMessage(sent, 65_536)
    for (const bytes of [envelope.bytes, body]) ok(!includes(bytes, utf8('celsius')), 'the content is not there')
    const received = await server.receive(sent)
    same([received.from, received.json(), received.contentType], [device.did, secret, 'application/json'])
    same([received.isSealed, received.scope], [true, scope])
    await refuses('message-replayed', () => server.receive(sent))
  })

  sealing.test(`either side discloses a sealed message without a key, ${form}`, async () => {
    const { server, device, mallory } = await stand()
    const { message, envelope, disclosure } = await device.write(sealedTo(server.did), { form })
    const received = await server.receive(message)
    same([hex(received.disclosure), hex(received.envelope)], [hex(disclosure), hex(envelope)])
    const proven = await proveDisclosure(received.envelope, received.disclosure, device.did)
    same(
      [hex(proven.payload), proven.to, proven.scope, proven.isSealed],
      [hex(received.payload), server.did, scope, true],
    )
    const lie = Uint8Array.from(disclosure, (byte, i) => (i === disclosure.length - 1 ? byte ^ 1 : byte))
    await refuses('body-refused', () => proveDisclosure(envelope, lie, device.did))
    await refuses('body-refused', () => proveDisclosure(envelope, disclosure.subarray(0, 15), device.did))
    await refuses('envelope-signature', () => proveDisclosure(envelope, disclosure, mallory.did))
    const plain = await device.write({ to: server.did, payload: 'open', scope }, { form })
    same((await proveDisclosure(plain.envelope, plain.disclosure, device.did)).isSealed, false)
    await refuses('body-refused', () => proveDisclosure(plain.envelope, disclosure, device.did))
  })

  sealing.test(`a sealed body that another sender signs as its own does not open, ${form}`, async () => {
    const { server, device, malloryKey } = await stand()
    const stolen = readMessage(await device.send(sealedTo(server.did), { form }), 65_536)
    const theirs = await resign(malloryKey, stolen)
    await refuses('seal-refused', () => server.receive(theirs))
  })

  sealing.test(`a sealed body does not open in another message of its own sender, ${form}`, async () => {
    const { server, device, key, alias } = await stand()
    const sent = readMessage(await device.send(sealedTo(server.did), { form }), 65_536)
    const { issued } = sent.envelope.claims.once as { issued: number }
    const moved: Partial<Claims>[] = [
      { scope: other },
      { once: { issued, nonce: new Uint8Array(16) } },
      { audience: alias },
      { onBehalfOf: 'sensor-7' },
      { contentType: 'text/plain' },
      { contentType: undefined },
    ]
    for (const change of moved) {
      const message = await resign(key, sent, change)
      await refuses('seal-refused', () => server.receive(message))
    }
    const asOther = await resign(key, sent, {}, form === 'cose' ? 'jws' : 'cose')
    await refuses('seal-refused', () => server.receive(asOther))
    // Nothing of all that was spent.
    same((await server.receive(await resign(key, sent))).json(), secret)
  })
}

sealing.test('a sealed body does not move from one device behind a gateway to the other', async () => {
  const { server, device, key } = await stand()
  const message = { ...sealedTo(server.did), onBehalfOf: 'sensor-7' }
  const sent = readMessage(await device.send(message), 65_536)
  for (const onBehalfOf of ['sensor-8', undefined]) {
    const moved = await resign(key, sent, { onBehalfOf })
    await refuses('seal-refused', () => server.receive(moved))
  }
  same((await server.receive(await resign(key, sent))).onBehalfOf, 'sensor-7')
})

sealing.test('a sender that counts seals, and its number is bound', async () => {
  const { clock, registry, server, now } = await stand()
  const key = await makeKey()
  const counting = await Agent.create({ key, registry, now })
  registry.register(counting.did, { scopes: [scope], sequence: true })
  clock.at += 60_000
  const sent = readMessage(await counting.send({ ...sealedTo(server.did), sequence: 4 }), 65_536)
  const moved = await resign(key, sent, { once: { sequence: 5 } })
  await refuses('seal-refused', () => server.receive(moved))
  // It opens; of a key that is older than it, a store in memory does not take numbers.
  const good = await resign(key, sent)
  await refuses('message-fresh', () => server.receive(good))
})

sealing.test('a message that does not open spends nothing: it is taken by who has the key', async () => {
  const { server, serverKey, device, registry, now } = await stand()
  const without = await Agent.create({ key: serverKey, registry, now })
  const late = await Agent.create({ key: serverKey, registry, now, encryption: await EncryptionKeys.open() })
  const sent = await device.send(sealedTo(server.did))
  await refuses('seal-refused', () => without.receive(sent))
  await refuses('seal-refused', () => late.receive(sent))
  same((await server.receive(sent)).json(), secret)
})

sealing.test('what was changed in a sealed body does not open, although its sender signed it', async () => {
  const { server, device, key } = await stand()
  const sent = readMessage(await device.send(sealedTo(server.did)), 65_536)
  const changed = (at: number, bit = 1) => sent.body.map((byte, i) => (i === at ? byte ^ bit : byte))
  const { length } = sent.body
  const bodies = [
    ...[0, 15, 31, 32, 40, length - 17, length - 16, length - 1].map(at => changed(at)),
    // The bit of an X25519 key that many ignore.
    changed(31, 0x80),
    // A tag of 4 bytes, and none.
    sent.body.subarray(0, -12),
    sent.body.subarray(0, -16),
    concat(sent.body, Uint8Array.of(0)),
    ...['00', '01'].map(first => concat(readHex(first.padEnd(64, '0')), sent.body.subarray(32))),
    concat(readHex('e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800'), sent.body.subarray(32)),
    sent.body.subarray(0, 63),
    new Uint8Array(64),
    sent.body.subarray(32),
  ]
  for (const body of bodies) {
    const message = await resign(key, { ...sent, body })
    await refuses('seal-refused', () => server.receive(message))
  }
})

sealing.test('a sealed body has a good ephemeral key and a whole tag, before anything is opened', async () => {
  const rest = new Uint8Array(32)
  const high = 'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'
  const points = [
    ...['00', '01'].map(first => first.padEnd(64, '0')),
    `ec${high}`,
    `ed${high}`,
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
    '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
    `${'11'.repeat(31)}91`,
  ]
  for (const point of points) await refuses('seal-refused', () => readSealedBody(concat(readHex(point), rest)))
  const good = readHex('11'.repeat(32))
  for (let length = 0; length < 32; length++) {
    await refuses('seal-refused', () => readSealedBody(concat(good, rest.subarray(0, length))))
  }
  same(readSealedBody(concat(good, rest)).ciphertext.length, 32)
})

/** Seals as a sender that lies would. */
async function sealBy({ server, key, encryption }: Stand, content: Uint8Array, lie: Partial<Sealed> = {}) {
  const id = encryptionKeyId(encryption.current)
  const claims = { audience: server.did, scope, once: { issued: start + 60_000, nonce: new Uint8Array(16).fill(9) } }
  const info = sealInfo(claims, 'cose', key.publicKey, id)
  const body = writeSealedBody(await seal(encryption.current, info, content))
  const sealed = { key: id, commitment: sha256(content), ...lie }
  const all: Claims = { ...claims, key: didKey(key.publicKey), sealed, digest: sha256(body) }
  return writeMessage(await writeCoseEnvelope(key, all), body)
}

sealing.test('a sender is held to what it committed to', async () => {
  const all = await stand()
  const content = utf8('sixteen of salt.and the content')
  const lying = await sealBy(all, content, { commitment: sha256(utf8('sixteen of salt.something else')) })
  await refuses('seal-refused', () => all.server.receive(lying))
  // Less than a salt is no salt and content, whatever was committed to.
  const short = await sealBy(all, utf8('fifteen of salt'))
  await refuses('seal-refused', () => all.server.receive(short))
  const other = await sealBy(all, content, { key: new Uint8Array(8) })
  await refuses('seal-refused', () => all.server.receive(other))
  same((await all.server.receive(await sealBy(all, content))).text(), 'and the content')
})

sealing.test('a plain body is not taken as sealed, nor a sealed one as plain', async () => {
  const { server, device, key, encryption } = await stand()
  const plain = readMessage(await device.send({ to: server.did, payload: 'warm and open to all', scope }), 65_536)
  const commitment = sha256(plain.body)
  const claiming = await resign(key, plain, { sealed: { key: encryptionKeyId(encryption.current), commitment } })
  await refuses('seal-refused', () => server.receive(claiming))
  const sealed = readMessage(await device.send(sealedTo(server.did)), 65_536)
  const { bytes, ...rest } = sealed.envelope
  // The claim is signed, so nobody on the way takes it off.
  const stripped = await writeCoseEnvelope(
    { publicKey: key.publicKey, sign: () => rest.signature },
    { ...rest.claims, sealed: undefined },
  )
  ok(bytes.length > stripped.length, 'the claim is off')
  await refuses('envelope-signature', () => server.receive(writeMessage(stripped, sealed.body)))
  // Its sender can take it off, and says then that the ciphertext is what it sends.
  const received = await server.receive(await resign(key, sealed, { sealed: undefined }))
  same([received.isSealed, includes(received.payload, utf8('celsius'))], [false, false])
})

sealing.test('one message is one encryption: the same message again has another key and cipher', async () => {
  const { server, key, registry, now } = await stand()
  const random = (length: number) => new Uint8Array(length).fill(1)
  const device = await Agent.create({ key, registry, now, random })
  const bodies = []
  for (let i = 0; i < 50; i++) bodies.push(readMessage(await device.send(sealedTo(server.did)), 65_536).body)
  const parts = bodies.map(readSealedBody)
  same(new Set(parts.map(({ enc }) => hex(enc))).size, 50)
  same(new Set(parts.map(({ ciphertext }) => hex(ciphertext))).size, 50)
})

// To whom is sealed

async function refusedWith(
  statement: Uint8Array | undefined,
  code: Code,
  prepare?: (all: Stand) => void | Promise<void>,
) {
  const all = await stand()
  const { registry, serverKey, now } = all
  const to = didKey((await makeKeyOf(serverKey)).publicKey)
  const fresh = new MemoryTrustRegistry()
  fresh.register(to, { scopes: [], ...(statement && { encryption: statement }) })
  await prepare?.({ ...all, registry: fresh })
  const device = await Agent.create({ registry: fresh, now })
  await refuses(code, () => device.send(sealedTo(to)))
  ok(registry !== fresh, 'a registry of its own')
}
const makeKeyOf = (key: Key): Promise<Key> => Promise.resolve(key)

sealing.test('nothing is sealed to who announced no key, is not known, or is revoked', async () => {
  await refusedWith(undefined, 'no-encryption-key')
  const { server, device, registry } = await stand()
  const unknown = didKey((await makeKey()).publicKey)
  await refuses('no-encryption-key', () => device.send(sealedTo(unknown)))
  await refuses('no-encryption-key', () => device.send(sealedTo('did:web:nobody.example.test')))
  await refuses('no-encryption-key', () => device.announceEncryption())
  registry.revoke(server.did)
  await refuses('revoked', () => device.send(sealedTo(server.did)))
})

sealing.test('nothing is sealed by a statement that does not hold', async () => {
  const { clock, registry, server, serverKey, device, mallory, malloryKey } = await stand()
  const key = (await EncryptionKeys.open()).current
  const at = clock.at
  const announced = { did: server.did, key, suite: sealSuite, version: at, issued: at, expires: at + day }
  const payload = (change: object) => cborMap({ v: 1, ...announced, ...change })
  const zero = new Uint8Array(32)
  const cases: [Code, Uint8Array][] = [
    // Somebody else's key for this receiver: with his own name, with the receiver's, and under the receiver's key id.
    ['bad-statement', await signEncryptionKey(malloryKey, { ...announced, did: mallory.did })],
    ['bad-statement', await signStatement(malloryKey, 'encryption-key', payload({}))],
    [
      'statement-signature',
      await signStatement({ publicKey: serverKey.publicKey, sign: malloryKey.sign }, 'encryption-key', payload({})),
    ],
    ['bad-statement', await signStatement(serverKey, 'key-succession', payload({}))],
    ['bad-statement', await signStatement(serverKey, 'encryption-key', payload({ did: mallory.did }))],
    ['key-refused', await signStatement(serverKey, 'encryption-key', payload({ key: zero }))],
    ['no-encryption-key', await signEncryptionKey(serverKey, { ...announced, expires: at, issued: at - day })],
    ['no-encryption-key', await signEncryptionKey(serverKey, { ...announced, issued: at + 5_001 })],
  ]
  for (const [code, encryption] of cases) {
    registry.register(server.did, { scopes: [], encryption })
    await refuses(code, () => device.send(sealedTo(server.did)))
  }
})

sealing.test('an older key is not sealed to again, nor another one of the same version', async () => {
  const { clock, registry, server, serverKey, device, encryption } = await stand()
  const announce = async (version: number, key: Uint8Array) => {
    const issued = clock.at
    const said = { did: server.did, key, suite: sealSuite, version, issued, expires: issued + day }
    registry.register(server.did, { scopes: [], encryption: await signEncryptionKey(serverKey, said) })
  }
  const [old, next] = [encryption.current, (await EncryptionKeys.open()).current]
  const version = clock.at + 1
  await announce(version, next)
  await device.send(sealedTo(server.did))
  for (const [lower, key] of [
    [version - 1, old],
    [version, old],
    [version - 1, next],
  ] as const) {
    await announce(lower, key)
    await refuses('bad-statement', () => device.send(sealedTo(server.did)))
  }
  clock.at += 1
  await announce(version, next)
  await device.send(sealedTo(server.did))
})

sealing.test(
  'a new key loses no message that is under way, and the old one goes when nobody can seal to it',
  async () => {
    const { clock, registry, server, device, encryption } = await stand()
    const before = await device.send(sealedTo(server.did))
    const old = encryption.current
    for (const time of [Number.NaN, Number.POSITIVE_INFINITY, 0.5])
      await refuses('bad-number', () => encryption.renew(time))
    same(hex(encryption.current), hex(old))
    await encryption.renew(clock.at)
    ok(hex(old) !== hex(encryption.current), 'another key')
    // The registry still has the old statement.
    const between = await device.send(sealedTo(server.did))
    registry.register(server.did, { scopes: [], encryption: await server.announceEncryption({ lasts: 30 * day }) })
    const after = await device.send(sealedTo(server.did))
    for (const sent of [before, between, after]) same((await server.receive(sent)).json(), secret)
    same(encryption.size, 2)
    clock.at += 90 * day
    await encryption.renew(clock.at)
    same(encryption.size, 1)
  },
)

sealing.test('a key that is renewed while it is announced stays for as long as was announced', async () => {
  const [encryption, identity] = [await EncryptionKeys.open(), await makeKey()]
  const old = encryption.current
  const [statement] = await Promise.all([encryption.announce(identity, start, { lasts: day }), encryption.renew(start)])
  const { key } = await readEncryptionKey(statement, identity.publicKey, webCryptoVerify)
  same(hex(key), hex(old))
  same(encryption.size, 2)
  ok(hex(encryption.current) !== hex(old), 'the new one is current')
  await encryption.renew(start + 1_000)
  same(encryption.size, 2)
})

sealing.test('a key that is renewed by the time of this computer loses no message', async () => {
  const [encryption, identity] = [await EncryptionKeys.open(), await makeKey()]
  await encryption.announce(identity, Date.now(), { lasts: day })
  await encryption.renew()
  same(encryption.size, 2)
})

sealing.test('keys that nobody announced are not kept, and those that are kept are bounded', async () => {
  const [encryption, identity] = [await EncryptionKeys.open(), await makeKey()]
  for (let i = 0; i < 40; i++) await encryption.renew(start)
  same(encryption.size, 1)
  for (let i = 0; i < 15; i++) {
    await encryption.announce(identity, start, { lasts: day })
    await encryption.renew(start)
  }
  same(encryption.size, 16)
  await encryption.announce(identity, start, { lasts: day })
  await refuses('slow-down', () => encryption.renew(start))
  await encryption.renew(start + 2 * day)
  same(encryption.size, 1)
})

sealing.test('the private key of an encryption key does not leave the runtime', async () => {
  const kept: unknown[] = []
  await EncryptionKeys.open({
    isExporting: false,
    load: async () => [],
    keep: async keys => void kept.push(...keys.map(({ pair }) => pair.privateKey)),
  })
  same(
    (kept as CryptoKey[]).map(({ extractable }) => extractable),
    [false],
  )
})

// Vectors

for (const vector of vectors.valid) {
  sealing.test(`opens ${vector.name}`, async () => {
    const { envelope, body } = readMessage(readHex(vector.message), 1_000)
    const signer = admitSpki(readHex(vector.signer))
    ok(await checkSignature(webCryptoVerify, signer, envelope.signed, envelope.signature), 'the signature')
    const { claims, form } = envelope
    const info = sealInfo(claims, form, signer, claims.sealed!.key)
    same(hex(info), vector.info)
    const sealed = readSealedBody(body)
    same([hex(sealed.enc), hex(sealed.ciphertext)], [vector.enc, vector.ciphertext])
    same(hex(encryptionKeyId(readHex(vector.receiver))), hex(claims.sealed!.key))
    const pair = await x25519Pair(readHex(vector.receiverPrivate))
    const opened = await open(pair, info, sealed)
    same([hex(opened), hex(sha256(opened))], [vector.disclosure, vector.commitment])
    same(hex(readDisclosure(envelope, opened)), vector.disclosure.slice(32))
  })
}

sealing.test('a statement is of the key that the vectors are sealed to', async () => {
  const key = await makeKey()
  const said = { did: didKey(key.publicKey), suite: sealSuite, version: 1, issued: start, expires: start + day }
  const announced = { ...said, key: readHex(vectors.valid[0]!.receiver) }
  same(await readEncryptionKey(await signEncryptionKey(key, announced), key.publicKey, webCryptoVerify), announced)
})
