import { Agent, request } from 'node:http'
import type { Socket } from 'node:net'
import { NotSent, type Sink } from './sink-queue.ts'
import { dial, type SinkTrust } from './sink-tls.ts'

const patience = 5_000
const pause = 1_000

/**
 * Posts each message to a URL. It proves itself by its envelope, so nothing else says that it is from here. The webhook
 * is away from when it cannot be connected to until it can again.
 */
export function webhookSink(url: URL, trust: SinkTrust, log: (error: Error) => void): Sink {
  const credentials = Buffer.from([url.username, url.password].map(decodeURIComponent).join(':'))
  const authorization = url.username === '' ? {} : { authorization: `Basic ${credentials.toString('base64')}` }
  const agent = new Connections(() => dial(url, trust, patience))
  let changed = (): void => undefined
  let isUp = false
  let isOver = false
  let timer: NodeJS.Timeout | undefined
  let probe: Socket | undefined
  let asking = ask()

  async function ask(): Promise<void> {
    try {
      const socket = await dial(url, trust, patience)
      // Not cut, which a server would see as a handshake that failed.
      probe?.destroy()
      probe = socket.resume()
      probe.end()
      // Whatever it still says.
      const timer = setTimeout(() => socket.destroy(), patience)
      socket.once('close', () => clearTimeout(timer))
      isUp = true
      if (!isOver) changed()
    } catch (error) {
      away(error as Error)
    }
  }

  function away(error: Error): void {
    isUp = false
    log(error)
    if (isOver) return
    clearTimeout(timer)
    timer = setTimeout(() => {
      asking = ask()
    }, pause)
    timer.unref()
  }

  return {
    kind: 'webhook',
    get isUp() {
      return isUp
    },
    onChange(listener) {
      changed = listener
    },
    async send({ fleet, from, to, index, message }) {
      const headers = {
        ...authorization,
        host: url.host,
        'content-type': 'application/mint',
        'content-length': message.length,
        'mintmark-entry': `${fleet}/${index}`,
        'mintmark-from': from,
        'mintmark-to': to,
      }
      try {
        await post(agent, `${url.pathname}${url.search}`, headers, message)
      } catch (error) {
        if (error instanceof NotSent) away(error.cause as Error)
        throw error
      }
    },
    async close() {
      isOver = true
      clearTimeout(timer)
      agent.destroy()
      await asking
      probe?.destroy()
    },
  }
}

/** HTTP gets a socket only when it is open and proven, so a server that is not proven never sees a byte of a request. */
class Connections extends Agent {
  readonly #dial: () => Promise<Socket>

  constructor(dial: () => Promise<Socket>) {
    // Idle for less long than servers keep a connection: one that is closed at the other end loses what is sent then.
    super({ keepAlive: true, timeout: 4_000 })
    this.#dial = dial
  }

  override createConnection(_options: unknown, done?: (error: Error | null, socket: Socket) => void): undefined {
    this.#dial().then(
      socket => done?.(null, socket),
      // Node gives no socket beside an error, whatever the type says.
      (cause: Error) => (done as (error: Error) => void)?.(new NotSent('no connection', { cause })),
    )
  }
}

/** Resolves when it was answered that it was taken. A redirect is no such answer. @throws NotSent */
function post(agent: Agent, path: string, headers: Record<string, string | number>, body: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request({ agent, method: 'POST', path, headers }, response => {
      const { statusCode = 0 } = response
      response.resume()
      response.once('end', () => {
        if (statusCode >= 200 && statusCode < 300) resolve()
        else reject(new Error(`the webhook answered ${statusCode}`))
      })
    })
    let timer: NodeJS.Timeout | undefined
    // The time that it takes to connect is bounded by itself.
    asked.once('socket', () => {
      timer = setTimeout(() => asked.destroy(new Error('the webhook is silent')), patience)
    })
    asked.once('error', reject)
    asked.once('close', () => {
      clearTimeout(timer)
      reject(new Error('the webhook hung up'))
    })
    asked.end(body)
  })
}
