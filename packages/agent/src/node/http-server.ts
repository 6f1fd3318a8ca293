import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Refused } from '@mintmark/core/errors'
import { nodeListener } from './node-listener.ts'

export interface HttpServerOptions {
  /** Not said: this computer alone. */
  readonly host?: string
  /** Not said: any that is free. */
  readonly port?: number
  /** Milliseconds that one request may take to come. Not said: 10 seconds. */
  readonly patience?: number
}

export interface HttpServer {
  readonly port: number
  /** Takes nothing more, lets what is under way be answered, and ends. */
  close(): Promise<void>
}

/** Serves a handler over plain HTTP, to a bounded crowd that is not waited for. @throws Refused `address-in-use` */
export async function serveHttp(
  handler: (request: Request, address: string) => Promise<Response>,
  { host = '127.0.0.1', port = 0, patience }: HttpServerOptions = {},
): Promise<HttpServer> {
  const server = boundedServer(patience)
  server.on('request', nodeListener(handler))
  await listening(server, { host, port })
  return { port: (server.address() as AddressInfo).port, close: () => ended(server) }
}

/** A server that nobody can hold up: heads, bodies, idle connections and their number are bounded. */
export function boundedServer(patience = 10_000): Server {
  const server = createServer({
    maxHeaderSize: 8_192,
    headersTimeout: Math.ceil(patience / 2),
    requestTimeout: patience,
    keepAliveTimeout: 5_000,
    connectionsCheckingInterval: Math.ceil(patience / 4),
  })
  server.maxConnections = 256
  return server
}

/** @throws Refused `address-in-use` */
export function listening(server: Server, where: { host: string; port: number } | { path: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(cause.code === 'EADDRINUSE' ? new Refused('address-in-use', undefined, { cause }) : cause)
    })
    server.listen(where, resolve)
  })
}

/** A request that came is answered; whoever holds a connection without one is let go. */
export async function ended(server: Server): Promise<void> {
  const closed = new Promise(resolve => server.close(resolve))
  server.closeIdleConnections()
  const late = setTimeout(() => server.closeAllConnections(), 5_000)
  await closed
  clearTimeout(late)
}
