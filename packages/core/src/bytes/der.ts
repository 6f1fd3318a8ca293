import { Refused } from '../errors/refused.ts'
import { concat } from './bytes.ts'

// A strict subset of DER (X.690): single-byte tags, definite minimal lengths below 16 MiB, and nothing left over.
// The reader never recurses by itself: every structure that is read has its shape written down by its reader,
// so nesting is bounded by our code, not by the input.

export const tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

/** Context-specific tag: `[n]` primitive, or constructed where it wraps other elements. */
export const context = (n: number): number => 0x80 | n
export const contextConstructed = (n: number): number => 0xa0 | n

const maxLength = 0xffffff

export interface Element {
  readonly tag: number
  readonly body: Uint8Array
  /** Tag, length and body as they stood. */
  readonly whole: Uint8Array
}

/** Reads the elements inside one constructed element, in order; `end()` refuses what is left over. */
export class DerReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get done(): boolean {
    return this.#at === this.#bytes.length
  }

  /** The tag of the next element, or undefined at the end. */
  get next(): number | undefined {
    return this.#bytes[this.#at]
  }

  /** The next element, of any single-byte tag. */
  element(): Element {
    const bytes = this.#bytes
    const start = this.#at
    const type = bytes[start]
    const first = bytes[start + 1]
    if (type === undefined || first === undefined) throw new Refused('bad-der', 'truncated')
    // X.690 8.1.2.4: high tag numbers are not in our subset.
    if ((type & 0x1f) === 0x1f) throw new Refused('bad-der', 'high tag number')
    let length = first
    let header = 2
    if (first >= 0x80) {
      // X.690 10.1: definite and minimal. 0x80 is indefinite; three length bytes reach our limit.
      const count = first & 0x7f
      if (count < 1 || count > 3 || start + 2 + count > bytes.length) throw new Refused('bad-der', 'length')
      length = bytes.subarray(start + 2, start + 2 + count).reduce((sum, byte) => sum * 256 + byte, 0)
      if (length < 0x80 || length < 256 ** (count - 1)) throw new Refused('bad-der', 'length is not minimal')
      header += count
    }
    const end = start + header + length
    if (end > bytes.length) throw new Refused('bad-der', 'truncated')
    this.#at = end
    return { tag: type, body: bytes.subarray(start + header, end), whole: bytes.subarray(start, end) }
  }

  /** The next element, which must have this tag. */
  expect(type: number): Element {
    if (this.next !== type) throw new Refused('bad-der', `tag ${this.next ?? 'none'} where ${type} is due`)
    return this.element()
  }

  /** The next element where it has this tag, otherwise undefined and nothing is consumed. */
  optional(type: number): Element | undefined {
    return this.next === type ? this.element() : undefined
  }

  sequence(): DerReader {
    return new DerReader(this.expect(tag.sequence).body)
  }

  set(): DerReader {
    return new DerReader(this.expect(tag.set).body)
  }

  /** OBJECT IDENTIFIER in dotted form. */
  oid(): string {
    return readOid(this.expect(tag.oid).body)
  }

  /** INTEGER, big-endian two's complement as it stood, minimal (X.690 8.3.2). */
  integer(): Uint8Array {
    return readInteger(this.expect(tag.integer).body)
  }

  /** INTEGER from 0 to 2^31 - 1. */
  smallInteger(): number {
    const bytes = this.integer()
    if (bytes[0]! >= 0x80 || bytes.length > 4) throw new Refused('bad-der', 'integer out of range')
    return bytes.reduce((value, byte) => value * 256 + byte, 0)
  }

  /** BOOLEAN; DER knows 0x00 and 0xff only (X.690 11.1). */
  boolean(): boolean {
    const { body } = this.expect(tag.boolean)
    if (body.length !== 1 || (body[0] !== 0 && body[0] !== 0xff)) throw new Refused('bad-der', 'boolean')
    return body[0] === 0xff
  }

  /** BIT STRING of whole bytes. */
  bitString(): Uint8Array {
    const { body } = this.expect(tag.bitString)
    if (body[0] !== 0) throw new Refused('bad-der', 'bit string has unused bits')
    return body.subarray(1)
  }

  end(): void {
    if (!this.done) throw new Refused('bad-der', 'bytes left over')
  }
}

/** The one element that these bytes are, of this tag, with nothing after it. */
export function readDer(bytes: Uint8Array, type: number): Element {
  const reader = new DerReader(bytes)
  const element = reader.expect(type)
  reader.end()
  return element
}

export function readInteger(body: Uint8Array): Uint8Array {
  const [first, second] = body
  if (first === undefined) throw new Refused('bad-der', 'empty integer')
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) {
    throw new Refused('bad-der', 'integer is not minimal')
  }
  return body
}

export function readOid(body: Uint8Array): string {
  if (body.length === 0 || body.length > 32 || body.at(-1)! >= 0x80) throw new Refused('bad-der', 'oid')
  const arcs: number[] = []
  let arc = 0
  let fresh = true
  for (const byte of body) {
    if (fresh && byte === 0x80) throw new Refused('bad-der', 'oid arc is not minimal')
    arc = arc * 128 + (byte & 0x7f)
    if (arc > Number.MAX_SAFE_INTEGER / 128) throw new Refused('bad-der', 'oid arc too large')
    fresh = byte < 0x80
    if (!fresh) continue
    if (arcs.length === 0) arcs.push(Math.min(2, Math.floor(arc / 40)), arc - 40 * Math.min(2, Math.floor(arc / 40)))
    else arcs.push(arc)
    arc = 0
  }
  return arcs.join('.')
}

