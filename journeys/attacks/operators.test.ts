import { randomBytes } from 'node:crypto'
import { dataFiles } from '@mintmark/server'
import {
  openTcp,
  openTls,
  type RawConnection,
  type Reply,
  startTestPlatform,
  type TestDevice,
  type TestPlatform,
} from '@mintmark/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { refusal, refused, refusedBy } from './refusals.ts'

let platform: TestPlatform
/** May do everything, beside `operator/local`. */
let ann: TestDevice
/** Governs acme. */
let gus: TestDevice

beforeAll(async () => {
  platform = await startTestPlatform()
  for (const fleet of ['acme', 'beta']) await platform.makeFleet(fleet)
  ann = await platform.enrollOperator('ann', 'admin:*')
  gus = await platform.enrollOperator('gus', 'admin:acme')
})
afterAll(() => platform.stop())

const minute = 60_000
const fresh = (): string => `o-${randomBytes(6).toString('hex')}`
const as = (who: TestDevice, method: string, path: string, body?: unknown): Promise<Reply> =>
  platform.call(method, path, { as: who.tls, body })
const invite = (who: TestDevice, grants: string, name = fresh()) =>
  as(who, 'POST', '/v1/operators', { name, grants, ttl: minute })
const grant = (who: TestDevice, name: string, grants: string, more = {}) =>
  as(who, 'PUT', `/v1/operators/${name}/grants`, { grants, reason: 'a test', ...more })
const revoke = (who: TestDevice, name: string, more = {}) =>
  as(who, 'POST', `/v1/operators/${name}/revoke`, { reason: 'a test', ...more })
const grantsOf = async (name: string): Promise<unknown> => (await as(ann, 'GET', `/v1/operators/${name}`)).body.grants

describe('what is given', () => {
  test.each<[string, 'forbidden' | 'fleet-unknown']>([
    ['admin:*', 'forbidden'],
    ['auditor:*', 'forbidden'],
    ['auditor:beta', 'fleet-unknown'],
    ['auditor:nothing', 'fleet-unknown'],
    ['auditor:acme,beta', 'fleet-unknown'],
    ['admin:acme auditor:beta', 'fleet-unknown'],
  ])('I110 who governs acme does not give %s, in an invitation or to an operator', async (grants, code) => {
    const { name } = await platform.enrollOperator(fresh(), 'auditor:acme')
    const before = await platform.snapshot()
    expect(refusal(await invite(gus, grants))).toEqual(refused(code))
    expect(refusal(await grant(gus, name, grants))).toEqual(refused(code))
    expect(await grantsOf(name)).toBe('auditor:acme')
    expect(await platform.since(before)).toEqual([
      refusedBy(gus.path, code, 'POST /v1/operators'),
      refusedBy(gus.path, code, 'PUT /v1/operators/:name/grants'),
    ])
  })

  test('I110 who governs nothing gives and takes nothing, not even to himself', async () => {
    const worker = await platform.enrollOperator(fresh(), 'fleet-operator:acme')
    for (const grants of ['admin:acme', 'fleet-operator:acme', 'auditor:acme', '']) {
      expect(refusal(await grant(worker, worker.name, grants, { yourself: true }))).toEqual(refused('forbidden'))
    }
    expect(refusal(await invite(worker, 'auditor:acme'))).toEqual(refused('forbidden'))
    expect(refusal(await revoke(worker, gus.name))).toEqual(refused('forbidden'))
    expect(await grantsOf(worker.name)).toBe('fleet-operator:acme')
  })

  test('I110 who governs a fleet changes what is held for it and leaves the rest, which he does not see', async () => {
    const { name, tls } = await platform.enrollOperator(fresh(), 'fleet-operator:acme,beta')
    const seen = await grant(gus, name, 'auditor:acme')
    expect(seen.body).toMatchObject({ name, grants: 'auditor:acme' })
    expect(seen.text).not.toContain('beta')
    expect(await grantsOf(name)).toBe('auditor:acme fleet-operator:beta')
    expect((await platform.call('GET', '/v1/fleets/beta/tokens', { as: tls })).status).toBe(200)
    expect((await grant(gus, name, '')).status).toBe(200)
    expect(refusal(await as(gus, 'GET', `/v1/operators/${name}`))).toEqual(refused('operator-unknown'))
    expect(await grantsOf(name)).toBe('fleet-operator:beta')
  })

  test('takes effect on a connection and in a session that are open', async () => {
    const one = await platform.enrollOperator(fresh(), 'fleet-operator:acme')
    const [connection, session] = [await openTls(platform.port, one.tls), await platform.signIn(one.tls)]
    const get = 'GET /v1/fleets/acme/tokens HTTP/1.1\r\nHost: localhost\r\n\r\n'
    const browse = () => platform.browse('GET', '/v1/fleets/acme/tokens', { headers: session })
    expect([(await connection.send(get).response())!.status, (await browse()).status]).toEqual([200, 200])
    await grant(ann, one.name, 'auditor:beta')
    const [after, there] = [(await connection.send(get).response())!, await browse()]
    expect([refusal(after), refusal(there)]).toEqual([refused('fleet-unknown'), refused('fleet-unknown')])
    connection.close()
  })

  test.each([
    ...['admin', 'admin:', 'ADMIN:*', 'root:*', 'admin:*,acme', 'auditor:beta,acme', 'auditor:acme auditor:beta'],
    ...['auditor:acme\nadmin:*', '__proto__:*', 'constructor:acme', 'auditor:platform', 'auditor:xn--acme', '*', ':*'],
  ])('grants %j are none', async grants => {
    expect(refusal(await invite(ann, grants))).toEqual(refused('bad-grants'))
    expect(refusal(await grant(ann, gus.name, grants))).toEqual(refused('bad-grants'))
  })

  test('a fleet that does not exist is not given, by whomever', async () => {
    expect(refusal(await invite(ann, 'auditor:nothing'))).toEqual(refused('fleet-unknown'))
    expect(refusal(await grant(ann, gus.name, 'auditor:nothing'))).toEqual(refused('fleet-unknown'))
  })
})

