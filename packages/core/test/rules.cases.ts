import { type Cbor, cbor, concat, hex, readBase64, readCbor, readHex, sha256, Tagged } from '../src/bytes/index.ts'
import type { Code } from '../src/errors/index.ts'
import { admitRaw, webCryptoVerify } from '../src/keys/index.ts'
import type { Role } from '../src/names/index.ts'
import { type PeerProof, provePeer, provePermit } from '../src/proof/index.ts'
import {
  aboutOf,
  type ChangeBody,
  type ChangeKind,
  change,
  checkReplacement,
  checkReplay,
  checkSpend,
  checkStanding,
  checkTransition,
  decideEnrollment,
  decideEntry,
  decideNoticeEntry,
  decideOwn,
  decideRenewal,
  decideReplay,
  enrolled,
  isChange,
  isGrant,
  lifetime,
  type Permit,
  permitBounds,
  type RegistryRecord,
  reachesTier,
  readChange,
  readCovered,
  readReason,
  readTier,
  readTtl,
  readUses,
  renewed,
  replayGrace,
  type Standing,
  type Tier,
} from '../src/rules/index.ts'
import { readCertificate } from '../src/signed/index.ts'
import { ok, refuses, same, suite } from './portable.ts'
import { platform, standing } from './vectors/certificates.ts'
import { publicKeys } from './vectors/public-keys.ts'

export const rules = suite('rules')

const january = Date.UTC(2026, 0, 1)
const day = 86_400_000
const noon = january + 15 * day

const keyOf = (title: keyof typeof publicKeys) => admitRaw(publicKeys[title].algorithm, readHex(publicKeys[title].raw))
const device = keyOf('device')
const stranger = keyOf('stranger')

function prove(text: string): Promise<PeerProof> {
  const acme = { fleet: 'acme', use: 'fleet', certificate: readCertificate(readBase64(platform.acmeCa)) } as const
  const people = {
    fleet: 'platform',
    use: 'people',
    certificate: readCertificate(readBase64(platform.peopleCa)),
  } as const
  const issuerOf = (keyId: Uint8Array) =>
    [acme, people].find(({ certificate }) => hex(certificate.subjectKeyId!) === hex(keyId))
  return provePeer(readBase64(text), 'example.test', issuerOf, webCryptoVerify)
}

// The gate

const record: RegistryRecord = {
  identity: 'acme/device/device-104',
  standing: 'good',
  key: device.id,
  pending: undefined,
  tier: 'software',
}
const forDevices = { roles: ['device'] } as const

const entries: readonly (readonly [
  string,
  Code | 'in',
  Partial<RegistryRecord> | undefined,
  number,
  readonly Role[],
])[] = [
  ['a device of good standing with its current key', 'in', {}, noon, ['device']],
  ['one of several roles', 'in', {}, noon, ['operator', 'device']],
  ['the first moment', 'in', {}, january, ['device']],
  ['the last second', 'in', {}, january + 30 * day, ['device']],
  ['the end of the last second', 'in', {}, january + 30 * day + 999, ['device']],
  ['a name that the registry does not know', 'unknown', undefined, noon, ['device']],
  ['a revoked name', 'revoked', { standing: 'revoked' }, noon, ['device']],
  ['a decommissioned name', 'decommissioned', { standing: 'decommissioned' }, noon, ['device']],
  ['a key that is not the current one', 'key-superseded', { key: stranger.id }, noon, ['device']],
  ['no key', 'key-superseded', { key: '' }, noon, ['device']],
  ['the record of another name', 'key-superseded', { identity: 'acme/device/device-105' }, noon, ['device']],
  ['the record of another fleet', 'key-superseded', { identity: 'beta/device/device-104' }, noon, ['device']],
  ['a moment too early', 'certificate-refused', {}, january - 1, ['device']],
  ['a moment too late', 'certificate-expired', {}, january + 30 * day + 1_000, ['device']],
  ['ten years late', 'certificate-expired', {}, january + 3_652 * day, ['device']],
  ['a time that is no number', 'certificate-refused', {}, Number.NaN, ['device']],
  ['another role', 'forbidden', {}, noon, ['operator']],
  ['no role at all', 'forbidden', {}, noon, []],
  // The worst is told first: an expired certificate of a revoked name is revoked, and so is one of another key.
  ['revoked and expired', 'revoked', { standing: 'revoked' }, january + 31 * day, ['device']],
  ['revoked, with another key', 'revoked', { standing: 'revoked', key: stranger.id }, noon, ['device']],
  ['superseded and expired', 'key-superseded', { key: stranger.id }, january + 31 * day, ['device']],
  ['expired, and another role', 'certificate-expired', {}, january + 31 * day, ['operator']],
]

for (const [what, code, change, at, roles] of entries) {
  rules.test(`${code === 'in' ? 'lets in' : `refuses with ${code}`}: ${what}`, async () => {
    const proof = await prove(platform.device)
    const decide = () => decideEntry(proof, change && { ...record, ...change }, { roles }, at)
    if (code === 'in') decide()
    else await refuses(code, decide)
  })
}

