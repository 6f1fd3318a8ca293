import { hex, readBase64, readHex, sha256 } from '../src/bytes/index.ts'
import { Refused } from '../src/errors/index.ts'
import { admitRaw, type Verify, webCryptoVerify } from '../src/keys/index.ts'
import {
  anonymous,
  checkAnchor,
  checkAuthority,
  checkLeaf,
  type IssuingAuthority,
  isAnchor,
  isIdentity,
  isPermitHolder,
  provePeer,
  provePermit,
  proveServer,
} from '../src/proof/index.ts'
import { readCertificate } from '../src/signed/index.ts'
import { ok, refuses, same, suite } from './portable.ts'
import {
  badServers,
  impostor,
  noAuthorities,
  odd,
  platform,
  refusedKeys,
  spellings,
  standing,
  unproven,
  unreadable,
  wrongIssuer,
} from './vectors/certificates.ts'
import { publicKeys } from './vectors/public-keys.ts'

export const proof = suite('proof')

const domain = 'example.test'
const january = Date.UTC(2026, 0, 1)
const day = 86_400_000
const noon = january + 15 * day

const bytes = (group: Readonly<Record<string, string>>): Record<string, Uint8Array> =>
  Object.fromEntries(Object.entries(group).map(([title, text]) => [title, readBase64(text)]))
const certificates = bytes(platform)
const cert = (title: keyof typeof platform) => readCertificate(readBase64(platform[title]))

const authority = (title: keyof typeof platform, fleet: string, use: IssuingAuthority['use']): IssuingAuthority => ({
  fleet,
  use,
  certificate: cert(title),
})

const acme = authority('acmeCa', 'acme', 'fleet')
const beta = authority('betaCa', 'beta', 'fleet')
const people = authority('peopleCa', 'platform', 'people')
const server = authority('serverCa', 'platform', 'server')

/** The CAs that a platform knows, found by the key id that a certificate names. */
function oneOf(...authorities: readonly IssuingAuthority[]) {
  const byKeyId = new Map(authorities.map(item => [hex(item.certificate.subjectKeyId!), item]))
  return (keyId: Uint8Array) => byKeyId.get(hex(keyId))
}
const ours = oneOf(acme, beta, people, server)

const prove = (leaf: Uint8Array | undefined, issuerOf = ours, verify: Verify = webCryptoVerify) =>
  provePeer(leaf!, domain, issuerOf, verify)

/** Refused as a certificate, and for this reason: the code alone would hide a guard that is gone behind another. */
async function refusesFor(reason: string, run: () => Promise<unknown>): Promise<void> {
  let why: string | undefined = 'nothing: it was accepted'
  try {
    await run()
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    ok(['certificate-refused', 'server-not-proven', 'bad-certificate'].includes(error.code), `code ${error.code}`)
    why = error.detail
  }
  same(why, reason)
}

// Who may be proven

const provable: readonly (readonly [keyof typeof platform, string])[] = [
  ['device', 'acme/device/device-104'],
  ['deviceP256', 'acme/device/device-105'],
  ['station', 'acme/station/post-1'],
  ['rootNode', 'acme/root/home'],
  ['betaDevice', 'beta/device/device-104'],
  ['operator', 'platform/operator/ann'],
  ['gateway', 'platform/gateway/gw-1'],
]

for (const [title, path] of provable) {
  proof.test(`proves ${path}`, async () => {
    const { identity, certificate } = await prove(certificates[title])
    same(identity.path, path)
    same(`${identity.fleet}/${identity.role}${identity.name === '' ? '' : `/${identity.name}`}`, path)
    same(certificate.der, certificates[title])
    ok(isIdentity(identity), 'made by the proof')
  })
}

for (const [title, leaf] of Object.entries(bytes(odd))) {
  proof.test(`proves device-104 in spite of ${title}`, async () => {
    same((await prove(leaf)).identity.path, 'acme/device/device-104')
  })
}

proof.test('proves by a Verify port that answers at once, and is refused where it says no', async () => {
  same((await prove(certificates.device, ours, () => true)).identity.name, 'device-104')
  await refusesFor('signature', () => prove(certificates.device, ours, () => false))
})

proof.test('lets a fault of the port through, for it is none of the peer', async () => {
  const broken: Verify = () => {
    throw new TypeError('no crypto here')
  }
  let fault: unknown
  await prove(certificates.device, ours, broken).catch((error: unknown) => {
    fault = error
  })
  ok(fault instanceof TypeError && !(fault instanceof Refused), `${fault}`)
})

