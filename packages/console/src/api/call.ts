import { beginSession, endSession, session, touchSession } from './session.ts'
import type { Me } from './shapes.ts'

/** The platform said no, or could not be asked. */
export class Refusal extends Error {
  readonly code: string
  readonly hint: string | undefined

  constructor({ code, message, hint }: { code: string; message: string; hint?: string | undefined }) {
    super(message)
    this.code = code
    this.hint = hint
  }
}

export const read = <T>(path: string, signal?: AbortSignal): Promise<T> => call<T>('GET', path, undefined, signal)

export const post = <T>(path: string, body: object): Promise<T> => call<T>('POST', path, body)

export const put = <T>(path: string, body: object): Promise<T> => call<T>('PUT', path, body)

/** Of a body that is JSON already. */
export const putText = <T>(path: string, body: string): Promise<T> => call<T>('PUT', path, body)

export const remove = <T>(path: string): Promise<T> => call<T>('DELETE', path)

/** A file, byte for byte as the platform made it. */
export const readFile = (path: string): Promise<Blob> => ask('GET', path, response => response.blob())

const call = <T>(method: string, path: string, body?: object | string, signal?: AbortSignal): Promise<T> =>
  ask(method, path, response => response.json() as Promise<T>, body, signal)

/** One call to the platform, as the operator of this tab. @throws Refusal */
async function ask<T>(
  method: string,
  path: string,
  take: (response: Response) => Promise<T>,
  body?: object | string,
  signal?: AbortSignal,
): Promise<T> {
  const asking = session.value
  const response = await send(method, path, body, signal)
  if (response.ok) {
    touchSession()
    return take(response).catch(cause => {
      if (signal?.aborted) throw cause
      throw unreachable()
    })
  }
  const reply: unknown = await response.json().catch(() => undefined)
  const refusal = refusalOf(reply)
  // Of a call that was under way when another one opened: that one is not over.
  if (endsSession(response.status, refusal.code) && session.value === asking)
    endSession({ message: endedWords(refusal) })
  // Perhaps it was offered because it was right a while ago.
  if (refusal.code === 'forbidden' || refusal.code === 'fleet-unknown') refreshSession()
  throw refusal
}

/** What the operator may do can have changed since the link was opened. */
export async function refreshSession(): Promise<void> {
  const before = session.value
  if (before === undefined) return
  try {
    const { grants } = await read<Me>('/v1/me')
    if (session.value === before && grants !== before.grants) beginSession({ ...before, grants })
  } catch (error) {
    // Where the session is over, the sign-in page says so; otherwise the next call will tell.
    if (!(error instanceof Refusal)) throw error
  }
}

async function send(method: string, path: string, body?: object | string, signal?: AbortSignal): Promise<Response> {
  const headers = new Headers()
  if (session.value) headers.set('authorization', `Session ${session.value.session}`)
  if (body) headers.set('content-type', 'application/json')
  try {
    return await fetch(path, {
      method,
      headers,
      body: body === undefined || typeof body === 'string' ? (body ?? null) : JSON.stringify(body),
      signal: signal ?? null,
      credentials: 'omit',
      redirect: 'error',
      cache: 'no-store',
    })
  } catch (cause) {
    if (signal?.aborted) throw cause
    throw unreachable()
  }
}

/** Not at all, or not to the end. */
const unreachable = (): Refusal =>
  new Refusal({ code: 'unreachable', message: 'The platform did not answer.', hint: 'is it running?' })

function refusalOf(reply: unknown): Refusal {
  const { code, message, hint } = (reply ?? {}) as { code?: unknown; message?: unknown; hint?: unknown }
  if (typeof code === 'string' && typeof message === 'string') {
    return new Refusal({ code, message, hint: typeof hint === 'string' ? hint : undefined })
  }
  return new Refusal({ code: 'broken', message: 'The platform answered with what is no answer.' })
}

/** Why it ended, to the person whose session it was. */
const endedWords = ({ code, message }: Refusal): string =>
  `You were signed out. ${Object.hasOwn(whyEnded, code) ? whyEnded[code] : message}`

const whyEnded: Readonly<Record<string, string>> = {
  'session-ended':
    'A session ends after 15 minutes without use and after 8 hours, and when the platform is started anew.',
  revoked: 'This operator is revoked. Someone who governs the platform can say why.',
  'key-superseded': 'This operator has another key now: ask for a link with that one.',
  'certificate-expired':
    'The certificate that the link was made with has ended. With its next one you can ask for another link.',
}

/** Whether it was said of the operator, and not of what was asked for. */
const endsSession = (status: number, code: string): boolean =>
  status === 401 ||
  (status === 410 && code === 'decommissioned') ||
  ['unknown', 'revoked', 'key-superseded'].includes(code)
