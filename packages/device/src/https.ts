import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { createSecureContext } from 'node:tls'
import { pem, utf8 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { isConnectionError, ProvenAgent } from './proven-agent.ts'
import { readBody, readBytes, readRefusal } from './reply.ts'
import { Turns } from './turns.ts'

export interface Reach {
  /** `https://host[:port]`. */
  readonly url: string
  /** The pinned root, DER. */
  readonly anchor: Uint8Array
  /** Without one, the platform sees nobody: enough for what is public and for a token. */
  readonly identity?: TlsIdentity
  readonly now: () => number
}

export interface TlsIdentity {
  /** PEM: the leaf, then its chain without the root. */
  readonly certificate: string
  /** PEM in PKCS#8: its bytes, or the path of its file. */
  readonly key: string | Uint8Array
}

export interface Reply {
  readonly status: number
  /** JSON, not checked for its shape. */
  readonly body: unknown
  /** The domain that the platform proved on the connection that the reply came by. */
  readonly domain: string
}

/** Requests to one platform over connections that were proven before anything was sent. */
export interface Connection {
  get(path: string): Promise<Reply>
  /** @param token an enrollment token to show, as bearer */
  post(path: string, body: object, token?: string): Promise<Reply>
  put(path: string, body: object): Promise<Reply>
  /** A post that is to be refused with this status, and with a body that says more than a code. */
  postFor(status: number, path: string, body: object): Promise<Reply>
  /** The bytes of a reply that is no JSON, at most so many. */
  download(path: string, most: number): Promise<Uint8Array>
  /** Ends its sockets; a process with open ones does not end by itself. */
  close(): void
}

/**
 * A client for one platform. It connects at the first request: TLS 1.3, the chain and the host name checked against the
 * pinned root alone, then the platform's own name (`proveServer`), and only then the request is written.
 *
 * Requests throw `Refused`: `unreachable`, `server-not-proven`, or the code that the platform refused with. Any other
 * Error is a fault, here or there. Nothing is sent twice and no redirect is followed.
 */
export function connect({ url, anchor, identity, now }: Reach): Connection {
  const origin = readOrigin(url)
  const client = identity && {
    cert: identity.certificate,
    key: typeof identity.key === 'string' ? readFileSync(identity.key) : Buffer.from(identity.key),
  }
  const context = createSecureContext({ ca: pem('CERTIFICATE', anchor), minVersion: 'TLSv1.3', ...client })
  const agent = new ProvenAgent({ url: origin, anchor, context, now }, { timeout: idleLimit })
  const turns = new Turns(mostAtOnce)
  const ask = (what: Partial<Call> & Pick<Call, 'method' | 'path'>) =>
    turns.take(() => exchange(agent, origin, { body: undefined, token: undefined, due: undefined, ...what }))
  return {
    get: path => ask({ method: 'GET', path }),
    post: (path, body, token) => ask({ method: 'POST', path, body, token }),
    put: (path, body) => ask({ method: 'PUT', path, body }),
    postFor: (due, path, body) => ask({ method: 'POST', path, body, due }),
    download: async (path, most) => (await ask({ method: 'GET', path, most })).body as Uint8Array,
    close: () => agent.destroy(),
  }
}

interface Call {
  readonly method: string
  readonly path: string
  readonly body: object | undefined
  readonly token: string | undefined
  /** The status of a refusal that is the answer. */
  readonly due: number | undefined
  /** How many bytes are taken where the answer is no JSON. */
  readonly most?: number
}

const mostAtOnce = 4
const requestLimit = 30_000
const idleLimit = 60_000

/** Reads `https://host[:port]`. @throws RangeError, or TypeError where it is no URL */
export function readOrigin(text: string): URL {
  const url = new URL(text)
  const bare = url.pathname === '/' && url.search === '' && url.hash === '' && url.username === ''
  if (url.protocol !== 'https:' || !bare) throw new RangeError(`not https://host[:port]: ${text}`)
  return url
}

async function exchange(agent: ProvenAgent, url: URL, call: Call): Promise<Reply> {
  try {
    const response = await send(agent, url, call)
    const domain = agent.domainOf(response.socket)
    const status = response.statusCode ?? 0
    const isDone = status >= 200 && status <= 299
    const body = isDone && call.most !== undefined ? await readBytes(response, call.most) : await readBody(response)
    if (!isDone && status !== call.due) {
      throw readRefusal(status, body, response.headers['retry-after'])
    }
    return { status, body, domain }
  } catch (error) {
    if (error instanceof Refused || !(error instanceof Error) || !isConnectionError(error)) throw error
    const why = error.name === 'AbortError' ? `no reply within ${requestLimit / 1000} s` : error.message
    throw new Refused('unreachable', `${url.origin}: ${why}`, { cause: error })
  }
}

function send(agent: ProvenAgent, url: URL, { method, path, body, token }: Call): Promise<IncomingMessage> {
  const bytes = body && utf8(JSON.stringify(body))
  const headers = {
    accept: 'application/json',
    ...(bytes && { 'content-type': 'application/json', 'content-length': String(bytes.length) }),
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  }
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(requestLimit)
    const outgoing = request(url, { agent, method, path, headers, signal }, resolve)
    outgoing.on('error', reject)
    outgoing.end(bytes)
  })
}
