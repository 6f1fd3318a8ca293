import { Refused } from '../errors/refused.ts'
import { compare, concat } from './bytes.ts'
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

export const cbor = (value: Cbor): Uint8Array => write(value, 0)

function write(value: Cbor, depth: number): Uint8Array {
  if (depth > maxDepth) throw new RangeError('CBOR nested deeper than the reader goes')
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new RangeError('CBOR takes safe integers only')
    return value >= 0 ? head(0, value) : head(1, -1 - value)
  }
  if (typeof value === 'string') {
    const text = utf8(value)
    return concat(head(3, text.length), text)
  }
  if (typeof value === 'boolean') return Uint8Array.of(value ? 0xf5 : 0xf4)
  if (value === null) return Uint8Array.of(0xf6)
  if (value instanceof Uint8Array) return concat(head(2, value.length), value)
  if (value instanceof Tagged) return concat(head(6, value.tag), write(value.value, depth + 1))
  if (value instanceof Map) {
    const pairs = [...(value as CborMap)].map(([key, item]) => [write(key, depth + 1), write(item, depth + 1)] as const)
    pairs.sort(([a], [b]) => compare(a, b))
    return concat(head(5, pairs.length), ...pairs.flat())
  }
  const items = value as readonly Cbor[]
  return concat(head(4, items.length), ...items.map(item => write(item, depth + 1)))
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

function head(major: number, argument: number): Uint8Array {
  const type = major << 5
  if (argument < 24) return Uint8Array.of(type | argument)
  if (argument < 0x100) return Uint8Array.of(type | 24, argument)
  if (argument < 0x10000) return Uint8Array.of(type | 25, argument >> 8, argument & 0xff)
  const wide = argument > 0xffffffff
  const out = new Uint8Array(wide ? 9 : 5)
  const view = new DataView(out.buffer)
  out[0] = type | (wide ? 27 : 26)
  if (wide) view.setUint32(1, Math.floor(argument / 0x100000000))
  view.setUint32(wide ? 5 : 1, argument >>> 0)
  return out
}

class CborReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get done(): boolean {
    return this.#at === this.#bytes.length
  }

  item(depth: number): Cbor {
    if (depth > maxDepth) throw new Refused('bad-cbor', 'too deep')
    const first = this.#take(1)[0]!
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
    if (major === 3) return readUtf8(this.#take(argument))
    if (major === 6) return new Tagged(argument, this.item(depth + 1))
    // Each item takes a byte at least, so a huge count ends before it allocates.
    if (argument > this.#bytes.length - this.#at) throw new Refused('bad-cbor', 'truncated')
    if (major === 4) return Array.from({ length: argument }, () => this.item(depth + 1))
    return this.#map(argument, depth)
  }

  #map(count: number, depth: number): CborMap {
    const map = new Map<number | string, Cbor>()
    let previous: Uint8Array | undefined
    for (let i = 0; i < count; i++) {
      const start = this.#at
      const key = this.item(depth + 1)
      if (typeof key !== 'number' && typeof key !== 'string') throw new Refused('bad-cbor', 'map key')
      const encoded = this.#bytes.subarray(start, this.#at)
      if (previous !== undefined && compare(previous, encoded) >= 0) throw new Refused('bad-cbor', 'map order')
      previous = encoded
      map.set(key, this.item(depth + 1))
    }
    return map
  }

  #argument(info: number): number {
    if (info < 24) return info
    if (info > 27) throw new Refused('bad-cbor', 'indefinite or reserved length')
    const bytes = this.#take(1 << (info - 24))
    const value = bytes.reduce((sum, byte) => sum * 256 + byte, 0)
    const least = info === 24 ? 24 : info === 25 ? 0x100 : info === 26 ? 0x10000 : 0x100000000
    if (value < least || value > Number.MAX_SAFE_INTEGER) throw new Refused('bad-cbor', 'head is not the shortest')
    return value
  }

  #take(count: number): Uint8Array {
    const end = this.#at + count
    if (end > this.#bytes.length) throw new Refused('bad-cbor', 'truncated')
    const out = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return out
  }
}
