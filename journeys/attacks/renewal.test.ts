import type { TLSSocket } from 'node:tls'
import { base64url, pem } from '@mintmark/core/bytes'
import { didKey } from '@mintmark/core/keys'
import type { Key } from '@mintmark/core/keys/sign'
import { type KeySuccession, signKeySuccession } from '@mintmark/core/signed'
import {
  openTls,
  type RawConnection,
  type Reply,
  startTestPlatform,
  type TestDevice,
  type TestKey,
  type TestPlatform,
  type TlsClient,
} from '@mintmark/testing'
import { forge, forgeRequest } from '@mintmark/testing/forge'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { refusal, refused, refusedBy } from './refusals.ts'

const hour = 3_600_000
const day = 24 * hour
const me = 'GET /v1/me'
const renewal = 'POST /v1/renew'
const get = 'GET /v1/me HTTP/1.1\r\nHost: x\r\n\r\n'

let platform: TestPlatform

beforeAll(async () => {
  platform = await startTestPlatform()
  await platform.makeFleet('acme')
})
afterAll(() => platform.stop())

const csrPem = (csr: Uint8Array): string => pem('CERTIFICATE REQUEST', csr)

const renew = (as: TlsClient, csr: Uint8Array, more: object = {}): Promise<Reply> =>
  platform.call('POST', '/v1/renew', { as, body: { csr: csrPem(csr), ...more } })

const ask = (as: TlsClient): Promise<Reply> => platform.call('GET', '/v1/me', { as })

async function succession(
  device: TestDevice,
  next: { readonly key: Key },
  change: Partial<KeySuccession> = {},
  signer: Key = device.key,
): Promise<{ succession: string }> {
  const facts = { domain: 'example.test', identity: device.path, old: device.key.publicKey.id, at: 1 }
  const statement = await signKeySuccession(signer, { ...facts, new: next.key.publicKey.id, ...change })
  return { succession: base64url(statement) }
}

/** The device with the new key that the reply certifies. */
const withKey = (next: TestKey, { body }: Reply): TlsClient => ({
  cert: `${body.certificate}${body.chain}`,
  key: next.pem,
})

async function introduce(device: TestDevice, next: TestKey): Promise<TlsClient> {
  const reply = await renew(device.tls, next.csr, await succession(device, next))
  expect(reply.status).toBe(201)
  return withKey(next, reply)
}

const shown = async (name: string) => (await platform.operator('GET', `/v1/fleets/acme/devices/${name}`)).body
const kindsSince = async (before: Awaited<ReturnType<TestPlatform['snapshot']>>) =>
  (await platform.since(before)).map(({ kind, body }) => (kind === 'refused' ? body.code : kind))

