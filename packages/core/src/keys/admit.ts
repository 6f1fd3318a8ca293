import { concat } from '../bytes/bytes.ts'
import { DerReader, derBitString, derOid, derSequence, type Element, readDer, readOid, tag } from '../bytes/der.ts'
import { Refused } from '../errors/refused.ts'
import * as ed25519 from './ed25519.ts'
import * as p256 from './p256.ts'
import { type KeyAlgorithm, PublicKey } from './public-key.ts'

// Every key enters here, whatever named it: signing request, certificate, DID, card, key file, registry.
// Node 20 and 22, Bun, Deno, workerd and Chromium take Ed25519 keys of small order, for which anyone can sign; a second
// encoding of one key would be a second identity. So:
// 1. Ed25519 (32 bytes) and P-256 are the only algorithms.
// 2. The encoding is the canonical one.
// 3. The point is on the curve, and neither the identity nor of small order.

const ed25519Oid = '1.3.101.112'
const ecOid = '1.2.840.10045.2.1'
const p256Oid = '1.2.840.10045.3.1.7'

const identifiers = {
  Ed25519: derSequence(derOid(ed25519Oid)),
  'P-256': derSequence(derOid(ecOid), derOid(p256Oid)),
}

/** SubjectPublicKeyInfo ::= SEQUENCE { SEQUENCE { OID, parameters OPTIONAL }, BIT STRING } (RFC 5280 4.1). */
export function admitSpki(spki: Uint8Array): PublicKey {
  const info = new DerReader(readDer(spki, tag.sequence).body)
  const identifier = info.sequence()
  const oid = identifier.oid()
  const parameters = identifier.done ? undefined : identifier.element()
  identifier.end()
  const raw = info.bitString()
  info.end()

  const algorithm = algorithmOf(oid, parameters)
  // RFC 5480 2.2 lets certificates carry compressed points; one key would then have two SPKIs and two ids.
  if (algorithm === 'P-256' && raw.length !== 65) throw new Refused('key-refused', 'point is not uncompressed')
  return admitRaw(algorithm, raw)
}

/** Ed25519: 32 bytes. P-256: an uncompressed (65 bytes) or compressed (33 bytes) point (SEC 1 2.3.3). */
export function admitRaw(algorithm: KeyAlgorithm, raw: Uint8Array): PublicKey {
  const point = algorithm === 'Ed25519' ? admitEd25519(raw) : admitP256(raw)
  return new PublicKey(algorithm, point, derSequence(identifiers[algorithm], derBitString(point)))
}

function algorithmOf(oid: string, parameters: Element | undefined): KeyAlgorithm {
  // RFC 8410 3: the parameters MUST be absent, not even NULL.
  if (oid === ed25519Oid && parameters === undefined) return 'Ed25519'
  // RFC 5480 2.1.1: a named curve. Explicit parameters name a curve of the sender's making.
  if (oid === ecOid && parameters?.tag === tag.oid && readOid(parameters.body) === p256Oid) return 'P-256'
  throw new Refused('key-refused', `algorithm ${oid}`)
}

function admitEd25519(raw: Uint8Array): Uint8Array {
  if (raw.length !== 32) throw new Refused('key-refused', 'length')
  // RFC 8032 5.1.3 step 1.
  if (!ed25519.isCanonical(raw)) throw new Refused('key-refused', 'not canonical')
  if (ed25519.hasSmallOrder(raw)) throw new Refused('key-refused', 'small order')
  // RFC 8032 5.1.3 step 3. x = 0 with the sign bit (step 4) has y = ±1, which is of small order.
  if (!ed25519.isOnCurve(raw)) throw new Refused('key-refused', 'not on the curve')
  // Not raw.slice(): where raw is a Buffer, that is a view on the caller's memory.
  return concat(raw)
}

function admitP256(raw: Uint8Array): Uint8Array {
  const point = raw.length === 33 ? p256.decompress(raw) : raw
  // SP 800-186 D.1.1: the point at infinity is one byte, both coordinates are below p and fit the equation. The
  // cofactor is 1, so such a point is of full order.
  if (!point || !p256.isPoint(point)) throw new Refused('key-refused', 'not a point of P-256')
  return concat(point)
}
