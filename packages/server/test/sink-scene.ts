import pino from 'pino'
import { expect, onTestFinished } from 'vitest'
import { makeMetrics } from '../src/inbound/metrics.ts'
import { openSinks } from '../src/relay/open-sinks.ts'
import { Relay } from '../src/relay/relay.ts'

// Sinks as a platform has them, with a log and metrics that a test reads.

export const audience = 'did:key:z6MkReceiver'
export const user = 'us@er'
export const password = 'pass/word:'
/** As they stand in a URL. */
export const userInfo = 'us%40er:pass%2Fword%3A'
const content = 'what was sealed'

export function openScene() {
  const lines: string[] = []
  const relay = new Relay()
  const metrics = makeMetrics()
  const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) })
  let index = 0
  const ends: (() => Promise<void>)[] = []
  const close = async (): Promise<void> => {
    await Promise.all(ends.splice(0).map(end => end()))
  }
  const read = async (name: string): Promise<number> => {
    const line = (await metrics.render()).split('\n').find(each => each.startsWith(`${name} `))
    return line === undefined ? 0 : Number(line.split(' ')[1])
  }
  return {
    /** Of the log; none may say what nobody may read there. */
    lines,
    openSinks(urls: readonly string[], ca: string | undefined): void {
      ends.push(openSinks(relay, urls, { ca, log, metrics }))
      onTestFinished(async () => {
        await close()
        for (const secret of [user, password, userInfo, content]) expect(lines.join('')).not.toContain(secret)
      })
    },
    /** What every test does at its end. */
    close,
    /** Why each sink was said to be away. */
    away: () =>
      Object.fromEntries(
        lines.map(line => JSON.parse(line) as { sink: string; code: string }).map(({ sink, code }) => [sink, code]),
      ),
    /** Hands a message on. @returns its bytes */
    offer(): Buffer {
      index++
      const message = Buffer.from(`${content} ${index}`)
      relay.offer({ fleet: 'acme', from: 'acme/device/a', to: 'acme/device/b', audience, scope: 'a', index, message })
      return message
    },
    count: (sink: string, outcome: string) => read(`mintmark_relayed_total{sink="${sink}",outcome="${outcome}"}`),
    waiting: (sink: string) => read(`mintmark_relay_waiting{sink="${sink}"}`),
  }
}

/** Asks until it is so: what is looked at comes by itself, and nobody says when. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise(resolve => setTimeout(resolve, 20))
}