describe('another key', () => {
  test('C47 comes after the current one with its first connection, and then the old one is refused', async () => {
    const device = await platform.enrollDevice('acme', 'changes')
    const next = await platform.makeKey('P-256')
    const before = await platform.snapshot()
    const open = await openTls(platform.port, device.tls)
    expect((await open.send(get).response())?.status).toBe(200)
    const reply = await renew(device.tls, next.csr, await succession(device, next))
    expect(reply.status).toBe(201)
    const [old, did] = [didKey(device.key.publicKey), didKey(next.key.publicKey)]
    expect(reply.body).toMatchObject({ identity: 'spiffe://acme.example.test/device/changes', did })
    // Both are good until the new one was seen.
    expect(await shown('changes')).toMatchObject({ did: old, pendingDid: did, serial: device.certificate.serial })
    expect((await open.send(get).response())?.body).toMatchObject({ did: old })

    const after = withKey(next, reply)
    const told = await ask(after)
    expect(told).toMatchObject({ status: 200, body: { did, standing: 'good' } })
    expect(await open.send(get).responses()).toEqual([])
    expect(refusal(await ask(device.tls))).toEqual(refused('key-superseded'))
    expect(refusal(await renew(device.tls, device.csr))).toEqual(refused('key-superseded'))
    expect(await shown('changes')).toMatchObject({ did, pendingDid: null, serial: told.body.serial })
    expect((await renew(after, next.csr)).status).toBe(201)
    expect(await platform.since(before)).toMatchObject([
      { kind: 'key.introduced', by: device.path },
      { kind: 'key.promoted', by: device.path, body: { key: next.key.publicKey.id } },
      refusedBy(device.path, 'key-superseded', me),
      refusedBy(device.path, 'key-superseded', renewal),
      { kind: 'identity.renewed', by: device.path },
    ])
  })

  test('C47 is refused without the word of the current key for this very change', async () => {
    const device = await platform.enrollDevice('acme', 'guarded')
    const other = await platform.enrollDevice('acme', 'guarded-other')
    const [next, thief] = [await platform.makeKey(), await platform.makeKey()]
    const before = await platform.snapshot()
    const attempt = async (more: object, csr = next.csr) => refusal(await renew(device.tls, csr, more))
    expect(await attempt({})).toEqual(refused('renew-key'))
    expect(await attempt(await succession(device, next, {}, next.key))).toEqual(refused('bad-statement'))
    expect(await attempt(await succession(other, next))).toEqual(refused('bad-statement'))
    expect(await attempt(await succession(device, next, {}, other.key))).toEqual(refused('bad-statement'))
    for (const change of [
      { domain: 'other.test' },
      { identity: 'acme/device/guarded-other' },
      { identity: 'bolt/device/guarded' },
      { identity: 'acme/station/guarded' },
      { new: thief.key.publicKey.id },
      { old: other.key.publicKey.id },
    ]) {
      expect(await attempt(await succession(device, next, change)), JSON.stringify(change)).toEqual(
        refused('bad-statement'),
      )
    }
    const genuine = Buffer.from((await succession(device, next)).succession, 'base64url')
    genuine[genuine.length - 1]! ^= 1
    expect(await attempt({ succession: base64url(genuine) })).toEqual(refused('statement-signature'))
    expect(await attempt({ succession: 'AAAA' })).toEqual(refused('bad-cbor'))
    expect(await attempt({ succession: '!' })).toEqual(refused('bad-encoding'))
    expect(await attempt({ succession: 'A'.repeat(2_049) })).toEqual(refused('too-large'))
    expect(await attempt({ succession: 1 })).toEqual(refused('bad-request'))
    expect([...new Set(await kindsSince(before))].toSorted()).toEqual([
      'bad-cbor',
      'bad-encoding',
      'bad-request',
      'bad-statement',
      'renew-key',
      'statement-signature',
      'too-large',
    ])
    expect(await shown('guarded')).toMatchObject({ pendingDid: null, serial: device.certificate.serial })
  })

  test('C47 is refused without its own proof, or where it belongs to anyone already', async () => {
    const device = await platform.enrollDevice('acme', 'claims')
    const other = await platform.enrollDevice('acme', 'claimed')
    const gone = await platform.enrollDevice('acme', 'claimed-gone')
    await platform.revoke(gone)
    const next = await platform.makeKey()
    const before = await platform.snapshot()
    const attempt = async (wanted: { readonly key: Key }, csr: Uint8Array) =>
      refusal(await renew(device.tls, csr, await succession(device, wanted)))
    const borrowed = await forgeRequest(device.key, { spki: next.key.publicKey.spki })
    expect(await attempt(next, borrowed)).toEqual(refused('csr-signature'))
    expect(await attempt(other, other.csr)).toEqual(refused('key-in-use'))
    expect(await attempt(gone, gone.csr)).toEqual(refused('key-in-use'))
    const authority = (await platform.fleetAuthority('acme')).key
    expect(await attempt({ key: authority }, await forgeRequest(authority, {}))).toEqual(refused('key-in-use'))
    expect(await kindsSince(before)).toEqual(['csr-signature', 'key-in-use'])
  })

  test('C47 the same change again is answered with the same certificate, and is one fact', async () => {
    const device = await platform.enrollDevice('acme', 'retries')
    const next = await platform.makeKey()
    const before = await platform.snapshot()
    const said = await succession(device, next)
    const replies = await Promise.all(Array.from({ length: 16 }, () => renew(device.tls, next.csr, said)))
    // Signed again: the statement differs in its time, the change does not.
    replies.push(await renew(device.tls, next.csr, await succession(device, next, { at: 2 })))
    expect(replies.map(({ status }) => status)).toEqual(Array(17).fill(201))
    expect(new Set(replies.map(({ body }) => body.certificate)).size).toBe(1)
    const used = withKey(next, replies[0]!)
    const connections = await Promise.all(Array.from({ length: 16 }, () => openTls(platform.port, used)))
    const first = await Promise.all(connections.map(each => each.send(get).response()))
    expect(first.map(each => each?.status)).toEqual(Array(16).fill(200))
    for (const each of connections) each.close()
    expect(await kindsSince(before)).toEqual(['key.introduced', 'key.promoted'])
  })

  test('C47 a key that waits is replaced by the word of the current one, and has none of its own', async () => {
    const device = await platform.enrollDevice('acme', 'replaces')
    const [first, second] = [await platform.makeKey(), await platform.makeKey()]
    const lost = await introduce(device, first)
    const kept = await introduce(device, second)
    expect(refusal(await ask(lost))).toEqual(refused('key-superseded'))
    expect((await ask(device.tls)).status).toBe(200)
    expect((await ask(kept)).status).toBe(200)
    expect(refusal(await ask(lost))).toEqual(refused('key-superseded'))
  })

  test('C47 a key that was superseded never comes back', async () => {
    const device = await platform.enrollDevice('acme', 'returns')
    const next = await platform.makeKey()
    const after = await introduce(device, next)
    expect((await ask(after)).status).toBe(200)
    const back = await succession({ ...device, key: next.key }, device)
    expect(refusal(await renew(after, device.csr, back))).toEqual(refused('key-in-use'))
    const token = await platform.makeToken('acme')
    expect(refusal(await platform.enroll(token.text, device.csr, 'returns'))).toEqual(refused('key-in-use'))
    expect((await ask(after)).status).toBe(200)
  })

  test.each(['revoke', 'decommission'] as const)('D55 a %s is of both keys', async what => {
    const device = await platform.enrollDevice('acme', `both-${what}`)
    const next = await platform.makeKey()
    const after = await introduce(device, next)
    const silent: RawConnection<TLSSocket> = await openTls(platform.port, after)
    ;(await openTls(platform.port, device.tls)).close()
    const path = `/v1/fleets/acme/devices/${device.name}/${what}`
    expect((await platform.operator('POST', path, { reason: 'a test' })).status).toBe(200)
    const code = what === 'revoke' ? 'revoked' : 'decommissioned'
    expect(await silent.send(get).responses()).toEqual([])
    expect(refusal(await ask(device.tls))).toEqual(refused(code))
    expect(refusal(await ask(after))).toEqual(refused(code))
    expect(refusal(await renew(device.tls, next.csr, await succession(device, next)))).toEqual(refused(code))
  })
})

