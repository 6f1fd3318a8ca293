import { createHash } from 'node:crypto'
import type { PublicKey } from '@mintmark/core/keys'
import type { Key } from '@mintmark/core/keys/sign'

// What our own code would never write: DER of any shape, and certificates and requests with anything in them. Nothing
// of core's encoder is used, so a fault of its own does not hide one of its reader.

/** One DER element, or what looks like one: the length is minimal, the rest is the caller's affair. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.of(tag), derLength(body.length), body])
}

export function derLength(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length)
  const bytes = Buffer.from(length.toString(16).padStart(length > 0xffff ? 6 : length > 0xff ? 4 : 2, '0'), 'hex')
  return Buffer.concat([Buffer.of(0x80 | bytes.length), bytes])
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts)
export const set = (...parts: readonly Uint8Array[]): Buffer => der(0x31, ...parts)
export const integer = (value: number | Uint8Array): Buffer =>
  der(0x02, typeof value === 'number' ? Buffer.of(value) : value)
export const octets = (bytes: Uint8Array): Buffer => der(0x04, bytes)
export const bits = (bytes: Uint8Array, unused = 0): Buffer => der(0x03, Buffer.of(unused), bytes)
export const utf8String = (text: string): Buffer => der(0x0c, Buffer.from(text))
export const derTrue = Buffer.of(0x01, 0x01, 0xff)

export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const arcs = [first * 40 + second, ...rest].flatMap(arc => {
    const septets = [arc % 128]
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) septets.unshift(0x80 | (left % 128))
    return septets
  })
  return der(0x06, Buffer.from(arcs))
}

/** UTCTime to 2049, GeneralizedTime from then on. */
export function time(at: number): Buffer {
  const text = new Date(at).toISOString().replace(/\.\d{3}|[-:T]/g, '')
  return text < '2050' ? der(0x17, Buffer.from(text.slice(2))) : der(0x18, Buffer.from(text))
}

export const generalizedTime = (text: string): Buffer => der(0x18, Buffer.from(text))

/** A distinguished name with one attribute in each relative name: `[['2.5.4.3', 'root']]`. */
export const distinguishedName = (...attributes: readonly (readonly [id: string, text: string])[]): Buffer =>
  sequence(...attributes.map(([id, text]) => set(sequence(oid(id), utf8String(text)))))

export const commonName = (text: string): Buffer => distinguishedName(['2.5.4.3', text])

export const extension = (id: string, value: Uint8Array, critical = false): Buffer =>
  sequence(oid(id), ...(critical ? [derTrue] : []), octets(value))

/** Names of a subjectAltName: an element of GeneralName by its number and bytes. */
export const generalName = (kind: number, value: string | Uint8Array): Buffer =>
  der((kind === 4 ? 0xa0 : 0x80) | kind, typeof value === 'string' ? Buffer.from(value, 'latin1') : value)

export const signatureAlgorithms = {
  'P-256': sequence(oid('1.2.840.10045.4.3.2')),
  Ed25519: sequence(oid('1.3.101.112')),
} as const

/** Who signs: any key under any name. */
export interface Forger {
  readonly key: Key
  /** DER of the issuer's name. */
  readonly subject: Uint8Array
  readonly keyId: Uint8Array
}

/** Parts of a leaf certificate. What is not said is as in a certificate that the platform would issue. */
export interface Forgery {
  readonly serial?: Uint8Array
  readonly subject?: Uint8Array
  readonly notBefore?: Uint8Array
  readonly notAfter?: Uint8Array
  readonly spki: Uint8Array
  /** URIs of the alternative names; ignored where `altNames` is given. */
  readonly uris?: readonly string[]
  /** The alternative names: DER of the extension, or null for none. */
  readonly altNames?: Uint8Array | null
  readonly basicConstraints?: Uint8Array | null
  readonly keyUsage?: Uint8Array | null
  readonly purposes?: readonly string[] | null
  readonly extensions?: readonly Uint8Array[]
  /** Another algorithm than that of the signer's key, inside or outside what is signed. */
  readonly innerAlgorithm?: Uint8Array
  readonly outerAlgorithm?: Uint8Array
  readonly authorityKeyId?: Uint8Array
}

export const purposes = {
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  codeSigning: '1.3.6.1.5.5.7.3.3',
  any: '2.5.29.37.0',
} as const

