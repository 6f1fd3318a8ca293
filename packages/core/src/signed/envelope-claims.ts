import { concat, equal } from '../bytes/bytes.ts'
import { base58, base64url, readBase58, readBase64url } from '../bytes/text.ts'
import { Refused } from '../errors/refused.ts'
import { didKey, isDid } from '../keys/did-key.ts'
import type { PublicKey } from '../keys/public-key.ts'
import type { Claims, Once, Sealed } from './envelope.ts'

// The bounds of what a message says, for both forms.

const longest = { scope: 255, onBehalfOf: 255 } as const

/** Latest time that the seconds of a claim can say, and still be counted in milliseconds. */
const lastSecond = Math.floor(Number.MAX_SAFE_INTEGER / 1_000) - 1

/** @throws Refused `bad-envelope` */
export function checkClaims(claims: Claims): void {
  const { key, issuer, audience, scope, once, onBehalfOf, contentType, sealed, digest } = claims
  if (!isKeyName(key)) throw bad('key')
  if (issuer !== undefined && !(isDid(issuer) && !issuer.startsWith('did:key:'))) throw bad('issuer')
  if (!isAudience(audience)) throw bad('audience')
  if (!isText(scope, longest.scope)) throw bad('scope')
  checkOnce(once)
  if (onBehalfOf !== undefined && !isText(onBehalfOf, longest.onBehalfOf)) throw bad('on behalf of')
  // One spelling for what is said by saying nothing.
  const isPlain = contentType === 'application/octet-stream'
  if (contentType !== undefined && (isPlain || !mediaType.test(contentType))) throw bad('content type')
  if (sealed !== undefined) checkSealed(sealed)
  if (digest.length !== 32) throw bad('digest')
}

function checkOnce(once: Once): void {
  if ('sequence' in once) {
    if (!(Number.isSafeInteger(once.sequence) && once.sequence >= 0)) throw bad('sequence')
    return
  }
  const second = Math.floor(once.issued / 1_000)
  if (!(Number.isSafeInteger(once.issued) && second >= 0 && second <= lastSecond)) throw bad('time')
  if (once.nonce.length !== 16) throw bad('nonce')
}

function checkSealed({ key, commitment }: Sealed): void {
  if (key.length !== 8 || commitment.length !== 32) throw bad('sealed')
}

/** RFC 9110 8.3.1, in lower case and without white space; parameters as they are. */
const mediaType = /^(?=.{3,127}$)[a-z0-9!#$&^_.+-]+\/[a-z0-9!#$&^_.+-]+(;[\x21-\x7e]+)?$/

/** Printable ASCII without blanks: what each means is for those who know the registry. */
const isText = (text: string, most: number): boolean => text.length <= most && /^[\x21-\x7e]+$/.test(text)

/** First 8 bytes of a key id, as 11 characters of base64url. */
export const shortIdOf = (key: PublicKey): string => base64url(shortBytesOf(key.id))

/** What a message can be to: a DID, or the short id of a key. */
export const isAudience = (text: string): boolean => isDid(text) || isShortId(text)

const isShortId = (text: string): boolean => /^[A-Za-z0-9_-]{10}[AEIMQUYcgkosw048]$/.test(text)

function shortBytesOf(id: string): Uint8Array {
  return Uint8Array.from({ length: 8 }, (_, i) => Number.parseInt(id.slice(2 * i, 2 * i + 2), 16))
}

const didPrefix = 'did:key:z'

/** did:key of a length that a key has; whether the key is one that we admit is asked where it is registered. */
const isKeyName = (text: string): boolean => (text.startsWith(didPrefix) ? text.length <= 64 : isShortId(text))

/** The bytes of `kid` in COSE: multicodec and key of a did:key, or the 8 bytes of a short id. */
export function keyNameBytes(name: string): Uint8Array {
  return name.startsWith(didPrefix) ? readBase58(name.slice(didPrefix.length)) : readBase64url(name)
}

/** Reads what `keyNameBytes` wrote. */
export function readKeyName(bytes: Uint8Array): string {
  if (bytes.length === 8) return base64url(bytes)
  const place = placeOf(bytes)
  const known = keyNames.get(place)
  if (known !== undefined && equal(known.bytes, bytes)) return known.name
  const isKnown = codecs.some(([first, second, length]) => {
    return bytes[0] === first && bytes[1] === second && bytes.length === length
  })
  if (!isKnown) throw bad('key')
  const name = didPrefix + base58(bytes)
  if (keyNames.size >= mostKeyNames) keyNames.clear()
  keyNames.set(place, { bytes: concat(bytes), name })
  return name
}

/** Base58 costs more than all else that is read here, and senders come again. */
const keyNames = new Map<number, { readonly bytes: Uint8Array; readonly name: string }>()
const mostKeyNames = 16_384

/** Thirty bits of the key, a number that V8 keeps in place; keys that share them take turns. */
const placeOf = (bytes: Uint8Array): number =>
  bytes[4]! | (bytes[5]! << 8) | (bytes[6]! << 16) | ((bytes[7]! & 0x3f) << 24)

/** ed25519-pub with its 32 bytes, p256-pub with a compressed point (multicodec table). */
const codecs = [
  [0xed, 0x01, 34],
  [0x80, 0x24, 35],
] as const

/** Whether the key that a registry has is the one that an envelope names. */
export const isNamed = (key: PublicKey, name: string): boolean =>
  name === (name.startsWith(didPrefix) ? didKey(key) : shortIdOf(key))

export const bad = (what: string): Refused => new Refused('bad-envelope', what)
