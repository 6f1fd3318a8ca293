import { createServer, type IncomingMessage, type Server } from 'node:http'
import { Refused } from '@mintmark/core/errors'
import type { Logger } from 'pino'
import type { Platform } from '../platform.ts'
import { json, type Reply } from './call.ts'
import type { Metrics } from './metrics.ts'
import { refusalReply } from './refusals.ts'
import { openTrustCenter, type TrustCenter } from './trust-center/replies.ts'

interface ConsoleOptions {
  readonly platform: Platform
  readonly metrics: Metrics
  readonly log: Logger
  /** Where devices reach the platform; known once that listener listens. */
  url(): string
}

// Nothing is loaded from elsewhere, and nothing may frame or script the page.
const headers = {
  'content-security-policy':
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
}

/** The listener for people, on loopback: the Trust Center, health and metrics. Everything here is public or counts. */
export function openConsole(options: ConsoleOptions): Server {
  const trustCenter = openTrustCenter(options.platform)
  const server = createServer((request, response) => {
    answer(request, options, trustCenter)
      .catch((error: unknown) => {
        if (error instanceof Refused) return refusalReply(error, undefined)
        options.log.error({ err: error }, 'broken')
        return refusalReply(new Refused('broken'), undefined)
      })
      .then(({ status, type, body }) => {
        const location = status === 302 ? { location: String(body) } : {}
        const length = { 'content-length': Buffer.byteLength(body) }
        // The last answer on its connection, as the listener is closed and waits for it.
        if (!server.listening) response.shouldKeepAlive = false
        response.writeHead(status, { ...headers, 'content-type': type, ...length, ...location })
        response.end(request.method === 'HEAD' ? undefined : body)
      })
  })
  server.headersTimeout = 5_000
  server.requestTimeout = 10_000
  return server
}

async function answer(
  request: IncomingMessage,
  { platform, metrics, url }: ConsoleOptions,
  trustCenter: TrustCenter,
): Promise<Reply> {
  const host = readHost(request)
  if (request.method !== 'GET' && request.method !== 'HEAD') throw new Refused('method-not-allowed')
  const path = request.url ?? ''
  switch (path) {
    case '/':
      return { status: 302, type: 'text/plain', body: '/trust' }
    case '/healthz':
      return json({ ok: true })
    case '/readyz':
      return (await platform.store.head('platform')) ? json({ ready: true }) : json({ ready: false }, 503)
    case '/metrics':
      return { status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: await metrics.render() }
  }
  const reply = await trustCenter(path, { console: `http://${host}`, machine: url() })
  if (reply === undefined) throw new Refused('not-found')
  return reply
}

/** A page of another site that had its name point here would send its own name (DNS rebinding). */
function readHost({ headers: { host = '' } }: IncomingMessage): string {
  if (!/^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/.test(host)) throw new Refused('bad-request', 'host')
  return host
}
