import { type Json, readJson, utf8 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { readStream } from '../transport/stream.ts'
import { type Change, type Changes, readChange, readChanges } from './http-changes.ts'
import { objectOf, odd, readEntry, type Told } from './http-entry.ts'
import { ServerEvents } from './server-events.ts'

/** What asks the platform: `fetch` of the runtime, or one that proves who asks. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

export interface Reach {
  readonly origin: string
  readonly fetch: Fetch
  /** Milliseconds for one answer. */
  readonly patience: number
  /** Ends everything. */
  readonly closing: AbortSignal
}

/** With the most recipients and devices that a name can have. */
const longestAnswer = 1_048_576

/** Names that a path can say; any other is of nobody at a platform. */
const askable = /^(?!.*\.\.)[A-Za-z0-9._:-]{1,255}$/

/**
 * What the platform says of a name now.
 * @returns undefined where it knows nobody of that name
 * @throws Refused `key-superseded`, `unavailable`
 */
export async function askEntry(reach: Reach, name: string): Promise<Told | undefined> {
  if (!askable.test(name)) return undefined
  const { status, body } = await ask(reach, `/v1/registry/${name}`, 'application/json')
  if (status === 200) return readEntry(name, body)
  const { code } = objectOf(body)
  if (code === 'unknown' || code === 'bad-did' || code === 'key-refused') return undefined
  // Whatever else it refuses, it says of whoever asks, and nothing of the sender.
  throw refusedToUs('the platform refuses to tell', code)
}

/** @param after undefined where nothing is known */
export async function askChanges(reach: Reach, client: string, after: number | undefined): Promise<Changes> {
  const known = after === undefined || after < 0 ? '' : `&after=${after}`
  const { status, body } = await ask(reach, `/v1/registry/changes?client=${client}${known}`, 'application/json')
  if (status !== 200) throw refusedToUs('the platform gives no lease', objectOf(body).code)
  return readChanges(body)
}

function refusedToUs(what: string, code: Json | undefined): Refused {
  const hint = 'give whoever asks the scope: mintmark device scope <fleet>/<device> registry:read'
  return new Refused('unavailable', `${what}: ${String(code)}`, code === 'scope-refused' ? { hint } : {})
}

/** Says that nothing is remembered any more. */
export async function endLease({ origin, fetch, patience }: Reach, client: string): Promise<void> {
  const url = `${origin}/v1/registry/changes?client=${client}`
  const response = await fetch(url, { method: 'DELETE', redirect: 'manual', signal: AbortSignal.timeout(patience) })
  await response.body?.cancel()
}

export type Heard = { readonly change: Change } | 'reset' | 'beat'

/** Hears what changes, until the stream ends, or is silent for longer than two beats take. */
export async function hearChanges(
  { origin, fetch, patience, closing }: Reach,
  after: number | undefined,
  heard: (what: Heard) => void,
): Promise<void> {
  const silence = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  const wait = (): void => {
    clearTimeout(timer)
    timer = setTimeout(() => silence.abort(), patience)
  }
  wait()
  try {
    const known = after === undefined || after < 0 ? '' : `?after=${after}`
    const response = await fetch(`${origin}/v1/registry/changes${known}`, {
      headers: { accept: 'text/event-stream' },
      redirect: 'manual',
      signal: AbortSignal.any([closing, silence.signal]),
    })
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream')
    if (response.status !== 200 || !isStream || !response.body) {
      await response.body?.cancel()
      throw odd('no stream')
    }
    const events = new ServerEvents()
    const reader = response.body.getReader()
    try {
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        wait()
        for (const { event, data } of events.read(next.value)) {
          if (event === 'change') heard({ change: readChange(readJson(utf8(data))) })
          else if (event === 'reset' || event === 'beat') heard(event)
        }
      }
    } finally {
      reader.cancel().catch(() => undefined)
    }
  } finally {
    clearTimeout(timer)
  }
}

async function ask(
  { origin, fetch, patience, closing }: Reach,
  path: string,
  accept: string,
): Promise<{ status: number; body: Json }> {
  const signal = AbortSignal.any([closing, AbortSignal.timeout(patience)])
  try {
    const response = await fetch(origin + path, { headers: { accept }, redirect: 'manual', signal })
    return { status: response.status, body: readJson(await readStream(response.body, longestAnswer, signal)) }
  } catch (cause) {
    throw new Refused('unavailable', 'the platform does not answer', { cause })
  }
}
