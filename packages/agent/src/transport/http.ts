import { type Code, Refused } from '@mintmark/core/errors'
import type { Transport } from '../agent.ts'
import { readAddress } from './address.ts'
import { readAnswer, readFields } from './recipient.ts'
import { readStream } from './stream.ts'

export interface HttpOptions {
  /** Where the receiver takes messages: `https:`, or `http:` on this computer. */
  readonly url: string | ((to: string) => string)
  /** Not said: the runtime's own. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>
  /** Milliseconds for one message, answer included. Not said: 10 seconds. */
  readonly timeout?: number
}

/** Messages as bodies of requests. Whoever wants an order waits for each. */
export class HttpTransport implements Transport {
  readonly #options: Required<HttpOptions>

  constructor({ url, fetch = (...args) => globalThis.fetch(...args), timeout = 10_000 }: HttpOptions) {
    if (typeof url === 'string') readAddress(url, 'http')
    this.#options = { url, fetch, timeout }
  }

  /**
   * @throws Refused what the receiver says; `unreachable` where nobody answers in time, and then it may have arrived
   */
  async deliver(message: Uint8Array, to: string): Promise<void> {
    await this.ask(message, to, 0)
  }

  /** Delivers, and gives what the receiver says to it. @param most its bytes; with 0 nobody waits for any */
  async ask(message: Uint8Array, to: string, most: number): Promise<Uint8Array> {
    const { url, fetch, timeout } = this.#options
    const where = typeof url === 'string' ? url : readAddress(url(to), 'http')
    const signal = AbortSignal.timeout(timeout)
    let response: Response
    let said: Uint8Array
    try {
      const headers = { 'content-type': mediaTypeOf(message) }
      const body = Uint8Array.from(message)
      // Where a redirect leads is not where the caller wanted to send this.
      response = await fetch(where, { method: 'POST', headers, body, redirect: 'manual', signal })
      if (!isTaken(response)) said = await readShort(response)
      else said = most > 0 ? await readStream(response.body, most) : await emptied(response)
    } catch (cause) {
      throw new Refused('unreachable', signal.aborted ? 'no answer in time' : 'the receiver', { cause })
    }
    if (!isTaken(response)) throw refusalOf(response, said)
    return said
  }
}

/** Of a message as `send` gives it. */
export const mediaTypeOf = (message: Uint8Array): string =>
  message[0] === 0xd2 ? 'application/mint' : 'application/mint+jwt'

/** What a receiver says, or the platform that has recorded it: any site says 200 to what it does not understand. */
const isTaken = ({ status }: Response): boolean => status === 204 || status === 201

const longestAnswer = 4_096

/** Nobody reads it; the connection goes on when it is let go. */
async function emptied(response: Response): Promise<Uint8Array> {
  await response.body?.cancel()
  return new Uint8Array()
}

/** What is longer than any answer is none. */
export const readShort = ({ body }: Response): Promise<Uint8Array> =>
  readStream(body, longestAnswer).catch((error: unknown) => {
    if (error instanceof Refused) return new Uint8Array()
    throw error
  })

/** What an answer says that takes nothing. */
export function refusalOf({ status, headers, type, ok }: Response, said: Uint8Array): Refused {
  if (ok) return new Refused('unreachable', `what answers there takes no messages: status ${status}`)
  if (type === 'opaqueredirect' || (status >= 300 && status < 400)) {
    return new Refused('unreachable', 'the receiver redirects, and nobody follows')
  }
  const answer = readAnswer(readFields(said))
  const seconds = headers.get('retry-after') ?? ''
  const wait = answer?.retryAfter ?? (/^\d{1,6}$/.test(seconds) ? Number(seconds) * 1_000 : undefined)
  const code = answer?.code ?? codeOf(status)
  return new Refused(code, `status ${status}`, wait === undefined ? {} : { retryAfter: wait })
}

/** Of whatever stands before the receiver and speaks only HTTP. */
function codeOf(status: number): Code {
  if (status === 413) return 'too-large'
  if (status === 429) return 'slow-down'
  if (status === 404 || status === 410) return 'not-found'
  return status >= 500 ? 'unavailable' : 'refused'
}