// Who may not

for (const [group, what] of [
  [unreadable, 'certificate'],
  [refusedKeys, 'key'],
  [unproven, 'certificate'],
] as const) {
  for (const [title, leaf] of Object.entries(bytes(group))) {
    proof.test(`proves nobody by a ${what}: ${title}`, () => refuses('certificate-refused', () => prove(leaf)))
  }
}

const reasons: readonly (readonly [string, readonly (keyof typeof unproven)[]])[] = [
  [
    'not exactly one SPIFFE ID',
    ['no alternative name', 'an alternative name that is not critical', 'two URIs', 'one URI twice', 'a DNS name only'],
  ],
  ['names beside the SPIFFE ID', ['a DNS name beside the URI', 'a DNS name below the host beside the URI']],
  [
    'a name outside the constraints of its CA',
    ['DNS:localhost beside the URI', 'an address beside the URI', 'the key id of another CA'],
  ],
  [
    'purpose',
    [
      'no extended key usage',
      'any purpose',
      'clients and servers',
      'servers and clients',
      'clients twice',
      'servers only',
      'code signing',
      'e-mail',
    ],
  ],
  ['key usage of a leaf', ['no key usage', 'key usage with key agreement', 'key usage keyEncipherment only']],
  [
    'a CA certificate used as a leaf',
    ['a CA', 'a CA of path length 0 with its key usage', 'key usage with keyCertSign', 'key usage keyCertSign only'],
  ],
  ['name constraints in a leaf', ['name constraints in a leaf']],
  ['not issued by a CA of this platform', ['no authority key id', 'an empty authority key id']],
  ['issuer name', ['another issuer name', 'an empty issuer name']],
  ['outlives its issuer', ['a second longer than its CA', 'until the year 9999']],
  ['signature algorithm', ['signed with an Ed25519 key in the name of acme']],
  ['signature', ['signed by the device itself', 'signed by the beta CA in the name of acme']],
]

proof.test('says in the detail what was wrong', async () => {
  const told = new Set<string>()
  for (const [reason, titles] of reasons) {
    for (const title of titles) {
      told.add(title)
      await refusesFor(reason, () => prove(readBase64(unproven[title])))
    }
  }
  same([...told].sort(), Object.keys(unproven).sort())
})

for (const [text, leaf] of Object.entries(bytes(spellings))) {
  proof.test(`proves nobody by ${text.length > 100 ? 'a name of 65 characters' : text}`, async () => {
    await refuses('certificate-refused', () => prove(leaf))
    // Under a CA that is constrained to nothing too: the constraints are the second wall.
    const loose = oneOf(authority('acmeCaUnconstrained', 'acme', 'fleet'))
    await refuses('certificate-refused', () => prove(leaf, loose))
  })
}

proof.test('holds a fleet CA to its own fleet by its name constraints', async () => {
  const reason = 'a name outside the constraints of its CA'
  await refusesFor(reason, () => prove(readBase64(wrongIssuer.betaNamesAcme)))
  await refusesFor(reason, () => prove(readBase64(wrongIssuer.acmeNamesBeta)))
  await refusesFor(reason, () => prove(readBase64(wrongIssuer.acmeNamesOperator)))
})

proof.test('holds a fleet CA to its own fleet where its certificate does not', async () => {
  const reason = 'issuer of another fleet'
  const looseAcme = oneOf(authority('acmeCaUnconstrained', 'acme', 'fleet'))
  const looseBeta = oneOf(authority('betaCaUnconstrained', 'beta', 'fleet'))
  const betaOverAcme = oneOf(authority('betaCaOverAcme', 'beta', 'fleet'))
  await refusesFor(reason, () => prove(readBase64(wrongIssuer.betaNamesAcme), looseBeta))
  await refusesFor(reason, () => prove(readBase64(wrongIssuer.betaNamesAcme), betaOverAcme))
  await refusesFor(reason, () => prove(readBase64(wrongIssuer.acmeNamesBeta), looseAcme))
  await refusesFor(reason, () => prove(readBase64(wrongIssuer.acmeNamesOperator), looseAcme))
})

