import { createServer, type IncomingMessage, type Server } from 'node:http'
import { Refused } from '@mintmark/core/errors'
import { json, type Reply } from './call.ts'
import { readConsoleFiles } from './console-files.ts'
import type { Door } from './gate.ts'
import { checkOwnCall, readHost } from './origin.ts'
import type { Pipeline } from './pipeline.ts'
import { refusalReply } from './refusals.ts'
import { openTrustCenter } from './trust-center/replies.ts'

export interface ConsoleOptions {
  /** What the console was built into; undefined where it was not. */
  readonly assets: string | undefined
  /** Where devices reach the platform; known once that listener listens. */
  machine(): string
}

// Nothing is loaded from elsewhere, and nothing may frame a page or send forms from it.
const closed = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
const pagePolicy = `default-src 'none'; style-src 'self'; img-src 'self'; ${closed}`
const consolePolicy = `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; ${closed}`
const headers = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
}

/**
 * The listener for people, on loopback: the Trust Center, health and metrics, of which everything is public or counts;
 * and the console, whose calls take the way of every request, proven by a session.
 */
export function openConsole(pipeline: Pipeline, { assets, machine }: ConsoleOptions): Server {
  const { platform, metrics } = pipeline
  const trustCenter = openTrustCenter(platform)
  const files = readConsoleFiles(assets)
  const door = consoleDoor(pipeline)

  /** Not while it may not rely on what it knows: another process answers then. */
  const isReady = async (): Promise<boolean> =>
    (await platform.store.head('platform')) !== undefined && platform.store.isLive

  const answer = async (request: IncomingMessage, path: string): Promise<Reply> => {
    if (isCall(path)) return pipeline.respond(request, door)
    if (request.method !== 'GET' && request.method !== 'HEAD') throw new Refused('method-not-allowed')
    // A balancer's check names no host, or an address; it learns nothing that is anyone's.
    if (path === '/healthz') return json({ ok: true })
    if (path === '/readyz') return (await isReady()) ? json({ ready: true }) : json({ ready: false }, 503)
    const host = readHost(request)
    if (path === '/') return { status: 302, type: 'text/plain', body: '/trust' }
    if (path === '/metrics') {
      return { status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: await metrics.render() }
    }
    const reply = files.get(path) ?? (await trustCenter(path, { console: `http://${host}`, machine: machine() }))
    if (reply === undefined) throw new Refused('not-found')
    return reply
  }

  const server = createServer((request, response) => {
    const path = request.url ?? ''
    answer(request, path)
      .catch((error: unknown) => (error instanceof Refused ? refusalReply(error, undefined) : pipeline.broken(error)))
      .then(({ status, type, body, retryAfter }) => {
        const location = status === 302 ? { location: String(body) } : {}
        const length = { 'content-length': Buffer.byteLength(body) }
        const policy = { 'content-security-policy': path.startsWith('/console') ? consolePolicy : pagePolicy }
        // The last answer on its connection, as the listener is closed and waits for it; what is left of a body that
        // was not read would be taken for the next request.
        if (!server.listening || !request.complete) response.shouldKeepAlive = false
        if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter)
        response.writeHead(status, { ...headers, ...policy, 'content-type': type, ...length, ...location })
        response.end(request.method === 'HEAD' ? undefined : body)
      })
  })
  server.headersTimeout = 5_000
  server.requestTimeout = 10_000
  server.maxHeadersCount = 64
  return server
}

/** What goes to the operations table, and not to a page. */
const isCall = (path: string): boolean => /^\/(?:v1\/|console\/session(?:$|\?))/.test(path)

function consoleDoor({ platform, sockets }: Pipeline): Door {
  return {
    name: 'console',
    wanted: 'session-ended',
    checkHead: checkOwnCall,
    async prove({ headers: { authorization }, socket }) {
      if (authorization === undefined) return undefined
      const secret = /^Session ([A-Za-z0-9_-]{43})$/.exec(authorization)?.[1]
      if (secret === undefined) throw new Refused('session-ended', 'no session')
      const session = platform.sessions.use(secret)
      const { proof } = session
      // What is running when the operator is revoked ends with the connection, as it does at the other listener.
      sockets.add(proof.identity.path, proof.certificate.publicKey.id, socket)
      return { kind: 'identity', proof, session }
    },
  }
}
