import { type Json, readJson } from '@mintmark/core/bytes'
import { type Code, codes, Refused } from '@mintmark/core/errors'
import type { Agent } from '../agent.ts'
import type { Received } from '../received.ts'

/** Who takes what a transport brings. */
export interface Recipient {
  readonly agent: Agent
  /** The application's. What comes next by the same way waits until this is done. */
  readonly deliver: (received: Received) => void | Promise<void>
  /** Told of each message that was refused, and as `broken` of what `deliver` threw: it belongs in a log. */
  readonly refused: (why: Refused) => void
}

/** The longest message that a transport carries: a body of 64 KiB, in the longer of the two forms. */
export const longestMessage = 98_304

/** Receives a message and delivers it. @returns why not, where it was refused */
export async function take({ agent, deliver, refused }: Recipient, bytes: Uint8Array): Promise<Refused | undefined> {
  try {
    await deliver(await agent.receive(bytes))
    return undefined
  } catch (error) {
    const why = error instanceof Refused ? error : new Refused('broken', undefined, { cause: error })
    refused(why)
    return why
  }
}

//     {"code": "message-fresh", "message": "The receiver has just started ...", "retryAfter": 4870}

/** What goes back to whoever sent a message that was refused. `retryAfter` is in milliseconds. */
export interface Answer {
  readonly code: Code
  readonly message: string
  readonly retryAfter?: number
}

/** What the registry knows of a sender is told to who holds its key; anyone else is told `refused`. */
export async function tellable(bytes: Uint8Array, why: Refused, agent: Agent): Promise<Refused> {
  return forAnyone.has(why.code) || (await agent.proves(bytes)) ? why : new Refused('refused')
}

export const answerOf = ({ code, retryAfter }: Refused): Answer => ({
  code,
  message: codes[code].message,
  ...(retryAfter !== undefined && { retryAfter: Math.ceil(retryAfter) }),
})

/** Codes that speak of the bytes, of the receiver itself, or come after the signature held. */
const forAnyone: ReadonlySet<Code> = new Set<Code>([
  'bad-envelope',
  'too-large',
  'other-audience',
  'message-expired',
  'message-early',
  'message-fresh',
  'message-replayed',
  'body-refused',
  'seal-refused',
  'nonces-full',
  'slow-down',
  'unavailable',
  'broken',
])

/**
 * Reads what `answerOf` wrote, or what the platform answers, which is of the same form.
 * @returns undefined where it is neither
 */
export function readAnswer({ code, retryAfter }: Fields): Refused | undefined {
  if (typeof code !== 'string' || !Object.hasOwn(codes, code)) return undefined
  const wait = typeof retryAfter === 'number' && retryAfter >= 0 ? { retryAfter } : {}
  return new Refused(code as Code, 'the receiver says so', wait)
}

type Fields = Readonly<Record<string, Json | undefined>>

/** The fields of a JSON object; of anything else none, as whatever else answers there speaks another language. */
export function readFields(bytes: Uint8Array): Fields {
  try {
    const value = readJson(bytes)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {}
  } catch (error) {
    if (error instanceof Refused) return {}
    throw error
  }
}
