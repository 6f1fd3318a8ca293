import { constants } from 'node:crypto'
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { Refused } from '@mintmark/core/errors'
import type { Logger } from 'pino'
import type { Platform } from '../platform.ts'
import { access } from './access.ts'
import { readBody } from './body.ts'
import type { Caller, Reply } from './call.ts'
import { Crowd } from './crowd.ts'
import { enter, type Shown } from './gate.ts'
import { checkHead } from './head.ts'
import { FailureLimit } from './limits.ts'
import type { Metrics } from './metrics.ts'
import { operations } from './operations.ts'
import { Peers } from './peers.ts'
import { RefusalRecorder, refusalReply } from './refusals.ts'
import { makeRouter, type Route, readTarget } from './router.ts'
import { Sessions } from './sessions.ts'

export interface MachineOptions {
  readonly platform: Platform
  /** Chain (leaf first) and key of the platform's server certificate, PEM. */
  readonly certificate: ServerCertificate
  readonly log: Logger
  readonly metrics: Metrics
  /** Where devices reach this listener; known once it listens. */
  url(): string
}

export interface ServerCertificate {
  readonly cert: string
  readonly key: string | Buffer
}

export interface Machine {
  readonly server: Server
  readonly refusals: RefusalRecorder
  /** Takes a new certificate for connections from now on. */
  reload(certificate: ServerCertificate): void
}

const maxBody = 65_536
const most = { halfOpen: 1_024, strangers: 4_096 } as const
const timeouts = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 75_000,
  // Node looks every 30 s, and so long a slow one would stay.
  connectionsCheckingInterval: 1_000,
} as const
const tlsOptions = {
  minVersion: 'TLSv1.3',
  // A certificate is asked for, and judged by core/proof; Node would close without telling the device why.
  requestCert: true,
  rejectUnauthorized: false,
  // A resumed session would carry an identity past its revocation.
  secureOptions: constants.SSL_OP_NO_TICKET,
  handshakeTimeout: 5_000,
} as const

