import { sha256, utf8 } from '@mintmark/core/bytes'
import { didKey } from '@mintmark/core/keys'
import type { Key } from '@mintmark/core/keys/sign'
import type { Receipt } from '@mintmark/core/ledger'
import { type Change, change, messagePace, noRights, type Rights } from '@mintmark/core/rules'
import { type Claims, writeCoseEnvelope } from '@mintmark/core/signed'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { Store } from '../src/store/index.ts'
import { type Kind, kinds } from './databases.ts'
import { enrolled, fleet, makeKey, makeSigner } from './facts.ts'

// What a store takes as an accepted message, whatever the operation before it believed. Signatures are not its to look
// at: the operation does, and a replay (message-proof.test.ts).

const [from, to] = ['acme/device/device-104', 'acme/device/hub-1']
const start = Date.UTC(2026, 5, 1)
const digest = sha256(utf8('sixteen bytes of salt'))

const codeOf = (commit: Promise<Receipt>): Promise<number | string> =>
  commit.then(
    ({ index }) => index,
    error => error.code,
  )

async function scene({ make }: Kind, rights: Partial<Rights> = { scopes: ['telemetry:write'] }) {
  const { open, attack } = await make()
  const { signer } = makeSigner()
  const database = await open()
  const store = new Store(database, signer)
  onTestFinished(() => store.close())
  const [key, hub] = [makeKey(), makeKey()]
  await store.commit(enrolled(from, key))
  await store.commit(enrolled(to, hub))
  const said = { identity: from, ...noRights, ...rights, reason: undefined }
  await store.commit(change({ kind: 'scope.set', at: start, by: 'platform', ledger: 'acme', body: said }))
  /** Another store on the same database: another process, or this one after a restart. */
  const again = async (): Promise<Store> => {
    const other = new Store(await open(), signer)
    onTestFinished(() => other.close())
    return other
  }
  return { store, again, attack, key, hub }
}

let nonces = 0
const nonce = (): Uint8Array => {
  const bytes = new Uint8Array(16)
  new DataView(bytes.buffer).setUint32(0, ++nonces)
  return bytes
}

interface Made {
  readonly key: Key
  readonly hub: Key
  readonly at?: number
  readonly claims?: Partial<Claims>
  readonly by?: string
  readonly body?: Partial<Change<'message.accepted'>['body']>
}

async function accepted({ key, hub, at = start, by = from, claims, body }: Made): Promise<Change> {
  const envelope = await writeCoseEnvelope(key, {
    key: didKey(key.publicKey),
    audience: didKey(hub.publicKey),
    scope: 'telemetry:write',
    once: { issued: at, nonce: nonce() },
    digest,
    ...claims,
  })
  const facts = { identity: from, to, spki: key.publicKey.spki, envelope, ...body }
  return change({ kind: 'message.accepted', at, by, ledger: 'acme', body: facts })
}

