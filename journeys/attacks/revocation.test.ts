import type { TLSSocket } from 'node:tls'
import { base58, hex, pem, readBase58 } from '@mintmark/core/bytes'
import type { Key } from '@mintmark/core/keys/sign'
import { readRevocationList } from '@mintmark/core/signed'
import { nodeVerify } from '@mintmark/elements'
import { openTls, type RawConnection, startTestPlatform, type TestPlatform } from '@mintmark/testing'
import { bits, forgeRequest, oid, sequence } from '@mintmark/testing/forge'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { refusal, refused, refusedBy, refusedToken } from './refusals.ts'

let platform: TestPlatform

beforeAll(async () => {
  platform = await startTestPlatform()
  await platform.makeFleet('acme', { isPublic: true })
})
afterAll(() => platform.stop())

const get = 'GET /v1/me HTTP/1.1\r\nHost: x\r\n\r\n'
const didOf = async (name: string): Promise<string> =>
  String((await platform.operator('GET', `/v1/fleets/acme/devices/${name}`)).body.did)

test('D55 once a revocation is acknowledged nothing is answered any more, on old connections and new ones', async () => {
  const victim = await platform.enrollDevice('acme', 'victim')
  const token = await platform.makeToken('acme')
  const connections = await Promise.all(Array.from({ length: 8 }, () => openTls(platform.port, victim.tls)))
  let acknowledged = false
  const answers = { before: 0, after: 0 }
  const hammer = async (connection: RawConnection<TLSSocket>): Promise<void> => {
    while (!connection.isClosed) {
      const late = acknowledged
      const reply = await connection.send(get).response()
      if (reply?.status === 200) answers[late ? 'after' : 'before']++
    }
  }
  const storm = Promise.all(connections.map(hammer))
  while (answers.before < 50) await new Promise(resolve => setImmediate(resolve))
  await platform.revoke(victim)
  acknowledged = true
  await storm
  expect(answers.after).toBe(0)

  const before = await platform.snapshot()
  const as = victim.tls
  const csr = pem('CERTIFICATE REQUEST', victim.csr)
  for (const [method, path, body] of [
    ['GET', '/v1/me', undefined],
    ['GET', '/v1/config', undefined],
    ['GET', `/v1/registry/${await didOf('victim')}`, undefined],
    ['POST', '/v1/renew', { csr }],
    ['GET', '/v1/trust', undefined],
    ['GET', '/log/acme/checkpoint', undefined],
  ] as const) {
    expect(refusal(await platform.call(method, path, { as, body })), path).toEqual(refused('revoked'))
  }
  const again = { as, headers: { authorization: `Bearer ${token.text}` }, body: { csr } }
  expect(refusal(await platform.call('POST', '/v1/enroll', again))).toEqual(refused('revoked'))
  const facts = await platform.since(before)
  expect(facts).toHaveLength(7)
  expect(facts[0]).toEqual(refusedBy('acme/device/victim', 'revoked', 'GET /v1/me'))
})

test('D55 the token that enrolled a revoked device brings nothing back', async () => {
  const token = await platform.makeToken('acme', { uses: 5 })
  const { csr } = await platform.makeKey()
  expect((await platform.enroll(token.text, csr, 'once')).status).toBe(201)
  await platform.revoke({ path: 'acme/device/once' })
  const before = await platform.snapshot()
  expect(refusal(await platform.enroll(token.text, csr, 'once'))).toEqual(refused('revoked'))
  expect(refusal(await platform.enroll(token.text, csr))).toEqual(refused('revoked'))
  expect(await platform.since(before)).toEqual([refusedToken('acme', token.idText, 'revoked', 2)])
})