const ends: readonly (readonly [string, Code | 'in', Partial<RegistryRecord> | undefined, readonly Role[]])[] = [
  ['the last key of a decommissioned name', 'in', { standing: 'decommissioned' }, ['device']],
  ['the key after it', 'in', { standing: 'decommissioned', key: stranger.id, pending: device.id }, ['device']],
  ['a name that the registry does not know', 'unknown', undefined, ['device']],
  ['a name of good standing', 'not-decommissioned', {}, ['device']],
  ['a revoked name', 'revoked', { standing: 'revoked' }, ['device']],
  ['a revoked name, with another key', 'revoked', { standing: 'revoked', key: stranger.id }, ['device']],
  ['another key', 'key-superseded', { standing: 'decommissioned', key: stranger.id }, ['device']],
  ['another key of a name of good standing', 'key-superseded', { key: stranger.id }, ['device']],
  ['another name', 'key-superseded', { standing: 'decommissioned', identity: 'acme/device/x' }, ['device']],
  ['another role', 'forbidden', { standing: 'decommissioned' }, ['operator']],
]

for (const [what, code, change, roles] of ends) {
  rules.test(`before the notice ${code === 'in' ? 'lets in' : `refuses with ${code}`}: ${what}`, async () => {
    // Time is not asked: a device that slept must learn that it is over.
    const proof = await prove(platform.device)
    const decide = () => decideNoticeEntry(proof, change && { ...record, ...change }, { roles })
    if (code === 'in') decide()
    else await refuses(code, decide)
  })
}

rules.test('tells two certificates with one issuer, serial number and key id apart by their keys', async () => {
  const [original, twin] = [await prove(standing.original), await prove(standing.twin)]
  same(original.certificate.serial, twin.certificate.serial)
  same(original.identity.path, twin.identity.path)
  decideEntry(original, record, forDevices, noon)
  await refuses('key-superseded', () => decideEntry(twin, record, forDevices, noon))
  decideEntry(twin, { ...record, key: stranger.id }, forDevices, noon)
  await refuses('key-superseded', () => decideEntry(original, { ...record, key: stranger.id }, forDevices, noon))
})

rules.test('refuses the certificate of another name with the same key', async () => {
  await refuses('key-superseded', async () => decideEntry(await prove(platform.station), record, forDevices, noon))
  await refuses('key-superseded', async () => decideEntry(await prove(platform.operator), record, forDevices, noon))
})

rules.test('refuses by the time of this certificate', async () => {
  await refuses('certificate-expired', async () => decideEntry(await prove(standing.expired), record, forDevices, noon))
  await refuses('certificate-refused', async () => decideEntry(await prove(standing.later), record, forDevices, noon))
})

rules.test('lets in a certificate that has ended for as long as it is given, and no other reason goes', async () => {
  const proof = await prove(platform.device)
  const end = january + 30 * day + 999
  const enter = (late: number, at: number, known: RegistryRecord = record) =>
    decideEntry(proof, known, forDevices, at, late)
  enter(day, end + day)
  enter(3_650 * day, january + 3_000 * day)
  await refuses('certificate-expired', () => enter(day, end + day + 1))
  await refuses('certificate-expired', () => enter(0, end + 1))
  await refuses('certificate-expired', () => enter(Number.NaN, end + 1))
  await refuses('certificate-refused', () => enter(3_650 * day, january - 1))
  await refuses('revoked', () => enter(day, end + 1, { ...record, standing: 'revoked' }))
  await refuses('decommissioned', () => enter(day, end + 1, { ...record, standing: 'decommissioned' }))
  await refuses('key-superseded', () => enter(day, end + 1, { ...record, key: stranger.id }))
  await refuses('forbidden', () => decideEntry(proof, record, { roles: ['operator'] }, end + 1, day))
})

rules.test('lets in the key that comes after the current one, and says so', async () => {
  const proof = await prove(platform.device)
  const both = { ...record, key: stranger.id, pending: device.id }
  same(decideEntry(proof, record, forDevices, noon), 'current')
  same(decideEntry(proof, { ...record, pending: stranger.id }, forDevices, noon), 'current')
  same(decideEntry(proof, both, forDevices, noon), 'pending')
  await refuses('revoked', () => decideEntry(proof, { ...both, standing: 'revoked' }, forDevices, noon))
  await refuses('key-superseded', () => decideEntry(proof, { ...both, identity: 'acme/device/x' }, forDevices, noon))
  await refuses('certificate-expired', () => decideEntry(proof, both, forDevices, january + 31 * day))
})

// Standing

rules.test('lets standing only go down', async () => {
  const all: readonly Standing[] = ['good', 'revoked', 'decommissioned']
  const steps = ['good to revoked', 'good to decommissioned', 'revoked to decommissioned']
  for (const from of all) {
    for (const to of ['revoked', 'decommissioned'] as const) {
      if (steps.includes(`${from} to ${to}`)) checkTransition(from, to)
      else await refuses('standing-final', () => checkTransition(from, to))
    }
  }
})

