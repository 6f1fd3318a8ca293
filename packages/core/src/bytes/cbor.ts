import { Refused } from '../errors/refused.ts'
import { compare } from './bytes.ts'
import { readUtf8, utf8 } from './text.ts'

/**
 * The subset of CBOR that we sign: integers within 2^53, byte and text strings, arrays, maps with integer or text
 * keys, booleans, null, tags on top. Core deterministic encoding (RFC 8949 4.2.1): shortest heads, definite lengths,
 * sorted unique keys. The reader accepts exactly what the writer emits.
 */
export type Cbor = number | string | boolean | null | Uint8Array | readonly Cbor[] | CborMap | Tagged
export type CborMap = ReadonlyMap<number | string, Cbor>

export class Tagged {
  readonly tag: number
  readonly value: Cbor
  constructor(tag: number, value: Cbor) {
    this.tag = tag
    this.value = value
  }
}

const maxDepth = 8

export function cbor(value: Cbor): Uint8Array {
  writer.begin()
  writer.item(value, 0)
  return writer.done()
}

/** A map from an object's own entries, leaving out those that are undefined. */
export const cborMap = (entries: Readonly<Record<string, Cbor | undefined>>): CborMap =>
  new Map(Object.entries(entries).filter((entry): entry is [string, Cbor] => entry[1] !== undefined))

/** The one item that these bytes are. */
export function readCbor(bytes: Uint8Array): Cbor {
  const reader = new CborReader(bytes)
  const value = reader.item(0)
  if (!reader.done) throw new Refused('bad-cbor', 'bytes left over')
  return value
}

/** A sequence of items (RFC 8742) cut after its first one, of which no more is read than where it ends. */
export function splitCbor(bytes: Uint8Array): [first: Uint8Array, rest: Uint8Array] {
  const reader = new CborReader(bytes)
  reader.skip(0)
  return [bytes.subarray(0, reader.at), bytes.subarray(reader.at)]
}

/** Writes into one array that grows and is used again: changes are encoded on the hot path of a commit. */
class CborWriter {
  #bytes = new Uint8Array(4_096)
  #at = 0

  begin(): void {
    this.#at = 0
  }

  done(): Uint8Array {
    return this.#bytes.slice(0, this.#at)
  }

  item(value: Cbor, depth: number): void {
    if (depth > maxDepth) throw new RangeError('CBOR nested deeper than the reader goes')
    if (typeof value === 'number') {
      if (!Number.isSafeInteger(value)) throw new RangeError('CBOR takes safe integers only')
      if (value >= 0) this.#head(0, value)
      else this.#head(1, -1 - value)
    } else if (typeof value === 'string') {
      const text = utf8(value)
      this.#head(3, text.length)
      this.#append(text)
    } else if (typeof value === 'boolean') this.#byte(value ? 0xf5 : 0xf4)
    else if (value === null) this.#byte(0xf6)
    else if (value instanceof Uint8Array) {
      this.#head(2, value.length)
      this.#append(value)
    } else if (value instanceof Tagged) {
      this.#head(6, value.tag)
      this.item(value.value, depth + 1)
    } else if (value instanceof Map) {
      this.#map(value as CborMap, depth)
    } else {
      const items = value as readonly Cbor[]
      this.#head(4, items.length)
      for (const item of items) this.item(item, depth + 1)
    }
  }

  #map(map: CborMap, depth: number): void {
    const pairs = [...map].map(([key, item]) => ({ key: encodedKey(key), item }))
    pairs.sort((a, b) => compare(a.key, b.key))
    this.#head(5, pairs.length)
    if (depth === maxDepth && pairs.length > 0) throw new RangeError('CBOR nested deeper than the reader goes')
    for (const { key, item } of pairs) {
      this.#append(key)
      this.item(item, depth + 1)
    }
  }

  /** The shortest head (RFC 8949 4.2.1). */
  #head(major: number, argument: number): void {
    const type = major << 5
    if (argument < 24) {
      this.#byte(type | argument)
      return
    }
    const size = argument < 0x100 ? 1 : argument < 0x10000 ? 2 : argument <= 0xffffffff ? 4 : 8
    this.#byte(type | (size === 1 ? 24 : size === 2 ? 25 : size === 4 ? 26 : 27))
    this.#room(size)
    for (let i = size - 1, left = argument; i >= 0; i--, left = Math.floor(left / 256)) {
      this.#bytes[this.#at + i] = left % 256
    }
    this.#at += size
  }

  #byte(byte: number): void {
    this.#room(1)
    this.#bytes[this.#at++] = byte
  }

  #append(bytes: Uint8Array): void {
    this.#room(bytes.length)
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  #room(count: number): void {
    if (this.#at + count <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + count))
    grown.set(this.#bytes.subarray(0, this.#at))
    this.#bytes = grown
  }
}

const writer = new CborWriter()

const encodedKeys = new Map<number | string, Uint8Array>()

/** Keys are few and come from our own code, so their encodings are kept. */
function encodedKey(key: number | string): Uint8Array {
  const known = encodedKeys.get(key)
  if (known) return known
  const own = new CborWriter()
  own.item(key, 0)
  const encoded = own.done()
  if (encodedKeys.size < 256) encodedKeys.set(key, encoded)
  return encoded
}

