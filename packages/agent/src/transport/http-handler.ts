import { codes, Refused } from '@mintmark/core/errors'
import { type Answer, answerOf, longestMessage, type Recipient, take, tellable } from './recipient.ts'
import { readStream } from './stream.ts'

/** Answers one request. What `fetch` handlers of Deno, Bun and Workers are, and `nodeListener` serves on Node. */
export type Handler = (request: Request) => Promise<Response>

/**
 * The receiving side over HTTP: a POST of one message is answered with 204, or with `{code, message}`. It takes every
 * path; who may ask whom on a connection is for what stands before it, as a message proves its sender by itself.
 */
export function messageHandler(recipient: Recipient): Handler {
  return async request => {
    let bytes: Uint8Array
    try {
      checkHead(request)
      bytes = await readBody(request, longestMessage)
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      recipient.refused(error)
      return refusal(answerOf(error))
    }
    const why = await take(recipient, bytes)
    if (!why) return new Response(null, { status: 204 })
    return refusal(answerOf(await tellable(bytes, why, recipient.agent)))
  }
}

/** @throws Refused `too-large` before anything is read where the length is known, `bad-request` where it is late */
export function readBody(request: Request, most: number): Promise<Uint8Array> {
  const length = request.headers.get('content-length')
  if (length !== null && !(Number(length) <= most)) throw new Refused('too-large', 'body')
  return readStream(request.body, most, AbortSignal.timeout(patience))
}

export function refusal({ code, message, retryAfter }: Answer): Response {
  const { status } = codes[code]
  const seconds = retryAfter === undefined ? undefined : String(Math.ceil(retryAfter / 1_000))
  return Response.json(
    { code, message, ...(retryAfter !== undefined && { retryAfter }) },
    {
      status,
      headers: {
        'cache-control': 'no-store',
        ...(seconds !== undefined && { 'retry-after': seconds }),
        ...(code === 'method-not-allowed' && { allow: 'POST' }),
      },
    },
  )
}

/** How long a body may take. Milliseconds. */
const patience = 10_000

function checkHead({ method, headers }: Request): void {
  if (method !== 'POST') throw new Refused('method-not-allowed')
  // No form and no plain fetch of a page can send this type without asking first, and nobody here says yes.
  if (!/^application\/mint(?:\+jwt)?$/i.test(headers.get('content-type') ?? '')) throw new Refused('unsupported-media')
  if ((headers.get('content-encoding') ?? 'identity') !== 'identity') throw new Refused('unsupported-media', 'encoded')
}