rules.test('refuses with the code of the standing', async () => {
  checkStanding({ standing: 'good' })
  await refuses('revoked', () => checkStanding({ standing: 'revoked' }))
  await refuses('decommissioned', () => checkStanding({ standing: 'decommissioned' }))
  await refuses('unknown', () => checkStanding(undefined))
})

rules.test('orders the tiers of keys, and knows no others', async () => {
  const tiers: readonly Tier[] = ['software', 'pkcs11-claimed', 'tpm-attested']
  for (const [i, has] of tiers.entries()) {
    same(readTier(has), has)
    for (const [j, needs] of tiers.entries()) same([has, needs, reachesTier(has, needs)], [has, needs, i >= j])
  }
  for (const text of ['', 'Software', 'tpm', 'constructor', '__proto__', '0', 'software ']) {
    await refuses('bad-request', () => readTier(text))
    // As if the database held it: it must not be the weakest of all.
    for (const tier of tiers) {
      same(reachesTier(tier, text as Tier), false)
      same(reachesTier(text as Tier, tier), false)
    }
    same(reachesTier(text as Tier, text as Tier), false)
  }
})

// Permits

const secret = new Uint8Array(32).fill(9)
const permit: Permit = {
  id: 'BBBBBBBBBBBBBBBBBBBBBB',
  fleet: 'acme',
  role: 'device',
  secretHash: sha256(secret),
  uses: 3,
  left: 3,
  expires: noon + day,
  pattern: undefined,
  replaces: undefined,
  tier: 'software',
  revoked: false,
}
const holder = provePermit(permit, secret, sha256)
const otherHolder = provePermit({ ...permit, id: 'CCCCCCCCCCCCCCCCCCCCCC' }, secret, sha256)

const spends: readonly (readonly [string, Code | 'ok', Partial<Permit>, string, Tier, number])[] = [
  ['a permit for any name', 'ok', {}, 'x', 'software', noon],
  ['the last use', 'ok', { left: 1 }, 'x', 'software', noon],
  ['the last moment', 'ok', {}, 'x', 'software', noon + day - 1],
  ['a covered name', 'ok', { pattern: 'sensor-*' }, 'sensor-1', 'software', noon],
  ['the one name', 'ok', { pattern: 'sensor-1' }, 'sensor-1', 'software', noon],
  ['a stronger key than asked for', 'ok', { tier: 'pkcs11-claimed' }, 'x', 'tpm-attested', noon],
  ['no use left', 'token-spent', { left: 0 }, 'x', 'software', noon],
  ['fewer than none', 'token-spent', { left: -1 }, 'x', 'software', noon],
  ['uses that are no number', 'token-spent', { left: Number.NaN }, 'x', 'software', noon],
  ['the moment of expiry', 'token-expired', {}, 'x', 'software', noon + day],
  ['after expiry', 'token-expired', {}, 'x', 'software', noon + 2 * day],
  ['a time that is no number', 'token-expired', {}, 'x', 'software', Number.NaN],
  ['an expiry that is no number', 'token-expired', { expires: Number.NaN }, 'x', 'software', noon],
  ['a revoked permit', 'token-revoked', { revoked: true }, 'x', 'software', noon],
  ['a name outside the pattern', 'token-name', { pattern: 'sensor-*' }, 'x', 'software', noon],
  ['another name than the one', 'token-name', { pattern: 'sensor-1' }, 'sensor-10', 'software', noon],
  ['a weaker key', 'token-tier', { tier: 'tpm-attested' }, 'x', 'pkcs11-claimed', noon],
  ['a tier that is none', 'token-tier', { tier: 'tpm' as Tier }, 'x', 'tpm-attested', noon],
  ['revoked, expired and spent', 'token-revoked', { revoked: true, left: 0 }, 'x', 'software', noon + 2 * day],
  ['expired and spent', 'token-expired', { left: 0 }, 'x', 'software', noon + 2 * day],
  ['spent, and another name', 'token-name', { left: 0, pattern: 'a' }, 'x', 'software', noon],
]

for (const [what, code, change, name, tier, at] of spends) {
  rules.test(`${code === 'ok' ? 'spends' : `does not spend (${code})`}: ${what}`, async () => {
    const spend = () => checkSpend({ ...permit, ...change }, name, tier, at)
    if (code === 'ok') spend()
    else await refuses(code, spend)
  })
}

rules.test('answers a retry for a day after expiry, whatever is left, and never once revoked', async () => {
  for (const at of [noon, noon + day, permit.expires + replayGrace - 1]) checkReplay({ ...permit, left: 0 }, at)
  for (const at of [permit.expires + replayGrace, permit.expires + 100 * day, Number.NaN]) {
    await refuses('token-expired', () => checkReplay(permit, at))
  }
  await refuses('token-revoked', () => checkReplay({ ...permit, revoked: true }, noon))
  same(replayGrace, day)
})

const noNumbers: readonly unknown[] = [
  -1,
  0.5,
  1.000_000_1,
  2 ** 53,
  Number.POSITIVE_INFINITY,
  Number.NaN,
  Number.NEGATIVE_INFINITY,
  '1',
  '',
  null,
  undefined,
  true,
  [1],
  { valueOf: () => 1 },
  1n,
]