describe('an invitation', () => {
  test('is for its name and for one use', async () => {
    const name = fresh()
    const { token } = (await invite(ann, 'auditor:acme', name)).body
    const [first, second] = [await platform.makeKey(), await platform.makeKey()]
    expect(refusal(await platform.enroll(String(token), first.csr, 'ann'))).toEqual(refused('token-name'))
    expect((await platform.enroll(String(token), first.csr)).body.identity).toBe(
      `spiffe://platform.example.test/operator/${name}`,
    )
    expect(refusal(await platform.enroll(String(token), second.csr))).toEqual(refused('token-spent'))
  })

  test('gives nothing any more once its maker could not give it', async () => {
    const maker = await platform.enrollOperator(fresh(), 'admin:acme')
    const open = async () => {
      const { invitations } = (await as(ann, 'GET', '/v1/operators')).body as { invitations: { id: string }[] }
      return invitations.map(({ id }) => id)
    }
    const [one, two] = [(await invite(maker, 'auditor:acme')).body, (await invite(maker, 'auditor:acme')).body]
    await grant(ann, maker.name, 'fleet-operator:acme')
    const made = await platform.makeKey()
    expect(refusal(await platform.enroll(String(one.token), made.csr))).toEqual(refused('token-revoked'))
    expect(await open()).toContain(two.id)
    await revoke(ann, maker.name)
    expect(refusal(await platform.enroll(String(two.token), made.csr))).toEqual(refused('token-revoked'))
    expect(await open()).not.toContain(two.id)
  })

  test('is taken back by whoever could have made it, and by nobody else', async () => {
    const [acme, beta] = [(await invite(ann, 'auditor:acme')).body, (await invite(ann, 'auditor:beta')).body]
    const takeBack = (who: TestDevice, id: unknown) => as(who, 'POST', `/v1/invitations/${id}/revoke`, {})
    expect(refusal(await takeBack(gus, beta.id))).toEqual(refused('token-unknown'))
    expect(refusal(await takeBack(gus, 'A'.repeat(22)))).toEqual(refused('token-unknown'))
    const worker = await platform.enrollOperator(fresh(), 'fleet-operator:acme')
    expect(refusal(await takeBack(worker, acme.id))).toEqual(refused('forbidden'))
    expect((await takeBack(gus, acme.id)).status).toBe(200)
    expect(refusal(await platform.enroll(String(acme.token), (await platform.makeKey()).csr))).toEqual(
      refused('token-revoked'),
    )
  })

  test('is no token of a fleet, and a token of a fleet makes no operator', async () => {
    const { id } = (await invite(ann, 'auditor:acme')).body
    for (const fleet of ['platform', 'acme']) {
      expect((await as(ann, 'POST', `/v1/fleets/${fleet}/tokens/${id}/revoke`, {})).status).toBe(404)
    }
    const body = { uses: 1, ttl: minute, name: 'mallory' }
    expect(refusal(await as(ann, 'POST', '/v1/fleets/platform/tokens', body))).toEqual(refused('fleet-unknown'))
    for (const more of [{ role: 'operator' }, { grants: 'admin:*' }]) {
      expect(refusal(await as(ann, 'POST', '/v1/fleets/acme/tokens', { ...body, ...more }))).toEqual(
        refused('bad-request'),
      )
    }
  })

  test('does not bring a revoked name back', async () => {
    const { name } = await platform.enrollOperator(fresh(), 'auditor:acme')
    await revoke(ann, name)
    expect(refusal(await invite(ann, 'auditor:acme', name))).toEqual(refused('name-retired'))
  })
})

