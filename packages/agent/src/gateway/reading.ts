import { base64, type Json, readBase64 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import type { Received } from '../received.ts'

//     {
//       "id": "b9c2...",                    32 hex digits; the same where a reading is sent twice
//       "received": 1780309145123,          Unix milliseconds by the gateway's clock
//       "measured": 1780309144000,          by the device's own clock, where it has one and said so
//       "contentType": "application/json",
//       "data": "eyJjZWxzaXVzIjoyMS41fQ=="
//     }

/** What a device said to its gateway, in the device's own bytes. */
export interface Reading {
  readonly id: string
  readonly device: string
  /** When the gateway had it, Unix milliseconds: however long it waited there afterwards. */
  readonly received: number
  /** What the device says of when it was. */
  readonly measured: number | undefined
  readonly contentType: string
  readonly data: Uint8Array
}

/** Media type of a payload that is a reading. */
export const readingType = 'application/vnd.mintmark.reading+json'

export const writeReading = ({ id, received, measured, contentType, data }: Reading): Json => ({
  id,
  received,
  ...(measured !== undefined && { measured }),
  contentType,
  data: base64(data),
})

/** Reads the reading in a message that a gateway sent. @throws Refused `unsupported-media`, `bad-json`, `bad-encoding` */
export function readReading(message: Received): Reading {
  if (message.contentType !== readingType || message.onBehalfOf === undefined) throw new Refused('unsupported-media')
  return readReadingOf(message.onBehalfOf, message.json())
}

/** @throws Refused `bad-json`, `bad-encoding` */
export function readReadingOf(device: string, value: Json): Reading {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Refused('bad-json', 'reading')
  const { id, received, measured, contentType, data, ...unknown } = value as Readonly<Record<string, Json | undefined>>
  const isRead =
    typeof id === 'string' &&
    /^[0-9a-f]{32}$/.test(id) &&
    isTime(received) &&
    (measured === undefined || isTime(measured)) &&
    typeof contentType === 'string' &&
    typeof data === 'string' &&
    Object.keys(unknown).length === 0
  if (!isRead) throw new Refused('bad-json', 'reading')
  return { id, device, received, measured, contentType, data: readBase64(data) }
}

export const isTime = (value: Json | undefined): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0