rules.test('takes uses and times to live that are whole numbers in their bounds', async () => {
  for (const uses of [1, 2, permitBounds.uses]) same(readUses(uses), uses)
  for (const ttl of [1_000, 3_600_000, permitBounds.ttl]) same(readTtl(ttl), ttl)
  for (const value of [...noNumbers, 0, -0, permitBounds.uses + 1]) await refuses('bad-number', () => readUses(value))
  for (const value of [...noNumbers, 0, 1, 999, permitBounds.ttl + 1]) {
    await refuses('bad-number', () => readTtl(value))
  }
})

rules.test('takes a name or a pattern, not both', async () => {
  same(readCovered(undefined, undefined), undefined)
  same(readCovered('device-104', undefined), 'device-104')
  same(readCovered(undefined, 'device-*'), 'device-*')
  same(readCovered(undefined, 'device-104'), 'device-104')
  await refuses('bad-request', () => readCovered('device-104', 'device-*'))
  await refuses('bad-name', () => readCovered('device-*', undefined))
  await refuses('bad-name', () => readCovered('', undefined))
  await refuses('bad-name', () => readCovered(undefined, ''))
  await refuses('bad-name', () => readCovered(undefined, '**'))
})

// Enrollment

const issuance = {
  domain: 'example.test',
  at: noon + 123,
  serial: '40000000000000000000000000000042',
  until: january + 3_652 * day,
}

rules.test('grants a name that was asked for', () => {
  const grant = decideEnrollment(holder, permit, device, 'device-104', issuance)
  same(grant.name, { fleet: 'acme', role: 'device', name: 'device-104' })
  same(grant.request, {
    kind: 'leaf',
    domain: 'example.test',
    name: { fleet: 'acme', role: 'device', name: 'device-104' },
    publicKey: device,
    serial: issuance.serial,
    notBefore: issuance.at - 300_000,
    notAfter: issuance.at + 30 * day,
  })
  same(grant.permit, permit.id)
  same(grant.tier, 'software')
  ok(isGrant(grant), 'decided')
})

rules.test('grants a name made from the key where none is asked for, and the only one of a permit for one', () => {
  const made = decideEnrollment(holder, permit, device, undefined, issuance).name.name
  ok(/^d-[a-z2-7]{16}$/.test(made), made)
  same(decideEnrollment(holder, permit, device, undefined, issuance).name.name, made)
  ok(decideEnrollment(holder, permit, stranger, undefined, issuance).name.name !== made, 'another key')
  const one = { ...permit, pattern: 'device-104' }
  same(decideEnrollment(holder, one, device, undefined, issuance).name.name, 'device-104')
})

rules.test('grants a name to another key with a permit that replaces, and says which one goes', () => {
  const replacing = { ...permit, pattern: 'device-104', replaces: stranger.id, uses: 1, left: 1 }
  const grant = decideEnrollment(holder, replacing, device, undefined, issuance)
  same(grant.replaces, stranger.id)
  same(enrolled(grant, certificate, noon).body.replaces, stranger.id)
  same(decideEnrollment(holder, permit, device, 'device-104', issuance).replaces, undefined)
})

rules.test('replaces the current key of a name in good standing, and nothing else', async () => {
  checkReplacement(record, device.id)
  await refuses('device-unknown', () => checkReplacement(undefined, device.id))
  await refuses('name-retired', () => checkReplacement({ ...record, standing: 'revoked' }, device.id))
  await refuses('name-retired', () => checkReplacement({ ...record, standing: 'decommissioned' }, device.id))
  await refuses('token-outdated', () => checkReplacement(record, stranger.id))
  await refuses('token-outdated', () => checkReplacement(record, ''))
})

rules.test('grants nothing that the permit does not cover', async () => {
  const decide = (change: Partial<Permit>, requested?: string) => () =>
    decideEnrollment(holder, { ...permit, ...change }, device, requested, issuance)
  await refuses('token-name', decide({ pattern: 'sensor-*' }, 'device-104'))
  await refuses('token-name', decide({ pattern: 'sensor-*' }))
  await refuses('token-name', decide({ pattern: 'device-104' }, 'device-105'))
  await refuses('token-tier', decide({ tier: 'tpm-attested' }, 'device-104'))
  await refuses('token-spent', decide({ left: 0 }, 'device-104'))
  await refuses('token-expired', decide({ expires: issuance.at }, 'device-104'))
  await refuses('token-revoked', decide({ revoked: true }, 'device-104'))
  await refuses('refused', () => decideEnrollment(otherHolder, permit, device, 'device-104', issuance))
})

