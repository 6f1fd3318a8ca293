import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readPemBlocks } from '@mintmark/core/bytes'
import { readCertificate } from '@mintmark/core/signed'
import { beforeAll, expect, test } from 'vitest'
import { enroll } from '../src/enroll.ts'
import { renew } from '../src/renew.ts'
import { whoami } from '../src/whoami.ts'
import { fresh } from './listening.ts'
import { domain, makeKey, makePki, type Pki } from './pki.ts'
import { type Parts, type Receipt, type Receipts, TestPlatform } from './platform.ts'

const now = () => Date.now()
let ours: Pki

beforeAll(async () => {
  ours = await makePki()
})

const certificate = (home: string) => readFileSync(join(home, 'cert.pem'), 'utf8')
const serial = (home: string) => readCertificate(readPemBlocks('CERTIFICATE', certificate(home))[0]!).serial

async function enrolled(bend: (parts: Parts) => void = () => undefined) {
  const platform = await TestPlatform.start(ours)
  const home = fresh('home')
  platform.bend = bend
  await enroll({ token: platform.token(), home, now })
  platform.bend = () => undefined
  platform.seen.length = 0
  return { platform, home }
}

test('whoami proves the certificate and gives what the platform says', async () => {
  const { platform, home } = await enrolled()
  const before = serial(home)
  expect(await whoami({ home, now })).toEqual({ identity: `spiffe://acme.${domain}/device/device-104`, serial: before })
  expect(platform.seen).toEqual([`GET /v1/me ${before}`])
})

test('whoami without a home is refused', async () => {
  await expect(whoami({ home: fresh('home'), now })).rejects.toMatchObject({ code: 'home-missing' })
})

test('renew keeps the key, and proves the new certificate before it drops the old one', async () => {
  const { platform, home } = await enrolled()
  const [old, key] = [serial(home), readFileSync(join(home, 'key.pem'), 'utf8')]
  const renewed = await renew({ home, now })
  expect(serial(home)).toBe(renewed.serial)
  expect(renewed.serial).not.toBe(old)
  expect(readFileSync(join(home, 'key.pem'), 'utf8')).toBe(key)
  // By the old certificate, then by the new one.
  expect(platform.seen).toEqual([`POST /v1/renew ${old}`, `GET /v1/me ${renewed.serial}`])
  expect(await whoami({ home, now })).toMatchObject({ serial: renewed.serial })
})

test.each<[string, (parts: Parts) => void]>([
  ['a certificate for another key', parts => Object.assign(parts, { publicKey: makeKey('Ed25519').publicKey })],
  ['another name', parts => Object.assign(parts.name, { name: 'device-105' })],
  ['another role', parts => Object.assign(parts.name, { role: 'station' })],
  [
    'another fleet, all of one piece',
    parts => {
      Object.assign(parts, { name: { ...parts.name, fleet: 'globex' }, issuer: ours.globex })
      Object.assign(parts.charter!, { fleet: 'globex', authority: ours.globex })
      parts.ledger.origin = `globex.${domain}/ledger`
    },
  ],
])('renew refuses %s and keeps the old certificate', async (_, bend) => {
  const { platform, home } = await enrolled()
  const before = certificate(home)
  platform.bend = bend
  await expect(renew({ home, now })).rejects.toMatchObject({ code: 'reply-refused' })
  expect(certificate(home)).toBe(before)
})

test.each<[string, string, (receipts: Receipts, enrolled: Receipt) => Receipt]>([
  ['its enrollment', 'an entry of another kind', (_, enrolled) => enrolled],
  ['an enrollment with the new certificate', 'an entry of another kind', receipts => receipts['other kind']],
  ['an older renewal', 'an entry about another certificate', receipts => receipts['older certificate']],
  ["another device's renewal", 'an entry about another identity', receipts => receipts['other device']],
])('renew refuses a receipt of %s and keeps the old certificate', async (_, detail, receiptOf) => {
  const { platform, home } = await enrolled()
  const before = certificate(home)
  const first = JSON.parse(readFileSync(join(home, 'receipt.json'), 'utf8'))
  platform.rewrite = (reply, receipts) => Object.assign(reply, { receipt: receiptOf(receipts, first) })
  await expect(renew({ home, now })).rejects.toMatchObject({ code: 'reply-refused', detail })
  expect(certificate(home)).toBe(before)
})

test('renew refuses an older charter and takes a newer one', async () => {
  const { platform, home } = await enrolled(parts => Object.assign(parts.charter!, { version: 5 }))
  const before = certificate(home)
  platform.bend = parts => Object.assign(parts.charter!, { version: 4 })
  await expect(renew({ home, now })).rejects.toMatchObject({ code: 'reply-refused', detail: 'an older charter' })
  expect(certificate(home)).toBe(before)
  platform.bend = parts => Object.assign(parts.charter!, { version: 6 })
  await renew({ home, now })
  expect(certificate(home)).not.toBe(before)
})

test.each([
  ['is refused', { status: 403, body: { code: 'revoked', message: 'x' } }, 'revoked'],
  ['is taken for another', { status: 200, body: { identity: 'x', serial: '01' } }, 'reply-refused'],
  ['gets no answer', 'hang up' as const, 'unreachable'],
])('renew keeps the old certificate where the new one %s', async (_, answer, code) => {
  const { platform, home } = await enrolled()
  const before = certificate(home)
  platform.instead = call => (call === 'GET /v1/me' ? answer : undefined)
  await expect(renew({ home, now })).rejects.toMatchObject({ code })
  expect(certificate(home)).toBe(before)
})
