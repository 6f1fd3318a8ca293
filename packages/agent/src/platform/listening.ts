import { type Json, readBase64url, readJson, utf8 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { ServerEvents } from '../registry/server-events.ts'
import { longestMessage } from '../transport/recipient.ts'

/** A sealed message that the platform has recorded: for `receive`, which says whether it is to be believed. */
export interface Handed {
  /** Its entry in the ledger of the fleet. */
  readonly index: number
  readonly message: Uint8Array
}

export interface ListenOptions {
  /** `https://host[:port]` of the platform. */
  readonly url: string
  /** What proves who asks: the `fetch` of `openHome`. */
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
  /** Ends it. */
  readonly signal?: AbortSignal
  /** Milliseconds of silence after which nobody is there. Not said: 45 seconds, three times what the platform beats. */
  readonly silence?: number
}

/**
 * Sealed messages to whoever asks, from now on and as they are recorded. It ends with the connection; what is recorded
 * until somebody listens again is not heard here.
 * @throws Refused `unavailable`
 */
export async function* handedMessages({
  url,
  fetch,
  signal,
  silence = 45_000,
}: ListenOptions): AsyncGenerator<Handed, void, undefined> {
  const quiet = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  const wait = (): void => {
    clearTimeout(timer)
    timer = setTimeout(() => quiet.abort(), silence)
  }
  try {
    wait()
    const reader = await open(
      `${new URL(url).origin}/v1/messages`,
      fetch,
      AbortSignal.any([quiet.signal, ...(signal ? [signal] : [])]),
    )
    const events = new ServerEvents(Math.ceil((longestMessage * 4) / 3) + 1_024)
    try {
      for (;;) {
        const { done, value } = await reader.read().catch((cause: unknown) => {
          if (signal?.aborted) return { done: true, value: undefined } as const
          throw new Refused('unavailable', 'the stream of messages broke', { cause })
        })
        if (done) return
        wait()
        for (const { event, data, id } of events.read(value)) if (event === 'message') yield readHanded(id, data)
      }
    } finally {
      reader.cancel().catch(() => undefined)
    }
  } finally {
    clearTimeout(timer)
  }
}

async function open(url: string, fetch: ListenOptions['fetch'], signal: AbortSignal) {
  let response: Response
  try {
    response = await fetch(url, { headers: { accept: 'text/event-stream' }, redirect: 'manual', signal })
  } catch (cause) {
    throw new Refused('unavailable', 'the platform does not answer', { cause })
  }
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream')
  if (response.status === 200 && isStream && response.body) return response.body.getReader()
  await response.body?.cancel()
  throw new Refused('unavailable', `no stream of messages: status ${response.status}`)
}

function readHanded(id: string, data: string): Handed {
  const said = readJson(utf8(data)) as { readonly [name: string]: Json }
  if (!/^(?:0|[1-9]\d{0,14})$/.test(id) || typeof said?.message !== 'string') throw new Refused('bad-json', 'an event')
  return { index: Number(id), message: readBase64url(said.message) }
}
