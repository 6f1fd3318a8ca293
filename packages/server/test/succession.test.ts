import { generateKeyPairSync, sign } from 'node:crypto'
import { pem, readPem } from '@mintmark/core/bytes'
import { admitSpki } from '@mintmark/core/keys'
import type { Key } from '@mintmark/core/keys/sign'
import { type Change, type ChangeBody, change } from '@mintmark/core/rules'
import { type KeySuccession, readCertificate, signKeySuccession, signSigningRequest } from '@mintmark/core/signed'
import { randomBytes } from '@mintmark/elements'
import { connectAnonymously } from '@mintmark/testing/faults'
import { expect, onTestFinished, test } from 'vitest'
import { auditData } from '../src/index.ts'
import { openData } from '../src/start.ts'
import type { Store } from '../src/store/index.ts'
import { makeData, makeToken, operatorOf, start } from './scene.ts'

// What a platform would commit that decides wrongly: the store asks again, and so does whoever replays its ledger.

const identity = 'acme/device/device-104'
const domain = 'example.test'

function makeKey(): Key {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  return {
    publicKey: admitSpki(new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }))),
    sign: message => new Uint8Array(sign(null, message, privateKey)),
  }
}

/** The store of a platform with one device, and no process that answers. */
async function scene(): Promise<{ store: Store; key: Key; certificate: Uint8Array; data: string }> {
  const data = makeData()
  const running = await start(data)
  const operator = operatorOf(data)
  await operator.post('/v1/fleets', { name: 'acme' })
  const token = await makeToken(operator, 'acme', 1)
  const key = makeKey()
  const csr = pem('CERTIFICATE REQUEST', await signSigningRequest(key))
  const anyone = connectAnonymously(data)
  onTestFinished(() => anyone.close())
  const { body } = await anyone.post('/v1/enroll', { csr, name: 'device-104' }, token)
  const certificate = readPem('CERTIFICATE', (body as { certificate: string }).certificate)
  await running.stop()
  const { store } = await openData({ data, domain, now: Date.now, random: randomBytes })
  onTestFinished(() => store.close())
  return { store, key, certificate, data }
}

const by = { at: Date.now() + 60_000, by: identity, ledger: 'acme' }
let serials = 0

async function introduced(from: Key, to: Key, said: Partial<KeySuccession> = {}, signer = from): Promise<Change> {
  const statement = { domain, identity, old: from.publicKey.id, new: to.publicKey.id, at: 1, ...said }
  const body: ChangeBody<'key.introduced'> = {
    identity,
    spki: to.publicKey.spki,
    tier: 'software',
    serial: `4${++serials}`.padEnd(32, '0'),
    notAfter: by.at + 86_400_000,
    certificate: Uint8Array.of(1),
    succession: await signKeySuccession(signer, statement),
  }
  return change({ ...by, kind: 'key.introduced', body })
}

const promoted = (key: Key): Change =>
  change({ ...by, kind: 'key.promoted', body: { identity, key: key.publicKey.id } })

test('the store takes a new key by the word of the current one alone', async () => {
  const { store, key } = await scene()
  const [next, thief] = [makeKey(), makeKey()]
  for (const [code, fact] of [
    ['bad-statement', introduced(key, next, {}, thief)],
    ['bad-statement', introduced(thief, next)],
    ['bad-statement', introduced(key, next, { new: thief.publicKey.id })],
    ['bad-statement', introduced(key, next, { identity: 'acme/device/device-105' })],
    ['bad-statement', introduced(key, next, { domain: 'other.test' })],
    ['key-in-use', introduced(key, key)],
  ] as const) {
    await expect(store.commit(await fact)).rejects.toMatchObject({ code })
  }
  expect(await store.record(identity)).toMatchObject({ key: key.publicKey.id, pending: null })
  await store.commit(await introduced(key, next))
  expect(await store.record(identity)).toMatchObject({ key: key.publicKey.id, pending: next.publicKey.id })
})

test('the store makes current the key that waits, and no other', async () => {
  const { store, key, certificate } = await scene()
  const [first, second] = [makeKey(), makeKey()]
  await store.commit(await introduced(key, first))
  await expect(store.commit(await introduced(key, first))).rejects.toMatchObject({ code: 'key-in-use' })
  await store.commit(await introduced(key, second))
  for (const other of [key, first, makeKey()]) {
    await expect(store.commit(promoted(other))).rejects.toMatchObject({ code: 'key-superseded' })
  }
  await store.commit(promoted(second))
  expect(await store.record(identity)).toMatchObject({ key: second.publicKey.id, pending: null })
  await expect(store.commit(promoted(second))).rejects.toMatchObject({ code: 'key-superseded' })

  // Decided before its key was superseded, committed after.
  const { serial, notAfter } = readCertificate(certificate)
  const late = change({ ...by, kind: 'identity.renewed', body: { identity, serial, notAfter, certificate } })
  await expect(store.commit(late)).rejects.toMatchObject({ code: 'key-superseded' })
  await expect(store.commit(await introduced(key, makeKey()))).rejects.toMatchObject({ code: 'bad-statement' })
})

test('the store takes no new key of a name that is revoked', async () => {
  const { store, key, data } = await scene()
  const [waiting, next] = [makeKey(), makeKey()]
  await store.commit(await introduced(key, waiting))
  await store.commit(change({ ...by, kind: 'identity.revoked', body: { identity, reason: 'stolen' } }))
  await expect(store.commit(promoted(waiting))).rejects.toMatchObject({ code: 'revoked' })
  await expect(store.commit(await introduced(key, next))).rejects.toMatchObject({ code: 'revoked' })
  await store.close()
  // The certificate in the entry is none: what the store does not read, an audit does.
  expect(await auditData(data)).toMatchObject({ ok: false, where: 'ledger acme, entry 3' })
})
