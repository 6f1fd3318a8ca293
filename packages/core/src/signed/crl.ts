import { equal } from '../bytes/bytes.ts'
import {
  context,
  contextConstructed,
  DerReader,
  der,
  derBitString,
  derOid,
  derSequence,
  derTime,
  derUnsigned,
  type Element,
  readDer,
  readTime,
  tag,
} from '../bytes/der.ts'
import { readHex } from '../bytes/text.ts'
import { Refused } from '../errors/refused.ts'
import type { Verify } from '../keys/key.ts'
import type { PublicKey } from '../keys/public-key.ts'
import { x509Signature } from '../keys/sign.ts'
import { checkSignature, readX509Signature } from '../keys/signature.ts'
import { readSignatureAlgorithm, signatureAlgorithm } from './algorithm.ts'
import { readSerial } from './certificate.ts'
import { readIntegerValue } from './extensions.ts'
import { oid } from './oid.ts'
import type { Issuer } from './profile.ts'

/** CRLReason (RFC 5280 5.3.1), those that we give. */
export const crlReason = { unspecified: 0, superseded: 4, cessationOfOperation: 5 } as const

export interface Revocation {
  /** Hex. */
  readonly serial: string
  /** Unix milliseconds. */
  readonly at: number
  readonly reason: number
}

/** A complete v2 CRL of one issuer (RFC 5280 5). For third parties: our own doors ask the registry. */
export interface RevocationList {
  /** Grows with every list of an issuer. */
  readonly number: number
  readonly thisUpdate: number
  readonly nextUpdate: number
  readonly revocations: readonly Revocation[]
}

export async function signRevocationList(issuer: Issuer, list: RevocationList): Promise<Uint8Array> {
  const algorithm = signatureAlgorithm[issuer.key.publicKey.algorithm]
  const entries = list.revocations.map(({ serial, at, reason }) =>
    derSequence(
      derUnsigned(readHex(serial)),
      derTime(at),
      // RFC 5280 5.3.1: unspecified is said by leaving the reason out.
      ...(reason === crlReason.unspecified
        ? []
        : [derSequence(extension(oid.crlReason, der(tag.enumerated, Uint8Array.of(reason))))]),
    ),
  )
  const signed = derSequence(
    der(tag.integer, Uint8Array.of(1)),
    algorithm,
    issuer.subject,
    derTime(list.thisUpdate),
    derTime(list.nextUpdate),
    // RFC 5280 5.1.2.6: absent when nothing is revoked.
    ...(entries.length === 0 ? [] : [derSequence(...entries)]),
    der(
      contextConstructed(0),
      derSequence(
        extension(oid.authorityKeyId, derSequence(der(context(0), issuer.keyId))),
        extension(oid.crlNumber, derUnsigned(bigEndian(list.number))),
      ),
    ),
  )
  return derSequence(signed, algorithm, derBitString(await x509Signature(issuer.key, signed)))
}

/** Reads a list and checks that this issuer signed it; a delta, an indirect list or unknown extensions are refused. */
export async function readRevocationList(
  bytes: Uint8Array,
  issuer: { readonly subject: Uint8Array; readonly publicKey: PublicKey },
  verify: Verify,
): Promise<RevocationList> {
  try {
    const { list, signed, algorithm, signature, name } = readStrictly(bytes)
    const ours = algorithm === issuer.publicKey.algorithm && equal(name, issuer.subject)
    if (!ours || !(await checkSignature(verify, issuer.publicKey, signed, signature))) {
      throw new Refused('bad-crl', 'not signed by this issuer')
    }
    return list
  } catch (cause) {
    if (cause instanceof Refused && cause.code !== 'bad-crl') throw new Refused('bad-crl', cause.detail, { cause })
    throw cause
  }
}

function readStrictly(bytes: Uint8Array) {
  const outer = new DerReader(readDer(bytes, tag.sequence).body)
  const { body, whole: signed } = outer.expect(tag.sequence)
  const algorithm = readSignatureAlgorithm(outer)
  const signature = readX509Signature(algorithm, outer.bitString())
  outer.end()
  const tbs = new DerReader(body)
  if (tbs.smallInteger() !== 1) throw new Refused('bad-crl', 'not version 2')
  if (readSignatureAlgorithm(tbs) !== algorithm) throw new Refused('bad-crl', 'two signature algorithms')
  const name = tbs.expect(tag.sequence).whole
  const thisUpdate = readTime(tbs.element())
  const nextUpdate = readTime(tbs.element())
  if (thisUpdate > nextUpdate) throw new Refused('bad-crl', 'ends before it begins')
  const revocations = tbs.next === tag.sequence ? readEntries(tbs.expect(tag.sequence)) : []
  const wrapper = new DerReader(tbs.expect(contextConstructed(0)).body)
  const number = readNumber(wrapper.sequence())
  wrapper.end()
  tbs.end()
  return { signed, algorithm, signature, name, list: { number, thisUpdate, nextUpdate, revocations } }
}

function readEntries(element: Element): Revocation[] {
  const reader = new DerReader(element.body)
  const revocations: Revocation[] = []
  const serials = new Set<string>()
  while (!reader.done) {
    const entry = reader.sequence()
    const serial = readSerial(entry.integer())
    const at = readTime(entry.element())
    let reason: number = crlReason.unspecified
    if (!entry.done) {
      const extensions = entry.sequence()
      reason = readReason(readExtension(extensions, oid.crlReason))
      extensions.end()
    }
    entry.end()
    if (serials.has(serial)) throw new Refused('bad-crl', 'a serial number twice')
    serials.add(serial)
    revocations.push({ serial, at, reason })
  }
  // RFC 5280 5.1.2.6: absent when nothing is revoked.
  if (revocations.length === 0) throw new Refused('bad-crl', 'an empty list of revocations')
  return revocations
}

/** RFC 5280 5.3.1: 1 to 10 but for 7, which is none, and 8, which takes a revocation back and is for deltas. */
function readReason(value: Uint8Array): number {
  const { body } = readDer(value, tag.enumerated)
  const reason = body[0]!
  if (body.length !== 1 || reason < 1 || reason > 10 || reason === 7 || reason === 8) {
    throw new Refused('bad-crl', 'reason')
  }
  return reason
}

function readNumber(extensions: DerReader): number {
  readExtension(extensions, oid.authorityKeyId)
  const bytes = readIntegerValue(readExtension(extensions, oid.crlNumber))
  extensions.end()
  if (bytes[0]! >= 0x80 || bytes.length > 6) throw new Refused('bad-crl', 'number')
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0)
}

function readExtension(list: DerReader, id: string): Uint8Array {
  const reader = list.sequence()
  if (reader.oid() !== id) throw new Refused('bad-crl', 'extension')
  const { body } = reader.expect(tag.octetString)
  reader.end()
  return body
}

const extension = (id: string, value: Uint8Array): Uint8Array => derSequence(derOid(id), der(tag.octetString, value))

function bigEndian(value: number): Uint8Array {
  const bytes: number[] = []
  for (let left = value; left > 0; left = Math.floor(left / 256)) bytes.unshift(left % 256)
  return Uint8Array.from(bytes)
}
