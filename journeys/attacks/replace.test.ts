import { base64url, pem, readPemBlocks } from '@mintmark/core/bytes'
import { didKey } from '@mintmark/core/keys'
import type { Change } from '@mintmark/core/rules'
import { crlReason, readCertificate, readRevocationList, signKeySuccession } from '@mintmark/core/signed'
import { nodeVerify } from '@mintmark/elements'
import {
  openTls,
  type Reply,
  startTestPlatform,
  type TestDevice,
  type TestKey,
  type TestPlatform,
  type TlsClient,
} from '@mintmark/testing'
import { bits, forgeRequest, oid, sequence } from '@mintmark/testing/forge'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { refusal, refused, refusedToken } from './refusals.ts'

const get = 'GET /v1/me HTTP/1.1\r\nHost: x\r\n\r\n'

let platform: TestPlatform

beforeAll(async () => {
  platform = await startTestPlatform()
  await platform.makeFleet('acme', { isPublic: true })
  await platform.makeFleet('beta')
})
afterAll(() => platform.stop())

const shown = async (name: string) => (await platform.operator('GET', `/v1/fleets/acme/devices/${name}`)).body
const ask = (as: TlsClient): Promise<Reply> => platform.call('GET', '/v1/me', { as })
const newToken = (input: object, fleet = 'acme'): Promise<Reply> =>
  platform.operator('POST', `/v1/fleets/${fleet}/tokens`, { uses: 1, ttl: 60_000, ...input })
const tlsOf = (key: TestKey, { body }: Reply): TlsClient => ({ cert: `${body.certificate}${body.chain}`, key: key.pem })

/** A factory reset: the device comes back with another key under its name. */
async function reset(device: TestDevice, key?: TestKey): Promise<{ key: TestKey; tls: TlsClient; reply: Reply }> {
  const [next, token] = [key ?? (await platform.makeKey()), await platform.makeToken('acme', { replaces: device.name })]
  const reply = await platform.enroll(token.text, next.csr)
  expect(reply.status, reply.text).toBe(201)
  return { key: next, tls: tlsOf(next, reply), reply }
}

