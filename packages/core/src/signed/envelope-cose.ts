import { concat, shortLived } from '../bytes/bytes.ts'
import { type Cbor, type CborMap, CborReader, cbor, Tagged } from '../bytes/cbor.ts'
import { Refused } from '../errors/refused.ts'
import type { KeyAlgorithm } from '../keys/public-key.ts'
import type { Key } from '../keys/sign.ts'
import type { Claims, Envelope, Once, Sealed } from './envelope.ts'
import { bad, checkClaims, keyNameBytes, readKeyName } from './envelope-claims.ts'

//     18([                                      COSE_Sign1 (RFC 9052 4.2), hash envelope (RFC 9995)
//       << {
//         1: -19 / Ed25519 / or -9 / ESP256 /,  RFC 9864
//         4: h'ed01...' or 8 bytes,             the sender's key
//         15: { ... },                          CWT claims in the header (RFC 9597)
//         16: "application/mint",               RFC 9596
//         258: -16,                             the payload is a SHA-256
//         ? 259: "application/json"             of the content
//       } >>,
//       {}, h'<32 bytes>', h'<64 bytes>'
//     ])
//
// Deterministic CBOR throughout: one envelope has one text.

const header = { algorithm: 1, keyId: 4, claims: 15, type: 16, payloadHash: 258, contentType: 259 } as const
const claim = {
  issuer: 1,
  audience: 3,
  issued: 6,
  nonce: 7,
  scope: 9,
  // Private use (RFC 8392 9.1).
  milliseconds: -70_001,
  sequence: -70_002,
  onBehalfOf: -70_003,
  sealed: -70_004,
} as const

/** RFC 8949 3.1. */
const major = { array: 4, map: 5, tag: 6 } as const

const type = 'application/mint'
const sha256Id = -16

/** The first of each is written. The polymorphic ones (RFC 9864 deprecates them) are what many libraries know. */
const algorithms: Readonly<Record<KeyAlgorithm, readonly [exact: number, polymorphic: number]>> = {
  Ed25519: [-19, -8],
  'P-256': [-9, -7],
}

/** @param algorithm `polymorphic` for receivers whose library knows EdDSA and ES256 alone */
export async function writeCoseEnvelope(
  key: Key,
  claims: Claims,
  algorithm: 'exact' | 'polymorphic' = 'exact',
): Promise<Uint8Array> {
  checkClaims(claims)
  const id = algorithms[key.publicKey.algorithm][algorithm === 'exact' ? 0 : 1]
  const protectedHeader = cbor(headerOf(claims, id))
  const signature = await key.sign(toBeSigned(protectedHeader, claims.digest))
  return cbor(new Tagged(18, [protectedHeader, new Map(), claims.digest, signature]))
}

export function readCoseEnvelope(bytes: Uint8Array): Envelope {
  const reader = new CborReader(bytes)
  if (reader.head(major.tag) !== 18 || reader.head(major.array) !== 4) throw bad('not COSE_Sign1')
  const protectedHeader = bytesOf(reader.item(1), 'header')
  if (reader.head(major.map) !== 0) throw bad('unprotected header')
  const digest = bytesOf(reader.item(1), 'digest')
  const signature = bytesOf(reader.item(1), 'signature')
  if (!reader.done || signature.length !== 64) throw bad('not COSE_Sign1')
  const { algorithm, claims } = readHeader(new CborReader(protectedHeader), digest)
  checkClaims(claims)
  return { form: 'cose', algorithm, claims, signed: toBeSigned(protectedHeader, digest), signature, bytes }
}

function readHeader(reader: CborReader, digest: Uint8Array): Pick<Envelope, 'algorithm' | 'claims'> {
  const fields = new Fields(reader)
  const algorithm = fields.take(header.algorithm)
  const key = readKeyName(bytesOf(fields.take(header.keyId), 'key'))
  const inner = fields.map(header.claims, readClaims) ?? missing('claims')
  if (fields.take(header.type) !== type) throw bad('type')
  if (fields.take(header.payloadHash) !== sha256Id) throw bad('hash of the payload')
  const contentType = textOf(fields.take(header.contentType), 'content type')
  fields.end()
  if (!reader.done) throw bad('bytes left over')
  // Asked last: a wrong form is refused as that.
  return { algorithm: algorithmOf(algorithm), claims: { key, ...inner, contentType, digest } }
}

function headerOf(claims: Claims, algorithm: number): CborMap {
  return present([
    [header.algorithm, algorithm],
    [header.keyId, keyNameBytes(claims.key)],
    [header.claims, claimsOf(claims)],
    [header.type, type],
    [header.payloadHash, sha256Id],
    [header.contentType, claims.contentType],
  ])
}

function claimsOf({ issuer, audience, scope, once, onBehalfOf, sealed }: Claims): CborMap {
  return present([
    [claim.issuer, issuer],
    [claim.audience, audience],
    [claim.scope, scope],
    ...onceOf(once),
    [claim.onBehalfOf, onBehalfOf],
    [claim.sealed, sealed && [sealed.key, sealed.commitment]],
  ])
}

function onceOf(once: Once): [number, Cbor | undefined][] {
  if ('sequence' in once) return [[claim.sequence, once.sequence]]
  return [
    [claim.issued, Math.floor(once.issued / 1_000)],
    [claim.nonce, once.nonce],
    [claim.milliseconds, once.issued % 1_000 || undefined],
  ]
}