proof.test('lets the people CA name people only, and no CA the server as a client', async () => {
  const loose = oneOf(authority('peopleCaUnconstrained', 'platform', 'people'))
  const outside = 'a name outside the constraints of its CA'
  await refusesFor(outside, () => prove(readBase64(wrongIssuer.peopleNamesDevice)))
  await refusesFor('issuer of another fleet', () => prove(readBase64(wrongIssuer.peopleNamesDevice), loose))
  await refusesFor('issuer of another fleet', () => prove(readBase64(wrongIssuer.peopleNamesServer)))
  await refusesFor('issuer of another fleet', () => prove(readBase64(wrongIssuer.peopleNamesServer), loose))
  await refusesFor(outside, () => prove(readBase64(wrongIssuer.peopleNamesLocalhost)))
  await refusesFor('names beside the SPIFFE ID', () => prove(readBase64(wrongIssuer.peopleNamesLocalhost), loose))
  await refusesFor('purpose', () => prove(readBase64(wrongIssuer.peopleNamesServerForServers)))
  await refusesFor('purpose', () => prove(readBase64(wrongIssuer.serverNamesServerForClients)))
  await refusesFor('not for clients', () => prove(readBase64(wrongIssuer.serverNamesOperator)))
  await refusesFor('not for clients', () => prove(certificates.server))
  // It signs notices, and calls nobody.
  await refusesFor('not for clients', () => prove(certificates.notice))
})

proof.test('takes a leaf from nobody but an issuing CA: not the root, not another leaf, not itself', async () => {
  const unknown = 'not issued by a CA of this platform'
  await refusesFor(unknown, () => prove(readBase64(wrongIssuer.rootNamesDevice)))
  await refusesFor(unknown, () => prove(readBase64(wrongIssuer.deviceNamesDevice)))
  await refusesFor(unknown, () => prove(readBase64(wrongIssuer.selfSigned)))
  const leaf = readCertificate(readBase64(wrongIssuer.deviceNamesDevice))
  await refusesFor('not a CA', () => checkLeaf(leaf, cert('deviceP256'), webCryptoVerify))
  await refusesFor('purpose', () => checkLeaf(cert('device'), cert('root'), webCryptoVerify))
})

proof.test('takes no CA certificate for a leaf', async () => {
  for (const title of ['acmeCa', 'betaCa', 'peopleCa', 'serverCa', 'root'] as const) {
    await refuses('certificate-refused', () => prove(certificates[title]))
    await refusesFor('a CA certificate used as a leaf', () => checkLeaf(cert(title), cert('acmeCa'), webCryptoVerify))
  }
})

proof.test('takes nothing from another platform with the same names and key ids', async () => {
  await refusesFor('signature', () => prove(readBase64(impostor.device)))
  await refuses('bad-certificate', () =>
    checkAuthority(readCertificate(readBase64(impostor.acmeCa)), cert('root'), noon, webCryptoVerify),
  )
})

proof.test('proves under one domain only', async () => {
  for (const other of ['other.test', 'test', 'EXAMPLE.test', 'acme.example.test', '']) {
    await refuses('certificate-refused', () => provePeer(certificates.device!, other, ours, webCryptoVerify))
  }
})

proof.test('proves nobody where the platform knows no CA', async () => {
  await refusesFor('not issued by a CA of this platform', () => prove(certificates.device, () => undefined))
  await refusesFor('not issued by a CA of this platform', () => prove(certificates.device, oneOf(beta, people, server)))
})

proof.test('proves nobody by a certificate with a bit turned anywhere', async () => {
  const leaf = certificates.device!
  for (let at = 0; at < leaf.length; at++) {
    const changed = Uint8Array.from(leaf)
    changed[at]! ^= 1 << (at & 7)
    await refuses('certificate-refused', () => prove(changed))
  }
})

proof.test('proves nobody by nothing, by garbage and by a hundred megabytes', async () => {
  await refuses('certificate-refused', () => prove(new Uint8Array()))
  await refuses('certificate-refused', () => prove(new Uint8Array(4_000).fill(0x30)))
  await refuses('certificate-refused', () => prove(new Uint8Array(100_000_000)))
})

proof.test('proves who an expired certificate was, and leaves the hour to the gate', async () => {
  same((await prove(readBase64(standing.expired))).identity.path, 'acme/device/device-104')
  same((await prove(readBase64(standing.later))).identity.path, 'acme/device/device-104')
})

proof.test('takes no object for an identity that no proof made', async () => {
  const { identity } = await prove(certificates.device)
  const forged: readonly unknown[] = [
    { fleet: 'acme', role: 'device', name: 'device-104', path: 'acme/device/device-104' },
    { ...identity },
    JSON.parse(JSON.stringify(identity)),
    Object.create(identity),
    Object.create(Object.getPrototypeOf(identity)),
    Object.setPrototypeOf({ fleet: 'acme', role: 'device', name: 'device-104' }, Object.getPrototypeOf(identity)),
    new Proxy(identity, {}),
    identity.path,
    [identity],
    () => identity,
    null,
    undefined,
    true,
  ]
  for (const value of forged) same(isIdentity(value), false)
  same(isIdentity(identity), true)
})