describe('how often', () => {
  test('C47 an identity has six certificates an hour, however many it asks for at once', async () => {
    const device = await platform.enrollDevice('acme', 'greedy')
    const bystander = await platform.enrollDevice('acme', 'patient')
    const before = await platform.snapshot()
    const replies = await Promise.all(Array.from({ length: 32 }, () => renew(device.tls, device.csr)))
    // The first one was its enrollment.
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(5)
    const held = replies.filter(({ status }) => status !== 201)
    expect(held.map(refusal)).toEqual(Array(27).fill(refused('slow-down')))
    for (const { headers } of held) {
      expect(Number(headers['retry-after'])).toBeGreaterThan(3_300)
      expect(Number(headers['retry-after'])).toBeLessThanOrEqual(3_600)
    }
    // Another key is a certificate too.
    const next = await platform.makeKey()
    expect(refusal(await renew(device.tls, next.csr, await succession(device, next)))).toEqual(refused('slow-down'))
    expect((await renew(bystander.tls, bystander.csr)).status).toBe(201)
    expect((await ask(device.tls)).status).toBe(200)
    const facts = await platform.since(before)
    expect(facts.filter(({ by, kind }) => by === device.path && kind === 'identity.renewed')).toHaveLength(5)
    expect(facts).toContainEqual(refusedBy(device.path, 'slow-down', renewal, 28))
    platform.clock.advance(hour)
    expect((await renew(device.tls, device.csr)).status).toBe(201)
  })
})

