import { X509Certificate } from 'node:crypto'
import { pem } from '@mintmark/core/bytes'
import { startTestPlatform, type TestDevice, type TestPlatform } from '@mintmark/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

let platform: TestPlatform
let device: TestDevice

beforeAll(async () => {
  platform = await startTestPlatform()
  await platform.makeFleet('acme', { isPublic: true })
  await platform.makeFleet('hidden')
  device = await platform.enrollDevice('acme', 'device-1')
})
afterAll(() => platform?.stop())

describe('who may read a ledger', () => {
  const doors = (ledger: string) => [
    `/log/${ledger}/tile/0/000.p/1`,
    `/log/${ledger}/tile/entries/000.p/1`,
    `/receipts/${ledger}/0`,
  ]

  test.each(doors('platform'))('%s names private fleets, so only operators may read it', async path => {
    const [nobody, someone] = [await platform.call('GET', path), await platform.call('GET', path, { as: device.tls })]
    expect([nobody.status, someone.status]).toEqual([404, 404])
    expect((await platform.operator('GET', path)).status).toBe(200)
  })

  test("anyone may watch the head of the platform's ledger", async () => {
    const { status, text } = await platform.call('GET', '/log/platform/checkpoint')
    expect(status).toBe(200)
    expect(text).toMatch(/^platform\.example\.test\/ledger\n/)
  })

  test.each([...doors('acme'), '/log/acme/checkpoint', '/crl/acme'])(
    '%s is of a public fleet: anyone may read it',
    async path => {
      expect((await platform.call('GET', path)).status).toBe(200)
    },
  )

  test.each([...doors('hidden'), '/log/hidden/checkpoint', '/crl/hidden'])(
    '%s is as if it were not there',
    async path => {
      const known = await platform.call('GET', path)
      const other = await platform.call('GET', path.replace('hidden', 'nowhere'))
      expect(known).toEqual({ ...other, headers: expect.anything() })
      expect((await platform.call('GET', path, { as: device.tls })).status).toBe(404)
      expect((await platform.operator('GET', path)).status).toBe(200)
    },
  )
})

test('GET /v1/me shows the certificate that was shown, not the newest of the name', async () => {
  const [first, renewed] = [await platform.call('GET', '/v1/me', { as: device.tls }), await renew()]
  expect(renewed.serial).not.toBe((first.body as { serial: string }).serial)
  const again = await platform.call('GET', '/v1/me', { as: device.tls })
  expect(again.body).toEqual(first.body)
})

async function renew(): Promise<{ serial: string }> {
  const body = { csr: pem('CERTIFICATE REQUEST', device.csr) }
  const { text } = await platform.call('POST', '/v1/renew', { as: device.tls, body })
  const { serialNumber } = new X509Certificate(JSON.parse(text).certificate)
  return { serial: serialNumber.toLowerCase() }
}

describe('a renewal answers in the form of an enrollment', () => {
  const renewed = (headers: Record<string, string>, body: unknown) =>
    platform.call('POST', '/v1/renew', { as: device.tls, headers, body })

  test('PEM to a request in PKCS#10, unless JSON is asked for', async () => {
    const plain = await renewed({ 'content-type': 'application/pkcs10' }, device.csr)
    expect(plain.headers['content-type']).toBe('application/pem-certificate-chain')
    expect(plain.text.match(/BEGIN CERTIFICATE/g)).toHaveLength(2)
    const headers = { 'content-type': 'application/pkcs10', accept: 'application/json' }
    expect((await renewed(headers, device.csr)).body).toHaveProperty('receipt')
  })

  test('JSON to a request in JSON, unless PEM is asked for', async () => {
    const body = { csr: pem('CERTIFICATE REQUEST', device.csr) }
    expect((await renewed({}, body)).body).toHaveProperty('receipt')
    const asked = await renewed({ accept: 'application/pem-certificate-chain' }, body)
    expect(asked.text).toMatch(/^-----BEGIN CERTIFICATE-----\n/)
  })
})
