import { type Cbor, readBase64, readCbor, readHex, type Tagged } from '../src/bytes/index.ts'
import type { Code } from '../src/errors/index.ts'
import { Refused } from '../src/errors/index.ts'
import { admitRaw, type Key, webCryptoVerify } from '../src/keys/index.ts'
import { type PeerProof, provePeer } from '../src/proof/index.ts'
import {
  checkPace,
  decideSuccession,
  type Issuance,
  introduced,
  messagePace,
  pace,
  type RegistryRecord,
  readLateRenewal,
  readMessagesPerMinute,
  type Tier,
  weakerTier,
} from '../src/rules/index.ts'
import { type KeySuccession, readCertificate, readKeySuccession, signKeySuccession } from '../src/signed/index.ts'
import { refuses, same, suite } from './portable.ts'
import { platform } from './vectors/certificates.ts'
import { publicKeys } from './vectors/public-keys.ts'
import { badSuccessions, misnamedSuccessions, successions } from './vectors/successions.ts'

export const succession = suite('succession')

const keyOf = (title: keyof typeof publicKeys) => admitRaw(publicKeys[title].algorithm, readHex(publicKeys[title].raw))
const [device, next, stranger] = [keyOf('device'), keyOf('device2'), keyOf('stranger')]
const january = Date.UTC(2026, 0, 1)
const day = 86_400_000

const said: KeySuccession = {
  domain: 'example.test',
  identity: 'acme/device/device-104',
  old: device.id,
  new: next.id,
  at: january,
}

// The statement

succession.test('reads what either kind of key says of the key after it', async () => {
  same(await readKeySuccession(readBase64(successions.ed25519), device, webCryptoVerify), said)
  const back = { ...said, old: next.id, new: device.id }
  same(await readKeySuccession(readBase64(successions.p256), next, webCryptoVerify), back)
})

succession.test('signs the same statement again', async () => {
  for (const [text, publicKey, statement] of [
    [successions.ed25519, device, said],
    [successions.p256, next, { ...said, old: next.id, new: device.id }],
  ] as const) {
    const wanted = readBase64(text)
    const signature = ((readCbor(wanted) as Tagged).value as readonly Cbor[])[3] as Uint8Array
    const recorded: Key = { publicKey, sign: () => signature }
    same(await signKeySuccession(recorded, statement), wanted)
  }
})

for (const [title, text] of Object.entries(badSuccessions)) {
  succession.test(`refuses a succession: ${title}`, () =>
    refuses('bad-statement', () => readKeySuccession(readBase64(text), device, webCryptoVerify)),
  )
}
for (const [title, text] of Object.entries(misnamedSuccessions)) {
  succession.test(`refuses a succession (${title})`, () =>
    refuses(title.split(':')[0] as Code, () => readKeySuccession(readBase64(text), device, webCryptoVerify)),
  )
}

succession.test('refuses a succession that was changed after it was signed', async () => {
  const bytes = readBase64(successions.ed25519)
  for (let at = 0; at < bytes.length; at++) {
    const changed = Uint8Array.from(bytes)
    changed[at]! ^= 1
    let refused: unknown
    await readKeySuccession(changed, device, webCryptoVerify).catch((error: unknown) => {
      refused = error
    })
    same(refused instanceof Refused, true)
  }
})

// The rule

const record: RegistryRecord = {
  identity: 'acme/device/device-104',
  standing: 'good',
  key: device.id,
  pending: undefined,
  tier: 'software',
}
const issuance: Issuance = {
  domain: 'example.test',
  at: january + 15 * day,
  serial: '40'.padEnd(32, '1'),
  until: january + 365 * day,
}

function prove(): Promise<PeerProof> {
  const acme = { fleet: 'acme', use: 'fleet', certificate: readCertificate(readBase64(platform.acmeCa)) } as const
  return provePeer(readBase64(platform.device), 'example.test', () => acme, webCryptoVerify)
}

