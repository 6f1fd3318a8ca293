import { type Cbor, cborMap, concat, readHex } from '../../../src/bytes/index.ts'
import type { FullName } from '../../../src/names/index.ts'
import {
  type DecommissionConfirmation,
  type DecommissionNotice,
  type Issuer,
  keyIdentifier,
  type LeafRequest,
  oid,
  type StatementKind,
  signDecommissionConfirmation,
  signDecommissionNotice,
  signStatement,
} from '../../../src/signed/index.ts'
import type { Group } from './certificates.ts'
import type { VectorKey } from './keys.ts'
import { authorityKeyId, craft, keyIdExtension, leafExtensions, names, purposes, uri } from './parts.ts'
import { authorityCertificate, day, issuers, january, keys, leafCertificate, unconstrained } from './world.ts'

const notice: DecommissionNotice = {
  domain: 'example.test',
  identity: 'acme/device/device-104',
  spki: keys.device.publicKey.id,
  nonce: new Uint8Array(32).fill(0xa5),
  ledger: 'acme',
  index: 7,
  issued: january + 15 * day,
}
const confirmation: DecommissionConfirmation = {
  domain: 'example.test',
  identity: 'acme/device/device-104',
  spki: keys.device.publicKey.id,
  notice: '5a'.repeat(32),
  at: january + 15 * day,
}

export const notices: Group = {
  first: signDecommissionNotice(keys.notice, notice),
  ed25519: signDecommissionNotice(keys.edRoot, notice),
  'another question': signDecommissionNotice(keys.notice, { ...notice, nonce: new Uint8Array(32) }),
  'another platform': signDecommissionNotice(keys.notice, { ...notice, domain: 'other.test' }),
  'another identity': signDecommissionNotice(keys.notice, { ...notice, identity: 'acme/device/device-105' }),
  'another role': signDecommissionNotice(keys.notice, { ...notice, identity: 'acme/station/device-104' }),
  'another fleet': signDecommissionNotice(keys.notice, {
    ...notice,
    identity: 'beta/device/device-104',
    ledger: 'beta',
  }),
  'another key': signDecommissionNotice(keys.notice, { ...notice, spki: keys.device2.publicKey.id }),
  'another signer': signDecommissionNotice(keys.people, notice),
  'issued too early': signDecommissionNotice(keys.notice, { ...notice, issued: january - 1 }),
  'issued too late': signDecommissionNotice(keys.notice, { ...notice, issued: january + 30 * day + 1_000 }),
}

const noticeWith = (change: Readonly<Record<string, Cbor | undefined>>, kind: StatementKind = 'decommission-notice') =>
  signStatement(keys.notice, kind, cborMap({ v: 1, ...notice, spki: readHex(notice.spki), ...change }))

/** What `readDecommissionNotice` by the notice key refuses with `bad-statement`. */
export const badNotices: Group = {
  'a confirmation by its own fields': noticeWith({}, 'decommission-confirmation'),
  'a charter by its own fields': noticeWith({}, 'charter'),
  'by another key that names itself': signDecommissionNotice(keys.people, notice),
  'version 2': noticeWith({ v: 2 }),
  'no version': noticeWith({ v: undefined }),
  'no domain': noticeWith({ domain: undefined }),
  'no identity': noticeWith({ identity: undefined }),
  'a key of 31 bytes': noticeWith({ spki: new Uint8Array(31) }),
  'a key as text': noticeWith({ spki: notice.spki }),
  'no nonce': noticeWith({ nonce: undefined }),
  'a nonce of 31 bytes': noticeWith({ nonce: new Uint8Array(31) }),
  'a nonce as text': noticeWith({ nonce: 'a5'.repeat(16) }),
  'no ledger': noticeWith({ ledger: undefined }),
  'the ledger of another fleet': noticeWith({ ledger: 'beta' }),
  'the ledger of the platform': noticeWith({ ledger: 'platform' }),
  'no index': noticeWith({ index: undefined }),
  'an index below 0': noticeWith({ index: -1 }),
  'an index as text': noticeWith({ index: '7' }),
  'no time': noticeWith({ issued: undefined }),
  'a time before 1970': noticeWith({ issued: -1 }),
  'an unknown field': noticeWith({ wipe: 'everything' }),
  'a field null': noticeWith({ reason: null }),
}

/** The name inside has a code of its own. */
export const misnamedNotices: Group = {
  'bad-domain: upper case': noticeWith({ domain: 'Example.test' }),
  'bad-identity: a SPIFFE ID': noticeWith({ identity: 'spiffe://acme.example.test/device/device-104' }),
  'bad-identity: no role': noticeWith({ identity: 'acme/device-104' }),
  'bad-identity: a pattern': noticeWith({ identity: 'acme/device/*' }),
}

export const confirmations: Group = {
  first: signDecommissionConfirmation(keys.device, confirmation),
  p256: signDecommissionConfirmation(keys.device2, { ...confirmation, spki: keys.device2.publicKey.id }),
}