describe('the last who may do everything', () => {
  test('is not revoked and keeps all, whoever asks', async () => {
    const alone = await startTestPlatform()
    const local = { as: await alone.operatorTls() }
    const call = (path: string, body: object) =>
      alone.call(path.endsWith('grants') ? 'PUT' : 'POST', path, { ...local, body })
    const because = { reason: 'a test', yourself: true }
    expect(refusal(await call('/v1/operators/local/revoke', because))).toEqual(refused('last-admin'))
    for (const grants of ['', 'auditor:*', 'fleet-operator:*']) {
      expect(refusal(await call('/v1/operators/local/grants', { ...because, grants }))).toEqual(refused('last-admin'))
    }
    const other = await alone.enrollOperator('other', 'admin:*')
    expect((await alone.call('POST', '/v1/operators/other/revoke', { ...local, body: because })).status).toBe(200)
    expect(refusal(await call('/v1/operators/local/revoke', because))).toEqual(refused('last-admin'))
    const third = await alone.enrollOperator('third', 'admin:*')
    const body = { reason: 'a test' }
    expect((await alone.call('POST', '/v1/operators/local/revoke', { as: third.tls, body })).status).toBe(200)
    expect(refusal(await alone.call('POST', '/v1/operators/third/revoke', { as: third.tls, body: because }))).toEqual(
      refused('last-admin'),
    )
    expect(refusal(await alone.call('GET', '/v1/fleets', { as: other.tls }))).toEqual(refused('revoked'))
    await alone.stop()
  })

  test('is one of two who revoke each other at the same moment', async () => {
    const pair = await startTestPlatform()
    const [one, two] = [await pair.enrollOperator('one', 'admin:*'), await pair.enrollOperator('two', 'admin:*')]
    const call = (who: TestDevice, name: string) =>
      pair.call('POST', `/v1/operators/${name}/revoke`, { as: who.tls, body: { reason: 'a test' } })
    expect((await call(one, 'local')).status).toBe(200)
    // Whoever is first cuts the other one off.
    await Promise.allSettled([call(one, 'two'), call(two, 'one')])
    const standing = async (who: TestDevice) => (await pair.call('GET', '/v1/fleets', { as: who.tls })).status
    expect([await standing(one), await standing(two)].toSorted()).toEqual([200, 403])
    await pair.stop()
  })

  test('nobody revokes or changes himself without saying so', async () => {
    const self = await platform.enrollOperator(fresh(), 'admin:*')
    expect(refusal(await revoke(self, self.name))).toEqual(refused('yourself-not-said'))
    expect(refusal(await grant(self, self.name, 'auditor:acme'))).toEqual(refused('yourself-not-said'))
    expect((await grant(self, self.name, 'auditor:acme', { yourself: true })).body.grants).toBe('auditor:acme')
    expect(refusal(await grant(self, self.name, 'admin:*', { yourself: true }))).toEqual(refused('forbidden'))
  })
})