rules.test('grants no name of another form, fleet or role, whatever a permit says', async () => {
  const decide = (change: Partial<Permit>, requested?: string) => () =>
    decideEnrollment(holder, { ...permit, ...change }, device, requested, issuance)
  for (const name of ['', 'Device', 'a/b', '../admin', 'device-104\n', 'a'.repeat(65), '__proto__', 'dévice', 'a b']) {
    await refuses('bad-name', decide({}, name))
  }
  await refuses('bad-identity', decide({ fleet: 'platform' }, 'x'))
  await refuses('bad-identity', decide({ role: 'operator' }, 'x'))
  await refuses('bad-identity', decide({ role: 'server' }, 'x'))
  await refuses('bad-identity', decide({ fleet: 'platform', role: 'server' }, 'x'))
  await refuses('bad-identity', decide({ fleet: 'platform', role: 'notice' }, 'x'))
  await refuses('bad-identity', decide({ fleet: 'acme/device/x' }, 'x'))
  await refuses('bad-identity', decide({ pattern: 'a/b' }))
  same(decide({ fleet: 'platform', role: 'operator' }, 'ann')().name, {
    fleet: 'platform',
    role: 'operator',
    name: 'ann',
  })
  same(decide({}, 'constructor')().name.name, 'constructor')
})

rules.test('lets no certificate outlive its CA, and grants none once the CA has ended', async () => {
  const decide = (until: number) => decideEnrollment(holder, permit, device, 'x', { ...issuance, until })
  same(decide(issuance.at + day).request.notAfter, issuance.at + day)
  same(decide(issuance.at + 1).request.notAfter, issuance.at + 1)
  same(decide(issuance.at + lifetime.leaf + 1).request.notAfter, issuance.at + lifetime.leaf)
  for (const until of [issuance.at, issuance.at - 1, 0, Number.NaN]) await refuses('unavailable', () => decide(until))
})

rules.test('takes no object for a grant that no rule decided', () => {
  const grant = decideEnrollment(holder, permit, device, 'x', issuance)
  for (const value of [{ ...grant }, Object.create(grant), new Proxy(grant, {}), { decided: true }, null, 'grant']) {
    same(isGrant(value), false)
  }
})

// A retry

const owner = { permit: permit.id, current: true, record }

rules.test('answers the same key with the same permit again, and spends nothing', () => {
  const spent = { ...permit, left: 0 }
  decideReplay(holder, spent, owner, undefined, noon)
  decideReplay(holder, spent, owner, 'device-104', noon)
  decideReplay(holder, spent, owner, 'device-104', permit.expires + replayGrace - 1)
})

const replays: readonly (readonly [string, Code, () => void])[] = [
  [
    'the key of another permit',
    'key-in-use',
    () => decideReplay(holder, permit, { ...owner, permit: 'D' }, undefined, noon),
  ],
  [
    'a key without permit',
    'key-in-use',
    () => decideReplay(holder, permit, { ...owner, permit: undefined }, undefined, noon),
  ],
  ['the holder of another', 'key-in-use', () => decideReplay(otherHolder, permit, owner, undefined, noon)],
  ['another name', 'key-in-use', () => decideReplay(holder, permit, owner, 'device-105', noon)],
  ['part of the name', 'key-in-use', () => decideReplay(holder, permit, owner, 'device-10', noon)],
  ['no name', 'bad-name', () => decideReplay(holder, permit, owner, 'acme/device/device-104', noon)],
  [
    'a superseded key',
    'key-superseded',
    () => decideReplay(holder, permit, { ...owner, current: false }, undefined, noon),
  ],
  [
    'a revoked permit',
    'token-revoked',
    () => decideReplay(holder, { ...permit, revoked: true }, owner, undefined, noon),
  ],
  ['too late', 'token-expired', () => decideReplay(holder, permit, owner, undefined, permit.expires + replayGrace)],
  [
    'a revoked name',
    'revoked',
    () => decideReplay(holder, permit, { ...owner, record: { ...record, standing: 'revoked' } }, undefined, noon),
  ],
  [
    'a decommissioned name',
    'decommissioned',
    () =>
      decideReplay(holder, permit, { ...owner, record: { ...record, standing: 'decommissioned' } }, undefined, noon),
  ],
]

for (const [what, code, run] of replays) {
  rules.test(`does not answer again (${code}): ${what}`, () => refuses(code, run))
}

// Renewal

rules.test('renews the name and the key that were proven', async () => {
  const { identity } = await prove(platform.device)
  const grant = decideRenewal(identity, { ...record, tier: 'tpm-attested' }, device, device, issuance)
  same(grant.name, { fleet: 'acme', role: 'device', name: 'device-104' })
  same(grant.request.name, { fleet: 'acme', role: 'device', name: 'device-104' })
  same(grant.permit, undefined)
  same(grant.tier, 'tpm-attested')
  same(grant.request.notAfter, issuance.at + 30 * day)
})

rules.test('renews nothing else', async () => {
  const { identity } = await prove(platform.device)
  const decide =
    (known: Partial<RegistryRecord> | undefined, proven = device, requested = device) =>
    () =>
      decideRenewal(identity, known && { ...record, ...known }, proven, requested, issuance)
  await refuses('unknown', decide(undefined))
  await refuses('revoked', decide({ standing: 'revoked' }))
  await refuses('decommissioned', decide({ standing: 'decommissioned' }))
  await refuses('renew-name', decide({ identity: 'acme/device/device-105' }))
  await refuses('renew-name', decide({ identity: 'beta/device/device-104' }))
  await refuses('key-superseded', decide({ key: stranger.id }))
  await refuses('key-superseded', decide({}, stranger, stranger))
  await refuses('key-superseded', decide({}, stranger, device))
  await refuses('renew-key', decide({}, device, stranger))
  await refuses('unavailable', () => decideRenewal(identity, record, device, device, { ...issuance, until: 0 }))
})

