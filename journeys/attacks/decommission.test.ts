import { readFileSync } from 'node:fs'
import { base64url, hex, pem, readBase64url, readPem, readPemBlocks, sha256 } from '@mintmark/core/bytes'
import type { Key } from '@mintmark/core/keys/sign'
import { proveNotice } from '@mintmark/core/proof'
import { type Change, readChange } from '@mintmark/core/rules'
import {
  type DecommissionConfirmation,
  readCertificate,
  signDecommissionConfirmation,
  signDecommissionNotice,
  signSigningRequest,
} from '@mintmark/core/signed'
import { nodeVerify, openKeyFile, randomBytes } from '@mintmark/elements'
import { dataFiles } from '@mintmark/server'
import {
  openTls,
  type Reply,
  startTestPlatform,
  type TestDevice,
  type TestKey,
  type TestPlatform,
  type TlsClient,
} from '@mintmark/testing'
import { forge, time } from '@mintmark/testing/forge'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { anonymously, refusal, refused, refusedBy } from './refusals.ts'

const day = 86_400_000
const question = 'POST /v1/notice'
const lastWord = 'POST /v1/notice/confirmation'

let platform: TestPlatform

beforeAll(async () => {
  platform = await startTestPlatform()
  await platform.makeFleet('acme')
  await platform.makeFleet('beta')
})
afterAll(() => platform.stop())

const nonce = () => base64url(randomBytes(32))
const ask = (as: TlsClient | undefined, body: unknown = { nonce: nonce() }): Promise<Reply> =>
  platform.call('POST', '/v1/notice', { ...(as && { as }), body })
const tell = (confirmation: Uint8Array, as?: TlsClient): Promise<Reply> =>
  platform.call('POST', '/v1/notice/confirmation', {
    ...(as && { as }),
    body: { confirmation: base64url(confirmation) },
  })
const confirm = (
  device: Pick<TestDevice, 'path' | 'key'>,
  change: Partial<DecommissionConfirmation> = {},
  signer: Key = device.key,
): Promise<Uint8Array> =>
  signDecommissionConfirmation(signer, {
    domain: 'example.test',
    identity: device.path,
    spki: signer.publicKey.id,
    notice: '5a'.repeat(32),
    at: 1,
    ...change,
  })

/** The answer to a question, as far as it is one. */
const answered = ({ status, body }: Reply) => ({ status, code: body.code, fields: Object.keys(body).sort() })
const given = { status: 410, code: 'decommissioned', fields: ['chain', 'code', 'message', 'notice'] }

async function over(name: string, fleet = 'acme'): Promise<TestDevice> {
  const device = await platform.enrollDevice(fleet, name)
  await platform.decommission(device)
  return device
}

const shown = async (name: string) => (await platform.operator('GET', `/v1/fleets/acme/devices/${name}`)).body
const factsOf = async (kind: string) => (await platform.facts('acme')).filter(fact => fact.kind === kind)

