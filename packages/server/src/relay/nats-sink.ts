import { topicOf } from '@mintmark/agent/transport'
import type { NatsConnection, TlsOptions } from '@nats-io/transport-node'
import { connectNats } from './nats-transport.ts'
import { inTime, type Sink } from './sink-queue.ts'
import { type SinkTrust, tlsTo } from './sink-tls.ts'

const patience = 5_000
const pause = 1_000

/** `mint.did:key:z6Mk...`: the topic of MQTT with a dot for the slash, and no dot in the name, which would be a level. */
export const subjectOf = (audience: string): string => topicOf(audience).replaceAll('.', '%2E').replace('/', '.')

/**
 * Publishes to a NATS server, each message once, and waits until the server has read it. What connects again is this and
 * not the client, which would keep what it could not send and send it then.
 */
export function natsSink(url: URL, trust: SinkTrust, log: (error: Error) => void): Sink {
  const servers = `${url.protocol}//${url.host}`
  // Where it is said, the client refuses a server that greets it without an offer of TLS: anybody on the way could.
  const tls = url.protocol === 'tls:' ? { tls: tlsTo(url, trust) as TlsOptions } : {}
  const [user, pass] = [url.username, url.password].map(decodeURIComponent)
  const credentials = user === '' ? {} : pass === '' ? { token: user! } : { user: user!, pass: pass! }
  let link: NatsConnection | undefined
  let changed = (): void => undefined
  let isOver = false
  let timer: NodeJS.Timeout | undefined
  let dialing = dial()

  async function dial(): Promise<void> {
    try {
      const made = await connectNats({ servers, ...tls, ...credentials, reconnect: false, timeout: patience })
      link = made
      void made.closed().then(error => {
        link = undefined
        if (error instanceof Error) log(error)
        again()
      })
      if (isOver) await made.close()
      else changed()
    } catch (error) {
      log(error instanceof Error ? error : new Error(String(error)))
      again()
    }
  }

  function again(): void {
    if (isOver) return
    timer = setTimeout(() => {
      dialing = dial()
    }, pause)
    timer.unref()
  }

  return {
    kind: 'nats',
    get isUp() {
      return link !== undefined && !link.isClosed()
    },
    onChange(listener) {
      changed = listener
    },
    async send({ audience, message }) {
      link!.publish(subjectOf(audience), message)
      await inTime(link!.flush(), patience)
    },
    async close() {
      isOver = true
      clearTimeout(timer)
      await dialing
      await link?.close()
    },
  }
}