rules.test('grants the platform its own server certificate', () => {
  const name = { fleet: 'platform', role: 'server', name: '' } as const
  const hosts = { dnsNames: ['localhost'], addresses: [Uint8Array.of(127, 0, 0, 1)] }
  const grant = decideOwn(name, device, issuance, hosts)
  same(grant.request.dnsNames, ['localhost'])
  same(grant.permit, undefined)
  ok(isGrant(grant), 'decided')
})

// Changes

const certificate = readBase64(platform.device)
const samples: { readonly [K in ChangeKind]: ChangeBody<K> } = {
  'platform.founded': {
    domain: 'example.test',
    root: Uint8Array.of(1),
    server: Uint8Array.of(2),
    people: Uint8Array.of(3),
    ledgerKey: new Uint8Array(32),
    development: true,
  },
  'server.certified': { certificate },
  'notice.certified': { certificate },
  'fleet.created': { fleet: 'acme', key: device.spki, ledgerKey: new Uint8Array(32), public: false, reason: 'a' },
  'fleet.activated': { certificate, charter: Uint8Array.of(4) },
  'fleet.policy': { lateRenewal: 90 * day, messagesPerMinute: 600, reason: 'boxed for the winter' },
  'token.created': {
    token: permit.id,
    role: 'device',
    secretHash: permit.secretHash,
    uses: 3,
    expires: noon,
    pattern: 'sensor-*',
    tier: 'software',
    replaces: device.id,
    grants: 'admin:*',
    reason: 'a',
  },
  'token.revoked': { token: permit.id, reason: 'a' },
  'identity.enrolled': {
    identity: 'acme/device/device-104',
    token: permit.id,
    replaces: stranger.id,
    spki: device.spki,
    tier: 'software',
    serial: '40',
    notAfter: noon,
    certificate,
  },
  'identity.renewed': { identity: 'acme/device/device-104', serial: '40', notAfter: noon, certificate },
  'key.introduced': {
    identity: 'acme/device/device-104',
    spki: stranger.spki,
    tier: 'software',
    serial: '41',
    notAfter: noon,
    certificate,
    succession: Uint8Array.of(5),
  },
  'key.promoted': { identity: 'acme/device/device-104', key: stranger.id },
  'identity.revoked': { identity: 'acme/device/device-104', reason: 'lost' },
  'identity.decommissioned': { identity: 'acme/device/device-104', reason: 'scrapped' },
  'identity.wiped': { identity: 'acme/device/device-104', confirmation: Uint8Array.of(5) },
  'message.accepted': {
    identity: 'acme/device/device-104',
    to: 'acme/device/hub-1',
    spki: device.spki,
    envelope: Uint8Array.of(0xd2),
  },
  'operator.granted': { identity: 'platform/operator/ann', grants: 'admin:*', reason: 'a' },
  'session.opened': { identity: 'platform/operator/ann' },
  'device.labelled': { identity: 'acme/device/device-104', labels: 'floor=3 -site', reason: 'a' },
  'config.set': { target: 'device:device-104', version: 1, digest: new Uint8Array(32), reason: 'a' },
  'config.unset': { target: 'label:site=berlin', version: 1, reason: 'a' },
  'scope.set': {
    identity: 'acme/device/device-104',
    scopes: ['floor3.*:read', 'telemetry:write'],
    recipients: ['hub-1'],
    devices: [],
    counts: false,
    reason: 'a',
  },
  'sealing.published': { identity: 'acme/device/device-104', version: 1, statement: Uint8Array.of(5) },
  refused: { code: 'token-spent', operation: 'enroll', count: 0 },
}
const kinds = Object.keys(samples) as ChangeKind[]
const optional: Partial<Record<ChangeKind, readonly string[]>> = {
  'fleet.created': ['reason'],
  'fleet.policy': ['lateRenewal', 'messagesPerMinute', 'reason'],
  'token.created': ['pattern', 'replaces', 'grants', 'reason'],
  'token.revoked': ['reason'],
  'identity.enrolled': ['token', 'replaces'],
  'device.labelled': ['reason'],
  'config.set': ['reason'],
  'config.unset': ['reason'],
  'scope.set': ['recipients', 'reason'],
}
const typeOf = (value: Cbor): string =>
  value instanceof Uint8Array ? 'bytes' : Array.isArray(value) ? 'list' : typeof value

const write = (kind: ChangeKind, body: object = samples[kind]) =>
  change({ kind, at: noon, by: 'platform', ledger: 'acme', body: body as ChangeBody<ChangeKind> })
const parts = (kind: ChangeKind) => new Map(readCbor(write(kind).bytes) as ReadonlyMap<string, Cbor>)
const withBody = (kind: ChangeKind, alter: (body: Map<string, Cbor>) => void): Uint8Array => {
  const outer = parts(kind)
  const body = new Map(outer.get('body') as ReadonlyMap<string, Cbor>)
  alter(body)
  return cbor(outer.set('body', body))
}