describe.each(kinds)('on $kind', kind => {
  beforeEach(({ skip }) => skip(kind.missing !== undefined, kind.missing))

  test('E65 a nonce is spent once: alone, in one group, and at another process', async () => {
    const { store, again, ...keys } = await scene(kind)
    const once = { issued: start, nonce: nonce() }
    const message = await accepted({ ...keys, claims: { once } })
    const all = await Promise.all(Array.from({ length: 64 }, () => codeOf(store.commit(message))))
    expect(all.filter(code => typeof code === 'number')).toHaveLength(1)
    expect(new Set(all.filter(code => typeof code === 'string'))).toEqual(new Set(['message-replayed']))
    if (kind.kind === 'PostgreSQL') {
      const other = await again()
      expect(await codeOf(other.commit(message))).toBe('message-replayed')
      const next = await accepted(keys)
      const both = await Promise.all(Array.from({ length: 64 }, (_, i) => codeOf([store, other][i % 2]!.commit(next))))
      expect(both.filter(code => typeof code === 'number')).toHaveLength(1)
    }
  })

  test('E68 the same nonce of two senders is two nonces', async () => {
    const { store, key, hub } = await scene(kind)
    const both = { identity: to, ...noRights, scopes: ['telemetry:write'], reason: undefined }
    await store.commit(change({ kind: 'scope.set', at: start, by: 'platform', ledger: 'acme', body: both }))
    const once = { issued: start, nonce: nonce() }
    expect(typeof (await codeOf(store.commit(await accepted({ key, hub, claims: { once } }))))).toBe('number')
    const back = { key: hub, hub: key, claims: { once }, body: { identity: to, to: from } }
    expect(typeof (await codeOf(store.commit(await accepted(back))))).toBe('number')
  })

  test('K121 what was forgotten is never wanted again, wherever the clock goes', async () => {
    const { store, ...keys } = await scene(kind)
    const once = { issued: start, nonce: nonce() }
    const at = async (time: number, claims: Partial<Claims> = { once }) =>
      codeOf(store.commit(await accepted({ ...keys, at: time, claims })))
    expect(typeof (await at(start))).toBe('number')
    expect(await at(start + 30_000)).toBe('message-replayed')
    // The clock goes on, another message comes and forgets the first, and then the clock is set back: by a minute, by an
    // hour, by two days.
    expect(typeof (await at(start + 60_000, {}))).toBe('number')
    for (const back of [59_000, 58_000]) expect(await at(start + 60_000 - back)).toBe('message-expired')
    for (const back of [0, 3_600_000, 172_800_000]) {
      expect(await at(start + 60_000 - back)).toMatch(/^message-(?:expired|early)$/)
    }
    // And nothing else that is as old.
    expect(await at(start + 5_000, { once: { issued: start + 5_000, nonce: nonce() } })).toBe('message-expired')
    // A clock that is behind by less than nonces are kept for holds nobody up.
    expect(typeof (await at(start + 50_000, {}))).toBe('number')
  })

  test('numbers of a sender that counts are spent once, none more than 63 behind, also after a restart', async () => {
    const { store, again, ...keys } = await scene(kind, { scopes: ['telemetry:write'], counts: true })
    const number = async (sequence: number, by = store) =>
      codeOf(by.commit(await accepted({ ...keys, claims: { once: { sequence } } })))
    for (const good of [0, 5, 3, 4]) expect(typeof (await number(good))).toBe('number')
    for (const spent of [0, 5, 3, 4]) expect(await number(spent)).toBe('message-replayed')
    expect(typeof (await number(100))).toBe('number')
    expect(await number(36)).toBe('message-replayed')
    expect(typeof (await number(37))).toBe('number')
    const other = kind.kind === 'PostgreSQL' ? await again() : store
    for (const spent of [100, 37, 36]) expect(await number(spent, other)).toBe('message-replayed')
    expect(typeof (await number(101, other))).toBe('number')
  })

  test('J119 so many in a minute of one sender, and of one fleet, and then no more until the next', async () => {
    const { store, attack, ...keys } = await scene(kind)
    const at = async (time: number) => codeOf(store.commit(await accepted({ ...keys, at: time })))
    const minute = Math.floor(start / 60_000)
    expect(typeof (await at(start))).toBe('number')
    await attack(`update message_sender set count = ${messagePace.ofOne - 1}`)
    expect(typeof (await at(start + 1))).toBe('number')
    expect(await at(start + 2)).toBe('slow-down')
    await attack(`update message_sender set count = 0`)
    await attack(`update message_fleet set count = ${messagePace.ofFleet - 1}`)
    expect(typeof (await at(start + 3))).toBe('number')
    expect(await at(start + 4)).toBe('nonces-full')
    expect(typeof (await at((minute + 1) * 60_000))).toBe('number')
  })

  test('J119 of one key as many in a minute as its fleet says, from the moment at which it says so', async () => {
    const { store, again, attack, ...keys } = await scene(kind)
    await store.commit(fleet('acme'))
    await attack("update fleet set state = 'active' where name = 'acme'")
    let minute = Math.ceil(start / 60_000)
    const at = async (second: number, by = store) =>
      typeof (await codeOf(by.commit(await accepted({ ...keys, at: minute * 60_000 + second * 1_000 }))))
    const set = async (body: Change<'fleet.policy'>['body']) =>
      codeOf(store.commit(change({ kind: 'fleet.policy', at: start, by: 'platform', ledger: 'acme', body })))
    expect([await at(0), await at(1), await at(2)]).toEqual(['number', 'number', 'number'])
    expect(await set({ messagesPerMinute: 2 })).toBeTypeOf('number')
    expect(await at(3)).toBe('string')
    minute++
    // Another policy leaves this one as it is.
    expect(await set({ lateRenewal: 1 })).toBeTypeOf('number')
    const other = kind.kind === 'PostgreSQL' ? await again() : store
    expect([await at(0), await at(1, other), await at(2, other), await at(3)]).toEqual([
      'number',
      'number',
      'string',
      'string',
    ])
    expect(await codeOf(store.commit(await accepted({ ...keys, at: minute * 60_000 + 4_000 })))).toBe('slow-down')
    expect(await set({ messagesPerMinute: 3 })).toBeTypeOf('number')
    expect([await at(5), await at(6)]).toEqual(['number', 'string'])
    for (const bad of [0, messagePace.ofOne + 1]) expect(await set({ messagesPerMinute: bad })).toBe('bad-number')
  })

  test('the registry as it is at the commit has the last word', async () => {
    const { store, key, hub } = await scene(kind)
    const message = () => accepted({ key, hub })
    const outcome = async (made: Partial<Made>) => codeOf(store.commit(await accepted({ key, hub, ...made })))
    const thief = makeKey()
    expect(await outcome({ key: thief })).toBe('key-superseded')
    expect(await outcome({ body: { spki: thief.publicKey.spki } })).toBe('key-superseded')
    expect(await outcome({ body: { to: from } })).toBe('other-audience')
    expect(await outcome({ body: { identity: 'acme/device/nobody' } })).toBe('sender-unknown')
    expect(await outcome({ claims: { scope: 'telemetry:read' } })).toBe('scope-refused')
    expect(await outcome({ claims: { onBehalfOf: 'sensor-7' } })).toBe('gateway-refused')
    expect(await outcome({ claims: { issuer: 'did:web:example.test:fleets:acme:devices:hub-1' } })).toBe(
      'sender-unknown',
    )
    expect(await outcome({ at: start + 31_000, claims: { once: { issued: start, nonce: nonce() } } })).toBe(
      'message-expired',
    )
    expect(await outcome({ claims: { once: { issued: start + 5_001, nonce: nonce() } } })).toBe('message-early')
    // Read, checked, and then revoked in the same group: what came first holds.
    const [first, late] = [await message(), await message()]
    const revocation = { identity: from, reason: 'stolen' }
    const end = change({ kind: 'identity.revoked', at: start, by: 'platform', ledger: 'acme', body: revocation })
    const codes = await Promise.all([first, end, late].map(fact => codeOf(store.commit(fact))))
    expect(codes.map(code => typeof code === 'number' || code)).toEqual([true, true, 'revoked'])
  })

  test('whoever brings it is of the fleet, and in good standing when it is committed', async () => {
    const { store, key, hub } = await scene(kind)
    const service = 'acme/device/service-1'
    const outcome = async (by: string) => codeOf(store.commit(await accepted({ key, hub, by })))
    await store.commit(enrolled(service, makeKey()))
    await store.commit(enrolled('globex/device/service-1', makeKey()))
    expect(typeof (await outcome(service))).toBe('number')
    expect(await outcome('globex/device/service-1')).toBe('forbidden')
    expect(await outcome('acme/device/nobody')).toBe('unknown')
    const body = { identity: service, reason: 'stolen' }
    const end = change({ kind: 'identity.revoked', at: start, by: 'platform', ledger: 'acme', body })
    const late = await accepted({ key, hub, by: service })
    const codes = await Promise.all([end, late].map(fact => codeOf(store.commit(fact))))
    expect(codes.map(code => typeof code === 'number' || code)).toEqual([true, 'revoked'])
  })

  test('a receiver that is revoked, or of another fleet, is nobody', async () => {
    const { store, key, hub } = await scene(kind)
    const stranger = makeKey()
    await store.commit(enrolled('globex/device/hub-1', stranger))
    const abroad = { key, hub: stranger, body: { to: 'globex/device/hub-1' } }
    expect(await codeOf(store.commit(await accepted(abroad)))).toBe('other-audience')
    const body = { identity: to, reason: 'stolen' }
    await store.commit(change({ kind: 'identity.revoked', at: start, by: 'platform', ledger: 'acme', body }))
    expect(await codeOf(store.commit(await accepted({ key, hub })))).toBe('other-audience')
  })
})