describe('the notice', () => {
  test('D62 is signed for this question by the notice key, and leads to the fact', async () => {
    const device = await over('told')
    const asked = nonce()
    const reply = await ask(device.tls, { nonce: asked })
    expect(answered(reply)).toEqual(given)
    const notice = readBase64url(String(reply.body.notice))
    const chain = readPemBlocks('CERTIFICATE', String(reply.body.chain))
    const expected = {
      anchor: readPem('CERTIFICATE', platform.anchor),
      domain: 'example.test',
      name: { fleet: 'acme', role: 'device', name: 'told' } as const,
      key: device.key.publicKey,
      nonce: readBase64url(asked),
      at: platform.clock.now(),
    }
    const said = await proveNotice({ notice, chain }, expected, nodeVerify)
    const fact = (await platform.facts('acme', said.index))[0]!
    expect([fact.kind, (fact.body as { identity: string }).identity]).toEqual(['identity.decommissioned', device.path])
    expect(readCertificate(chain[0]!).altNames?.uris).toEqual(['spiffe://platform.example.test/notice'])
  })

  test('D62 is asked for once more with another answer, and each is recorded', async () => {
    const device = await over('asks-again')
    const before = await platform.snapshot()
    const replies = await Promise.all([ask(device.tls), ask(device.tls), ask(device.tls)])
    expect(new Set(replies.map(({ body }) => body.notice)).size).toBe(3)
    expect(await platform.since(before)).toEqual([refusedBy(device.path, 'decommissioned', question, 3)])
  })

  test('D62 comes with no other answer than to its question', async () => {
    const device = await over('elsewhere')
    const csr = pem('CERTIFICATE REQUEST', device.csr)
    for (const [method, path, body] of [
      ['GET', '/v1/me', undefined],
      ['GET', '/v1/config', undefined],
      ['POST', '/v1/renew', { csr }],
      ['GET', '/v1/trust', undefined],
      ['GET', '/log/acme/checkpoint', undefined],
    ] as const) {
      const reply = await platform.call(method, path, { as: device.tls, body })
      expect(refusal(reply), path).toEqual(refused('decommissioned'))
      expect(reply.body.hint).toContain('POST /v1/notice')
    }
  })

  test('D62 is for the last key of a decommissioned name alone', async () => {
    const device = await over('alone')
    const [good, revoked] = [await platform.enrollDevice('acme', 'good'), await platform.enrollDevice('acme', 'stolen')]
    await platform.revoke(revoked)
    const thief = await platform.makeKey()
    const fleet = await platform.fleetAuthority('acme')
    const forged = async (name: string, by = fleet, key: TestKey = thief): Promise<TlsClient> => {
      const uris = [`spiffe://acme.example.test/device/${name}`]
      const leaf = await forge(by, { spki: key.key.publicKey.spki, uris }, platform.clock.now())
      return { cert: pem('CERTIFICATE', leaf), key: key.pem }
    }
    const before = await platform.snapshot()
    for (const [why, as, code] of [
      ['in good standing', good.tls, 'not-decommissioned'],
      ['revoked', revoked.tls, 'revoked'],
      ['an operator', await platform.operatorTls(), 'not-decommissioned'],
      ['another key', await forged('alone'), 'key-superseded'],
      ['a name that nobody has', await forged('nobody'), 'unknown'],
      [
        "another fleet's CA",
        await forged('alone', await platform.fleetAuthority('beta'), device),
        'certificate-refused',
      ],
      ['nobody', undefined, 'certificate-required'],
    ] as const) {
      expect(refusal(await ask(as)), why).toEqual(refused(code))
    }
    expect((await platform.since(before)).filter(({ kind }) => kind !== 'refused')).toEqual([])
    // Revoked first, and then decommissioned: then it is over.
    await platform.decommission(revoked)
    expect(answered(await ask(revoked.tls))).toEqual(given)
  })

  test('D62 is given to a sleeper too, whose certificate has ended', async () => {
    const device = await over('sleeper')
    const uris = ['spiffe://acme.example.test/device/sleeper']
    const at = platform.clock.now()
    const times = { notBefore: time(at - 400 * day), notAfter: time(at - 370 * day) }
    const fleet = await platform.fleetAuthority('acme')
    const ended = await forge(fleet, { spki: device.key.publicKey.spki, uris, ...times }, at)
    const as = { cert: pem('CERTIFICATE', ended), key: device.tls.key }
    expect(refusal(await platform.call('GET', '/v1/me', { as }))).toEqual(refused('decommissioned'))
    expect(answered(await ask(as))).toEqual(given)
  })

  test.each<[string, unknown, string]>([
    ['31 bytes', { nonce: base64url(new Uint8Array(31)) }, 'bad-request'],
    ['33 bytes', { nonce: base64url(new Uint8Array(33)) }, 'bad-request'],
    ['nothing', {}, 'bad-request'],
    ['an empty nonce', { nonce: '' }, 'bad-request'],
    ['a number', { nonce: 1 }, 'bad-request'],
    ['hex', { nonce: 'a5'.repeat(32) }, 'bad-request'],
    ['pad bits', { nonce: `${'A'.repeat(42)}B` }, 'bad-encoding'],
    ['a field more', { nonce: nonce(), wipe: true }, 'bad-request'],
    ['a name', { nonce: nonce(), identity: 'acme/device/good' }, 'bad-request'],
    ['a very long one', { nonce: 'A'.repeat(10_000) }, 'too-large'],
  ])('D62 is not given for %s', async (what, body, code) => {
    const device = await over(`asks-${what.replaceAll(/[^a-z0-9]/g, '-')}`)
    expect(refusal(await ask(device.tls, body))).toEqual(refused(code as never))
  })

  test('D62 its key opens no door: nobody calls as the notice', async () => {
    const key = readKey('notice')
    const certified = (await platform.facts('platform')).findLast(({ kind }) => kind === 'notice.certified')
    const { certificate } = (certified as Change<'notice.certified'>).body
    const uris = ['spiffe://platform.example.test/notice']
    const made = await forge(platform.people(), { spki: key.key.publicKey.spki, uris }, platform.clock.now())
    const before = await platform.snapshot()
    for (const leaf of [certificate, made]) {
      const as = { cert: pem('CERTIFICATE', leaf), key: key.pem }
      for (const [method, path] of [
        ['GET', '/v1/me'],
        ['GET', '/v1/fleets'],
        ['POST', '/v1/notice'],
        ['GET', '/v1/trust'],
      ] as const) {
        const reply = await platform.call(method, path, { as, ...(method === 'POST' && { body: { nonce: nonce() } }) })
        expect(refusal(reply), path).toEqual(refused('certificate-refused'))
      }
    }
    expect((await platform.since(before)).filter(({ kind }) => kind !== 'refused')).toEqual([])
  })

  /** The platform's own key of this name, as whoever has its host can take it. */
  function readKey(name: string): { key: Key; pem: string } {
    const path = `${dataFiles(platform.data).keeper}/${name}.pem`
    return { key: openKeyFile(path), pem: readFileSync(path, 'utf8') }
  }

  test('D62 a key that enrolls is none that signs notices', async () => {
    const { key } = readKey('notice')
    const token = await platform.makeToken('acme')
    const reply = await platform.enroll(token.text, await signSigningRequest(key), 'notice')
    expect(refusal(reply)).toEqual(refused('key-in-use'))
  })
})