for (const kind of kinds) {
  rules.test(`reads the change that it writes: ${kind}`, () => {
    const written = write(kind)
    const read = readChange(written.bytes)
    same({ ...read }, { kind, at: noon, by: 'platform', ledger: 'acme', body: samples[kind], bytes: written.bytes })
    same({ ...written }, { ...read })
    ok(isChange(read) && isChange(written), 'made here')
    same(write(kind, Object.fromEntries(Object.entries(samples[kind]).reverse())).bytes, written.bytes)
  })

  rules.test(`refuses a change with a field missing, of another type or unknown: ${kind}`, async () => {
    for (const [field, value] of Object.entries(samples[kind]) as [string, Cbor][]) {
      const without = withBody(kind, body => body.delete(field))
      if (optional[kind]?.includes(field)) readChange(without)
      else await refuses('bad-cbor', () => readChange(without))
      const others: readonly Cbor[] = ['x', 1, true, null, Uint8Array.of(1), [value], new Map(), new Tagged(1, value)]
      for (const other of others.filter(other => typeOf(other) !== typeOf(value))) {
        await refuses('bad-cbor', () => readChange(withBody(kind, body => body.set(field, other))))
      }
      if (typeof value === 'number') {
        await refuses('bad-cbor', () => readChange(withBody(kind, body => body.set(field, -1))))
      }
      if (Array.isArray(value)) {
        for (const member of [1, null, ['x'], Uint8Array.of(1), 'x'.repeat(1_025)] satisfies Cbor[]) {
          await refuses('bad-cbor', () => readChange(withBody(kind, body => body.set(field, ['x', member]))))
        }
      }
      if (typeof value === 'string') {
        await refuses('bad-cbor', () => readChange(withBody(kind, body => body.set(field, 'x'.repeat(1_025)))))
      }
    }
    for (const field of ['admin', '__proto__', 'constructor', '', 'kind']) {
      await refuses('bad-cbor', () => readChange(withBody(kind, body => body.set(field, 1))))
    }
  })
}

rules.test('a fact is about an identity, a token, a fleet or none', () => {
  const identity = 'acme/device/device-104'
  const about: Readonly<Record<ChangeKind, string>> = {
    'platform.founded': '',
    'server.certified': 'platform/server',
    'notice.certified': 'platform/notice',
    'fleet.created': 'acme',
    'fleet.activated': 'acme',
    'fleet.policy': 'acme',
    'token.created': permit.id,
    'token.revoked': permit.id,
    'identity.enrolled': identity,
    'identity.renewed': identity,
    'key.introduced': identity,
    'key.promoted': identity,
    'identity.revoked': identity,
    'identity.decommissioned': identity,
    'identity.wiped': identity,
    'message.accepted': identity,
    'operator.granted': 'platform/operator/ann',
    'session.opened': 'platform/operator/ann',
    'device.labelled': identity,
    'config.set': identity,
    'config.unset': '',
    'scope.set': identity,
    'sealing.published': identity,
    refused: '',
  }
  for (const kind of kinds) same([kind, aboutOf(write(kind))], [kind, about[kind]])
  same(aboutOf(write('config.set', { ...samples['config.set'], target: 'fleet' })), 'acme')
  const refusedOne = (by: string) =>
    aboutOf(change({ kind: 'refused', at: noon, by, ledger: 'acme', body: samples.refused }))
  same(refusedOne(identity), identity)
  same(refusedOne(`token:${permit.id}`), permit.id)
  for (const nobody of ['anonymous', 'platform']) same(refusedOne(nobody), '')
})

rules.test('refuses a change with another head', async () => {
  const heads: readonly (readonly [string, Cbor | undefined])[] = [
    ['v', 2],
    ['v', '1'],
    ['v', undefined],
    ['kind', 'fleet.deleted'],
    ['kind', '__proto__'],
    ['kind', 'constructor'],
    ['kind', 'toString'],
    ['kind', 'hasOwnProperty'],
    ['kind', ''],
    ['kind', 1],
    ['kind', undefined],
    ['at', -1],
    ['at', '1'],
    ['at', undefined],
    ['by', 1],
    ['by', 'x'.repeat(1_025)],
    ['by', undefined],
    ['ledger', 1],
    ['ledger', undefined],
    ['body', []],
    ['body', null],
    ['body', cbor(new Map())],
    ['body', undefined],
    ['signature', new Uint8Array()],
    ['__proto__', new Map()],
  ]
  for (const [field, value] of heads) {
    const outer = parts('token.revoked')
    if (value === undefined) outer.delete(field)
    else outer.set(field, value)
    await refuses('bad-cbor', () => readChange(cbor(outer)))
  }
  const swapped = parts('token.revoked')
  swapped.delete('by')
  await refuses('bad-cbor', () => readChange(cbor(swapped.set('x', 'platform'))))
})

rules.test('reads a change in the ledger of the platform or of a fleet', async () => {
  const inLedger = (ledger: string) => cbor(parts('token.revoked').set('ledger', ledger))
  for (const ledger of ['platform', 'acme', 'constructor']) same(readChange(inLedger(ledger)).ledger, ledger)
  for (const ledger of ['', 'Acme', '../acme', 'acme\n', 'xn--cme-5cd', 'a'.repeat(64)]) {
    await refuses('bad-fleet', () => readChange(inLedger(ledger)))
  }
})

