import { constants } from 'node:crypto'
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { Refused } from '@mintmark/core/errors'
import { useOf } from '@mintmark/core/rules'
import type { Reply } from './call.ts'
import { Crowd } from './crowd.ts'
import type { Door } from './gate.ts'
import { checkHead } from './head.ts'
import { Peers } from './peers.ts'
import type { Pipeline } from './pipeline.ts'

export interface ServerCertificate {
  readonly cert: string
  readonly key: string | Buffer
}

export interface Machine {
  readonly server: Server
  /** Takes a new certificate for connections from now on. */
  reload(certificate: ServerCertificate): void
}

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
  // Keys that core/keys admits. OpenSSL verifies before anyone here sees the key, and RSA of 16,384 bits takes its time.
  sigalgs: 'ed25519:ecdsa_secp256r1_sha256',
  // A resumed session would carry an identity past its revocation.
  secureOptions: constants.SSL_OP_NO_TICKET,
  handshakeTimeout: 5_000,
} as const

/**
 * The door for machines: TLS 1.3, a proof per connection, the gate on every request.
 * @param certificate chain (leaf first) and key of the platform's server certificate, PEM
 */
export function openMachine(pipeline: Pipeline, certificate: ServerCertificate): Machine {
  const { platform, log } = pipeline
  const peers = new Peers(platform, pipeline.sockets)
  const door: Door = {
    name: 'machine',
    wanted: 'certificate-required',
    checkHead,
    async prove({ socket }) {
      const proof = await peers.prove(socket as TLSSocket)
      return proof && { kind: 'identity', proof }
    },
  }

  /** What follows on a connection cannot be read as HTTP, so this is the last of it. */
  const refuseMalformed = async (error: NodeJS.ErrnoException, socket: TLSSocket) => {
    const before = [...(running.get(socket) ?? [])]
    const caller = await pipeline.callerOf({ socket, headers: {} }, door)
    const refused = new Refused(error.code === 'HPE_HEADER_OVERFLOW' ? 'too-large' : 'bad-request', error.code)
    const reply = await pipeline.refuse(refused, caller, undefined, socket)
    // An answer here would be taken for that of the request before. Those that have come whole get their own; one that
    // has not never will.
    if (socket.writable && before.length === 0) socket.write(lastReply(reply))
    await Promise.all(before.map(([request, answered]) => (request.complete ? answered : undefined)))
  }

  /** What has come and is not answered yet. */
  const running = new WeakMap<Socket, Map<IncomingMessage, Promise<void>>>()
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const { socket } = request
    const others = running.get(socket) ?? new Map<IncomingMessage, Promise<void>>()
    const answered = pipeline.respond(request, door).then(reply => {
      // The last answer on its connection, as the listener is closed and waits for it.
      if (!server.listening) response.shouldKeepAlive = false
      send(request, response, reply)
    })
    running.set(socket, others.set(request, answered))
    response.once('close', () => others.delete(request))
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
    if (record?.standing === 'good' && useOf(record, proof!.certificate.publicKey.id)) strangers.done(socket)
  }
  server.on('connection', (socket: Socket) => halfOpen.add(socket))
  server.on('secureConnection', socket => {
    halfOpen.done(socket)
    strangers.add(socket)
    // Proven before the first request, so that a silent connection is cut by a revocation too. A refusal is told then.
    leaveStrangers(socket).catch(() => undefined)
  })

  return { server, reload: renewed => server.setSecureContext({ ...tlsOptions, ...renewed }) }
}

function send(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
  const { status, type, body, last, retryAfter, admitted } = reply
  if (admitted) {
    // The end of the stream is the end of the connection, so that whoever asks again comes to who answers now.
    response.writeHead(status, { 'content-type': type, ...always, connection: 'close' })
    response.flushHeaders()
    admitted.carry(response)
    return
  }
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  response.writeHead(status, {
    'content-type': type,
    'content-length': bytes.length,
    ...always,
    ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
    // What is left of a body that was not read would be taken for the next request.
    ...(request.complete && !last ? {} : { connection: 'close' }),
  })
  response.end(bytes)
}

const always = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }

/** A response by hand, on a connection that is closed after it. */
function lastReply({ status, type, body }: Reply): string {
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}`
  return `${head}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n${body}`
}