test('D55 third parties hear of it: registry, did:web and revocation list', async () => {
  const [witness, victim] = [
    await platform.enrollDevice('acme', 'witness'),
    await platform.enrollDevice('acme', 'known'),
  ]
  await platform.grant(witness, 'registry:read')
  const did = await didOf('known')
  const document = '/fleets/acme/devices/known/did.json'
  expect((await platform.call('GET', document)).status).toBe(200)
  await platform.revoke(victim)
  const { body } = await platform.call('GET', `/v1/registry/${did}`, { as: witness.tls })
  expect(body).toMatchObject({ did, standing: 'revoked' })
  expect(refusal(await platform.call('GET', document))).toEqual(refused('not-found'))
  const forger = await platform.fleetAuthority('acme')
  const response = await openTls(platform.port)
  response.send('GET /crl/acme HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  await response.closed
  const raw = Buffer.from(response.received, 'latin1')
  const list = await readRevocationList(
    raw.subarray(raw.indexOf('\r\n\r\n') + 4),
    { subject: forger.subject, publicKey: forger.key.publicKey },
    nodeVerify,
  )
  expect(list.revocations.map(({ serial }) => serial)).toContain(victim.certificate.serial)
  expect(list.revocations.map(({ serial }) => serial)).not.toContain(witness.certificate.serial)
})

test('D59 a revoked DID has one spelling, and any other names nobody', async () => {
  const [witness, victim] = [
    await platform.enrollDevice('acme', 'reader'),
    await platform.enrollDevice('acme', 'spelled'),
  ]
  await platform.revoke(victim)
  await platform.grant(witness, 'registry:read')
  const did = await didOf('spelled')
  const bytes = readBase58(did.slice('did:key:z'.length))
  const key = bytes.subarray(2)
  const spell = (...parts: readonly (Uint8Array | readonly number[])[]): string =>
    `did:key:z${base58(Uint8Array.from(parts.flatMap(part => [...part])))}`
  expect(spell([0xed, 0x01], key)).toBe(did)
  const negated = Uint8Array.from(key)
  negated[31]! ^= 0x80
  const before = await platform.snapshot()
  for (const [why, text, code] of [
    ['base64url multibase', `did:key:u${Buffer.from(bytes).toString('base64url')}`, 'bad-did'],
    ['hex multibase', `did:key:f${hex(bytes)}`, 'bad-did'],
    ['a padded multicodec', spell([0xed, 0x81, 0x00], key), 'bad-did'],
    ['a leading zero', did.replace('did:key:z', 'did:key:z1'), 'bad-did'],
    ['no multicodec', spell(key), 'bad-did'],
    ['the multicodec of X25519', spell([0xec, 0x01], key), 'bad-did'],
    ['a byte more', spell([0xed, 0x01], key, [0]), 'bad-did'],
    ['a byte less', spell([0xed, 0x01], key.subarray(0, 31)), 'bad-did'],
    ['p + 1 in place of 1', spell([0xed, 0x01], [0xee, ...Array(30).fill(0xff), 0x7f]), 'bad-did'],
    ['capitals', did.toUpperCase().replace('DID:KEY:', 'did:key:'), 'bad-did'],
    ['a scheme in capitals', did.replace('did:', 'DID:'), 'bad-did'],
    ['another method', did.replace('did:key:', 'did:jwk:'), 'bad-did'],
    ['a fragment of its own', `${did}.${did.slice(8)}`, 'bad-did'],
    ['a fragment', `${did}#${did.slice(8)}`, 'bad-request'],
    ['an encoded fragment', `${did}%23${did.slice(8)}`, 'bad-request'],
    ['an encoded letter', did.replace('z6', 'z%36'), 'bad-request'],
    ['a parameter', `${did};x=1`, 'bad-request'],
    ['a slash', `${did}/`, 'bad-request'],
    ['a query', `${did}?x=1`, 'bad-request'],
    ['the other sign', spell([0xed, 0x01], negated), 'unknown'],
  ] as const) {
    const reply = await platform.call('GET', `/v1/registry/${text}`, { as: witness.tls })
    expect(refusal(reply), why).toEqual(refused(code))
  }
  expect((await platform.since(before)).filter(({ kind }) => kind !== 'refused')).toEqual([])
  const { body } = await platform.call('GET', `/v1/registry/${did}`, { as: witness.tls })
  expect(body.standing).toBe('revoked')
})

test('D59 a revoked key in another encoding does not enroll again', async () => {
  const victim = await platform.enrollDevice('acme', 'encoded', 'P-256')
  await platform.revoke(victim)
  const token = await platform.makeToken('acme', { uses: 10 })
  const { key } = victim
  const { raw } = key.publicKey
  const compressed = Buffer.concat([Buffer.of(2 | (raw[64]! & 1)), raw.subarray(1, 33)])
  const hybrid = Buffer.concat([Buffer.of(6 | (raw[64]! & 1)), raw.subarray(1)])
  const spki = (point: Uint8Array): Buffer =>
    sequence(sequence(oid('1.2.840.10045.2.1'), oid('1.2.840.10045.3.1.7')), bits(point))
  const before = await platform.snapshot()
  for (const point of [compressed, hybrid]) {
    const csr = await forgeRequest(key, { spki: spki(point) })
    expect(refusal(await platform.enroll(token.text, csr, 'back'))).toEqual(refused('key-refused'))
  }
  // The same key under the mirrored signature: (r, n - s) verifies where (r, s) does.
  const other: Key = { publicKey: key.publicKey, sign: async message => mirrored(await key.sign(message)) }
  expect(refusal(await platform.enroll(token.text, await forgeRequest(other), 'back'))).toEqual(refused('key-in-use'))
  const facts = await platform.since(before)
  expect(facts.filter(({ kind }) => kind !== 'refused')).toEqual([])
})

test('D61 nothing brings a name back', async () => {
  const victim = await platform.enrollDevice('acme', 'buried')
  await platform.revoke(victim)
  const device = '/v1/fleets/acme/devices/buried'
  const [any, bound] = [
    await platform.makeToken('acme', { uses: 3 }),
    await platform.makeToken('acme', { name: 'buried' }),
  ]
  const { csr } = await platform.makeKey()
  const operators = 'platform/operator/local'
  const before = await platform.snapshot()
  for (const [method, path, code] of [
    ['DELETE', device, 'method-not-allowed'],
    ['PUT', device, 'method-not-allowed'],
    ['PATCH', device, 'method-not-allowed'],
    ['DELETE', '/v1/fleets/acme', 'method-not-allowed'],
    ['POST', `${device}/restore`, 'not-found'],
    ['POST', `${device}/unrevoke`, 'not-found'],
    ['POST', `${device}/rename`, 'not-found'],
    ['DELETE', `${device}/revoke`, 'method-not-allowed'],
  ] as const) {
    expect(refusal(await platform.operator(method, path)), `${method} ${path}`).toEqual(refused(code))
  }
  expect(refusal(await platform.enroll(any.text, csr, 'buried'))).toEqual(refused('name-retired'))
  expect(refusal(await platform.enroll(bound.text, csr))).toEqual(refused('name-retired'))
  expect(refusal(await platform.enroll(any.text, victim.csr, 'another'))).toEqual(refused('key-in-use'))
  const facts = await platform.since(before)
  expect(facts.filter(({ kind }) => kind !== 'refused')).toEqual([])
  expect(facts).toContainEqual(refusedToken('acme', any.idText, 'name-retired'))
  expect(facts).toContainEqual(refusedToken('acme', bound.idText, 'name-retired'))
  expect(facts).toContainEqual(refusedBy(operators, 'method-not-allowed', 'none', 5))
  expect(facts).toContainEqual(refusedBy(operators, 'not-found', 'none', 3))
  expect((await platform.operator('GET', device)).body.standing).toBe('revoked')
})

test('D61 standing only goes down, and asking again adds nothing', async () => {
  const device = await platform.enrollDevice('acme', 'final')
  const post = (what: string) =>
    platform.operator('POST', `/v1/fleets/acme/devices/final/${what}`, { reason: 'a test' })
  expect((await post('revoke')).body.standing).toBe('revoked')
  const before = await platform.snapshot()
  expect((await post('revoke')).status).toBe(200)
  expect(await platform.since(before)).toEqual([])
  expect((await post('decommission')).body.standing).toBe('decommissioned')
  const after = await platform.snapshot()
  expect(refusal(await post('revoke'))).toEqual(refused('standing-final'))
  expect((await post('decommission')).status).toBe(200)
  expect(refusal(await platform.call('GET', '/v1/me', { as: device.tls }))).toEqual(refused('decommissioned'))
  const operation = 'POST /v1/fleets/:fleet/devices/:name/revoke'
  expect(await platform.since(after)).toEqual([
    refusedBy('platform/operator/local', 'standing-final', operation),
    refusedBy(device.path, 'decommissioned', 'GET /v1/me'),
  ])
})

test('D61 one device that many revoke at once is revoked by one fact, and all are told so', async () => {
  await platform.enrollDevice('acme', 'crowded')
  const before = await platform.snapshot()
  // Handshakes first, so that what is sent at once also arrives at once.
  await Promise.all(Array.from({ length: 16 }, () => platform.operator('GET', '/healthz')))
  const replies = await Promise.all(
    Array.from({ length: 16 }, (_, i) =>
      platform.operator('POST', '/v1/fleets/acme/devices/crowded/revoke', { reason: `operator ${i}` }),
    ),
  )
  expect(replies.map(({ status, body }) => [status, body.standing])).toEqual(Array(16).fill([200, 'revoked']))
  expect((await platform.since(before)).map(({ kind }) => kind)).toEqual(['identity.revoked'])
})

/** (r, n - s) of a raw P-256 signature. */
function mirrored(signature: Uint8Array): Uint8Array {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  const s = BigInt(`0x${hex(signature.subarray(32))}`)
  const other = (order - s).toString(16).padStart(64, '0')
  return Buffer.concat([signature.subarray(0, 32), Buffer.from(other, 'hex')])
}

test('D60 one request is about the one name that it has: a pattern, a part or nothing is no name', async () => {
  await platform.makeFleet('wild')
  const names = ['unit-1', 'unit-2', 'unit_3']
  for (const name of names) await platform.enrollDevice('wild', name)
  const before = await platform.snapshot()
  for (const text of ['*', '%', '_', 'unit-*', 'unit-%', 'unit-_', 'unit', 'unit-1,unit-2', 'unit-1 unit-2', '.', '']) {
    const device = `/v1/fleets/wild/devices/${encodeURIComponent(text)}`
    for (const act of ['revoke', 'decommission', 'labels']) {
      const reply = await platform.operator('POST', `${device}/${act}`, act === 'labels' ? { labels: ['a=b'] } : {})
      expect([400, 404], `${act} ${text}: ${reply.text}`).toContain(reply.status)
    }
  }
  for (const fleet of ['*', '%', 'wil%', 'wild,acme', '']) {
    const path = `/v1/fleets/${encodeURIComponent(fleet)}/devices/unit-1/revoke`
    expect([400, 404], fleet).toContain((await platform.operator('POST', path, {})).status)
  }
  expect((await platform.since(before)).filter(({ kind }) => kind !== 'refused')).toEqual([])
  const { devices } = (await platform.operator('GET', '/v1/fleets/wild/devices')).body
  const listed = devices as { name: string; standing: string }[]
  expect(listed.map(({ name, standing }) => [name, standing])).toEqual(names.map(name => [name, 'good']))
})