describe('the confirmation', () => {
  test('D62 is recorded once, whoever brings it, and is seen by the operator', async () => {
    const device = await over('wiped')
    const { body } = await ask(device.tls)
    expect(await shown('wiped')).toMatchObject({ standing: 'decommissioned', wiped: null })
    const notice = hex(sha256(readBase64url(String(body.notice))))
    const word = await confirm(device, { notice })
    const before = await platform.snapshot()
    const first = await tell(word)
    expect(first).toMatchObject({ status: 200, body: { identity: 'spiffe://acme.example.test/device/wiped' } })
    const other = await platform.enrollDevice('acme', 'messenger')
    for (const as of [undefined, other.tls, device.tls, await platform.operatorTls()]) {
      expect((await tell(word, as)).body).toEqual(first.body)
    }
    const facts = (await platform.since(before)).filter(({ kind }) => kind === 'identity.wiped')
    expect(facts).toMatchObject([{ ledger: 'acme', by: device.path, body: { identity: device.path } }])
    expect(facts[0]!.body.confirmation).toEqual(Buffer.from(word))
    const { wiped } = first.body
    expect(await shown('wiped')).toMatchObject({ standing: 'decommissioned', wiped })
    const { devices } = (await platform.operator('GET', '/v1/fleets/acme/devices')).body as {
      devices: { name: string }[]
    }
    expect(devices.find(({ name }) => name === 'wiped')).toMatchObject({ wiped })
    const [fact] = await platform.facts('acme', Number(first.body.index))
    expect(readChange(fact!.bytes).kind).toBe('identity.wiped')
  })

  test('D62 brought by many at once is one fact, and all are told the same', async () => {
    const device = await over('crowded')
    const word = await confirm(device)
    const replies = await Promise.all(Array.from({ length: 12 }, () => tell(word)))
    expect(new Set(replies.map(({ status, text }) => `${status} ${text}`)).size).toBe(1)
    expect(replies[0]!.status).toBe(200)
    const wiped = (await factsOf('identity.wiped')) as Change<'identity.wiped'>[]
    expect(wiped.filter(({ body }) => body.identity === device.path)).toHaveLength(1)
  })

  test('D62 of which there is another already is refused', async () => {
    const device = await over('twice')
    expect((await tell(await confirm(device))).status).toBe(200)
    const before = await platform.snapshot()
    const second = await confirm(device, { at: 2 })
    expect(refusal(await tell(second))).toEqual(refused('refused'))
    // Whoever proved who they are hears why.
    expect(refusal(await tell(second, device.tls))).toEqual(refused('wipe-confirmed'))
    expect(await platform.since(before)).toEqual([
      anonymously('wipe-confirmed', lastWord),
      refusedBy(device.path, 'wipe-confirmed', lastWord),
    ])
  })

  test('D62 that is forged is refused, and tells nobody which names and keys there are', async () => {
    const device = await over('forged')
    const [other, good, revoked] = [
      await over('forged-other'),
      await platform.enrollDevice('acme', 'forged-good'),
      await platform.enrollDevice('acme', 'forged-revoked'),
    ]
    await platform.revoke(revoked)
    const stranger = await platform.makeKey()
    const { key: ca } = await platform.fleetAuthority('acme')
    const keyOf = (signer: Key): Key => ({ publicKey: device.key.publicKey, sign: message => signer.sign(message) })
    const notice = {
      ...{ domain: 'example.test', identity: device.path, spki: device.key.publicKey.id },
      ...{ nonce: new Uint8Array(32), ledger: 'acme', index: 1, issued: 1 },
    }
    const before = await platform.snapshot()
    const replies: Reply[] = []
    for (const [why, word] of [
      ['by a key that nobody knows', await confirm(device, {}, stranger.key)],
      ['in the name of its key, by another', await confirm(device, {}, keyOf(stranger.key))],
      ["by its fleet's CA", await confirm(device, {}, ca)],
      ["in the name of its key, by its fleet's CA", await confirm(device, {}, keyOf(ca))],
      ['by another device, about this one', await confirm(device, {}, other.key)],
      ['about another device', await confirm(device, { identity: other.path })],
      ['about the same name in another fleet', await confirm(device, { identity: 'beta/device/forged' })],
      ['about a name that there is not', await confirm(device, { identity: 'acme/device/nobody' })],
      ['of another platform', await confirm(device, { domain: 'other.test' })],
      ['about another key', await confirm(device, { spki: other.key.publicKey.id })],
      ['by a device in good standing', await confirm(good)],
      ['by a revoked device', await confirm(revoked)],
      ['that is a notice', await signDecommissionNotice(device.key, notice)],
    ] as const) {
      const reply = await tell(word)
      expect(refusal(reply), why).toEqual(refused('refused'))
      replies.push(reply)
    }
    expect(new Set(replies.map(({ text }) => text)).size).toBe(1)
    const facts = await platform.since(before)
    expect(facts.filter(({ kind }) => kind !== 'refused')).toEqual([])
    expect(facts.map(({ body }) => [body.code, body.count]).toSorted()).toEqual([
      ['not-decommissioned', 1],
      ['refused', 11],
      ['revoked', 1],
    ])
    expect(await shown('forged')).toMatchObject({ wiped: null })
    expect((await tell(await confirm(device))).status).toBe(200)
  })

  test('D62 by a key that another took the place of is none, and that key is told of no end', async () => {
    const device = await platform.enrollDevice('acme', 'reset')
    const [next, token] = [await platform.makeKey(), await platform.makeToken('acme', { replaces: 'reset' })]
    expect((await platform.enroll(token.text, next.csr)).status).toBe(201)
    await platform.decommission(device)
    expect(refusal(await ask(device.tls))).toEqual(refused('key-superseded'))
    const before = await platform.snapshot()
    expect(refusal(await tell(await confirm(device)))).toEqual(refused('refused'))
    expect((await tell(await confirm({ ...next, path: device.path }))).status).toBe(200)
    expect(refusal(await tell(await confirm(device)))).toEqual(refused('refused'))
    const refusals = (await platform.since(before)).filter(({ kind }) => kind === 'refused')
    expect(refusals).toEqual([anonymously('key-superseded', lastWord, 2)])
  })

  test.each<[string, unknown, string]>([
    ['nothing', {}, 'bad-request'],
    ['no statement', { confirmation: '' }, 'bad-cbor'],
    ['what is no base64url', { confirmation: '=' }, 'bad-encoding'],
    ['too much', { confirmation: 'A'.repeat(1_025) }, 'too-large'],
    ['far too much', { confirmation: 'A'.repeat(100_000) }, 'too-large'],
    ['a field more', { confirmation: 'A', identity: 'acme/device/forged' }, 'bad-request'],
  ])('D62 of %s is refused', async (_, body, code) => {
    expect(refusal(await platform.call('POST', '/v1/notice/confirmation', { body }))).toEqual(refused(code as never))
  })

  test('D62 forged without end is told to slow down, and a true one still comes through', async () => {
    const [device, stranger] = [await over('flooded'), await platform.makeKey()]
    const forged = await confirm(device, {}, stranger.key)
    const codes: unknown[] = []
    for (let i = 0; i < 70; i++) codes.push((await tell(forged)).body.code)
    expect(codes).toContain('slow-down')
    expect((await tell(await confirm(device))).status).toBe(200)
  })
})

test('D62 a decommissioned device that is connected is cut off, and asks anew', async () => {
  const device = await platform.enrollDevice('acme', 'connected')
  const open = await openTls(platform.port, device.tls)
  await open.send('GET /v1/me HTTP/1.1\r\nHost: x\r\n\r\n').response()
  await platform.decommission(device)
  await open.closed
  expect(answered(await ask(device.tls))).toEqual(given)
})
