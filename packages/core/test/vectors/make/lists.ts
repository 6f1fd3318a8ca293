import {
  context,
  contextConstructed,
  der,
  derBitString,
  derBoolean,
  derOid,
  derSequence,
  derTime,
  tag,
} from '../../../src/bytes/der.ts'
import { concat } from '../../../src/bytes/index.ts'
import { x509Signature } from '../../../src/keys/sign.ts'
import { crlReason, type Issuer, oid, type RevocationList, signRevocationList } from '../../../src/signed/index.ts'
import type { Group } from './certificates.ts'
import { day, issuers, january } from './world.ts'

interface Parts {
  version: Uint8Array
  innerAlgorithm: Uint8Array
  issuer: Uint8Array
  times: readonly Uint8Array[]
  entries: Uint8Array
  extensions: readonly Uint8Array[] | undefined
  outerAlgorithm: Uint8Array
}

const none = new Uint8Array()
const ecdsa = derSequence(derOid(oid.ecdsaWithSha256))
const integer = (...bytes: readonly number[]): Uint8Array => der(tag.integer, Uint8Array.from(bytes))
const extension = (id: string, value: Uint8Array, critical = false): Uint8Array =>
  derSequence(derOid(id), ...(critical ? [derBoolean(true)] : []), der(tag.octetString, value))
const [begins, ends] = [derTime(january), derTime(january + 7 * day)]
const keyId = extension(oid.authorityKeyId, derSequence(der(context(0), issuers.acme.keyId)))
const number = extension(oid.crlNumber, integer(7))
const entry = (serial: number, ...more: readonly Uint8Array[]): Uint8Array =>
  derSequence(integer(serial), begins, ...more)
const reason = (...body: readonly number[]): Uint8Array =>
  derSequence(extension(oid.crlReason, der(tag.enumerated, Uint8Array.from(body))))

async function craft(change: Partial<Parts> = {}, by: Issuer = issuers.acme): Promise<Uint8Array> {
  const parts: Parts = {
    version: integer(1),
    innerAlgorithm: ecdsa,
    issuer: by.subject,
    times: [begins, ends],
    entries: derSequence(entry(9), entry(3, reason(1))),
    extensions: [keyId, number],
    outerAlgorithm: ecdsa,
    ...change,
  }
  const tbs = derSequence(
    parts.version,
    parts.innerAlgorithm,
    parts.issuer,
    ...parts.times,
    parts.entries,
    parts.extensions === undefined ? none : der(contextConstructed(0), derSequence(...parts.extensions)),
  )
  return derSequence(tbs, parts.outerAlgorithm, derBitString(await x509Signature(by.key, tbs)))
}

export const someRevocations: RevocationList = {
  number: 300,
  thisUpdate: january,
  nextUpdate: january + 7 * day,
  revocations: [
    { serial: '40000000000000000000000000001001', at: january + 1_000, reason: crlReason.unspecified },
    { serial: '0a', at: january + 2_000, reason: crlReason.cessationOfOperation },
    { serial: 'ff', at: Date.UTC(2050, 0, 1), reason: crlReason.unspecified },
  ],
}

/** By the acme CA, and read. */
export const goodLists: Group = {
  some: signRevocationList(issuers.acme, someRevocations),
  none: signRevocationList(issuers.acme, { ...someRevocations, number: 0, revocations: [] }),
  // The order of serial numbers means nothing (RFC 5280 5.1).
  unsorted: craft(),
  largestNumber: craft({ extensions: [keyId, extension(oid.crlNumber, integer(0x7f, ...new Array(5).fill(0xff)))] }),
}

