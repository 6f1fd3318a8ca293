import { Refused } from '../errors/refused.ts'

// Decoders here accept exactly what the encoders emit: one text for one array of bytes. Node's own are lenient
// (Buffer.from(x, 'base64') ignores junk and pad bits, 'hex' truncates silently).

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** UTF-8 of well-formed text; a lone surrogate has no bytes of its own, TextEncoder would write U+FFFD for it. */
export function utf8(text: string): Uint8Array {
  if (!text.isWellFormed()) throw new Refused('bad-encoding', 'a lone surrogate')
  return encoder.encode(text)
}

/** Text of well-formed UTF-8; a byte order mark is kept as a character, so later readers refuse it. */
export function readUtf8(bytes: Uint8Array, start = 0, end = bytes.length): string {
  if (end - start <= short) {
    const ascii = readAscii(bytes, start, end)
    if (ascii !== undefined) return ascii
  }
  try {
    return decoder.decode(bytes.subarray(start, end))
  } catch (cause) {
    throw new Refused('bad-encoding', 'not UTF-8', { cause })
  }
}

/** Below this a decoder costs more to call than a loop takes. */
const short = 12

function readAscii(bytes: Uint8Array, start: number, end: number): string | undefined {
  let text = ''
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!
    if (byte >= 0x80) return undefined
    text += String.fromCharCode(byte)
  }
  return text
}

const hexOf = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Lower-case hexadecimal. */
export function hex(bytes: Uint8Array): string {
  let out = ''
  for (const byte of bytes) out += hexOf[byte]
  return out
}

export function readHex(text: string): Uint8Array {
  if (text.length % 2 !== 0) throw new Refused('bad-encoding', 'odd number of hex digits')
  const out = new Uint8Array(text.length / 2)
  for (let i = 0; i < out.length; i++) {
    const value = (hexValue(text.charCodeAt(2 * i)) << 4) | hexValue(text.charCodeAt(2 * i + 1))
    if (value < 0) throw new Refused('bad-encoding', 'not lower-case hex')
    out[i] = value
  }
  return out
}

/** Negative for what is no lower-case hex digit, and shifted left still negative. */
function hexValue(character: number): number {
  if (character >= 48 && character <= 57) return character - 48
  return character >= 97 && character <= 102 ? character - 87 : -1
}

const base64Alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const base64urlAlphabet = `${base64Alphabet.slice(0, 62)}-_`

/** RFC 4648 section 4, with padding. */
export const base64 = (bytes: Uint8Array): string => {
  const bare = encode64(bytes, base64Alphabet)
  return bare.padEnd(Math.ceil(bare.length / 4) * 4, '=')
}

/** RFC 4648 section 5, without padding. */
export const base64url = (bytes: Uint8Array): string => encode64(bytes, base64urlAlphabet)

const base64Values = valuesOf(base64Alphabet)
const base64urlValues = valuesOf(base64urlAlphabet)

export function readBase64(text: string): Uint8Array {
  if (text.length % 4 !== 0) throw new Refused('bad-encoding', 'base64 length')
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  return decode64(text, text.length - padding, base64Values)
}

export const readBase64url = (text: string): Uint8Array => decode64(text, text.length, base64urlValues)

function valuesOf(alphabet: string): Int8Array {
  const values = new Int8Array(128).fill(-1)
  for (let i = 0; i < 64; i++) values[alphabet.charCodeAt(i)] = i
  return values
}

function encode64(bytes: Uint8Array, alphabet: string): string {
  let out = ''
  let i = 0
  for (; i + 2 < bytes.length; i += 3) {
    const word = (bytes[i]! << 16) | (bytes[i + 1]! << 8) | bytes[i + 2]!
    out += alphabet[word >> 18]! + alphabet[(word >> 12) & 63]! + alphabet[(word >> 6) & 63]! + alphabet[word & 63]!
  }
  const left = bytes.length - i
  if (left === 1) out += alphabet[bytes[i]! >> 2]! + alphabet[(bytes[i]! << 4) & 63]!
  if (left === 2) {
    const word = (bytes[i]! << 8) | bytes[i + 1]!
    out += alphabet[word >> 10]! + alphabet[(word >> 4) & 63]! + alphabet[(word << 2) & 63]!
  }
  return out
}

function decode64(text: string, length: number, values: Int8Array): Uint8Array {
  if (length % 4 === 1) throw new Refused('bad-encoding', 'base64 length')
  const out = new Uint8Array((length * 3) >> 2)
  let word = 0
  let bits = 0
  let at = 0
  for (let i = 0; i < length; i++) {
    const value = values[text.charCodeAt(i)] ?? -1
    if (value < 0) throw new Refused('bad-encoding', 'base64 alphabet')
    word = ((word << 6) | value) & 0xffffff
    bits += 6
    if (bits >= 8) {
      bits -= 8
      out[at++] = (word >> bits) & 0xff
    }
  }
  if ((word & ((1 << bits) - 1)) !== 0) throw new Refused('bad-encoding', 'base64 pad bits')
  return out
}

/** RFC 4648 section 6 in lower case, without padding: for names made from digests. */
export function base32(bytes: Uint8Array): string {
  let out = ''
  let word = 0
  let bits = 0
  for (const byte of bytes) {
    word = ((word << 8) | byte) & 0xffff
    for (bits += 8; bits >= 5; bits -= 5) out += base32Alphabet[(word >> (bits - 5)) & 31]!
  }
  return bits === 0 ? out : out + base32Alphabet[(word << (5 - bits)) & 31]!
}

const base32Alphabet = 'abcdefghijklmnopqrstuvwxyz234567'

const base58Alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

/** base58btc, as did:key uses it; meant for keys, the work grows with the square of the length. */
export function base58(bytes: Uint8Array): string {
  let zeros = 0
  while (zeros < bytes.length && bytes[zeros] === 0) zeros++
  const digits: number[] = []
  for (const byte of bytes.subarray(zeros)) {
    let carry = byte
    for (let i = 0; i < digits.length; i++) {
      carry += digits[i]! << 8
      digits[i] = carry % 58
      carry = (carry / 58) | 0
    }
    for (; carry > 0; carry = (carry / 58) | 0) digits.push(carry % 58)
  }
  return (
    '1'.repeat(zeros) +
    digits
      .reverse()
      .map(digit => base58Alphabet[digit]!)
      .join('')
  )
}

export function readBase58(text: string): Uint8Array {
  if (text.length > 128) throw new Refused('bad-encoding', 'base58 too long')
  let zeros = 0
  while (zeros < text.length && text[zeros] === '1') zeros++
  const bytes: number[] = []
  for (const character of text.slice(zeros)) {
    let carry = base58Alphabet.indexOf(character)
    if (carry < 0) throw new Refused('bad-encoding', 'base58 alphabet')
    for (let i = 0; i < bytes.length; i++) {
      carry += bytes[i]! * 58
      bytes[i] = carry & 0xff
      carry >>= 8
    }
    for (; carry > 0; carry >>= 8) bytes.push(carry & 0xff)
  }
  return Uint8Array.from([...new Uint8Array(zeros), ...bytes.reverse()])
}