describe('a revoked operator', () => {
  test('D63 is refused for the rest of what he began, and cut off', async () => {
    const worker = await platform.enrollOperator(fresh(), 'fleet-operator:acme')
    for (let i = 0; i < 8; i++) await platform.enrollDevice('acme', `${worker.name}-${i}`)
    const open = await openTls(platform.port, worker.tls)
    const session = await platform.signIn(worker.tls)
    const before = await platform.snapshot()
    const statuses: number[] = []
    for (let i = 0; i < 8; i++) {
      if (i === 4) expect((await revoke(ann, worker.name)).status).toBe(200)
      const path = `/v1/fleets/acme/devices/${worker.name}-${i}/revoke`
      statuses.push((await as(worker, 'POST', path, { reason: 'a batch' })).status)
    }
    expect(statuses).toEqual([200, 200, 200, 200, 403, 403, 403, 403])
    await open.closed
    const gone = await platform.browse('GET', '/v1/me', { headers: session })
    expect(refusal(gone)).toEqual(refused('session-ended'))
    const facts = await platform.since(before)
    expect(facts.filter(({ by, kind }) => by === worker.path && kind === 'identity.revoked')).toHaveLength(4)
  })

  test.each<[string, (worker: TestDevice) => Promise<RawConnection>, (worker: TestDevice) => Promise<string>]>([
    ['over mutual TLS', worker => openTls(platform.port, worker.tls), async () => 'Host: localhost\r\n'],
    [
      'through a session',
      () => openTcp(Number(new URL(platform.console).port)),
      async worker => {
        const { authorization } = await platform.signIn(worker.tls)
        const { host, origin } = new URL(platform.console)
        return `Host: ${host}\r\nOrigin: ${origin}\r\nAuthorization: ${authorization}\r\n`
      },
    ],
  ])('D63 is cut off in the middle of a request %s, and nothing of it is done', async (_, open, fieldsOf) => {
    const worker = await platform.enrollOperator(fresh(), 'fleet-operator:acme')
    const body = JSON.stringify({ uses: 1, ttl: minute })
    const fields = `${await fieldsOf(worker)}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`
    const [connection, before] = [await open(worker), await platform.snapshot()]
    connection.send(`POST /v1/fleets/acme/tokens HTTP/1.1\r\n${fields}\r\n${body.slice(0, 5)}`)
    // Through the gate, and waiting for the rest of its body: others were served in the meantime.
    for (let i = 0; i < 20; i++) await as(ann, 'GET', '/v1/fleets')
    await revoke(ann, worker.name)
    connection.send(body.slice(5))
    await connection.closed
    expect(connection.received).toBe('')
    const kinds = (await platform.since(before)).map(({ kind }) => kind)
    expect(kinds.filter(kind => kind !== 'refused')).toEqual(['identity.revoked'])
  })

  test('D63 signs in with no link that he had', async () => {
    const worker = await platform.enrollOperator(fresh(), 'fleet-operator:acme')
    const link = await platform.makeLink(worker.tls)
    await revoke(ann, worker.name)
    const reply = await platform.browse('POST', '/console/session', { body: { link } })
    expect(refusal(reply)).toEqual(refused('link-spent'))
  })

  test('renews nothing, and tokens for devices that he made are named', async () => {
    const worker = await platform.enrollOperator(fresh(), 'fleet-operator:acme')
    const made = await as(worker, 'POST', '/v1/fleets/acme/tokens', { uses: 3, ttl: minute })
    const revoked = await revoke(ann, worker.name)
    expect(revoked.body.openTokens).toEqual([{ fleet: 'acme', id: made.body.id }])
    expect(refusal(await as(worker, 'POST', '/v1/renew', { csr: 'x' }))).toEqual(refused('revoked'))
    expect((await revoke(ann, worker.name)).body).toMatchObject({ standing: 'revoked' })
  })
})

describe('an act', () => {
  test.each<[string, (reason: string) => Promise<Reply>]>([
    ['fleet.created', reason => as(ann, 'POST', '/v1/fleets', { name: fresh(), reason })],
    ['token.created', reason => as(ann, 'POST', '/v1/fleets/acme/tokens', { uses: 1, ttl: minute, reason })],
    ['config.set', reason => as(ann, 'PUT', '/v1/fleets/acme/config', { configuration: {}, reason })],
    [
      'token.revoked',
      async reason => {
        const { id } = (await as(ann, 'POST', '/v1/fleets/acme/tokens', { uses: 1, ttl: minute })).body
        return as(ann, 'POST', `/v1/fleets/acme/tokens/${id}/revoke`, { reason })
      },
    ],
    ['operator.granted', reason => grant(ann, gus.name, 'admin:acme auditor:acme', { reason })],
  ])('of the kind %s has who and why in the ledger, and a reason of two lines is refused', async (kind, act) => {
    const before = await platform.snapshot()
    expect((await act('because of 7 & <b>')).status).toBeLessThan(300)
    const since = (ledger: string) => platform.facts(ledger, before.sizes.get(ledger))
    const facts = [...(await since('platform')), ...(await since('acme'))]
    const [fact] = facts.filter(each => each.kind === kind && 'reason' in each.body)
    expect(fact).toMatchObject({ by: ann.path, body: { reason: 'because of 7 & <b>' } })
    expect(refusal(await act('a\nb'))).toEqual(refused('bad-request'))
  })

  test('is by the home that the data directory has, as operator/local, and nobody else has that name', async () => {
    expect(dataFiles(platform.data).operator).toContain('operator')
    expect(refusal(await invite(ann, 'auditor:acme', 'local'))).toEqual(refused('name-taken'))
  })
})