/** `bad-crl` to who expects the acme CA. */
export const badLists: Group = {
  'signed by another CA in its name': craft({}, { ...issuers.acme, key: issuers.beta.key }),
  'signed by another platform in its name': craft({}, issuers.falseAcme),
  'by another CA': craft({}, issuers.beta),
  'by this key under another name': craft({ issuer: issuers.beta.subject }),
  'no version': craft({ version: none }),
  'version 1': craft({ version: integer(0) }),
  'version 3': craft({ version: integer(2) }),
  'another algorithm inside': craft({ innerAlgorithm: derSequence(derOid(oid.ed25519)) }),
  'another algorithm outside': craft({ outerAlgorithm: derSequence(derOid(oid.ed25519)) }),
  'no time of the next': craft({ times: [begins] }),
  'ends before it begins': craft({ times: [ends, begins] }),
  'a third time': craft({ times: [begins, ends, ends] }),
  'an empty list of revocations': craft({ entries: derSequence() }),
  'a serial number twice': craft({ entries: derSequence(entry(3), entry(4), entry(3, reason(1))) }),
  'serial number 0': craft({ entries: derSequence(entry(0)) }),
  'a negative serial number': craft({ entries: derSequence(entry(0x80)) }),
  'a revocation without a time': craft({ entries: derSequence(derSequence(integer(3))) }),
  'an empty list of extensions of a revocation': craft({ entries: derSequence(entry(3, derSequence())) }),
  'reason 0 spelled out': craft({ entries: derSequence(entry(3, reason(0))) }),
  'reason 7': craft({ entries: derSequence(entry(3, reason(7))) }),
  'reason 8, taken back': craft({ entries: derSequence(entry(3, reason(8))) }),
  'reason 11': craft({ entries: derSequence(entry(3, reason(11))) }),
  'a reason of two bytes': craft({ entries: derSequence(entry(3, reason(0, 1))) }),
  'an empty reason': craft({ entries: derSequence(entry(3, reason())) }),
  'a critical reason': craft({
    entries: derSequence(entry(3, derSequence(extension(oid.crlReason, der(tag.enumerated, Uint8Array.of(1)), true)))),
  }),
  'an invalidity date': craft({
    entries: derSequence(entry(3, derSequence(extension('2.5.29.24', derTime(Date.UTC(2051, 0, 1)))))),
  }),
  'a revocation by another issuer': craft({
    entries: derSequence(entry(3, derSequence(extension('2.5.29.29', issuers.beta.subject, true)))),
  }),
  'a delta': craft({ extensions: [keyId, number, extension('2.5.29.27', integer(6), true)] }),
  'a delta first': craft({ extensions: [extension('2.5.29.27', integer(6), true), keyId, number] }),
  'a delta that is not critical': craft({ extensions: [keyId, number, extension('2.5.29.27', integer(6))] }),
  'for some distribution points only': craft({
    extensions: [keyId, number, extension('2.5.29.28', derSequence(der(context(1), Uint8Array.of(0xff))), true)],
  }),
  'another extension where the key id is due': craft({ extensions: [extension('2.5.29.18', none), number] }),
  'another extension where the number is due': craft({ extensions: [keyId, extension('1.2.3.4', integer(7))] }),
  'another extension where the reason is due': craft({
    entries: derSequence(entry(3, derSequence(extension('1.2.3.4', der(tag.enumerated, Uint8Array.of(1)))))),
  }),
  'an unknown extension': craft({ extensions: [keyId, number, extension('1.2.3.4', none)] }),
  'no extensions': craft({ extensions: undefined }),
  'no number': craft({ extensions: [keyId] }),
  'no key id': craft({ extensions: [number] }),
  'a number twice': craft({ extensions: [keyId, number, number] }),
  'a negative number': craft({ extensions: [keyId, extension(oid.crlNumber, integer(0xff))] }),
  'a number past 2^53': craft({
    extensions: [keyId, extension(oid.crlNumber, integer(0x20, ...new Array(6).fill(0)))],
  }),
  'a number with a zero in front': craft({ extensions: [keyId, extension(oid.crlNumber, integer(0, 7))] }),
  'a byte after it': craft().then(whole => concat(whole, Uint8Array.of(0))),
  'a byte short': craft().then(whole => whole.subarray(0, -1)),
}
