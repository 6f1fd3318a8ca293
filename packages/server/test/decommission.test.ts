import { pem } from '@mintmark/core/bytes'
import type { Key } from '@mintmark/core/keys'
import { type Change, type ChangeBody, change } from '@mintmark/core/rules'
import { type DecommissionConfirmation, signDecommissionConfirmation, signSigningRequest } from '@mintmark/core/signed'
import { randomBytes } from '@mintmark/elements'
import { connectAnonymously } from '@mintmark/testing/faults'
import { expect, onTestFinished, test } from 'vitest'
import { auditData } from '../src/index.ts'
import { openData } from '../src/start.ts'
import type { Store } from '../src/store/index.ts'
import { makeKey } from './facts.ts'
import { makeData, makeToken, operatorOf, start } from './scene.ts'

// What a platform would commit that decides wrongly: the store asks again, and so does whoever replays its ledger.

const identity = 'acme/device/device-104'
const domain = 'example.test'
const day = 86_400_000

interface Scene {
  readonly store: Store
  readonly key: Key
  readonly token: string
  readonly data: string
}

/** The store of a platform with one device and a token that replaces it, and no process that answers. */
async function scene(): Promise<Scene> {
  const data = makeData()
  const running = await start(data)
  const operator = operatorOf(data)
  await operator.post('/v1/fleets', { name: 'acme' })
  const secret = await makeToken(operator, 'acme', 1)
  const key = makeKey()
  const csr = pem('CERTIFICATE REQUEST', await signSigningRequest(key))
  const anyone = connectAnonymously(data)
  onTestFinished(() => anyone.close())
  await anyone.post('/v1/enroll', { csr, name: 'device-104' }, secret)
  const made = await operator.post('/v1/fleets/acme/tokens', { uses: 1, ttl: day, replaces: 'device-104' })
  await running.stop()
  const { store } = await openStore(data)
  return { store, key, token: (made.body as { id: string }).id, data }
}

async function openStore(data: string, now = Date.now): Promise<{ store: Store }> {
  const { store } = await openData({ data, domain, now, random: randomBytes })
  onTestFinished(() => store.close())
  return { store }
}

const by = { at: Date.now() + 60_000, by: identity, ledger: 'acme' }
const over = change({ ...by, kind: 'identity.decommissioned', body: { identity, reason: 'scrapped' } })

async function wiped(signer: Key, said: Partial<DecommissionConfirmation> = {}, of = identity): Promise<Change> {
  const whole = { domain, identity, spki: signer.publicKey.id, notice: '5a'.repeat(32), at: 1, ...said }
  const confirmation = await signDecommissionConfirmation(signer, whole)
  return change({ ...by, kind: 'identity.wiped', body: { identity: of, confirmation } })
}

let serials = 0
const enrolled = (key: Key, body: Partial<ChangeBody<'identity.enrolled'>>): Change =>
  change({
    ...by,
    kind: 'identity.enrolled',
    body: {
      identity,
      token: undefined,
      replaces: undefined,
      spki: key.publicKey.spki,
      tier: 'software',
      serial: `5${++serials}`.padEnd(32, '0'),
      notAfter: by.at + day,
      certificate: Uint8Array.of(1),
      ...body,
    },
  })

test('the store takes the word of a decommissioned device by its own key, and once', async () => {
  const { store, key, data } = await scene()
  const other = makeKey()
  await expect(store.commit(await wiped(key))).rejects.toMatchObject({ code: 'not-decommissioned' })
  await store.commit(over)
  const inTheNameOf: Key = { publicKey: key.publicKey, sign: message => other.sign(message) }
  for (const [code, fact] of [
    ['key-superseded', wiped(other)],
    ['statement-signature', wiped(inTheNameOf)],
    ['bad-statement', wiped(key, { spki: other.publicKey.id })],
    ['bad-statement', wiped(key, { identity: 'acme/device/device-105' })],
    ['bad-statement', wiped(key, { domain: 'other.test' })],
    ['device-unknown', wiped(key, {}, 'acme/device/device-105')],
  ] as const) {
    await expect(store.commit(await fact)).rejects.toMatchObject({ code })
  }
  expect(await store.record(identity)).toMatchObject({ wiped: null, wiped_idx: null })
  const { index } = await store.commit(await wiped(key))
  expect(await store.record(identity)).toMatchObject({ wiped: by.at, wiped_idx: index })
  await expect(store.commit(await wiped(key))).rejects.toMatchObject({ code: 'wipe-confirmed' })
  await expect(store.commit(await wiped(key, { at: 2 }))).rejects.toMatchObject({ code: 'wipe-confirmed' })
  await store.close()
  expect(await auditData(data)).toMatchObject({ ok: true })
})