describe('a token that replaces', () => {
  test('D1 gives the same name a new key and DID, and the old key is over everywhere', async () => {
    const device = await platform.enrollDevice('acme', 'reset')
    const witness = await platform.enrollDevice('acme', 'witness')
    const [open, silent] = [await openTls(platform.port, device.tls), await openTls(platform.port, device.tls)]
    expect((await open.send(get).response())?.status).toBe(200)
    const before = await platform.snapshot()
    const { key, tls, reply } = await reset(device, await platform.makeKey('P-256'))
    const [old, did] = [didKey(device.key.publicKey), didKey(key.key.publicKey)]
    expect(reply.body).toMatchObject({ identity: 'spiffe://acme.example.test/device/reset', did })

    // What was open is cut, what comes is refused; nobody else notices.
    await Promise.all([open.closed, silent.closed])
    expect(refusal(await ask(device.tls))).toEqual(refused('key-superseded'))
    const csr = pem('CERTIFICATE REQUEST', device.csr)
    expect(refusal(await platform.call('POST', '/v1/renew', { as: device.tls, body: { csr } }))).toEqual(
      refused('key-superseded'),
    )
    expect((await ask(tls)).body).toMatchObject({ did, standing: 'good' })
    expect((await ask(witness.tls)).status).toBe(200)

    const { keys, ...view } = await shown('reset')
    expect(view).toMatchObject({ did, standing: 'good' })
    const [first, second] = keys as { since: string; until: string | null }[]
    expect(keys).toMatchObject([
      { id: device.key.publicKey.id, did: old, state: 'superseded', until: second!.since },
      { id: key.key.publicKey.id, did, state: 'current', until: null },
    ])
    expect(first!.since < second!.since).toBe(true)

    // Linked in the ledger, and told to others.
    const fact = (await platform.since(before)).find(({ kind }) => kind === 'identity.enrolled')
    expect(fact?.body).toMatchObject({ identity: device.path, replaces: device.key.publicKey.id })
    await platform.grant(witness, 'registry:read')
    const standing = async (of: string) => (await platform.call('GET', `/v1/registry/${of}`, { as: witness.tls })).body
    expect([(await standing(old)).standing, (await standing(did)).standing]).toEqual(['superseded', 'good'])
    const document = await platform.call('GET', '/fleets/acme/devices/reset/did.json')
    expect(document.body.alsoKnownAs).toEqual([did])
    const listed = (await revoked()).filter(({ serial }) => serial === device.certificate.serial)
    expect(listed).toMatchObject([{ reason: crlReason.superseded }])
  })

  test('D1 is needed: a name that is taken is refused to any other', async () => {
    const device = await platform.enrollDevice('acme', 'taken')
    const other = await platform.enrollDevice('acme', 'taken-other')
    const { csr } = await platform.makeKey()
    const [any, named, wrong] = [
      await platform.makeToken('acme', { uses: 5 }),
      await platform.makeToken('acme', { name: 'taken' }),
      await platform.makeToken('acme', { replaces: other.name }),
    ]
    const before = await platform.snapshot()
    expect(refusal(await platform.enroll(any.text, csr, 'taken'))).toEqual(refused('name-taken'))
    expect(refusal(await platform.enroll(named.text, csr))).toEqual(refused('name-taken'))
    expect(refusal(await platform.enroll(wrong.text, csr, 'taken'))).toEqual(refused('token-name'))
    expect(refusal(await platform.enroll(wrong.text, csr, 'taken-new'))).toEqual(refused('token-name'))
    expect((await platform.since(before)).filter(({ kind }) => kind !== 'refused')).toEqual([])
    expect((await ask(device.tls)).status).toBe(200)
    expect((await ask(other.tls)).status).toBe(200)
  })

  test('D1 takes a new key only: not the old one, not that of another, not one that was replaced', async () => {
    const device = await platform.enrollDevice('acme', 'new-key')
    const other = await platform.enrollDevice('acme', 'new-key-other')
    const { key } = await reset(device)
    const token = await platform.makeToken('acme', { replaces: device.name })
    const before = await platform.snapshot()
    for (const csr of [device.csr, other.csr, key.csr]) {
      expect(refusal(await platform.enroll(token.text, csr))).toEqual(refused('key-in-use'))
    }
    expect(await platform.since(before)).toEqual([refusedToken('acme', token.idText, 'key-in-use', 3)])
  })

  test('D1 answers a lost reply again, and is spent for any other key', async () => {
    const device = await platform.enrollDevice('acme', 'lost-reply')
    const token = await platform.makeToken('acme', { replaces: device.name })
    const [next, thief] = [await platform.makeKey(), await platform.makeKey()]
    const first = await platform.enroll(token.text, next.csr)
    const before = await platform.snapshot()
    const again = await platform.enroll(token.text, next.csr)
    expect([again.status, again.body.certificate]).toEqual([201, first.body.certificate])
    expect(refusal(await platform.enroll(token.text, thief.csr))).toEqual(refused('token-spent'))
    expect((await platform.since(before)).filter(({ kind }) => kind !== 'refused')).toEqual([])
  })

  test('D1 of two, the first that is used makes the other worthless', async () => {
    const device = await platform.enrollDevice('acme', 'two-tokens')
    const [first, second] = [
      await platform.makeToken('acme', { replaces: device.name }),
      await platform.makeToken('acme', { replaces: device.name }),
    ]
    const [next, late] = [await platform.makeKey(), await platform.makeKey()]
    expect((await platform.enroll(first.text, next.csr)).status).toBe(201)
    expect(refusal(await platform.enroll(second.text, late.csr))).toEqual(refused('token-outdated'))
    expect((await shown('two-tokens')).did).toBe(didKey(next.key.publicKey))
  })

  test('D1 is worthless once the device itself changed its key', async () => {
    const device = await platform.enrollDevice('acme', 'alive')
    const token = await platform.makeToken('acme', { replaces: device.name })
    const next = await change(device)
    expect((await ask(next)).status).toBe(200)
    expect(refusal(await platform.enroll(token.text, (await platform.makeKey()).csr))).toEqual(
      refused('token-outdated'),
    )
  })

  test('D1 ends a key that was about to come too', async () => {
    const device = await platform.enrollDevice('acme', 'pending')
    const pending = await change(device)
    const { key, tls } = await reset(device)
    for (const as of [device.tls, pending]) expect(refusal(await ask(as))).toEqual(refused('key-superseded'))
    expect((await ask(tls)).status).toBe(200)
    const { keys, pendingDid, did } = await shown('pending')
    const [first, second, third] = keys as { state: string; since: string; until: string | null }[]
    expect([first!.state, second!.state, third!.state]).toEqual(['superseded', 'superseded', 'current'])
    expect([first!.until, second!.until, third!.until]).toEqual([third!.since, third!.since, null])
    expect([pendingDid, did]).toEqual([null, didKey(key.key.publicKey)])
    const serials = [device.certificate, readCertificate(readPemBlocks('CERTIFICATE', pending.cert)[0]!)]
    const listed = (await revoked()).filter(({ reason }) => reason === crlReason.superseded)
    for (const { serial } of serials) expect(listed.map(each => each.serial)).toContain(serial)
  })

  test('D1 shown by many at once gives the name one key', async () => {
    const device = await platform.enrollDevice('acme', 'raced')
    const token = await platform.makeToken('acme', { replaces: device.name })
    const keys = await Promise.all(Array.from({ length: 8 }, () => platform.makeKey()))
    const replies = await Promise.all(keys.map(({ csr }) => platform.enroll(token.text, csr)))
    const won = replies.findIndex(({ status }) => status === 201)
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(1)
    expect((await shown('raced')).did).toBe(didKey(keys[won]!.key.publicKey))
    for (const reply of replies.filter(({ status }) => status !== 201)) {
      expect(['token-spent', 'token-outdated']).toContain(reply.body.code)
    }
  })

  test('D1 and a renewal of the old key at once: no certificate of the old one is under the new', async () => {
    const device = await platform.enrollDevice('acme', 'renews')
    const token = await platform.makeToken('acme', { replaces: device.name })
    const next = await platform.makeKey()
    const csr = pem('CERTIFICATE REQUEST', device.csr)
    const renewals = Array.from({ length: 4 }, () =>
      platform.call('POST', '/v1/renew', { as: device.tls, body: { csr } }).catch(() => undefined),
    )
    const [enrolled, ...renewed] = await Promise.all([platform.enroll(token.text, next.csr), ...renewals])
    expect(enrolled.status).toBe(201)
    for (const reply of renewed) {
      // Cut off, refused, or renewed before it was replaced; the certificate is then on the list.
      if (reply === undefined || reply.status !== 201) continue
      expect(refusal(await ask(tlsOf(device, reply)))).toEqual(refused('key-superseded'))
    }
    const view = await shown('renews')
    const { certificate } = enrolled.body
    expect((await ask(tlsOf(next, enrolled))).body.serial).toBe(view.serial)
    const facts = (await platform.facts('acme')).filter(({ kind }) => kind === 'identity.enrolled')
    const last = (facts.at(-1) as Change<'identity.enrolled'>).body
    expect(pem('CERTIFICATE', last.certificate)).toBe(certificate)
  })

  test.each<[string, object, string]>([
    ['two uses', { replaces: 'input', uses: 2 }, 'bad-number'],
    ['a name beside it', { replaces: 'input', name: 'input' }, 'bad-request'],
    ['a pattern beside it', { replaces: 'input', pattern: '*' }, 'bad-request'],
    ['a device that there is not', { replaces: 'nobody' }, 'device-unknown'],
    ['a device of another fleet', { replaces: 'input-beta' }, 'device-unknown'],
    ['a path', { replaces: 'acme/input' }, 'bad-name'],
    ['capitals', { replaces: 'Input' }, 'bad-name'],
    ['a pattern', { replaces: 'inp*' }, 'bad-name'],
    ['nothing', { replaces: '' }, 'bad-name'],
    ['a key of its own choice', { replaces: 'input', key: '00'.repeat(32) }, 'bad-request'],
  ])('D1 is not made for %s', async (_, input, code) => {
    if (!(await exists('acme', 'input'))) await platform.enrollDevice('acme', 'input')
    if (!(await exists('beta', 'input-beta'))) await platform.enrollDevice('beta', 'input-beta')
    const before = await platform.snapshot()
    expect(refusal(await newToken(input))).toEqual(refused(code as never))
    expect((await platform.since(before)).filter(({ kind }) => kind !== 'refused')).toEqual([])
  })

  const exists = async (fleet: string, name: string) =>
    (await platform.operator('GET', `/v1/fleets/${fleet}/devices/${name}`)).status === 200

  test('D1 is listed with the key that it is for', async () => {
    const device = await platform.enrollDevice('acme', 'listed')
    const token = await platform.makeToken('acme', { replaces: device.name })
    const { tokens } = (await platform.operator('GET', '/v1/fleets/acme/tokens')).body as { tokens: { id: string }[] }
    const view = tokens.find(({ id }) => id === token.idText)
    expect(view).toMatchObject({ covers: 'listed', replaces: device.key.publicKey.id, uses: 1 })
  })
})

