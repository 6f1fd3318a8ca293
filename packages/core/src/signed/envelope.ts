import type { Code } from '../errors/codes.ts'
import { Refused } from '../errors/refused.ts'
import type { KeyAlgorithm } from '../keys/public-key.ts'
import { readCoseEnvelope } from './envelope-cose.ts'
import { readJwsEnvelope } from './envelope-jws.ts'

// An envelope says who sends what to whom, and is signed over the digest of a body that travels beside it. It has two
// forms with one meaning, told apart by the first byte: COSE_Sign1 (0xd2) and JWS compact ("e"). docs/spec/envelope.md.

/** What a message says about itself; all of it is signed. */
export interface Claims {
  /** The sender's key: `did:key:...`, or the short id of a registered key. */
  readonly key: string
  /** The sender's DID, where it is another one than that of the key: `did:web:...`. */
  readonly issuer?: string | undefined
  /** The one receiver: a DID, or the short id of a registered key. */
  readonly audience: string
  /** What the message is for: `telemetry:write`. */
  readonly scope: string
  readonly once: Once
  /** The device that a gateway speaks for. */
  readonly onBehalfOf?: string | undefined
  /** Media type of the content; absent means `application/octet-stream`. */
  readonly contentType?: string | undefined
  readonly sealed?: Sealed | undefined
  /** SHA-256 of the body. */
  readonly digest: Uint8Array
}

/** What makes the message the only one of its kind. */
export type Once =
  | {
      /** Unix milliseconds, by the sender's clock. */
      readonly issued: number
      /** 16 random bytes. */
      readonly nonce: Uint8Array
    }
  | {
      /** From 0 on, by a sender without a clock: each message has a higher one. */
      readonly sequence: number
    }

/** The content is encrypted to the receiver. */
export interface Sealed {
  /** First 8 bytes of the SHA-256 of the receiver's encryption key. */
  readonly key: Uint8Array
  /** SHA-256 over salt and plaintext: what the sender is held to when either side discloses them. */
  readonly commitment: Uint8Array
}

export interface Envelope {
  readonly form: 'cose' | 'jws'
  /** What the envelope says it is signed with. The registered key decides whether that is right. */
  readonly algorithm: KeyAlgorithm
  readonly claims: Claims
  /** What is signed, in the very bytes that were received. */
  readonly signed: Uint8Array
  /** Raw 64 bytes. */
  readonly signature: Uint8Array
  /** All of it, as it was received. */
  readonly bytes: Uint8Array
}

/** No envelope is longer; what we write is under 600 bytes. */
export const longestEnvelope = 4_096

const own: ReadonlySet<string> = new Set<Code>(['bad-envelope', 'algorithm-refused'])

/** Reads an envelope and checks no signature. @throws Refused `bad-envelope`, `algorithm-refused`, `too-large` */
export function readEnvelope(bytes: Uint8Array): Envelope {
  if (bytes.length > longestEnvelope) throw new Refused('too-large', 'envelope')
  try {
    if (bytes[0] === 0xd2) return readCoseEnvelope(bytes)
    // The header is an object, so its base64url begins with "ey" or, where blanks or line breaks are in it, "ew" or "eA".
    if (bytes[0] === 0x65) return readJwsEnvelope(bytes)
  } catch (cause) {
    if (!(cause instanceof Refused) || own.has(cause.code)) throw cause
    throw new Refused('bad-envelope', `${cause.code}: ${cause.detail ?? ''}`, { cause })
  }
  throw new Refused('bad-envelope', 'first byte')
}
