import { type Json, readJson, writeJson } from '../bytes/json.ts'
import { base64url, readBase64url, readUtf8, utf8 } from '../bytes/text.ts'
import { Refused } from '../errors/refused.ts'
import type { KeyAlgorithm } from '../keys/public-key.ts'
import type { Key } from '../keys/sign.ts'
import type { Claims, Envelope, Once, Sealed } from './envelope.ts'
import { bad, checkClaims, keyNameBytes, readKeyName } from './envelope-claims.ts'
import { issuedAt } from './envelope-cose.ts'

//     {"alg":"Ed25519","kid":"did:key:z6Mk...","typ":"mint+jwt"}
//     {"aud":"did:key:...","cty":"application/json","digest":"<base64url of 32 bytes>","iat":1767225600,
//      "jti":"<base64url of 16 bytes>","ms":250,"scope":"telemetry:write"}
//
// JWS compact (RFC 7515 7.1), JWT claims (RFC 7519): what any JWT library writes. Any order and white space; no name
// twice, none that is not known.

/** The first of each is written (RFC 9864); EdDSA is what many libraries know. */
const algorithms = { Ed25519: ['Ed25519', 'EdDSA'], 'P-256': ['ES256', 'ES256'] } as const

/** @param algorithm `polymorphic` for receivers whose library knows EdDSA alone */
export async function writeJwsEnvelope(
  key: Key,
  claims: Claims,
  algorithm: 'exact' | 'polymorphic' = 'exact',
): Promise<Uint8Array> {
  checkClaims(claims)
  const alg = algorithms[key.publicKey.algorithm][algorithm === 'exact' ? 0 : 1]
  const head = writeJson({ alg, kid: claims.key, typ: 'mint+jwt' })
  const signed = [head, writeJson(claimsOf(claims))].map(part => base64url(utf8(part))).join('.')
  const signature = await key.sign(utf8(signed))
  return utf8(`${signed}.${base64url(signature)}`)
}

export function readJwsEnvelope(bytes: Uint8Array): Envelope {
  const text = readUtf8(bytes)
  const [head, payload, tail, ...rest] = text.split('.')
  if (head === undefined || payload === undefined || tail === undefined || rest.length > 0) throw bad('not JWS compact')
  const { alg, kid, typ, ...unknown } = objectOf(head)
  const algorithm = algorithmOf(alg)
  if (typ !== 'mint+jwt') throw bad('type')
  if (Object.keys(unknown).length > 0) throw bad('a header that is not known')
  const key = readKeyName(keyNameBytes(textOf(kid, 'key')))
  const claims = { key, ...readClaims(objectOf(payload)) }
  checkClaims(claims)
  const signature = readBase64url(tail)
  if (signature.length !== 64) throw bad('signature')
  return {
    form: 'jws',
    algorithm,
    claims,
    signed: bytes.subarray(0, head.length + 1 + payload.length),
    signature,
    bytes,
  }
}

function claimsOf({ issuer, audience, scope, once, onBehalfOf, contentType, sealed, digest }: Claims): Json {
  const entries: Record<string, Json | undefined> = {
    iss: issuer,
    aud: audience,
    scope,
    ...onceOf(once),
    obo: onBehalfOf,
    cty: contentType,
    sealed: sealed && { key: base64url(sealed.key), commitment: base64url(sealed.commitment) },
    digest: base64url(digest),
  }
  return Object.fromEntries(Object.entries(entries).filter((entry): entry is [string, Json] => entry[1] !== undefined))
}

function onceOf(once: Once): Record<string, Json | undefined> {
  if ('sequence' in once) return { seq: once.sequence }
  const milliseconds = once.issued % 1_000
  return { iat: Math.floor(once.issued / 1_000), jti: base64url(once.nonce), ms: milliseconds || undefined }
}

function readClaims(claims: Fields): Omit<Claims, 'key'> {
  const { iss, aud, scope, iat, jti, ms, seq, obo, cty, sealed, digest, ...unknown } = claims
  if (Object.keys(unknown).length > 0) throw bad('a claim that is not known')
  return {
    issuer: optional(iss, textOf, 'issuer'),
    audience: textOf(aud, 'audience'),
    scope: textOf(scope, 'scope'),
    once: readOnce({ iat, jti, ms, seq }),
    onBehalfOf: optional(obo, textOf, 'on behalf of'),
    contentType: optional(cty, textOf, 'content type'),
    sealed: optional(sealed, readSealed, 'sealed'),
    digest: bytesOf(digest, 'digest'),
  }
}

function readOnce({ iat, jti, ms, seq }: { [name in 'iat' | 'jti' | 'ms' | 'seq']: Json | undefined }): Once {
  if (seq !== undefined) {
    if (iat !== undefined || jti !== undefined || ms !== undefined) throw bad('a time beside a sequence')
    return { sequence: numberOf(seq, 'sequence') }
  }
  const issued = issuedAt(numberOf(iat, 'time'), optional(ms, numberOf, 'milliseconds'))
  return { issued, nonce: bytesOf(jti, 'nonce') }
}

function readSealed(value: Json): Sealed {
  const { key, commitment, ...unknown } = fieldsOf(value)
  if (Object.keys(unknown).length > 0) throw bad('sealed')
  return { key: bytesOf(key, 'sealed'), commitment: bytesOf(commitment, 'sealed') }
}

type Fields = { readonly [name: string]: Json }

const objectOf = (part: string): Fields => fieldsOf(readJson(readBase64url(part)))

function fieldsOf(value: Json): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad('not an object')
  return value as Fields
}

function algorithmOf(alg: Json | undefined): KeyAlgorithm {
  if (alg === 'Ed25519' || alg === 'EdDSA') return 'Ed25519'
  if (alg === 'ES256') return 'P-256'
  throw new Refused('algorithm-refused', `JWS ${String(alg)}`)
}

const optional = <T>(value: Json | undefined, read: (value: Json, what: string) => T, what: string): T | undefined =>
  value === undefined ? undefined : read(value, what)

function textOf(value: Json | undefined, what: string): string {
  if (typeof value !== 'string') throw bad(what)
  return value
}

function numberOf(value: Json | undefined, what: string): number {
  // JSON has -0 and 1e3 too; what is written is what counts, and -0 is nobody's number.
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || Object.is(value, -0)) throw bad(what)
  return value
}

const bytesOf = (value: Json | undefined, what: string): Uint8Array => readBase64url(textOf(value, what))
