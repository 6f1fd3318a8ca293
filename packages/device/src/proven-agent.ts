import { Agent, type AgentOptions } from 'node:https'
import { isIP } from 'node:net'
import { connect, type SecureContext, type TLSSocket } from 'node:tls'
import { Refused } from '@mintmark/core/errors'
import { proveServer } from '@mintmark/core/proof'
import { nodeVerify } from '@mintmark/elements'

export interface Platform {
  readonly url: URL
  /** The pinned root, DER. */
  readonly anchor: Uint8Array
  readonly context: SecureContext
  readonly now: () => number
}

/**
 * Keep-alive connections to a platform that has proven itself. HTTP gets a socket only after the proof, so a server
 * that fails it never sees a byte of a request.
 */
export class ProvenAgent extends Agent {
  readonly #platform: Platform
  readonly #domains = new WeakMap<object, string>()
  /** Not secure yet, so Node's Agent does not know of them. */
  readonly #dialed = new Set<TLSSocket>()
  #isOver = false

  constructor(platform: Platform, options: AgentOptions) {
    super({ ...options, keepAlive: true })
    this.#platform = platform
  }

  /** The domain that the platform at the other end of this socket proved. */
  domainOf(socket: object): string {
    const domain = this.#domains.get(socket)
    if (domain === undefined) throw new Error('a socket that this agent did not open')
    return domain
  }

  override destroy(): void {
    this.#isOver = true
    super.destroy()
    const why = Object.assign(new Error('given up'), { code: 'ECONNABORTED' })
    for (const socket of this.#dialed) socket.destroy(why)
  }

  // Not the inherited one: that resumes TLS sessions, and a resumed session need not show its certificates again.
  override createConnection(_options: unknown, done?: (error: Error | null, socket: TLSSocket) => void): undefined {
    this.#open().then(
      socket => done?.(null, socket),
      // Node gives no socket beside an error, whatever the type says.
      (error: Error) => (done as (error: Error) => void)?.(error),
    )
  }

  async #open(): Promise<TLSSocket> {
    const { anchor, now } = this.#platform
    const socket = await dial(this.#platform, this.#dialed)
    try {
      this.#domains.set(socket, await proveServer(shownBy(socket), anchor, now(), nodeVerify))
      // Given up between the handshake and the proof.
      if (this.#isOver) throw new Refused('unreachable', `${this.#platform.url.origin}: given up`)
      return socket
    } catch (error) {
      socket.destroy()
      throw error
    }
  }
}

/** A system call that failed, or a peer that hung up: nothing that a server proves or does not prove. */
export function isConnectionError(error: Error): boolean {
  const code = 'code' in error ? String(error.code) : ''
  // EPROTO is TLS speaking through a system call: whoever answered does not speak it.
  return code !== 'EPROTO' && /^(E[A-Z0-9]+|EAI_[A-Z]+|ABORT_ERR)$/.test(code)
}

/**
 * Dials once more where the connection was let go before it was secure: a server that stops does so with those that it
 * has not taken from its queue, and behind a balancer there is another one. Nothing of a request was written yet.
 */
async function dial(platform: Platform, dialed: Set<TLSSocket>): Promise<TLSSocket> {
  try {
    return await secure(platform, dialed)
  } catch (error) {
    const { code } = ((error as Refused).cause ?? {}) as NodeJS.ErrnoException
    if (code !== 'ECONNRESET' && code !== 'EPIPE') throw error
    return secure(platform, dialed)
  }
}

const handshakeLimit = 10_000

function secure({ url, context }: Platform, dialed: Set<TLSSocket>): Promise<TLSSocket> {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port: url.port === '' ? 443 : Number(url.port),
      // RFC 6066 3: no addresses in server_name. The certificate is still checked for the address.
      servername: isIP(host) === 0 ? host : '',
      secureContext: context,
      ALPNProtocols: ['http/1.1'],
      // Said, because NODE_TLS_REJECT_UNAUTHORIZED=0 would otherwise switch it off.
      rejectUnauthorized: true,
    })
    const late = () => socket.destroy(Object.assign(new Error('the handshake took too long'), { code: 'ETIMEDOUT' }))
    const timer = setTimeout(late, handshakeLimit)
    dialed.add(socket)
    const over = () => {
      clearTimeout(timer)
      dialed.delete(socket)
    }
    socket.once('close', over)
    socket.once('secureConnect', () => {
      over()
      resolve(socket)
    })
    // Stays on: an error without a listener, before HTTP has the socket, would end the process.
    socket.on('error', cause => {
      const code = isConnectionError(cause) ? 'unreachable' : 'server-not-proven'
      reject(new Refused(code, `${url.origin}: ${cause.message}`, { cause }))
    })
  })
}

/** The server's certificates, leaf first. A root is its own issuer; the count ends what an odd chain might not. */
function shownBy(socket: TLSSocket): Uint8Array[] {
  const chain: Uint8Array[] = []
  let certificate = socket.getPeerCertificate(true)
  while (certificate?.raw !== undefined && chain.length < 4) {
    chain.push(new Uint8Array(certificate.raw))
    if (certificate.issuerCertificate === certificate) break
    certificate = certificate.issuerCertificate
  }
  return chain
}