function readClaims(fields: Fields): Omit<Claims, 'key' | 'digest'> {
  const issuer = textOf(fields.take(claim.issuer), 'issuer')
  const audience = textOf(fields.take(claim.audience), 'audience') ?? missing('audience')
  const second = fields.take(claim.issued)
  const nonce = fields.take(claim.nonce)
  const scope = textOf(fields.take(claim.scope), 'scope') ?? missing('scope')
  const milliseconds = fields.take(claim.milliseconds)
  const sequence = fields.take(claim.sequence)
  const once =
    sequence === undefined
      ? readIssued(second, milliseconds, nonce)
      : readCounted(sequence, second, milliseconds, nonce)
  const onBehalfOf = textOf(fields.take(claim.onBehalfOf), 'on behalf of')
  const sealed = readSealed(fields.take(claim.sealed))
  return { issuer, audience, scope, once, onBehalfOf, sealed }
}

function readIssued(second: Cbor | undefined, milliseconds: Cbor | undefined, nonce: Cbor | undefined): Once {
  const after = milliseconds === undefined ? undefined : numberOf(milliseconds, 'milliseconds')
  return { issued: issuedAt(numberOf(second, 'time'), after), nonce: bytesOf(nonce, 'nonce') }
}

/** A counter without a time: each says by itself what is the only one of its kind. */
function readCounted(sequence: Cbor, ...others: readonly (Cbor | undefined)[]): Once {
  if (others.some(other => other !== undefined)) throw bad('sequence and time')
  return { sequence: numberOf(sequence, 'sequence') }
}

/** Whole seconds have no milliseconds: one time has one spelling. */
export function issuedAt(second: number, milliseconds: number | undefined): number {
  if (milliseconds !== undefined && !(milliseconds >= 1 && milliseconds <= 999)) throw bad('milliseconds')
  return second * 1_000 + (milliseconds ?? 0)
}

function readSealed(item: Cbor | undefined): Sealed | undefined {
  if (item === undefined) return undefined
  const [key, commitment, ...rest] = Array.isArray(item) ? (item as readonly Cbor[]) : []
  if (rest.length > 0) throw bad('sealed')
  return { key: bytesOf(key, 'sealed'), commitment: bytesOf(commitment, 'sealed') }
}

function algorithmOf(item: Cbor | undefined): KeyAlgorithm {
  if (item === -19 || item === -8) return 'Ed25519'
  if (item === -9 || item === -7) return 'P-256'
  throw new Refused('algorithm-refused', `COSE ${String(item)}`)
}

/** The fields of a map, asked for in the one order that they can have; what nobody takes is refused. */
class Fields {
  readonly #reader: CborReader
  #left: number
  /** Of the field that is next. */
  #key: Cbor | undefined

  constructor(reader: CborReader) {
    this.#reader = reader
    this.#left = reader.head(major.map)
    this.#advance()
  }

  take(key: number): Cbor | undefined {
    if (key !== this.#key) return undefined
    const value = this.#reader.item(2)
    this.#advance()
    return value
  }

  map<T>(key: number, read: (fields: Fields) => T): T | undefined {
    if (key !== this.#key) return undefined
    const fields = new Fields(this.#reader)
    const value = read(fields)
    fields.end()
    this.#advance()
    return value
  }

  end(): void {
    if (this.#key !== undefined) throw bad('a field that is not known, or in another order')
  }

  #advance(): void {
    this.#key = this.#left > 0 ? this.#reader.item(2) : undefined
    this.#left--
  }
}

const present = (entries: readonly (readonly [number, Cbor | undefined])[]): CborMap =>
  new Map(entries.filter((entry): entry is readonly [number, Cbor] => entry[1] !== undefined))

const isBytes = (item: Cbor | undefined): item is Uint8Array => item instanceof Uint8Array

function missing(what: string): never {
  throw bad(what)
}

function bytesOf(item: Cbor | undefined, what: string): Uint8Array {
  return isBytes(item) ? item : missing(what)
}

function numberOf(item: Cbor | undefined, what: string): number {
  return typeof item === 'number' ? item : missing(what)
}

function textOf(item: Cbor | undefined, what: string): string | undefined {
  return item === undefined || typeof item === 'string' ? item : missing(what)
}

/** Sig_structure (RFC 9052 4.4) with no external data: `["Signature1", header, h'', digest]`. */
function toBeSigned(protectedHeader: Uint8Array, digest: Uint8Array): Uint8Array {
  return shortLived(before(protectedHeader.length), protectedHeader, between, digest)
}

/** An array of four, `Signature1`, and the head of the byte string that follows, of what an envelope has room for. */
function before(length: number): Uint8Array {
  befores[length] ??= concat(Uint8Array.of(0x84), cbor('Signature1'), headOfBytes(length))
  return befores[length]
}

const befores: (Uint8Array | undefined)[] = []

/** No external data, and the head of a digest. */
const between = concat(cbor(new Uint8Array()), headOfBytes(32))

function headOfBytes(length: number): Uint8Array {
  const bytes = cbor(new Uint8Array(length))
  return bytes.subarray(0, bytes.length - length)
}
