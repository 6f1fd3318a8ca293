import { contextConstructed, DerReader, der, derBitString, derSequence, readDer, tag } from '../bytes/der.ts'
import { Refused } from '../errors/refused.ts'
import { admitSpki } from '../keys/admit.ts'
import type { Verify } from '../keys/key.ts'
import type { PublicKey } from '../keys/public-key.ts'
import { type Key, x509Signature } from '../keys/sign.ts'
import { checkSignature, readX509Signature } from '../keys/signature.ts'
import { readSignatureAlgorithm, signatureAlgorithm } from './algorithm.ts'

/** A PKCS#10 request (RFC 2986): all we take from it is the key, and the proof that the sender holds it. */
export interface SigningRequest {
  readonly publicKey: PublicKey
  /** CertificationRequestInfo, the bytes that are signed. */
  readonly signed: Uint8Array
  /** Raw 64 bytes. */
  readonly signature: Uint8Array
}

const maxSize = 4_096

export function readSigningRequest(bytes: Uint8Array): SigningRequest {
  if (bytes.length > maxSize) throw new Refused('too-large', 'signing request')
  try {
    return readStrictly(bytes)
  } catch (cause) {
    if (cause instanceof Refused && cause.code === 'bad-der') throw new Refused('bad-csr', cause.detail, { cause })
    throw cause
  }
}

function readStrictly(bytes: Uint8Array): SigningRequest {
  const outer = new DerReader(readDer(bytes, tag.sequence).body)
  // PKCS#8, PKCS#1, SEC 1 and PKCS#12 begin with a version where a request has its body.
  if (outer.next === tag.integer && outer.integer().length === 1) throw new Refused('private-key-sent')
  const { body, whole: signed } = outer.expect(tag.sequence)
  const info = new DerReader(body)
  if (info.smallInteger() !== 0) throw new Refused('bad-csr', 'version')
  // The subject is the sender's wish and is not read: names come from the token and the registry.
  info.expect(tag.sequence)
  const publicKey = admitSpki(info.expect(tag.sequence).whole)
  const attributes = info.expect(contextConstructed(0))
  info.end()
  // After the key: who sends an RSA key learns that the key is the matter.
  const algorithm = readSignatureAlgorithm(outer)
  const bits = outer.bitString()
  outer.end()
  // An attribute is a wish for extensions or a password. Refusing beats dropping it: the sender learns.
  if (attributes.body.length > 0) throw new Refused('csr-name', 'attributes')
  if (publicKey.algorithm !== algorithm) throw new Refused('bad-csr', 'signed by another kind of key')
  return { publicKey, signed, signature: readX509Signature(algorithm, bits) }
}

/** Proof of possession: the request is signed by the key it names (RFC 2986 4.2). */
export async function checkPossession(request: SigningRequest, verify: Verify): Promise<void> {
  if (!(await checkSignature(verify, request.publicKey, request.signed, request.signature))) {
    throw new Refused('csr-signature')
  }
}

/** A request for this key with an empty subject and no attributes. */
export async function signSigningRequest(key: Key): Promise<Uint8Array> {
  const info = derSequence(
    der(tag.integer, Uint8Array.of(0)),
    derSequence(),
    key.publicKey.spki,
    der(contextConstructed(0)),
  )
  const signature = await x509Signature(key, info)
  return derSequence(info, signatureAlgorithm[key.publicKey.algorithm], derBitString(signature))
}
