import { utf8 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'

/**
 * Bytes as they are, text as UTF-8, anything else as JSON. `object`, as an interface has no index signature and so is no
 * `Json`: what JSON cannot say is refused when it is sent.
 */
export type Payload = Uint8Array | string | number | boolean | null | object

export interface Content {
  readonly bytes: Uint8Array
  /** Media type; undefined for `application/octet-stream`. */
  readonly contentType: string | undefined
}

/** @throws Refused `bad-json` for what JSON cannot say: it would be signed as something else */
export function contentOf(payload: Payload, contentType: string | undefined): Content {
  if (payload instanceof Uint8Array) return { bytes: payload, contentType }
  if (typeof payload === 'string')
    return { bytes: utf8(payload), contentType: contentType ?? 'text/plain;charset=utf-8' }
  return { bytes: utf8(jsonOf(payload)), contentType: contentType ?? 'application/json' }
}

function jsonOf(payload: Exclude<Payload, string>): string {
  let text: string | undefined
  try {
    text = JSON.stringify(payload, function (this: Readonly<Record<string, unknown>>, name, value: unknown) {
      const given = this[name]
      // What toJSON said is another value: of bytes too many words, of a date that is none null.
      const isSaid = given !== value
      if (isLost(value) || (isSaid && (ArrayBuffer.isView(given) || (value ?? null) === null))) {
        throw new TypeError('it would be lost')
      }
      return value
    })
  } catch (cause) {
    throw noJson(cause)
  }
  if (text === undefined) throw noJson()
  return text
}

/**
 * What JSON.stringify leaves out, or makes null, or an object of nothing or of numbers: a function, NaN, a Map, an
 * ArrayBuffer, bytes inside. A property that is undefined is one that is not there; in an array it would be null.
 */
function isLost(value: unknown): boolean {
  if (typeof value === 'function' || typeof value === 'symbol') return true
  if (typeof value === 'number') return !Number.isFinite(value)
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return value.includes(undefined)
  if (ArrayBuffer.isView(value)) return true
  const prototype: unknown = Object.getPrototypeOf(value)
  // A plain object, of this realm or another one, may be empty.
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null
  const isNoObject = Object.prototype.toString.call(value) !== '[object Object]'
  return !isPlain && (isNoObject || Object.keys(value).length === 0)
}

const noJson = (cause?: unknown): Refused =>
  new Refused('bad-json', 'the payload', { cause, hint: 'send bytes as a Uint8Array, text, or what JSON can say' })