const confirmationWith = (change: Readonly<Record<string, Cbor | undefined>>, by: VectorKey = keys.device) =>
  signStatement(
    by,
    'decommission-confirmation',
    cborMap({
      v: 1,
      ...confirmation,
      spki: readHex(confirmation.spki),
      notice: readHex(confirmation.notice),
      ...change,
    }),
  )

/** What `readDecommissionConfirmation` by the device's key refuses with `bad-statement`. */
export const badConfirmations: Group = {
  'a notice by the device': signDecommissionNotice(keys.device, notice),
  'by another key that names itself': confirmationWith({}, keys.stranger),
  'of another key': confirmationWith({ spki: readHex(keys.device2.publicKey.id) }),
  'version 2': confirmationWith({ v: 2 }),
  'no version': confirmationWith({ v: undefined }),
  'no domain': confirmationWith({ domain: undefined }),
  'no identity': confirmationWith({ identity: undefined }),
  'no key': confirmationWith({ spki: undefined }),
  'no notice': confirmationWith({ notice: undefined }),
  'a notice of 31 bytes': confirmationWith({ notice: new Uint8Array(31) }),
  'a notice as text': confirmationWith({ notice: confirmation.notice }),
  'no time': confirmationWith({ at: undefined }),
  'a time before 1970': confirmationWith({ at: -1 }),
  'an unknown field': confirmationWith({ erased: true }),
}

const noticeName = { fleet: 'platform', role: 'notice', name: '' } as const

/** A leaf for the key that signs the notices above, then its CA. */
const chain = async (
  by: Issuer,
  authority: Promise<Uint8Array>,
  name: FullName = noticeName,
  more: Partial<LeafRequest> = {},
): Promise<Uint8Array> => concat(await leafCertificate(by, keys.notice, name, more), await authority)

const peopleCa = () => authorityCertificate(issuers.root, keys.people, 'people')
/** As if the ceremony had let it out: a CA for servers with the constraints of the people CA. */
async function heldServerChain(): Promise<Uint8Array> {
  const extensions = leafExtensions({
    purposes: purposes(oid.serverAuth),
    names: names(uri('spiffe://platform.example.test/notice')),
    subjectKeyId: keyIdExtension(keyIdentifier(keys.notice.publicKey)),
    authorityKeyId: authorityKeyId(issuers.server.keyId),
  })
  const leaf = await craft({ spki: keys.notice.publicKey.spki, extensions }, issuers.server)
  const host = 'platform.example.test'
  return concat(leaf, await authorityCertificate(issuers.root, keys.server, 'server', undefined, host))
}
const falsePeople = { ...issuers.people, key: keys.impostor }

export const noticeChains: Group = { notice: chain(issuers.people, peopleCa()) }

/** What `proveNotice` takes no notice by, each with its reason. */
export const badNoticeChains: Group = {
  'not the people CA: a fleet CA': chain(issuers.acme, authorityCertificate(issuers.root, keys.acme, 'fleet', 'acme')),
  'not the people CA: a fleet CA held to nothing': chain(
    issuers.acme,
    authorityCertificate(issuers.root, keys.acme, 'fleet', 'acme', unconstrained),
  ),
  'not the people CA: the server CA': chain(issuers.server, authorityCertificate(issuers.root, keys.server, 'server')),
  'not the people CA: that of another domain': chain(
    issuers.people,
    authorityCertificate(issuers.root, keys.people, 'people', undefined, 'platform.other.test'),
  ),
  'not the people CA: one held to nothing': chain(
    issuers.people,
    authorityCertificate(issuers.root, keys.people, 'people', undefined, unconstrained),
  ),
  'not by the people CA: a server CA held to the platform': heldServerChain(),
  'signature: a people CA by another root of the same name': chain(
    falsePeople,
    authorityCertificate(issuers.falseRoot, keys.impostor, 'people'),
  ),
  'issuer name: a people CA that signed itself': chain(
    issuers.people,
    authorityCertificate(issuers.people, keys.people, 'people'),
  ),
  'signature: another key than the CA': chain(falsePeople, peopleCa()),
  'not the notice key: an operator': chain(issuers.people, peopleCa(), {
    fleet: 'platform',
    role: 'operator',
    name: 'notice',
  }),
  'purpose: the server, by the people CA': chain(issuers.people, peopleCa(), {
    fleet: 'platform',
    role: 'server',
    name: '',
  }),
  'a name outside the constraints of its CA: another domain': chain(issuers.people, peopleCa(), noticeName, {
    domain: 'other.test',
  }),
  'not the notice key: a host name beside it': chain(issuers.people, peopleCa(), noticeName, {
    dnsNames: ['platform.example.test'],
  }),
  'outside its validity: ended the day before': chain(issuers.people, peopleCa(), noticeName, {
    notAfter: january + 14 * day,
  }),
  'outside its validity: begins the day after': chain(issuers.people, peopleCa(), noticeName, {
    notBefore: january + 16 * day,
  }),
}
