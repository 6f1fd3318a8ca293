import { concat, equal } from '../bytes/bytes.ts'
import { cbor } from '../bytes/cbor.ts'
import { sha256 } from '../bytes/sha256.ts'
import { Refused } from '../errors/refused.ts'
import { didKey } from '../keys/did-key.ts'
import type { PublicKey } from '../keys/public-key.ts'
import { admitX25519 } from '../keys/x25519.ts'
import type { Claims, Envelope } from './envelope.ts'
import { saltLength } from './message.ts'

// body   = enc (32 bytes, X25519) | AES-128-GCM( salt (16 bytes) | content ), the tag of 16 bytes at its end
// claims = sealed: [id of the key, SHA-256( salt | content )]
//
// HPKE (RFC 9180) in base mode, one message a context. Encryption itself is not here: core has no cipher.
// docs/spec/sealing.md.

const encLength = 32
const tagLength = 16
/** What sealing adds to salt and content. */
export const sealOverhead = encLength + tagLength

/** Begins the `info` of HPKE, so that no other use of the same key opens what is sealed here. */
const context = 'mintmark sealed body v1'

/** What is bound to a sealed body beside its key: all that says whose message it is, to whom, and what for. */
export type SealedWith = Omit<Claims, 'key' | 'sealed' | 'digest'>

/**
 * The `info` of HPKE: a ciphertext that somebody signs as his own, or moves to another message, does not open.
 * @param sender the key that signs the envelope
 * @param key id of the key that it is sealed to
 */
export function sealInfo(claims: SealedWith, form: Envelope['form'], sender: PublicKey, key: Uint8Array): Uint8Array {
  const { issuer, audience, scope, once, onBehalfOf, contentType } = claims
  return cbor([
    context,
    form === 'cose' ? 'application/mint' : 'mint+jwt',
    didKey(sender),
    issuer ?? null,
    audience,
    'sequence' in once ? once.sequence : once.nonce,
    scope,
    onBehalfOf ?? null,
    contentType ?? null,
    key,
  ])
}

/** What a sealed body is made of. */
export interface SealedBody {
  /** The sender's ephemeral X25519 key. */
  readonly enc: Uint8Array
  readonly ciphertext: Uint8Array
}

export const writeSealedBody = ({ enc, ciphertext }: SealedBody): Uint8Array => concat(enc, ciphertext)

/** @throws Refused `seal-refused` */
export function readSealedBody(body: Uint8Array): SealedBody {
  // A tag that was cut short would be easy to guess.
  if (body.length < sealOverhead + saltLength) throw new Refused('seal-refused', 'too short')
  try {
    return { enc: admitX25519(body.subarray(0, encLength)), ciphertext: body.subarray(encLength) }
  } catch (cause) {
    throw new Refused('seal-refused', 'ephemeral key', { cause })
  }
}

/**
 * What salt and content are shown to be the content of: the digest of an envelope, or its commitment where the body is
 * sealed. Says nothing of the signature.
 * @returns the content @throws Refused `body-refused`
 */
export function readDisclosure({ claims }: Envelope, disclosure: Uint8Array): Uint8Array {
  const { sealed, digest } = claims
  const isShown = disclosure.length >= saltLength && equal(sha256(disclosure), sealed ? sealed.commitment : digest)
  if (!isShown) throw new Refused('body-refused', 'the disclosure is of something else')
  return disclosure.subarray(saltLength)
}