/** Extensions by what they say. */
export const ids = {
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const

/** keyUsage as a BIT STRING: digitalSignature, or keyCertSign and cRLSign. */
export const signsOnly = bits(Buffer.of(0x80), 7)
export const signsCertificates = bits(Buffer.of(0x06), 1)
export const isAuthority = sequence(derTrue)

/** Signs a certificate with anything in it. */
export async function forge(forger: Forger, parts: Forgery, at: number): Promise<Buffer> {
  const own = signatureAlgorithms[forger.key.publicKey.algorithm]
  const tbs = sequence(
    der(0xa0, integer(2)),
    integer(parts.serial ?? serialNumber(parts.spki, at)),
    parts.innerAlgorithm ?? own,
    forger.subject,
    sequence(parts.notBefore ?? time(at - 300_000), parts.notAfter ?? time(at + 86_400_000)),
    parts.subject ?? sequence(),
    parts.spki,
    der(0xa3, sequence(...extensionsOf(forger, parts))),
  )
  return sequence(tbs, parts.outerAlgorithm ?? own, bits(await signatureOf(forger.key, tbs)))
}

function extensionsOf(forger: Forger, parts: Forgery): Uint8Array[] {
  const {
    uris = [],
    altNames = sequence(...uris.map(uri => generalName(6, uri))),
    basicConstraints = sequence(),
    keyUsage = signsOnly,
    purposes: usages = [purposes.clientAuth],
    authorityKeyId = forger.keyId,
  } = parts
  return [
    ...(basicConstraints ? [extension(ids.basicConstraints, basicConstraints, true)] : []),
    ...(keyUsage ? [extension(ids.keyUsage, keyUsage, true)] : []),
    ...(usages ? [extension(ids.extendedKeyUsage, sequence(...usages.map(oid)))] : []),
    ...(altNames ? [extension(ids.subjectAltName, altNames, true)] : []),
    extension(ids.subjectKeyId, octets(digest(parts.spki).subarray(0, 20))),
    extension(ids.authorityKeyId, sequence(der(0x80, authorityKeyId))),
    ...(parts.extensions ?? []),
  ]
}

/** Parts of a PKCS#10 request; what is not said is as our own devices send it. */
export interface RequestForgery {
  readonly version?: Uint8Array
  readonly subject?: Uint8Array
  readonly spki?: Uint8Array
  /** Extensions asked for, as an extensionRequest attribute. */
  readonly extensions?: readonly Uint8Array[]
  /** Content of the attributes, in place of `extensions`. */
  readonly attributes?: Uint8Array
  readonly algorithm?: Uint8Array
  readonly signature?: Uint8Array
}

/** A signing request by this key with anything in it. */
export async function forgeRequest(key: Key, parts: RequestForgery = {}): Promise<Buffer> {
  const wishes = parts.extensions
    ? sequence(oid('1.2.840.113549.1.9.14'), set(sequence(...parts.extensions)))
    : Buffer.alloc(0)
  const info = sequence(
    parts.version ?? integer(0),
    parts.subject ?? sequence(),
    parts.spki ?? key.publicKey.spki,
    der(0xa0, parts.attributes ?? wishes),
  )
  const algorithm = parts.algorithm ?? signatureAlgorithms[key.publicKey.algorithm]
  return sequence(info, algorithm, bits(parts.signature ?? (await signatureOf(key, info))))
}

/** A signature as X.509 carries it. */
export async function signatureOf(key: Key, message: Uint8Array): Promise<Uint8Array> {
  const raw = await key.sign(message)
  return key.publicKey.algorithm === 'Ed25519'
    ? raw
    : sequence(integer(magnitude(raw.subarray(0, 32))), integer(magnitude(raw.subarray(32))))
}

/** Big-endian bytes as the content of a positive INTEGER. */
function magnitude(bytes: Uint8Array): Uint8Array {
  const start = bytes.findIndex(byte => byte !== 0)
  const minimal = bytes.subarray(start < 0 ? bytes.length - 1 : start)
  return minimal[0]! >= 0x80 ? Buffer.concat([Buffer.of(0), minimal]) : minimal
}

/** Another one for each key and hour, 16 bytes and positive. */
function serialNumber(spki: Uint8Array, at: number): Buffer {
  const serial = digest(Buffer.concat([spki, Buffer.from(String(at))])).subarray(0, 16)
  serial[0] = (serial[0]! & 0x7f) | 0x40
  return serial
}

const digest = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest()

/** RFC 7093 2 (1), as the platform names its keys. */
export const keyIdOf = ({ raw }: PublicKey): Buffer => digest(raw).subarray(0, 20)
