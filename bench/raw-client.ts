import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, type SecureContext } from 'node:tls'

/**
 * The least client that can keep a server busy: prebuilt request bytes over keep-alive connections, one request in
 * flight on each, and a reader that only looks for the end of a response.
 */
export interface Target {
  /** Where it is not this computer. */
  readonly host?: string
  readonly port: number
  /** Root certificate (PEM) for TLS; plain HTTP where it is absent. */
  readonly anchor?: string
  /** For mutual TLS: anchor, certificate and key, prepared once. */
  readonly context?: SecureContext
}

/** One connection, one request in flight. */
export interface Line {
  /** @returns the whole response, head and body */
  ask(request: Buffer): Promise<Buffer>
  onClose(closed: () => void): void
  close(): void
}

export async function openLine(target: Target): Promise<Line> {
  const socket = await open(target)
  return {
    ask: request => exchange(socket, request),
    onClose: closed => void socket.once('close', closed),
    close: () => socket.destroy(),
  }
}

export const statusOf = (response: Buffer): number => Number(response.toString('latin1', 9, 12))

export const bodyOf = (response: Buffer): unknown =>
  JSON.parse(response.toString('utf8', response.indexOf('\r\n\r\n') + 4))

export interface Load {
  readonly done: number
  readonly failed: number
  readonly seconds: number
}

/** Connections are spread over the targets. */
export async function load(
  targets: readonly Target[],
  requests: readonly Buffer[],
  connections: number,
): Promise<Load> {
  const ends = Array.from({ length: connections }, (_, i) => targets[i % targets.length]!)
  const sockets = await Promise.all(ends.map(open))
  let next = 0
  let failed = 0
  const begun = performance.now()
  await Promise.all(
    sockets.map(async socket => {
      for (;;) {
        const request = requests[next++]
        if (request === undefined) return
        if (statusOf(await exchange(socket, request)) >= 300) failed++
      }
    }),
  )
  const seconds = (performance.now() - begun) / 1000
  for (const socket of sockets) socket.destroy()
  return { done: requests.length, failed, seconds }
}

/** Opens, asks once and closes, `count` times, so many at once. */
export async function loadConnections(target: Target, request: Buffer, count: number, parallel: number): Promise<Load> {
  let next = 0
  let failed = 0
  const begun = performance.now()
  await Promise.all(
    Array.from({ length: parallel }, async () => {
      while (next++ < count) {
        const socket = await open(target)
        if (statusOf(await exchange(socket, request)) >= 300) failed++
        socket.destroy()
      }
    }),
  )
  return { done: count, failed, seconds: (performance.now() - begun) / 1000 }
}

export const get = (path: string): Buffer => Buffer.from(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`)

export function post(path: string, headers: Readonly<Record<string, string>>, body: string | Uint8Array): Buffer {
  const bytes = Buffer.from(body)
  const lines = Object.entries({ host: 'localhost', 'content-length': String(bytes.length), ...headers })
  const head = `POST ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
  return Buffer.concat([Buffer.from(head), bytes])
}

function open({ host, port, anchor, context }: Target): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket: Socket =
      anchor === undefined
        ? connectTcp(port, host ?? '127.0.0.1', () => resolve(socket))
        : connectTls(
            {
              host: host ?? '127.0.0.1',
              port,
              servername: host ?? 'localhost',
              ...(context ? { secureContext: context } : { ca: anchor }),
            },
            () => resolve(socket),
          )
    socket.setNoDelay(true)
    socket.once('error', reject)
  })
}

function exchange(socket: Socket, request: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let buffered: Buffer | undefined
    let expected = Number.POSITIVE_INFINITY
    const onData = (chunk: Buffer): void => {
      buffered = buffered ? Buffer.concat([buffered, chunk]) : chunk
      if (expected === Number.POSITIVE_INFINITY) expected = lengthOf(buffered)
      if (buffered.length < expected) return
      socket.off('data', onData)
      socket.off('close', onClose)
      resolve(buffered)
    }
    const onClose = (): void => reject(new Error('closed'))
    socket.on('data', onData)
    socket.once('close', onClose)
    socket.write(request)
  })
}

/** Of a response that begins with these bytes. */
function lengthOf(bytes: Buffer): number {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return Number.POSITIVE_INFINITY
  const head = bytes.toString('latin1', 0, end)
  // Go sends what is longer than 2 kB in chunks; the last one is empty.
  if (/transfer-encoding: chunked/i.test(head)) return endsInChunk(bytes) ? bytes.length : Number.POSITIVE_INFINITY
  return end + 4 + Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
}

const endsInChunk = (bytes: Buffer): boolean => bytes.toString('latin1', bytes.length - 7) === '\r\n0\r\n\r\n'
