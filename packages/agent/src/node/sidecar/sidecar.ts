import { chmodSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { Refused } from '@mintmark/core/errors'
import { boundedServer, ended, listening } from '../http-server.ts'
import { nodeListener } from '../node-listener.ts'
import type { PeerUid } from './peer.ts'
import { provideSocketPlace } from './place.ts'
import { checkLocal, type Identity, refusal, sidecarHandler } from './requests.ts'

export interface SidecarOptions {
  readonly identity: Identity
  /** Path of a Unix socket, or of a named pipe on Windows. */
  readonly socket?: string
  /** Accounts that may use the socket. Not said: the one that this process runs as. */
  readonly uids?: readonly number[]
  readonly peerUid: PeerUid
  /** A loopback address and a port, where it serves HTTP too. */
  readonly http?: { readonly host: '127.0.0.1' | '::1'; readonly port: number }
  /** What whoever uses HTTP, or a named pipe, has to know. */
  readonly secret: () => string
  /** Told of each refusal and each fault. */
  readonly told: (error: unknown) => void
  /** Milliseconds that one request may take to come. Not said: 10 seconds. */
  readonly patience?: number
}

export interface Sidecar {
  readonly socket: string | undefined
  /** `http://127.0.0.1:49152` */
  readonly http: string | undefined
  /** Takes nothing more, answers what is under way, and ends. */
  close(): Promise<void>
}

/**
 * Signs and checks messages for other programs of this computer, which hold no key.
 * @throws Refused `socket-exposed`, `file-exists`, `address-in-use`, `secret-exposed`, `bad-request`
 */
export async function openSidecar(options: SidecarOptions): Promise<Sidecar> {
  const ends: (() => Promise<void>)[] = []
  try {
    const socket = options.socket === undefined ? undefined : await openSocket(options.socket, options, ends)
    const http = options.http && (await openHttp(options.http, options, ends))
    return { socket, http, close: async () => void (await Promise.all(ends.map(end => end()))) }
  } catch (error) {
    await Promise.all(ends.map(end => end()))
    throw error
  }
}

async function openSocket(path: string, options: SidecarOptions, ends: (() => Promise<void>)[]): Promise<string> {
  const { identity, told, patience, uids, peerUid } = options
  const server = boundedServer(patience)
  const listener = nodeListener(sidecarHandler(identity, told))
  if (isPipe(path)) {
    // Who is at its other end nobody can say here, so whoever it is must know the secret.
    server.on('request', guarded({ host: undefined, secret: options.secret() }, options))
    await listening(server, { path })
    ends.push(() => ended(server))
    return path
  }
  const own = process.getuid?.()
  if (own === undefined) throw new Refused('bad-request', `on Windows a socket is a pipe: \\\\.\\pipe\\mintmark`)
  const place = await provideSocketPlace(path, own)
  const accounts = new Set(uids ?? [own])
  // Those that were asked about, and may: whatever is not in it is refused, whyever it is not.
  const welcome = new WeakSet<Socket>()
  server.on('connection', socket => {
    const uid = peerUid(socket)
    if (uid !== undefined && accounts.has(uid)) welcome.add(socket)
    else socket.setTimeout(2_000, () => socket.destroy())
  })
  server.on('request', (request, response) => {
    if (welcome.has(request.socket)) listener(request, response)
    else turnAway(new Refused('forbidden', 'another account'), options)(request, response)
  })
  await listening(server, { path: place })
  ends.push(() => ended(server))
  // Others can connect only where they were named; who they are decides then.
  chmodSync(place, [...accounts].every(uid => uid === own) ? 0o600 : 0o666)
  return place
}

async function openHttp(
  { host, port }: NonNullable<SidecarOptions['http']>,
  options: SidecarOptions,
  ends: (() => Promise<void>)[],
): Promise<string> {
  const secret = options.secret()
  const server = boundedServer(options.patience)
  const place = { host: '' }
  server.on('request', (request, response) => guarded({ host: place.host, secret }, options)(request, response))
  await listening(server, { host, port })
  ends.push(() => ended(server))
  place.host = `${host === '::1' ? '[::1]' : host}:${(server.address() as AddressInfo).port}`
  return `http://${place.host}`
}

/** For whoever knows the secret. */
function guarded(due: { readonly host: string | undefined; secret: string }, options: SidecarOptions): RequestListener {
  const handler = sidecarHandler(options.identity, options.told)
  return nodeListener(request => {
    try {
      checkLocal(request.headers, { host: due.host ?? request.headers.get('host') ?? '', secret: due.secret })
    } catch (error) {
      options.told(error)
      return Promise.resolve(refusal(error))
    }
    return handler(request)
  })
}

const turnAway = (why: Refused, { told }: SidecarOptions): RequestListener =>
  nodeListener(async () => {
    told(why)
    const response = refusal(why)
    response.headers.set('connection', 'close')
    return response
  })

const isPipe = (path: string): boolean => /^\\\\[.?]\\pipe\\/i.test(path)
