import { concat } from '../bytes/bytes.ts'
import { CborReader, cbor, splitCbor } from '../bytes/cbor.ts'
import { base64url, readBase64url, readUtf8, utf8 } from '../bytes/text.ts'
import { Refused } from '../errors/refused.ts'
import { type Envelope, longestEnvelope, readEnvelope } from './envelope.ts'

// An envelope with its body in one piece. COSE: a CBOR sequence (RFC 8742) of the envelope and a byte string. JWS: the
// envelope, "~", and the body in base64url.

export interface Message {
  readonly envelope: Envelope
  /** 16 bytes of salt, then the content; or what is sealed. Not checked against the digest yet. */
  readonly body: Uint8Array
}

export const saltLength = 16

/** What a message takes beside its body, at most. */
const overhead = longestEnvelope + 16

export function writeMessage(envelope: Uint8Array, body: Uint8Array): Uint8Array {
  if (envelope[0] === 0xd2) return concat(envelope, cbor(body))
  return concat(envelope, utf8(`~${base64url(body)}`))
}

/**
 * @param longestBody in bytes
 * @throws Refused `too-large`, `bad-envelope`, `algorithm-refused`
 */
export function readMessage(bytes: Uint8Array, longestBody: number): Message {
  const isCose = bytes[0] === 0xd2
  if (bytes.length > overhead + (isCose ? longestBody : Math.ceil((longestBody * 4) / 3))) {
    throw new Refused('too-large', 'message')
  }
  const [envelope, body] = cut(isCose, bytes)
  if (body.length > longestBody) throw new Refused('too-large', 'body')
  return { envelope: readEnvelope(envelope), body }
}

/**
 * A message, or its envelope alone: who records what was sent needs no more.
 * @throws Refused `too-large`, `bad-envelope`, `algorithm-refused`
 */
export function readEnvelopeOrMessage(
  bytes: Uint8Array,
  longestBody: number,
): { readonly envelope: Envelope; readonly body: Uint8Array | undefined } {
  return isAlone(bytes) ? { envelope: readEnvelope(bytes), body: undefined } : readMessage(bytes, longestBody)
}

function isAlone(bytes: Uint8Array): boolean {
  if (bytes.length > longestEnvelope) return false
  if (bytes[0] !== 0xd2) return !bytes.includes(tilde)
  try {
    return splitCbor(bytes)[1].length === 0
  } catch (cause) {
    throw new Refused('bad-envelope', 'not an envelope', { cause })
  }
}

function cut(isCose: boolean, bytes: Uint8Array): [envelope: Uint8Array, body: Uint8Array] {
  try {
    if (isCose) {
      const reader = new CborReader(bytes)
      reader.skip(0)
      const envelope = bytes.subarray(0, reader.at)
      const body = reader.item(0)
      if (body instanceof Uint8Array && reader.done) return [envelope, body]
    } else {
      const end = bytes.indexOf(tilde)
      if (end >= 0) return [bytes.subarray(0, end), readBase64url(readUtf8(bytes.subarray(end + 1)))]
    }
  } catch (cause) {
    throw new Refused('bad-envelope', 'not an envelope and its body', { cause })
  }
  throw new Refused('bad-envelope', 'no body')
}

const tilde = 0x7e
