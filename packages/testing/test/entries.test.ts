import { base64, hex } from '@mintmark/core/bytes'
import { leafHash } from '@mintmark/core/ledger'
import type { EntryPage, EntryView } from '@mintmark/server'
import { startTestPlatform, type TestDevice, type TestPlatform } from '@mintmark/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

// What auditors and operators read of the ledgers: entries, newest first.

let platform: TestPlatform
let device: TestDevice

beforeAll(async () => {
  platform = await startTestPlatform()
  await platform.makeFleet('acme')
  await platform.makeFleet('other')
  device = await platform.enrollDevice('acme', 'device-1')
  await platform.enrollDevice('acme', 'device-2')
  await platform.enrollDevice('other', 'device-1')
  await platform.call('GET', '/v1/fleets', { as: device.tls })
  await platform.revoke(device, 'stolen')
})
afterAll(() => platform?.stop())

async function page(path: string): Promise<EntryPage> {
  const { status, body, text } = await platform.operator('GET', path)
  expect(status, text).toBe(200)
  return body as unknown as EntryPage
}
const short = ({ index, kind }: EntryView) => `${index} ${kind}`

test('entries come newest first, and a page leads to the one before it', async () => {
  const all = await page('/v1/audit/acme')
  expect(all.entries.map(short)).toEqual([
    '6 identity.revoked',
    '5 refused',
    '4 identity.enrolled',
    '3 token.created',
    '2 identity.enrolled',
    '1 token.created',
    '0 fleet.activated',
  ])
  expect(all.next).toBe(null)
  const read: EntryView[] = []
  for (let path: string | undefined = '/v1/audit/acme?limit=3'; path; ) {
    const { entries, next } = await page(path)
    read.push(...entries)
    path = next === null ? undefined : `/v1/audit/acme?limit=3&before=${next}`
  }
  expect(read).toEqual(all.entries)
})

test('they can be those about a device, a token or a fleet, of one kind, or both', async () => {
  const asked = async (query: string) => (await page(`/v1/audit/acme?${query}`)).entries.map(short)
  expect(await asked(`about=${device.path}`)).toEqual(['6 identity.revoked', '5 refused', '2 identity.enrolled'])
  expect(await asked('kind=token.created')).toEqual(['3 token.created', '1 token.created'])
  expect(await asked(`about=${device.path}&kind=refused`)).toEqual(['5 refused'])
  expect(await asked(`about=${device.path}&before=6&limit=1`)).toEqual(['5 refused'])
  const [token] = (await page('/v1/audit/acme?kind=token.created')).entries
  expect(await asked(`about=${token!.about}`)).toEqual(['3 token.created'])
  const platforms = (await page('/v1/audit/platform?about=other')).entries
  expect(platforms.map(({ kind, body }) => [kind, body.fleet])).toEqual([['fleet.created', 'other']])
})

test('an entry says all that its bytes say, and has them', async () => {
  const { body } = await platform.operator('GET', '/v1/audit/acme/2')
  const [fact] = await platform.facts('acme', 2)
  expect(body).toEqual({
    ledger: 'acme',
    index: 2,
    kind: 'identity.enrolled',
    at: new Date(fact!.at).toISOString(),
    by: fact!.by,
    about: device.path,
    says: expect.stringMatching(/^acme\/device\/device-1 was enrolled with the token \S+ and got the certificate/),
    body: expect.objectContaining({
      identity: device.path,
      serial: device.certificate.serial,
      notAfter: device.certificate.notAfter,
      certificate: hex(device.certificate.der),
    }),
    entry: base64(fact!.bytes),
    leafHash: hex(leafHash(fact!.bytes)),
  })
})

test('the events of a device are those about it in its own fleet', async () => {
  const { entries } = await page('/v1/fleets/acme/devices/device-1/events')
  expect(entries.map(short)).toEqual(['6 identity.revoked', '5 refused', '2 identity.enrolled'])
  expect(entries[0]).toMatchObject({ by: 'platform/operator/local', body: { reason: 'stolen' } })
  expect((await page('/v1/fleets/other/devices/device-1/events')).entries.map(short)).toEqual(['2 identity.enrolled'])
})

describe('refused', () => {
  test.each([
    ['/v1/audit/nowhere', 'fleet-unknown'],
    ['/v1/audit/nowhere/0', 'fleet-unknown'],
    ['/v1/audit/acme/99', 'no-receipt'],
    ['/v1/audit/acme/-1', 'bad-number'],
    ['/v1/audit/acme?limit=0', 'bad-number'],
    ['/v1/audit/acme?limit=-1', 'bad-number'],
    ['/v1/audit/acme?before=1e3', 'bad-number'],
    ['/v1/audit/acme?kind=everything', 'bad-request'],
    ['/v1/audit/acme?kind=__proto__', 'bad-request'],
    ['/v1/audit/acme?about=a&about=b', 'bad-request'],
    ['/v1/audit/acme?ledger=other', 'bad-request'],
    ['/v1/fleets/acme/devices/device-9/events', 'device-unknown'],
    ['/v1/fleets/other/devices/device-2/events', 'device-unknown'],
    ['/v1/fleets/platform/devices/local/events', 'fleet-unknown'],
  ])('%s as %s', async (path, code) => {
    expect((await platform.operator('GET', path)).body.code).toBe(code)
  })

  test.each(['%', '_', "' or 1=1 --", 'acme/device/device-_', 'acme/device/%', 'ACME/device/device-1', '*'])(
    'I113 about %s, which is compared and not run, finds nothing',
    async about => {
      expect((await page(`/v1/audit/acme?about=${encodeURIComponent(about)}`)).entries).toEqual([])
    },
  )
})