rules.test('reads a change in one encoding only', async () => {
  const { bytes } = write('token.revoked')
  await refuses('bad-cbor', () => readChange(concat(bytes, Uint8Array.of(0xf6))))
  await refuses('bad-cbor', () => readChange(new Uint8Array()))
  await refuses('bad-cbor', () => readChange(cbor(null)))
  await refuses('bad-cbor', () => readChange(cbor([])))
  await refuses('bad-cbor', () => readChange(cbor(new Tagged(18, new Map()))))
  for (let length = 0; length < bytes.length; length++) {
    await refuses('bad-cbor', () => readChange(bytes.subarray(0, length)))
  }
  // A map of six in a head of two bytes.
  same(bytes[0], 0xa6)
  await refuses('bad-cbor', () => readChange(concat(Uint8Array.of(0xb8, 6), bytes.subarray(1))))
})

rules.test('refuses a change that no entry of a ledger can hold', async () => {
  const size = write('server.certified', { certificate: new Uint8Array(60_000) }).bytes.length - 60_000
  const most = 65_535 - size
  same(write('server.certified', { certificate: new Uint8Array(most) }).bytes.length, 65_535)
  await refuses('too-large', () => write('server.certified', { certificate: new Uint8Array(most + 1) }))
  const larger = withBody('server.certified', body => body.set('certificate', new Uint8Array(most + 1)))
  same(larger.length, 65_536)
  await refuses('too-large', () => readChange(larger))
})

rules.test('writes no change that could not be read again: that is a fault of ours', async () => {
  const wrong: readonly (() => unknown)[] = [
    () => write('token.revoked', {}),
    () => write('token.revoked', { token: 1 }),
    () => write('identity.revoked', { identity: 'x', reason: 'x'.repeat(1_025) }),
    () => write('config.set', { target: 'fleet', version: -1, digest: new Uint8Array(32) }),
    () => change({ kind: 'token.revoked', at: noon, by: 'platform', ledger: 'Acme', body: { token: 'x' } }),
    () => change({ kind: 'token.revoked', at: -1, by: 'platform', ledger: 'acme', body: { token: 'x' } }),
    () => change({ kind: 'token.revoked', at: noon, by: 'x'.repeat(1_025), ledger: 'acme', body: { token: 'x' } }),
  ]
  for (const run of wrong) {
    let fault: unknown
    try {
      run()
    } catch (error) {
      fault = error
    }
    ok(fault instanceof TypeError, `${fault}`)
  }
})

rules.test('holds what its bytes say, and nothing that was handed in beside it', () => {
  const made = write('token.revoked', { token: 'x', admin: true })
  same(made.body, { token: 'x' })
  same(readChange(made.bytes).body, { token: 'x' })
})

rules.test('takes no object for a change that was not made here', () => {
  const made = write('token.revoked')
  for (const value of [{ ...made }, Object.create(made), new Proxy(made, {}), made.bytes, null]) {
    same(isChange(value), false)
  }
})

rules.test('writes the fact of a certificate', () => {
  const first = enrolled(decideEnrollment(holder, permit, device, 'device-104', issuance), certificate, noon)
  same(first.by, `token:${permit.id}`)
  same(first.ledger, 'acme')
  same(first.body, {
    identity: 'acme/device/device-104',
    token: permit.id,
    spki: device.spki,
    tier: 'software',
    serial: issuance.serial,
    notAfter: Math.floor((issuance.at + 30 * day) / 1_000) * 1_000,
    certificate,
  })
  const own = decideOwn({ fleet: 'platform', role: 'operator', name: 'ann' }, device, {
    ...issuance,
    serial: '00000a'.padEnd(32, '0'),
  })
  const fact = enrolled(own, certificate, noon)
  same(fact.by, 'platform')
  same(fact.ledger, 'platform')
  same(fact.body.token, undefined)
  same(fact.body.serial, '0a'.padEnd(28, '0'))
  const again = renewed(own, certificate, 'platform/operator/ann', noon)
  same(again.kind, 'identity.renewed')
  same(Object.keys(again.body).sort(), ['certificate', 'identity', 'notAfter', 'serial'])
})

rules.test('takes a reason of one printable line', async () => {
  for (const text of ['lost', 'Board 7: burnt', 'x'.repeat(200), 'Größe, 設備, 😀', "'; DROP TABLE", '<b>']) {
    same(readReason(text), text)
  }
  const wrong = [
    '',
    'x'.repeat(201),
    'a\nb',
    'a\rb',
    'a\tb',
    'a\0b',
    '\u001b[31mred',
    'a\u2028b',
    'a\u2029b',
    'a\u0085b',
    'a\u202eb',
    'a\u200bb',
    '\ufeffa',
    'a\ud800b',
    'a\udc00',
    'a\u007fb',
  ]
  for (const text of wrong) await refuses('bad-request', () => readReason(text))
})
