import { type Json, utf8 } from '@mintmark/core/bytes'

/** Bytes as they are, text as UTF-8, anything else as JSON. */
export type Payload = Uint8Array | string | Json

export interface Content {
  readonly bytes: Uint8Array
  /** Media type; undefined for `application/octet-stream`. */
  readonly contentType: string | undefined
}

export function contentOf(payload: Payload, contentType: string | undefined): Content {
  if (payload instanceof Uint8Array) return { bytes: payload, contentType }
  if (typeof payload === 'string')
    return { bytes: utf8(payload), contentType: contentType ?? 'text/plain;charset=utf-8' }
  return { bytes: utf8(JSON.stringify(payload)), contentType: contentType ?? 'application/json' }
}