succession.test('grants the new key a certificate under the name that the old one proved', async () => {
  const { identity } = await prove()
  const grant = decideSuccession(identity, record, device, next, said, issuance)
  same(grant.name, { fleet: 'acme', role: 'device', name: 'device-104' })
  same(grant.request.publicKey.id, next.id)
  same(grant.permit, undefined)
  const statement = readBase64(successions.ed25519)
  const fact = introduced(grant, readBase64(platform.device), statement, january)
  same([fact.by, fact.ledger], ['acme/device/device-104', 'acme'])
  same(fact.body, {
    identity: 'acme/device/device-104',
    spki: next.spki,
    tier: 'software',
    serial: issuance.serial,
    notAfter: issuance.at + 30 * day,
    certificate: readBase64(platform.device),
    succession: statement,
  })
})

succession.test('drops the tier of a name whose new key has proven nothing', async () => {
  const { identity } = await prove()
  for (const tier of ['software', 'pkcs11-claimed', 'tpm-attested'] satisfies Tier[]) {
    same(decideSuccession(identity, { ...record, tier }, device, next, said, issuance).tier, 'software')
  }
  same(weakerTier('pkcs11-claimed', 'tpm-attested'), 'pkcs11-claimed')
  same(weakerTier('tpm-attested', 'pkcs11-claimed'), 'pkcs11-claimed')
  same(weakerTier('tpm-attested', 'tpm-attested'), 'tpm-attested')
})

succession.test('replaces a key that waits, by the word of the current one', async () => {
  const { identity } = await prove()
  const waiting = { ...record, pending: stranger.id }
  same(decideSuccession(identity, waiting, device, next, said, issuance).request.publicKey.id, next.id)
})

succession.test('changes no key for any other reason', async () => {
  const { identity } = await prove()
  const decide =
    (known: Partial<RegistryRecord> | undefined, statement: Partial<KeySuccession> = {}, proven = device) =>
    () =>
      decideSuccession(identity, known && { ...record, ...known }, proven, next, { ...said, ...statement }, issuance)
  await refuses('unknown', decide(undefined))
  await refuses('revoked', decide({ standing: 'revoked' }))
  await refuses('decommissioned', decide({ standing: 'decommissioned' }))
  await refuses('renew-name', decide({ identity: 'acme/device/device-105' }))
  await refuses('key-superseded', decide({ key: stranger.id }))
  // A key that waits has no say in what comes after it until it is the current one.
  await refuses('key-superseded', decide({ key: stranger.id, pending: device.id }))
  await refuses('key-superseded', decide({}, { old: stranger.id }, stranger))
  await refuses('bad-statement', decide({}, { domain: 'other.test' }))
  await refuses('bad-statement', decide({}, { identity: 'acme/device/device-105' }))
  await refuses('bad-statement', decide({}, { identity: 'beta/device/device-104' }))
  await refuses('bad-statement', decide({}, { old: stranger.id }))
  await refuses('bad-statement', decide({}, { new: stranger.id }))
})

// Renewals, how many and how late

succession.test('lets an identity have its certificates at a pace', async () => {
  const at = january
  const spaced = (count: number) => Array.from({ length: count }, (_, i) => at - i * 60_000)
  for (let count = 0; count < pace.most; count++) checkPace(spaced(count), at)
  let refused: unknown
  try {
    checkPace(spaced(pace.most), at)
  } catch (error) {
    refused = error
  }
  same((refused as Refused).code, 'slow-down')
  // Until the oldest of them is an hour ago.
  same((refused as Refused).retryAfter, pace.within - (pace.most - 1) * 60_000)
})

succession.test('takes a policy for sleepers of at most ten years', async () => {
  for (const good of [0, 1, 90 * day, 3_650 * day]) same(readLateRenewal(good), good)
  for (const bad of [
    -1,
    3_650 * day + 1,
    0.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '90',
    null,
    undefined,
    true,
    [1],
  ]) {
    await refuses('bad-number', () => readLateRenewal(bad))
  }
})

succession.test('takes a policy for messages of one a minute up to what the platform itself takes', async () => {
  for (const good of [1, 600, messagePace.ofOne]) same(readMessagesPerMinute(good), good)
  for (const bad of [0, -1, messagePace.ofOne + 1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '1', null, undefined]) {
    await refuses('bad-number', () => readMessagesPerMinute(bad))
  }
})