// CAs and the root

proof.test('checks the CAs of the platform against its root', async () => {
  for (const title of ['acmeCa', 'betaCa', 'peopleCa', 'serverCa'] as const) {
    await checkAuthority(cert(title), cert('root'), noon, webCryptoVerify)
  }
  await checkAnchor(cert('root'), noon, webCryptoVerify)
})

proof.test('takes for a CA only what the root signed as one', async () => {
  const root = cert('root')
  const check = (title: keyof typeof platform) => () => checkAuthority(cert(title), root, noon, webCryptoVerify)
  await refusesFor('issuer name', check('device'))
  await refusesFor('issuer name', check('server'))
  await refusesFor('issuer key id', check('root'))
  const direct = readCertificate(readBase64(wrongIssuer.rootNamesDevice))
  await refusesFor('not a CA', () => checkAuthority(direct, root, noon, webCryptoVerify))
  for (const der of Object.values(bytes(noAuthorities))) {
    await refusesFor('not a CA', () => checkAuthority(readCertificate(der), root, noon, webCryptoVerify))
    await refusesFor('not a CA', () => checkLeaf(cert('operator'), readCertificate(der), webCryptoVerify))
  }
})

proof.test('takes for a root only what signed itself as a CA', async () => {
  const anchors: readonly (readonly [string, Uint8Array])[] = [
    ['the anchor is not a root', certificates.acmeCa!],
    ['not a CA', certificates.device!],
    ['not a CA', readBase64(wrongIssuer.selfSigned)],
  ]
  for (const [reason, anchor] of anchors) {
    await refusesFor(reason, () => checkAnchor(readCertificate(anchor), noon, webCryptoVerify))
  }
  // The impostor's root is a root like any other: that it is not the one we pinned is told by its bytes.
  await checkAnchor(readCertificate(readBase64(impostor.root)), noon, webCryptoVerify)
  const mixed = { ...cert('root'), signature: readCertificate(readBase64(impostor.root)).signature }
  await refusesFor('signature', () => checkAnchor(mixed, noon, webCryptoVerify))
})

proof.test('keeps CAs and roots to their time, both of its ends included', async () => {
  const [root, ca] = [cert('root'), cert('acmeCa')]
  const late = 'issuer outside its validity'
  const checkCa = (at: number) => checkAuthority(ca, root, at, webCryptoVerify)
  for (const at of [ca.notBefore, ca.notAfter, ca.notAfter + 999]) await checkCa(at)
  for (const at of [ca.notBefore - 1, ca.notAfter + 1_000, Number.NaN, Number.POSITIVE_INFINITY]) {
    await refusesFor(late, () => checkCa(at))
  }
  await checkAnchor(root, root.notAfter + 999, webCryptoVerify)
  await refusesFor(late, () => checkAnchor(root, root.notAfter + 1_000, webCryptoVerify))
  await refusesFor(late, () => checkAnchor(root, root.notBefore - 1, webCryptoVerify))
})

// The server

const chain = [certificates.server!, certificates.serverCa!]
const anchor = certificates.root!
const proveIt = (sent: readonly Uint8Array[], at = noon, pinned = anchor) =>
  proveServer(sent, pinned, at, webCryptoVerify)

proof.test('proves the server of a platform by its chain, and says its domain', async () => {
  same(await proveIt(chain), 'example.test')
  same(await proveIt([...chain, anchor]), 'example.test')
})

proof.test('proves no server by an incomplete or jumbled chain', async () => {
  const chains = [
    [],
    [certificates.server!],
    [certificates.serverCa!, certificates.server!],
    [certificates.server!, anchor],
    [certificates.server!, certificates.server!],
    [certificates.server!, anchor, certificates.serverCa!],
    [certificates.serverCa!, anchor],
    [anchor, anchor],
    [certificates.server!, certificates.peopleCa!],
    [certificates.server!, certificates.acmeCa!],
    [certificates.server!, new Uint8Array()],
    [new Uint8Array(), certificates.serverCa!],
    [certificates.server!, new Uint8Array(1_000_000)],
  ]
  for (const sent of chains) await refuses('server-not-proven', () => proveIt(sent))
})

proof.test('reads no more of a chain than its two certificates', async () => {
  same(await proveIt([...chain, ...new Array(10_000).fill(new Uint8Array(1_000))]), 'example.test')
})

