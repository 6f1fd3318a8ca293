import { connect as connectTcp, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'

export interface RawResponse {
  readonly status: number
  /** Lower-case names; of a name sent twice, the last. */
  readonly headers: ReadonlyMap<string, string>
  readonly text: string
  /** The body as JSON; an empty object where it is none. */
  readonly body: Readonly<Record<string, unknown>>
}

/** A peer's end of one connection, without manners: it sends any bytes, and keeps all that comes back. */
export class RawConnection<S extends Socket = Socket> {
  readonly socket: S
  /** Resolves when the connection is gone, whoever ended it and however. */
  readonly closed: Promise<void>
  #received: Buffer = Buffer.alloc(0)
  #ended = false
  #wake: () => void = () => undefined

  constructor(socket: S) {
    this.socket = socket
    // A reset is one way of being closed.
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#wake()
    })
    this.closed = new Promise(resolve => {
      socket.once('close', () => {
        this.#ended = true
        this.#wake()
        resolve()
      })
    })
  }

  get isClosed(): boolean {
    return this.#ended
  }

  /** Everything received and not yet read as a response. */
  get received(): string {
    return this.#received.toString('latin1')
  }

  send(bytes: string | Uint8Array): this {
    if (!this.socket.destroyed) this.socket.write(bytes)
    return this
  }

  /** The next HTTP response, or undefined where the connection is closed without one. */
  async response(): Promise<RawResponse | undefined> {
    for (;;) {
      const found = readResponse(this.#received, this.#ended)
      if (found) {
        this.#received = this.#received.subarray(found.length)
        return found.response
      }
      if (this.#ended) return undefined
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }

  /** Every response until the peer closes. */
  async responses(): Promise<RawResponse[]> {
    const all: RawResponse[] = []
    for (let next = await this.response(); next; next = await this.response()) all.push(next)
    return all
  }

  close(): void {
    this.socket.destroy()
  }
}

/** A TCP connection to a port of this host. */
export function openTcp(port: number): Promise<RawConnection> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp(port, '127.0.0.1')
    socket.once('error', reject)
    socket.once('connect', () => resolve(new RawConnection(socket)))
  })
}

/** A TLS connection; who the server is does not matter to an attacker. With TLS 1.3 the server may refuse it still. */
export function openTls(port: number, options: ConnectionOptions = {}): Promise<RawConnection<TLSSocket>> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      port,
      host: '127.0.0.1',
      servername: 'localhost',
      // An attacker does not ask.
      rejectUnauthorized: false,
      ...options,
    })
    socket.once('error', reject)
    socket.once('secureConnect', () => resolve(new RawConnection(socket)))
  })
}

function readResponse(bytes: Buffer, ended: boolean): { response: RawResponse; length: number } | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n')
  const headers = new Map(
    lines.map(line => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
    }),
  )
  const status = Number(first.split(' ')[1])
  const declared = status < 200 ? '0' : headers.get('content-length')
  // Without a length the body ends with the connection.
  if (declared === undefined && !ended) return undefined
  const length = end + 4 + (declared === undefined ? bytes.length - end - 4 : Number(declared))
  if (bytes.length < length) return undefined
  const text = bytes.toString('utf8', end + 4, length)
  return { response: { status, headers, text, body: readObject(text) }, length }
}

function readObject(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return {}
  }
}
