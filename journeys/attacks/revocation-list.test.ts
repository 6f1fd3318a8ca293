import { base64url, pem, readPemBlocks } from '@mintmark/core/bytes'
import { readCertificate, readRevocationList, signKeySuccession } from '@mintmark/core/signed'
import { nodeVerify } from '@mintmark/elements'
import {
  openTls,
  type Reply,
  startTestPlatform,
  type TestDevice,
  type TestKey,
  type TestPlatform,
} from '@mintmark/testing'
import { Seeded } from '@mintmark/testing/faults'
import { afterAll, beforeAll, expect, test } from 'vitest'

// Lives of devices, drawn by chance: they enroll, renew, change their keys, are revoked or decommissioned, and time goes
// by. After each step the list is held against what was issued.

const day = 86_400_000
const seed = Number(process.env.MINTMARK_SEED ?? Math.floor(Math.random() * 1e6))
let platform: TestPlatform

beforeAll(async () => {
  platform = await startTestPlatform()
  await platform.makeFleet('acme', { isPublic: true })
})
afterAll(() => platform.stop())

interface Issued {
  readonly serial: string
  readonly notAfter: number
  isOver: boolean
}

interface Life {
  device: TestDevice
  readonly issued: Issued[]
}

const issuedBy = ({ body }: Reply): Issued => {
  const { serial, notAfter } = readCertificate(readPemBlocks('CERTIFICATE', String(body.certificate))[0]!)
  return { serial, notAfter, isOver: false }
}

async function renew(life: Life): Promise<void> {
  const { device, issued } = life
  const body = { csr: pem('CERTIFICATE REQUEST', device.csr) }
  const reply = await platform.call('POST', '/v1/renew', { as: device.tls, body })
  expect(reply.status).toBe(201)
  issued.push(issuedBy(reply))
  const tls = { ...device.tls, cert: `${reply.body.certificate}${reply.body.chain}` }
  life.device = { ...device, tls }
}

/** The old key passes until the new one was seen; from then on all of its certificates are on the list. */
async function changeKey(life: Life): Promise<void> {
  const { device, issued } = life
  const next: TestKey = await platform.makeKey()
  const facts = {
    domain: 'example.test',
    identity: device.path,
    old: device.key.publicKey.id,
    at: platform.clock.now(),
  }
  const said = await signKeySuccession(device.key, { ...facts, new: next.key.publicKey.id })
  const body = { csr: pem('CERTIFICATE REQUEST', next.csr), succession: base64url(said) }
  const reply = await platform.call('POST', '/v1/renew', { as: device.tls, body })
  expect(reply.status).toBe(201)
  const tls = { cert: `${reply.body.certificate}${reply.body.chain}`, key: next.pem }
  expect((await platform.call('GET', '/v1/me', { as: tls })).status).toBe(200)
  for (const each of issued) each.isOver = true
  issued.push(issuedBy(reply))
  life.device = { ...device, ...next, tls }
}

async function listed(): Promise<{ serials: string[]; number: number }> {
  const { subject, key } = await platform.fleetAuthority('acme')
  const connection = await openTls(platform.port)
  connection.send('GET /crl/acme HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  await connection.closed
  const raw = Buffer.from(connection.received, 'latin1')
  const list = raw.subarray(raw.indexOf('\r\n\r\n') + 4)
  const read = await readRevocationList(list, { subject, publicKey: key.publicKey }, nodeVerify)
  return { serials: read.revocations.map(({ serial }) => serial), number: read.number }
}

test(`D56 what was revoked is on the list until its time is over, and nothing else is (seed ${seed})`, async () => {
  const chance = new Seeded(seed)
  const lives: Life[] = []
  const all: Issued[] = []
  let last = 0
  let mostListed = 0
  for (let step = 0; step < 120; step++) {
    const living = lives.filter(({ issued }) => issued.some(({ isOver }) => !isOver))
    const able = living.filter(({ issued }) => issued.at(-1)!.notAfter > platform.clock.now())
    const life = able[chance.below(Math.max(1, able.length))]
    const what = chance.below(10)
    if (!life || what < 3) {
      const device = await platform.enrollDevice('acme', `device-${lives.length}`)
      const { serial, notAfter } = device.certificate
      lives.push({ device, issued: [{ serial, notAfter, isOver: false }] })
    } else if (what < 5) await renew(life)
    else if (what < 6) await changeKey(life)
    else if (what < 8) {
      if (what === 6) await platform.revoke(life.device)
      else await platform.decommission(life.device)
      for (const each of life.issued) each.isOver = true
    } else platform.clock.advance(day * (1 + chance.below(9)))
    // At most six certificates an hour are issued to one device.
    platform.clock.advance(3_600_000)

    all.splice(0, all.length, ...lives.flatMap(({ issued }) => issued))
    const { serials, number } = await listed()
    // RFC 5280 3.3: an entry stays until it was on a list that was issued after the certificate's end.
    const now = platform.clock.now()
    const due = all.filter(({ isOver, notAfter }) => isOver && notAfter + day >= now).map(({ serial }) => serial)
    expect(serials.toSorted(), `step ${step}`).toEqual(due.toSorted())
    expect(number, `step ${step}`).toBeGreaterThanOrEqual(last)
    last = number
    mostListed = Math.max(mostListed, serials.length)
  }
  expect(mostListed).toBeGreaterThan(5)
  expect(all.filter(({ isOver }) => isOver).length).toBeGreaterThan(mostListed)
}, 120_000)