/** Short texts that came last: names, scopes and types come again, and to compare them costs less than to make them. */
const texts: (string | undefined)[] = Array(256).fill(undefined)
const mostKept = 256
const longestKept = 64

/** Reads one item after the other, for formats that know what comes. */
export class CborReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get at(): number {
    return this.#at
  }

  get done(): boolean {
    return this.#at === this.#bytes.length
  }

  item(depth: number): Cbor {
    if (depth > maxDepth) throw new Refused('bad-cbor', 'too deep')
    const first = this.#byte()
    const major = first >> 5
    if (major === 7) {
      if (first === 0xf4 || first === 0xf5) return first === 0xf5
      if (first === 0xf6) return null
      throw new Refused('bad-cbor', 'simple value or float')
    }
    const argument = this.#argument(first & 0x1f)
    if (major === 0) return argument
    if (major === 1 && argument < Number.MAX_SAFE_INTEGER) return -1 - argument
    if (major === 1) throw new Refused('bad-cbor', 'integer out of range')
    if (major === 2) return this.#take(argument)
    if (major === 3) return this.#text(argument)
    if (major === 6) return new Tagged(argument, this.item(depth + 1))
    // Each item takes a byte at least, so a huge count ends before it allocates.
    if (argument > this.#bytes.length - this.#at) throw new Refused('bad-cbor', 'truncated')
    if (major === 4) return this.#array(argument, depth)
    return this.#map(argument, depth)
  }

  /** The head of an item of this major type. @returns its argument: a value, a length, a count or a tag */
  head(major: number): number {
    const first = this.#byte()
    if (first >> 5 !== major) throw new Refused('bad-cbor', 'of another type')
    return this.#argument(first & 0x1f)
  }

  skip(depth: number): void {
    if (depth > maxDepth) throw new Refused('bad-cbor', 'too deep')
    const first = this.#byte()
    const major = first >> 5
    if (major === 7) return
    const argument = this.#argument(first & 0x1f)
    if (major === 2 || major === 3) this.#pass(argument)
    else if (major >= 4) {
      for (let left = major === 6 ? 1 : argument * (major - 3); left > 0; left--) this.skip(depth + 1)
    }
  }

  #array(count: number, depth: number): Cbor[] {
    const items: Cbor[] = []
    for (let i = 0; i < count; i++) items.push(this.item(depth + 1))
    return items
  }

  #map(count: number, depth: number): CborMap {
    const map = new Map<number | string, Cbor>()
    let [start, end] = [0, 0]
    for (let i = 0; i < count; i++) {
      const next = this.#at
      const key = this.item(depth + 1)
      if (typeof key !== 'number' && typeof key !== 'string') throw new Refused('bad-cbor', 'map key')
      if (i > 0 && !this.#isBefore(start, end, next)) throw new Refused('bad-cbor', 'map order')
      start = next
      end = this.#at
      map.set(key, this.item(depth + 1))
    }
    return map
  }

  /** Whether the key from `start` to `end` stands before the one that begins at `next`. No key begins another one. */
  #isBefore(start: number, end: number, next: number): boolean {
    for (let i = 0; start + i < end; i++) {
      const difference = this.#bytes[start + i]! - this.#bytes[next + i]!
      if (difference !== 0) return difference < 0
    }
    return false
  }

  #argument(info: number): number {
    if (info < 24) return info
    if (info > 27) throw new Refused('bad-cbor', 'indefinite or reserved length')
    let value = 0
    for (let left = 1 << (info - 24); left > 0; left--) value = value * 256 + this.#byte()
    const least = info === 24 ? 24 : info === 25 ? 0x100 : info === 26 ? 0x10000 : 0x100000000
    if (value < least || value > Number.MAX_SAFE_INTEGER) throw new Refused('bad-cbor', 'head is not the shortest')
    return value
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++]
    if (byte === undefined) throw new Refused('bad-cbor', 'truncated')
    return byte
  }

  #text(count: number): string {
    const start = this.#at
    const end = this.#pass(count)
    if (count > longestKept) return readUtf8(this.#bytes, start, end)
    let place = count
    for (let at = start; at < end; at++) place = (Math.imul(place, 31) + this.#bytes[at]!) & (mostKept - 1)
    const kept = texts[place]
    if (kept !== undefined && this.#isText(kept, start, end)) return kept
    const text = readUtf8(this.#bytes, start, end)
    // As many characters as bytes: ASCII.
    if (text.length === count) texts[place] = text
    return text
  }

  #isText(ascii: string, start: number, end: number): boolean {
    if (ascii.length !== end - start) return false
    for (let at = start; at < end; at++) if (ascii.charCodeAt(at - start) !== this.#bytes[at]) return false
    return true
  }

  #take(count: number): Uint8Array {
    const start = this.#at
    return this.#bytes.subarray(start, this.#pass(count))
  }

  #pass(count: number): number {
    const end = this.#at + count
    if (end > this.#bytes.length) throw new Refused('bad-cbor', 'truncated')
    this.#at = end
    return end
  }
}