/** The door for machines: TLS 1.3, a proof per connection, the gate on every request. */
export function openMachine({ platform, certificate, log, metrics, url }: MachineOptions): Machine {
  const sessions = new Sessions()
  const peers = new Peers(platform, sessions)
  const refusals = new RefusalRecorder(platform)
  const limit = new FailureLimit(platform.now, { perAddress: 60, overall: 3_000 })
  const route = makeRouter(operations)
  platform.store.onNews(({ kind, about }) => {
    if (kind === 'identity.revoked' || kind === 'identity.decommissioned') sessions.cut(about)
    return kind === 'missed' ? cutRefused() : undefined
  })
  /** Looks at everyone who is connected again. */
  const cutRefused = async (): Promise<void> => {
    for (const identity of sessions.identities()) {
      if ((await platform.store.standing(identity))?.standing !== 'good') sessions.cut(identity)
    }
  }

  const callerBehind = async (socket: TLSSocket): Promise<Caller> => {
    const proof = await peers.prove(socket).catch(() => undefined)
    return proof ? { kind: 'identity', proof } : { kind: 'anonymous' }
  }

  const answer = async (request: IncomingMessage): Promise<Reply> => {
    const shown: Shown = { caller: { kind: 'anonymous' } }
    let found: Route | undefined
    try {
      checkHead(request)
      const { path, query } = readTarget(request.url ?? '')
      found = route(request.method ?? '', path)
      const { name, operation, params } = found
      await enter(platform, peers, request, access[name], shown)
      for (const key of Object.keys(query)) {
        if (!operation.query?.includes(key)) throw new Refused('bad-request', 'unknown query name')
      }
      const body = await readBody(request, operation.mostBytes ?? maxBody)
      const contentType = (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase()
      const accept = request.headers.accept ?? '*/*'
      const caller = shown.caller
      const reply = await operation.run({ platform, caller, params, query, contentType, accept, body, url: url() })
      // While this process stood still, another one may have revoked the caller without it.
      if (!platform.store.isLive) await enter(platform, peers, request, access[name], shown)
      return reply
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      // Refused before the gate; it is a fact all the same, of whoever is behind the connection.
      if (found === undefined) shown.caller = await callerBehind(request.socket as TLSSocket)
      return await refuse(error, shown, found, request.socket)
    }
  }

  const refuse = async (refused: Refused, shown: Shown, found: Route | undefined, socket: Socket) => {
    const operation = found?.name ?? 'none'
    metrics.refused(refused.code)
    log.info({ code: refused.code, detail: refused.detail, operation, caller: shown.caller.kind }, 'refused')
    if (refused.code !== 'unavailable') await refusals.record(refused, shown.caller, operation).catch(() => undefined)
    const failed = shown.caller.kind === 'anonymous' && refused.code === 'refused'
    if (failed && limit.fail(socket.remoteAddress ?? '')) return refusalReply(new Refused('slow-down'), undefined)
    // Where the head of a request has two readings, so has what follows it.
    return { ...refusalReply(refused, shown.caller), last: found === undefined && refused.code === 'bad-request' }
  }

  /** What follows on a connection cannot be read as HTTP, so this is the last of it. */
  const refuseMalformed = async (error: NodeJS.ErrnoException, socket: TLSSocket) => {
    const caller = await callerBehind(socket)
    const refused = new Refused(error.code === 'HPE_HEADER_OVERFLOW' ? 'too-large' : 'bad-request', error.code)
    const reply = await refuse(refused, { caller }, undefined, socket)
    // An answer here would be taken for that of the request before.
    if (socket.writable && !unanswered.has(socket)) socket.write(lastReply(reply))
  }

  const unanswered = new WeakMap<Socket, number>()
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const { socket } = request
    unanswered.set(socket, (unanswered.get(socket) ?? 0) + 1)
    response.once('close', () => {
      const left = unanswered.get(socket)! - 1
      if (left > 0) unanswered.set(socket, left)
      else unanswered.delete(socket)
    })
    const finished = metrics.request()
    answer(request)
      .catch((error: unknown) => {
        const id = platform.random(8).reduce((text, byte) => text + byte.toString(16).padStart(2, '0'), '')
        log.error({ err: error, id }, 'broken')
        const reply = refusalReply(new Refused('broken'), undefined)
        return { ...reply, body: JSON.stringify({ ...JSON.parse(String(reply.body)), id }) }
      })
      .then(reply => {
        finished(reply.status)
        // The last answer on its connection, as the listener is closed and waits for it.
        if (!server.listening) response.shouldKeepAlive = false
        send(request, response, reply)
      })
  }
  // A Host that is missing is refused like everything else, see `checkHead`; so is what a client expects.
  const server = createServer({ ...tlsOptions, ...timeouts, ...certificate, requireHostHeader: false }, handle)
  server.on('checkExpectation', handle)
  server.maxHeadersCount = 64
  server.on('tlsClientError', error => log.debug({ err: error }, 'handshake failed'))
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // Whatever else ended it, a reset, a timeout or the handshake, nobody waits for an answer.
    const isMalformed = error.code?.startsWith('HPE_') && error.code !== 'HPE_INVALID_EOF_STATE'
    if (!isMalformed) return void socket.destroy()
    refuseMalformed(error, socket as TLSSocket)
      .catch((cause: unknown) => log.error({ err: cause }, 'broken'))
      .finally(() => (socket as TLSSocket).destroySoon())
  })
  const [halfOpen, strangers] = [new Crowd(most.halfOpen), new Crowd(most.strangers)]
  /** Only who would pass the gate: not the many names that a stolen CA key can make, nor who was revoked. */
  const leaveStrangers = async (socket: TLSSocket): Promise<void> => {
    const proof = await peers.prove(socket)
    const record = proof && (await platform.store.standing(proof.identity.path))
    if (record?.standing === 'good' && record.key === proof?.certificate.publicKey.id) strangers.done(socket)
  }
  server.on('connection', (socket: Socket) => halfOpen.add(socket))
  server.on('secureConnection', socket => {
    halfOpen.done(socket)
    strangers.add(socket)
    // Proven before the first request, so that a silent connection is cut by a revocation too. A refusal is told then.
    leaveStrangers(socket).catch(() => undefined)
  })
  metrics.watch(() => sessions.size)

  return {
    server,
    refusals,
    reload: renewed => server.setSecureContext({ ...tlsOptions, ...renewed }),
  }
}

function send(request: IncomingMessage, response: ServerResponse, { status, type, body, last }: Reply): void {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  response.writeHead(status, {
    'content-type': type,
    'content-length': bytes.length,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    // What is left of a body that was not read would be taken for the next request.
    ...(request.complete && !last ? {} : { connection: 'close' }),
  })
  response.end(bytes)
}

/** A response by hand, on a connection that is closed after it. */
function lastReply({ status, type, body }: Reply): string {
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}`
  return `${head}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n${body}`
}