test('the store says which entry ended an identity', async () => {
  const { store } = await scene()
  const revoked = change({ ...by, kind: 'identity.revoked', body: { identity, reason: 'lost' } })
  const first = await store.commit(revoked)
  expect(await store.record(identity)).toMatchObject({ standing: 'revoked', standing_idx: first.index })
  const second = await store.commit(over)
  expect(await store.record(identity)).toMatchObject({ standing: 'decommissioned', standing_idx: second.index })
})

test('the store gives a name another key by a token that replaces this very key, and by nothing else', async () => {
  const { store, key, token } = await scene()
  const old = key.publicKey.id
  const next = makeKey()
  for (const [code, body] of [
    // The platform's own word, as in founding, is no token.
    ['token-name', { replaces: old }],
    ['name-taken', {}],
    ['token-name', { token }],
    ['token-name', { token, replaces: next.publicKey.id }],
    ['token-name', { token, identity: 'acme/device/device-105' }],
    ['token-name', { token, replaces: old, identity: 'acme/device/device-105' }],
    ['token-unknown', { token: 'AAAAAAAAAAAAAAAAAAAAAA', replaces: old }],
    ['key-in-use', { token, replaces: old, spki: key.publicKey.spki }],
  ] as const) {
    await expect(store.commit(enrolled(next, body)), JSON.stringify(body)).rejects.toMatchObject({ code })
  }
  expect(await store.record(identity)).toMatchObject({ key: old })
  await store.commit(enrolled(next, { token, replaces: old }))
  expect(await store.record(identity)).toMatchObject({ key: next.publicKey.id, standing: 'good' })
  const [first, second] = await store.keysOf(identity)
  expect([first, second]).toMatchObject([
    { id: old, until: by.at },
    { id: next.publicKey.id, since: by.at, until: null },
  ])
})

test('the store makes a token that replaces for the current key of a good name alone', async () => {
  const { store, key } = await scene()
  const make = (replaces: string, pattern: string | undefined): Promise<unknown> => {
    const body = { token: randomId(), role: 'device', secretHash: new Uint8Array(32), uses: 1, expires: by.at + day }
    return store.commit(
      change({
        ...by,
        kind: 'token.created',
        body: { ...body, pattern, tier: 'software', replaces, grants: undefined },
      }),
    )
  }
  const current = key.publicKey.id
  await make(current, 'device-104')
  await expect(make(makeKey().publicKey.id, 'device-104')).rejects.toMatchObject({ code: 'token-outdated' })
  await expect(make(current, 'device-105')).rejects.toMatchObject({ code: 'device-unknown' })
  await expect(make(current, undefined)).rejects.toMatchObject({ code: 'device-unknown' })
  await store.commit(over)
  await expect(make(current, 'device-104')).rejects.toMatchObject({ code: 'name-retired' })
})

const randomId = (): string => Buffer.from(randomBytes(16)).toString('base64url')

test('the key that signs notices is certified at the start and each month, and its key is kept', async () => {
  const data = makeData()
  let ahead = 0
  const now = () => Date.now() + ahead
  const running = await start(data, { now })
  ahead = 19 * day
  await running.jobs.everyHour()
  ahead = 21 * day
  await running.jobs.everyHour()
  await running.jobs.everyHour()
  await running.stop()
  const { store } = await openStore(data, now)
  const facts = await store.entries('platform', 0, 100)
  const certified = facts.filter(({ kind }) => kind === 'notice.certified')
  expect(certified).toHaveLength(2)
  const newest = await store.newestCertificate('platform/notice')
  expect(newest).toMatchObject({ idx: certified[1]!.idx, key: (await store.keysOf('platform/notice'))[0]!.id })
  expect(await store.keysOf('platform/notice')).toHaveLength(1)
  await store.close()
  // And again where it was certified by a clock that was ahead.
  ahead = 0
  await (await start(data, { now })).stop()
  const { store: after } = await openStore(data)
  const later = await after.newestCertificate('platform/notice')
  expect(later!.idx).toBeGreaterThan(newest!.idx)
  expect(later!.not_after).toBeLessThan(newest!.not_after)
})
