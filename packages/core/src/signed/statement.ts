import { equal } from '../bytes/bytes.ts'
import { type Cbor, type CborMap, cbor, readCbor, Tagged } from '../bytes/cbor.ts'
import { hex, readHex } from '../bytes/text.ts'
import { Refused } from '../errors/refused.ts'
import type { Verify } from '../keys/key.ts'
import type { PublicKey } from '../keys/public-key.ts'
import type { Key } from '../keys/sign.ts'
import { checkSignature } from '../keys/signature.ts'

// COSE_Sign1 (RFC 9052 4.2): 18([protected, {}, payload, signature]). The kind is in the protected header (typ,
// RFC 9596) and so inside what is signed: a statement of one kind is never one of another.

export type StatementKind =
  | 'charter'
  | 'decommission-notice'
  | 'decommission-confirmation'
  | 'key-succession'
  | 'encryption-key'
  | 'did-succession'
  | 'did-succession-accepted'

/** RFC 9864: fully specified algorithms; nothing else is accepted. */
const algorithms: Readonly<Record<PublicKey['algorithm'], number>> = { 'P-256': -9, Ed25519: -19 }
const header = { algorithm: 1, keyId: 4, type: 16 } as const

const maxSize = 16_384

export async function signStatement(key: Key, kind: StatementKind, payload: CborMap): Promise<Uint8Array> {
  const protectedHeader = protect(key.publicKey, kind)
  const body = cbor(payload)
  const signature = await key.sign(toBeSigned(protectedHeader, body))
  return cbor(new Tagged(18, [protectedHeader, new Map(), body, signature]))
}

/** The payload of a statement of this kind, signed by this key; the received bytes are what is checked. */
export async function readStatement(
  bytes: Uint8Array,
  kind: StatementKind,
  signer: PublicKey,
  verify: Verify,
): Promise<CborMap> {
  if (bytes.length > maxSize) throw new Refused('too-large', 'statement')
  const [protectedHeader, body, signature] = readShape(readCbor(bytes))
  // Algorithm and key id come from the key we expect, never from the statement.
  if (!equal(protectedHeader, protect(signer, kind))) throw new Refused('bad-statement', 'kind, algorithm or key')
  if (!(await checkSignature(verify, signer, toBeSigned(protectedHeader, body), signature))) {
    throw new Refused('statement-signature')
  }
  const payload = readCbor(body)
  if (!(payload instanceof Map)) throw new Refused('bad-statement', 'payload is not a map')
  return payload
}

/**
 * The key id (hex) that a statement gives as its signer's: to look a key up by, and good for nothing else before
 * `readStatement` has checked it.
 */
export function claimedSigner(bytes: Uint8Array): string {
  if (bytes.length > maxSize) throw new Refused('too-large', 'statement')
  const [protectedHeader] = readShape(readCbor(bytes))
  const entries = readCbor(protectedHeader)
  const keyId = entries instanceof Map ? entries.get(header.keyId) : undefined
  if (!(keyId instanceof Uint8Array) || keyId.length !== 32) throw new Refused('bad-statement', 'key id')
  return hex(keyId)
}

function readShape(item: Cbor): [Uint8Array, Uint8Array, Uint8Array] {
  if (item instanceof Tagged && item.tag === 18 && Array.isArray(item.value)) {
    const [protectedHeader, unprotected, body, signature, ...rest] = item.value as readonly Cbor[]
    const shaped = unprotected instanceof Map && unprotected.size === 0 && rest.length === 0
    if (shaped && isBytes(protectedHeader) && isBytes(body) && isBytes(signature)) {
      return [protectedHeader, body, signature]
    }
  }
  throw new Refused('bad-statement', 'not COSE_Sign1')
}

const isBytes = (item: Cbor | undefined): item is Uint8Array => item instanceof Uint8Array

const protect = (key: PublicKey, kind: StatementKind): Uint8Array =>
  cbor(
    new Map<number, Cbor>([
      [header.algorithm, algorithms[key.algorithm]],
      [header.keyId, readHex(key.id)],
      [header.type, `application/mintmark-${kind}.v1`],
    ]),
  )

/** Sig_structure (RFC 9052 4.4) with no external data. */
const toBeSigned = (protectedHeader: Uint8Array, body: Uint8Array): Uint8Array =>
  cbor(['Signature1', protectedHeader, new Uint8Array(), body])