proof.test('proves no server by a CA that issues for clients', async () => {
  await refusesFor('not for servers', () =>
    proveIt([readBase64(wrongIssuer.peopleNamesServer), certificates.peopleCa!]),
  )
  await refusesFor('purpose', () =>
    proveIt([readBase64(wrongIssuer.peopleNamesServerForServers), certificates.peopleCa!]),
  )
  await refusesFor('purpose', () =>
    proveIt([readBase64(wrongIssuer.serverNamesServerForClients), certificates.serverCa!]),
  )
  await refusesFor('not for servers', () => proveIt([certificates.device!, certificates.acmeCa!]))
  await refusesFor('not for servers', () => proveIt([certificates.operator!, certificates.peopleCa!]))
})

proof.test('proves no server under another root', async () => {
  const theirs = [readBase64(impostor.server), readBase64(impostor.serverCa)]
  await refusesFor('signature', () => proveIt(theirs))
  await refusesFor('signature', () => proveIt([readBase64(impostor.server), certificates.serverCa!]))
  await refusesFor('issuer key id', () => proveIt(chain, noon, readBase64(impostor.root)))
  await refusesFor('the anchor is not a root', () => proveIt(chain, noon, certificates.serverCa!))
  await refuses('server-not-proven', () => proveIt(chain, noon, new Uint8Array()))
})

proof.test('proves a server inside the time of its certificate, both of its ends included', async () => {
  const { notBefore, notAfter } = cert('server')
  for (const at of [notBefore, notAfter, notAfter + 999]) same(await proveIt(chain, at), 'example.test')
  for (const at of [notBefore - 1, notAfter + 1_000, Number.NaN, Date.UTC(2040, 0, 1), Date.UTC(2060, 0, 1)]) {
    await refuses('server-not-proven', () => proveIt(chain, at))
  }
})

for (const [title, leaf] of Object.entries(bytes(badServers))) {
  proof.test(`proves no server by ${title}`, () =>
    refuses('server-not-proven', () => proveIt([leaf, certificates.serverCa!])),
  )
}

proof.test('knows the anchor by all of its bytes', () => {
  same(isAnchor(anchor, sha256(anchor)), true)
  same(isAnchor(readBase64(impostor.root), sha256(anchor)), false)
  same(isAnchor(anchor, sha256(anchor).subarray(0, 31)), false)
  same(isAnchor(anchor, new Uint8Array()), false)
})

// Permits

const secret = new Uint8Array(32).fill(7)
const stored = { id: 'AAAAAAAAAAAAAAAAAAAAAA', secretHash: sha256(secret) }

proof.test('proves the holder of a permit by its secret', () => {
  const holder = provePermit(stored, secret, sha256)
  same(holder.permit, stored.id)
  ok(isPermitHolder(holder), 'made by the proof')
})

proof.test('tells an unknown permit and a wrong secret apart by nothing', async () => {
  const wrong = Uint8Array.from(secret)
  wrong[31]! ^= 1
  const told: string[] = []
  const attempts = [
    () => provePermit(undefined, secret, sha256),
    () => provePermit(stored, wrong, sha256),
    () => provePermit(stored, new Uint8Array(), sha256),
    () => provePermit(stored, stored.secretHash, sha256),
    () => provePermit({ ...stored, secretHash: new Uint8Array() }, secret, sha256),
    () => provePermit({ ...stored, secretHash: new Uint8Array(32) }, secret, sha256),
  ]
  for (const attempt of attempts) {
    await refuses('refused', attempt)
    try {
      attempt()
    } catch (error) {
      told.push((error as Error).message)
    }
  }
  same(new Set(told).size, 1)
})

proof.test('does not take the hash of nothing for an unknown permit', async () => {
  // What stands in for the missing hash must match no secret that can be shown.
  await refuses('refused', () => provePermit(undefined, secret, () => new Uint8Array(32)))
})

proof.test('takes no object for a permit holder that no proof made', () => {
  const holder = provePermit(stored, secret, sha256)
  for (const value of [{ permit: stored.id }, { ...holder }, Object.create(holder), new Proxy(holder, {}), null, 1]) {
    same(isPermitHolder(value), false)
  }
  same(isPermitHolder(anonymous), false)
  same(isIdentity(holder), false)
})

proof.test('names the keys of the vectors as they are read', () => {
  for (const [title, { algorithm, raw }] of Object.entries(publicKeys)) {
    same([title, admitRaw(algorithm, readHex(raw)).algorithm], [title, algorithm])
  }
})