/** Milliseconds of a UTCTime (1950 to 2049) or GeneralizedTime (from 2050), whole seconds, Z (RFC 5280 4.1.2.5). */
export function readTime(element: Element): number {
  const text = String.fromCharCode(...element.body.subarray(0, 16))
  const utc = element.tag === tag.utcTime
  const match = (utc ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/ : /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/).exec(
    text,
  )
  if ((!utc && element.tag !== tag.generalizedTime) || !match || text.length !== element.body.length) {
    throw new Refused('bad-der', 'time')
  }
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const full = utc ? (year < 50 ? 2000 + year : 1900 + year) : year
  if (!utc && full < 2050) throw new Refused('bad-der', 'GeneralizedTime before 2050')
  const at = Date.UTC(full, month - 1, day, hour, minute, second)
  // Date.UTC carries the 31st of June over into July.
  if (digitsOf(at) !== `${String(full).padStart(4, '0')}${text.slice(utc ? 2 : 4, -1)}`) {
    throw new Refused('bad-der', 'no such moment')
  }
  return at
}

const earliest = Date.UTC(1950, 0)
const latest = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

/** `YYYYMMDDhhmmss`. Twice in every certificate, so without the detour over an ISO text. */
function digitsOf(at: number): string {
  const date = new Date(at)
  const parts = [
    date.getUTCMonth() + 1,
    date.getUTCDate(),
    date.getUTCHours(),
    date.getUTCMinutes(),
    date.getUTCSeconds(),
  ]
  let digits = String(date.getUTCFullYear()).padStart(4, '0')
  for (const part of parts) digits += part < 10 ? `0${part}` : part
  return digits
}

/** One element: the tag, its minimal length, and the parts as its body. */
export function der(type: number, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  if (length > maxLength) throw new RangeError('DER element over 16 MiB')
  const header = length < 0x80 ? 2 : length < 0x100 ? 3 : length < 0x10000 ? 4 : 5
  const out = new Uint8Array(header + length)
  out[0] = type
  if (header === 2) out[1] = length
  else {
    out[1] = 0x80 | (header - 2)
    for (let i = header - 1, left = length; i > 1; i--, left >>>= 8) out[i] = left & 0xff
  }
  let at = header
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

export const derSequence = (...parts: readonly Uint8Array[]): Uint8Array => der(tag.sequence, ...parts)

/** OBJECT IDENTIFIER from its dotted form. Those that we write are few, so each is encoded once. */
export function derOid(dotted: string): Uint8Array {
  const known = oids.get(dotted)
  if (known) return known
  const [first, second, ...rest] = dotted.split('.').map(Number)
  const body: number[] = []
  for (const arc of [first! * 40 + second!, ...rest]) {
    const septets = [arc % 128]
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) septets.unshift(0x80 | (left % 128))
    body.push(...septets)
  }
  const encoded = der(tag.oid, Uint8Array.from(body))
  if (oids.size < 256) oids.set(dotted, encoded)
  return encoded
}

const oids = new Map<string, Uint8Array>()

/** A non-negative INTEGER from its big-endian magnitude. */
export function derUnsigned(magnitude: Uint8Array): Uint8Array {
  let start = 0
  while (start < magnitude.length - 1 && magnitude[start] === 0) start++
  const minimal = magnitude.subarray(start)
  if (minimal.length === 0) return der(tag.integer, Uint8Array.of(0))
  return minimal[0]! >= 0x80 ? der(tag.integer, Uint8Array.of(0), minimal) : der(tag.integer, minimal)
}

export const derBoolean = (value: boolean): Uint8Array => der(tag.boolean, Uint8Array.of(value ? 0xff : 0))

/** BIT STRING of whole bytes. */
export const derBitString = (bytes: Uint8Array): Uint8Array => der(tag.bitString, Uint8Array.of(0), bytes)

/** UTCTime until 2049, GeneralizedTime from 2050 (RFC 5280 4.1.2.5); whole seconds, rounded down. */
export function derTime(at: number): Uint8Array {
  if (!(at >= earliest && at <= latest)) throw new RangeError('DER time takes 1950 to 9999')
  const digits = digitsOf(at)
  const utc = digits < '2050'
  return der(utc ? tag.utcTime : tag.generalizedTime, ascii(`${utc ? digits.slice(2) : digits}Z`))
}

/** Bytes of text that is ASCII by construction. */
export function ascii(text: string): Uint8Array {
  const out = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    // Its low byte alone would be another character: a dotless i turns into a 1, and one host's name into another's.
    if (code > 0x7f) throw new RangeError('not ASCII')
    out[i] = code
  }
  return out
}

/** ECDSA-Sig-Value (RFC 3279 2.2.3) of a raw 64-byte r || s. */
export const derEcdsaSignature = (raw: Uint8Array): Uint8Array =>
  derSequence(derUnsigned(raw.subarray(0, 32)), derUnsigned(raw.subarray(32, 64)))

/** Raw 64-byte r || s of an ECDSA-Sig-Value over P-256. */
export function readEcdsaSignature(bytes: Uint8Array): Uint8Array {
  const reader = new DerReader(readDer(bytes, tag.sequence).body)
  const out = concat(unsigned32(reader.integer()), unsigned32(reader.integer()))
  reader.end()
  return out
}

function unsigned32(integer: Uint8Array): Uint8Array {
  const magnitude = integer[0] === 0 ? integer.subarray(1) : integer
  if (integer[0]! >= 0x80 || magnitude.length > 32) throw new Refused('bad-der', 'integer out of range')
  const out = new Uint8Array(32)
  out.set(magnitude, 32 - magnitude.length)
  return out
}
