import type { IncomingMessage } from 'node:http'
import { readJson } from '@mintmark/core/bytes'
import { type Code, codes, Refused } from '@mintmark/core/errors'

/** The JSON of a reply of at most 1 MB. */
export async function readBody(response: IncomingMessage, most = 1_048_576): Promise<unknown> {
  const type = response.headers['content-type'] ?? 'nothing'
  if (!/^application\/json(?:;|$)/i.test(type)) {
    response.destroy()
    throw new Error(`the platform answered ${response.statusCode} with ${type}, not with JSON`)
  }
  const bytes = await readBytes(response, most)
  try {
    return readJson(bytes)
  } catch (cause) {
    throw new Error(`the platform answered ${response.statusCode} with broken JSON`, { cause })
  }
}

/** The text of a successful reply. */
export async function readText(response: IncomingMessage, most: number): Promise<string> {
  if (response.statusCode !== 200) {
    response.destroy()
    throw new Error(`the platform answered ${response.statusCode}`)
  }
  return Buffer.from(await readBytes(response, most)).toString('latin1')
}

/** All of a reply, and no more than so many bytes. */
export async function readBytes(response: IncomingMessage, most: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    length += chunk.length
    // Leaving the loop destroys the response and with it the connection.
    if (length > most) throw new Error(`the platform answered with more than ${most} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/**
 * The platform's no: `{code, message, hint?}` with a code of our table; anything else is a fault.
 * @param retryAfter the header of that name; a date in it is not read, as the clocks may differ
 */
export function readRefusal(status: number, body: unknown, retryAfter: string | undefined): Error {
  const { code, message, hint } = fields(body)
  if (typeof code !== 'string' || !Object.hasOwn(codes, code)) {
    return new Error(`the platform answered ${status} without a code that is known here`)
  }
  const known = code as Code
  // The table's message is in the code already; what says more is kept.
  const detail = typeof message === 'string' && message !== codes[known].message ? message : undefined
  const wait = /^\d{1,9}$/.test(retryAfter ?? '') ? { retryAfter: Number(retryAfter) * 1_000 } : {}
  return new Refused(known, detail, { ...(typeof hint === 'string' && { hint }), ...wait })
}

/** The fields of a JSON object; of any other value, none. */
export function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
}
