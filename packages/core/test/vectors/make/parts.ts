import {
  ascii,
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
import { readHex } from '../../../src/bytes/index.ts'
import { x509Signature } from '../../../src/keys/sign.ts'
import { type Issuer, keyIdentifier, oid } from '../../../src/signed/index.ts'
import { issuers, keys, leafTime, nextSerial } from './world.ts'

/** The parts of a certificate, each ready-made DER, so that every one can be wrong by itself and signed all the same. */
export interface Parts {
  version: Uint8Array
  serial: Uint8Array
  innerAlgorithm: Uint8Array
  issuer: Uint8Array
  validity: Uint8Array
  subject: Uint8Array
  spki: Uint8Array
  /** What is inside [3]; undefined leaves [3] out. */
  extensions: readonly Uint8Array[] | undefined
  /** After the extensions, still inside what is signed. */
  tail: Uint8Array
  outerAlgorithm: Uint8Array
}

export const ecdsa = derSequence(derOid(oid.ecdsaWithSha256))
export const none = new Uint8Array()

/** A good certificate of acme's device-104, changed in the parts given. */
export async function craft(change: Partial<Parts> = {}, by: Issuer = issuers.acme): Promise<Uint8Array> {
  const parts: Parts = {
    version: der(contextConstructed(0), der(tag.integer, Uint8Array.of(2))),
    serial: der(tag.integer, readHex(nextSerial())),
    innerAlgorithm: ecdsa,
    issuer: by.subject,
    validity: derSequence(derTime(leafTime.notBefore), derTime(leafTime.notAfter)),
    subject: derSequence(),
    spki: keys.device.publicKey.spki,
    extensions: leafExtensions(),
    tail: none,
    outerAlgorithm: ecdsa,
    ...change,
  }
  const { extensions } = parts
  const tbs = derSequence(
    parts.version,
    parts.serial,
    parts.innerAlgorithm,
    parts.issuer,
    parts.validity,
    parts.subject,
    parts.spki,
    extensions === undefined ? none : der(contextConstructed(3), derSequence(...extensions)),
    parts.tail,
  )
  return derSequence(tbs, parts.outerAlgorithm, derBitString(await x509Signature(by.key, tbs)))
}

export interface LeafExtensions {
  basic: Uint8Array
  keyUsage: Uint8Array
  purposes: Uint8Array
  names: Uint8Array
  subjectKeyId: Uint8Array
  authorityKeyId: Uint8Array
  more: readonly Uint8Array[]
}

/** The extensions of a good leaf in their order, changed in those given; an empty one is left out. */
export function leafExtensions(change: Partial<LeafExtensions> = {}): Uint8Array[] {
  const all: LeafExtensions = {
    basic: extension(oid.basicConstraints, derSequence()),
    keyUsage: extension(oid.keyUsage, der(tag.bitString, Uint8Array.of(7, 0x80))),
    purposes: purposes(oid.clientAuth),
    names: names(uri(deviceUri)),
    subjectKeyId: keyIdExtension(keyIdentifier(keys.device.publicKey)),
    authorityKeyId: authorityKeyId(issuers.acme.keyId),
    more: [],
    ...change,
  }
  const { more, ...rest } = all
  return [...Object.values(rest), ...more].filter(item => item.length > 0)
}

export const deviceUri = 'spiffe://acme.example.test/device/device-104'

export const extension = (id: string, value: Uint8Array, critical = true): Uint8Array =>
  derSequence(derOid(id), ...(critical ? [derBoolean(true)] : []), der(tag.octetString, value))

export const purposes = (...ids: readonly string[]): Uint8Array =>
  extension(oid.extendedKeyUsage, derSequence(...ids.map(derOid)), false)

export const names = (...general: readonly Uint8Array[]): Uint8Array =>
  extension(oid.subjectAltName, derSequence(...general))

/** One byte a character: a string may hold what no URI does. */
const latin1 = (text: string): Uint8Array => Uint8Array.from(text, character => character.charCodeAt(0))

export const uri = (text: string | Uint8Array): Uint8Array =>
  der(context(6), typeof text === 'string' ? latin1(text) : text)
export const dns = (text: string): Uint8Array => der(context(2), ascii(text))
export const email = (text: string): Uint8Array => der(context(1), ascii(text))
export const address = (...bytes: readonly number[]): Uint8Array => der(context(7), Uint8Array.from(bytes))

export const keyIdExtension = (id: Uint8Array): Uint8Array =>
  extension(oid.subjectKeyId, der(tag.octetString, id), false)

export const authorityKeyId = (id: Uint8Array): Uint8Array =>
  extension(oid.authorityKeyId, derSequence(der(context(0), id)), false)

/** A distinguished name of these (type, value) pairs in one relative name, or each in its own. */
export const rdn = (...pairs: readonly (readonly [string, string])[]): Uint8Array =>
  der(tag.set, ...pairs.map(([type, text]) => derSequence(derOid(type), der(tag.utf8String, ascii(text)))))