describe.each(['revoked', 'decommissioned'] as const)('a name that is %s', standing => {
  const lower = (device: TestDevice) =>
    standing === 'revoked' ? platform.revoke(device) : platform.decommission(device)

  test('D61 is given no key by any token, made before or after', async () => {
    const name = `grave-${standing}`
    const device = await platform.enrollDevice('acme', name)
    const replaced = await platform.enrollDevice('acme', `${name}-replaced`)
    const { key: second } = await reset(replaced)
    const tokens = [
      await platform.makeToken('acme', { replaces: name }),
      await platform.makeToken('acme', { name }),
      await platform.makeToken('acme', { pattern: `${name.slice(0, -1)}*`, uses: 9 }),
      await platform.makeToken('acme', { uses: 9 }),
    ]
    const late = await platform.makeToken('acme', { replaces: replaced.name })
    await lower(device)
    await lower(replaced)
    tokens.push(await platform.makeToken('acme', { name }), await platform.makeToken('acme', { uses: 9 }))
    const before = await platform.snapshot()
    const { csr } = await platform.makeKey()
    for (const token of tokens)
      expect(refusal(await platform.enroll(token.text, csr, name))).toEqual(refused('name-retired'))
    expect(refusal(await platform.enroll(late.text, csr))).toEqual(refused('name-retired'))
    expect(refusal(await newToken({ replaces: name }))).toEqual(refused('name-retired'))
    expect(refusal(await newToken({ replaces: replaced.name }))).toEqual(refused('name-retired'))
    for (const other of [name.toUpperCase(), `${name}%00`, `${name}/`, `./${name}`, `${name}\u200b`, ` ${name}`]) {
      expect(refusal(await platform.enroll(tokens.at(-1)!.text, csr, other)), other).toEqual(refused('bad-name'))
    }
    expect((await platform.since(before)).filter(({ kind }) => kind !== 'refused')).toEqual([])
    for (const each of [name, replaced.name]) expect((await shown(each)).standing).toBe(standing)
    // Nor does one of its keys come back, the last or one before it.
    const free = await platform.makeToken('acme', { uses: 9 })
    for (const key of [device, replaced, second]) {
      expect(refusal(await platform.enroll(free.text, key.csr, `${name}-again`))).toEqual(refused('key-in-use'))
    }
  })

  test('D61 and its key come back by no other path', async () => {
    const name = `buried-${standing}`
    const token = await platform.makeToken('acme', { uses: 9 })
    const made = await platform.makeKey('P-256')
    const first = await platform.enroll(token.text, made.csr, name)
    const device: TestDevice = { ...(await platform.enrollDevice('acme', `${name}-x`)), ...made, name }
    Object.assign(device, { path: `acme/device/${name}`, tls: tlsOf(made, first) })
    const [elsewhere, next] = [await platform.makeToken('beta', { uses: 9 }), await platform.makeKey()]
    await lower(device)
    const before = await platform.snapshot()
    const csr = pem('CERTIFICATE REQUEST', made.csr)
    const code = refused(standing)
    // By its certificate: renewed, or changed for another key.
    expect(refusal(await platform.call('POST', '/v1/renew', { as: device.tls, body: { csr } }))).toEqual(code)
    const succession = await successionOf(device, next)
    const body = { csr: pem('CERTIFICATE REQUEST', next.csr), succession }
    expect(refusal(await platform.call('POST', '/v1/renew', { as: device.tls, body }))).toEqual(code)
    // By the token that enrolled it, under its name, without one and under another.
    expect(refusal(await platform.enroll(token.text, made.csr, name))).toEqual(code)
    expect(refusal(await platform.enroll(token.text, made.csr))).toEqual(code)
    expect(refusal(await platform.enroll(token.text, made.csr, `${name}-2`))).toEqual(refused('key-in-use'))
    // In another fleet.
    expect(refusal(await platform.enroll(elsewhere.text, made.csr, name))).toEqual(refused('key-in-use'))
    expect(refusal(await platform.enroll(elsewhere.text, made.csr))).toEqual(refused('key-in-use'))
    // In another encoding.
    const { raw } = made.key.publicKey
    const spki = (point: Uint8Array): Buffer =>
      sequence(sequence(oid('1.2.840.10045.2.1'), oid('1.2.840.10045.3.1.7')), bits(point))
    for (const point of [
      Buffer.concat([Buffer.of(2 | (raw[64]! & 1)), raw.subarray(1, 33)]),
      Buffer.concat([Buffer.of(6 | (raw[64]! & 1)), raw.subarray(1)]),
    ]) {
      const forged = await forgeRequest(made.key, { spki: spki(point) })
      expect(refusal(await platform.enroll(token.text, forged, `${name}-3`))).toEqual(refused('key-refused'))
    }
    expect((await platform.since(before)).filter(({ kind }) => kind !== 'refused')).toEqual([])
    expect((await shown(name)).standing).toBe(standing)
  })
})

const successionOf = async (device: Pick<TestDevice, 'key' | 'path'>, next: TestKey): Promise<string> =>
  base64url(
    await signKeySuccession(device.key, {
      domain: 'example.test',
      identity: device.path,
      old: device.key.publicKey.id,
      new: next.key.publicKey.id,
      at: 1,
    }),
  )

/** The device with a key that it introduced itself, and has not used yet. */
async function change(device: TestDevice): Promise<TlsClient> {
  const next = await platform.makeKey()
  const body = { csr: pem('CERTIFICATE REQUEST', next.csr), succession: await successionOf(device, next) }
  const reply = await platform.call('POST', '/v1/renew', { as: device.tls, body })
  expect(reply.status).toBe(201)
  return tlsOf(next, reply)
}

async function revoked() {
  const { key, subject } = await platform.fleetAuthority('acme')
  const response = await openTls(platform.port)
  response.send('GET /crl/acme HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  await response.closed
  const raw = Buffer.from(response.received, 'latin1')
  const der = raw.subarray(raw.indexOf('\r\n\r\n') + 4)
  return (await readRevocationList(der, { subject, publicKey: key.publicKey }, nodeVerify)).revocations
}
