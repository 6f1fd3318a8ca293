import { endSession, session, touchSession } from './session.ts'

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

export const remove = <T>(path: string): Promise<T> => call<T>('DELETE', path)

/** A file, byte for byte as the platform made it. */
export const readFile = (path: string): Promise<Blob> => ask('GET', path, response => response.blob())

const call = <T>(method: string, path: string, body?: object, signal?: AbortSignal): Promise<T> =>
  ask(method, path, response => response.json() as Promise<T>, body, signal)

/** One call to the platform, as the operator of this tab. @throws Refusal */
async function ask<T>(
  method: string,
  path: string,
  take: (response: Response) => Promise<T>,
  body?: object,
  signal?: AbortSignal,
): Promise<T> {
  const asking = session.value
  const response = await send(method, path, body, signal)
  if (response.ok) {
    touchSession()
    return take(response)
  }
  const reply: unknown = await response.json().catch(() => undefined)
  const refusal = refusalOf(reply)
  // Of a call that was under way when another one opened: that one is not over.
  if (endsSession(response.status, refusal.code) && session.value === asking) endSession(refusal)
  throw refusal
}

async function send(method: string, path: string, body?: object, signal?: AbortSignal): Promise<Response> {
  const headers = new Headers()
  if (session.value) headers.set('authorization', `Session ${session.value.session}`)
  if (body) headers.set('content-type', 'application/json')
  try {
    return await fetch(path, {
      method,
      headers,
      body: body ? JSON.stringify(body) : null,
      signal: signal ?? null,
      credentials: 'omit',
      redirect: 'error',
      cache: 'no-store',
    })
  } catch (cause) {
    if (signal?.aborted) throw cause
    throw new Refusal({ code: 'unreachable', message: 'The platform did not answer.', hint: 'is it running?' })
  }
}

function refusalOf(reply: unknown): Refusal {
  const { code, message, hint } = (reply ?? {}) as { code?: unknown; message?: unknown; hint?: unknown }
  if (typeof code === 'string' && typeof message === 'string') {
    return new Refusal({ code, message, hint: typeof hint === 'string' ? hint : undefined })
  }
  return new Refusal({ code: 'broken', message: 'The platform answered with what is no answer.' })
}

/** Whether it was said of the operator, and not of what was asked for. */
const endsSession = (status: number, code: string): boolean =>
  status === 401 ||
  (status === 410 && code === 'decommissioned') ||
  ['unknown', 'revoked', 'key-superseded'].includes(code)
