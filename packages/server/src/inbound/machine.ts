import { constants } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { Socket } from 'node:net'
import { Refused } from '@mintmark/core/errors'
import type { Logger } from 'pino'
import type { Platform } from '../platform.ts'
import { access } from './access.ts'
import type { Reply } from './call.ts'
import { enter, type Shown } from './gate.ts'
import { HalfOpen } from './half-open.ts'
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
  platform.store.onCommit(({ kind, body }) => {
    if ((kind === 'identity.revoked' || kind === 'identity.decommissioned') && 'identity' in body) {
      sessions.cut(body.identity)
    }
  })

  const answer = async (request: IncomingMessage): Promise<Reply> => {
    const shown: Shown = { caller: { kind: 'anonymous' } }
    let found: Route | undefined
    try {
      const { path, query } = readTarget(request.url ?? '')
      found = route(request.method ?? '', path)
      const { name, operation, params } = found
      await enter(platform, peers, request, access[name], shown)
      for (const key of Object.keys(query)) {
        if (!operation.query?.includes(key)) throw new Refused('bad-request', 'unknown query name')
      }
      const body = await readBody(request)
      const contentType = (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase()
      const accept = request.headers.accept ?? '*/*'
      return await operation.run({
        platform,
        caller: shown.caller,
        params,
        query,
        contentType,
        accept,
        body,
        url: url(),
      })
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      return await refuse(error, shown, found, request)
    }
  }

  const refuse = async (refused: Refused, shown: Shown, found: Route | undefined, request: IncomingMessage) => {
    const operation = found?.name ?? 'none'
    metrics.refused(refused.code)
    log.info({ code: refused.code, detail: refused.detail, operation, caller: shown.caller.kind }, 'refused')
    if (refused.code !== 'unavailable') await refusals.record(refused, shown.caller, operation).catch(() => undefined)
    const failed = shown.caller.kind === 'anonymous' && refused.code === 'refused'
    if (failed && limit.fail(request.socket.remoteAddress ?? ''))
      return refusalReply(new Refused('slow-down'), undefined)
    return refusalReply(refused, shown.caller)
  }

  const server = createServer({ ...tlsOptions, ...certificate }, (request, response) => {
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
        send(request, response, reply)
      })
  })
  server.headersTimeout = 5_000
  server.requestTimeout = 10_000
  server.keepAliveTimeout = 75_000
  server.maxHeadersCount = 64
  server.on('tlsClientError', error => log.debug({ err: error }, 'handshake failed'))
  const halfOpen = new HalfOpen(1_024)
  server.on('connection', (socket: Socket) => halfOpen.add(socket))
  server.on('secureConnection', socket => {
    halfOpen.done(socket)
    // Proven before the first request, so that a silent connection is cut by a revocation too. A refusal is told then.
    peers.prove(socket).catch(() => undefined)
  })
  metrics.watch(() => sessions.size)

  return {
    server,
    refusals,
    reload: renewed => server.setSecureContext({ ...tlsOptions, ...renewed }),
  }
}

async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const declared = Number(request.headers['content-length'] ?? 0)
  if (declared > maxBody && !request.url?.startsWith('/v1/ceremony')) throw new Refused('too-large')
  const most = request.url?.startsWith('/v1/ceremony') ? 4_000_000 : maxBody
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request) {
    length += (chunk as Buffer).length
    if (length > most) throw new Refused('too-large')
    chunks.push(chunk as Buffer)
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
}

function send(request: IncomingMessage, response: ServerResponse, { status, type, body }: Reply): void {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  response.writeHead(status, {
    'content-type': type,
    'content-length': bytes.length,
    'cache-control': 'no-store',
    // What is left of a body that was not read would be taken for the next request.
    ...(request.complete ? {} : { connection: 'close' }),
  })
  response.end(bytes)
}
