import { base58, concat, hex, readHex, sha256 } from '@mintmark/core/bytes'
import { admitRaw, didKey, type KeyAlgorithm, type PublicKey } from '@mintmark/core/keys'
import { type Claims, writeCoseEnvelope, writeJwsEnvelope, writeMessage } from '@mintmark/core/signed'

// An envelope whose every byte is known before it is signed, so that its signature can be made by arithmetic.

export const audience = 'did:web:edges.example.test'
export const scope = 'telemetry:write'
export const issued = Date.UTC(2026, 0, 1)

const body = new Uint8Array(20)

export interface Edge {
  readonly name: string
  readonly algorithm: KeyAlgorithm
  /** Of the key as the envelope names it, hex. */
  readonly raw: string
  readonly form: 'cose' | 'jws'
  /** Hex. */
  readonly signature: string
  /** What a receiver says whose registry knows the key. */
  readonly verdict: 'accepted' | 'envelope-signature' | 'key-refused' | 'bad-envelope'
}

/** The message that has this signature, whatever it is. */
export async function messageOf({ algorithm, raw, form, signature }: Edge): Promise<Uint8Array> {
  const key = { publicKey: namedKey(algorithm, readHex(raw)), sign: () => readHex(signature) }
  return writeMessage(await writerOf(form)(key, claimsOf(algorithm, readHex(raw))), body)
}

/** What is signed in it. */
export async function signedIn({
  algorithm,
  raw,
  form,
}: Pick<Edge, 'algorithm' | 'raw' | 'form'>): Promise<Uint8Array> {
  let signed = new Uint8Array()
  const sign = (message: Uint8Array) => {
    signed = Uint8Array.from(message)
    return new Uint8Array(64)
  }
  const key = { publicKey: namedKey(algorithm, readHex(raw)), sign }
  await writerOf(form)(key, claimsOf(algorithm, readHex(raw)))
  return signed
}

/** The did:key of these bytes, be they a key that is admitted or not. */
export const didOf = (algorithm: KeyAlgorithm, raw: Uint8Array): string =>
  algorithm === 'Ed25519' ? `did:key:z${base58(concat(codec, raw))}` : didKey(admitRaw(algorithm, raw))

/** The key where it is admitted; otherwise what looks like it, as a registry that checks nothing would bring it. */
export function namedKey(algorithm: KeyAlgorithm, raw: Uint8Array): PublicKey {
  try {
    return admitRaw(algorithm, raw)
  } catch {
    const spki = concat(spkiHead, raw)
    return { algorithm, raw, spki, id: hex(sha256(spki)), equals: () => false } as unknown as PublicKey
  }
}

const writerOf = (form: Edge['form']) => (form === 'cose' ? writeCoseEnvelope : writeJwsEnvelope)
const codec = Uint8Array.of(0xed, 0x01)
const spkiHead = readHex('302a300506032b6570032100')

const claimsOf = (algorithm: KeyAlgorithm, raw: Uint8Array): Claims => ({
  ...{ key: didOf(algorithm, raw), audience, scope, once: { issued, nonce: new Uint8Array(16) } },
  digest: sha256(body),
})