describe('after the end of a certificate', () => {
  const policy = (lateRenewal: unknown, more: object = {}) =>
    platform.operator('PUT', '/v1/fleets/acme/policy', { lateRenewal, ...more })

  test('a sleeper renews where its fleet lets it, and can do nothing else before', async () => {
    const sleeper = await platform.enrollDevice('acme', 'sleeper')
    const end = sleeper.certificate.notAfter
    platform.clock.advance(end + 20 * day - platform.clock.now())
    expect(refusal(await renew(sleeper.tls, sleeper.csr))).toEqual(refused('certificate-expired'))

    const before = await platform.snapshot()
    expect(await policy(30 * day, { reason: 'boxed for the winter' })).toMatchObject({
      status: 200,
      body: { fleet: 'acme', lateRenewal: 30 * day },
    })
    expect((await policy(30 * day)).status).toBe(200)
    for (const path of ['/v1/me', '/v1/config', '/v1/trust', '/log/acme/checkpoint']) {
      const reply = await platform.call('GET', path, { as: sleeper.tls })
      expect(refusal(reply), path).toEqual(refused('certificate-expired'))
    }
    const reply = await renew(sleeper.tls, sleeper.csr)
    expect(reply.status).toBe(201)
    const awake = { cert: `${reply.body.certificate}${reply.body.chain}`, key: sleeper.pem }
    const told = await ask(awake)
    expect(told).toMatchObject({ status: 200, body: { standing: 'good', did: didKey(sleeper.key.publicKey) } })
    const until = Date.parse(String(told.body.notAfter))
    expect(Math.round((until - platform.clock.now()) / day)).toBe(30)
    const facts = await platform.since(before)
    expect(facts.filter(({ kind }) => kind !== 'refused')).toMatchObject([
      {
        ledger: 'acme',
        kind: 'fleet.policy',
        by: 'platform/operator/local',
        body: { lateRenewal: 30 * day, reason: 'boxed for the winter' },
      },
      { kind: 'identity.renewed', by: sleeper.path },
    ])
    expect(facts.filter(({ kind }) => kind === 'refused')).toHaveLength(4)
  })

  test('a sleeper that slept too long is refused, and so is everyone once the policy is taken back', async () => {
    const sleeper = await platform.enrollDevice('acme', 'slept-too-long')
    await policy(30 * day)
    platform.clock.advance(sleeper.certificate.notAfter + 999 + 30 * day - platform.clock.now() - 30_000)
    expect((await renew(sleeper.tls, sleeper.csr)).status).toBe(201)
    platform.clock.advance(31_000)
    expect(refusal(await renew(sleeper.tls, sleeper.csr))).toEqual(refused('certificate-expired'))
    await policy(60 * day)
    expect((await renew(sleeper.tls, sleeper.csr)).status).toBe(201)
    await policy(0)
    expect(refusal(await renew(sleeper.tls, sleeper.csr))).toEqual(refused('certificate-expired'))
  })

  test.each([
    ['revoked', 'revoke'],
    ['decommissioned', 'decommission'],
  ] as const)('C47 a sleeper that was %s never comes back', async (code, what) => {
    const sleeper = await platform.enrollDevice('acme', `sleeper-${what}`)
    await policy(3_650 * day)
    const path = `/v1/fleets/acme/devices/${sleeper.name}/${what}`
    expect((await platform.operator('POST', path, { reason: 'a test' })).status).toBe(200)
    platform.clock.advance(40 * day)
    expect(refusal(await renew(sleeper.tls, sleeper.csr))).toEqual(refused(code))
  })

  test('C47 a sleeper whose key was superseded never comes back, and one whose key waits does', async () => {
    await policy(3_650 * day)
    const [device, waiting] = [
      await platform.enrollDevice('acme', 'woken'),
      await platform.enrollDevice('acme', 'waits'),
    ]
    const [next, pending] = [await platform.makeKey(), await platform.makeKey()]
    expect((await ask(await introduce(device, next))).status).toBe(200)
    const unseen = await introduce(waiting, pending)
    platform.clock.advance(40 * day)
    expect(refusal(await renew(device.tls, device.csr))).toEqual(refused('key-superseded'))
    // The certificate that it was given has ended, so the same change makes another one.
    const again = await renew(waiting.tls, pending.csr, await succession(waiting, pending))
    expect(again.status).toBe(201)
    expect(refusal(await ask(unseen))).toEqual(refused('certificate-expired'))
    expect((await ask(withKey(pending, again))).status).toBe(200)
    expect((await renew(unseen, pending.csr)).status).toBe(201)
    expect(refusal(await renew(waiting.tls, waiting.csr))).toEqual(refused('key-superseded'))
  })

  test('A1 a certificate that has ended and was forged proves nobody, whatever the policy', async () => {
    await policy(3_650 * day)
    const sleeper = await platform.enrollDevice('acme', 'forged')
    platform.clock.advance(40 * day)
    const before = await platform.snapshot()
    const thief = await platform.makeKey()
    const real = await platform.fleetAuthority('acme')
    const uris = ['spiffe://acme.example.test/device/forged']
    const old = sleeper.certificate.notAfter - 30 * day
    const attempt = async (by: typeof real) => {
      const leaf = await forge(by, { spki: thief.key.publicKey.spki, uris }, old)
      return refusal(await renew({ cert: pem('CERTIFICATE', leaf), key: thief.pem }, thief.csr))
    }
    // By another key under the CA's name, by itself, and by the platform's other CAs.
    expect(await attempt({ ...real, key: (await platform.makeKey('P-256')).key })).toEqual(
      refused('certificate-refused'),
    )
    expect(await attempt({ ...real, key: thief.key })).toEqual(refused('certificate-refused'))
    expect(await attempt(platform.people())).toEqual(refused('certificate-refused'))
    expect(await attempt(platform.server())).toEqual(refused('certificate-refused'))
    // By the stolen key of the CA itself: the registry knows another key.
    expect(await attempt(real)).toEqual(refused('key-superseded'))
    expect((await kindsSince(before)).filter(kind => kind === 'identity.renewed')).toEqual([])
    expect((await renew(sleeper.tls, sleeper.csr)).status).toBe(201)
  })

  test('an operator is no sleeper', async () => {
    await policy(3_650 * day)
    const operator = await platform.operatorTls()
    platform.clock.advance(40 * day)
    const { csr } = await platform.makeKey()
    expect(refusal(await renew(operator, csr))).toEqual(refused('certificate-expired'))
  })

  test.each([-1, 3_650 * day + 1, 0.5, '30d', null])('a policy of %j is refused, and nothing changes', async value => {
    await policy(30 * day)
    const before = await platform.snapshot()
    const { status } = await policy(value)
    expect(status).toBe(400)
    expect((await platform.since(before)).map(({ kind }) => kind)).toEqual(['refused'])
    expect((await platform.operator('GET', '/v1/fleets/acme')).body).toMatchObject({ lateRenewal: 30 * day })
  })

  test('a policy is for operators to make, of a fleet that is there', async () => {
    const device = await platform.enrollDevice('acme', 'no-operator')
    const body = { lateRenewal: 3_650 * day }
    const reply = await platform.call('PUT', '/v1/fleets/acme/policy', { as: device.tls, body })
    expect(refusal(reply)).toEqual(refused('forbidden'))
    expect(refusal(await platform.operator('PUT', '/v1/fleets/none/policy', body))).toEqual(refused('fleet-unknown'))
  })
})
