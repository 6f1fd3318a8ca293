import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { rehearsalSigner } from '@mintmark/ceremony'

import { type Connection, connect, readHome } from '@mintmark/device'
import { dataFiles, type Running, type StartOptions, startPlatform } from '@mintmark/server'
import { onTestFinished } from 'vitest'

const random = (length: number) => new Uint8Array(randomBytes(length))

/** A data directory of its own, gone when the test ends. */
export function makeData(): string {
  const directory = mkdtempSync(join(tmpdir(), 'mintmark-server-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, 'data')
}

/** Starts a platform in a data directory; where the test does not stop it, its end does. */
export async function start(data: string, changed: Partial<StartOptions> = {}): Promise<Running> {
  const { now = Date.now, domain = 'example.test' } = changed
  const running = await startPlatform({
    data,
    domain,
    host: '127.0.0.1',
    hostnames: ['localhost', '127.0.0.1'],
    port: 0,
    consolePort: 0,
    now,
    random,
    rehearse: async request =>
      (await rehearsalSigner(dataFiles(data).development, domain, { now, random })).answer(request),
    ...changed,
  })
  onTestFinished(() => running.stop())
  return running
}

/** The operator of a data directory. */
export function operatorOf(data: string): Connection {
  const { url, anchor, certificate, keyFile } = readHome(dataFiles(data).operator)
  const connection = connect({ url, anchor, identity: { certificate, key: keyFile }, now: Date.now })
  onTestFinished(() => connection.close())
  return connection
}

export async function makeToken(operator: Connection, fleet: string, uses: number): Promise<string> {
  const { body } = await operator.post(`/v1/fleets/${fleet}/tokens`, { uses, ttl: 86_400_000 })
  return (body as { token: string }).token
}

/**
 * A TLS connection to the machine listener, its handshake done, with the certificate of a home where one is named. Time
 * is not judged: tests move the clock.
 */
export function openTls(data: string, { machine }: Running, home?: string): Promise<TLSSocket> {
  const read = (directory: string, name: string): Buffer => readFileSync(join(directory, name))
  const ca = read(dataFiles(data).operator, 'anchor.pem')
  const client = home === undefined ? {} : { cert: read(home, 'cert.pem'), key: read(home, 'key.pem') }
  const place = { port: Number(new URL(machine).port), host: '127.0.0.1', servername: 'localhost' }
  return new Promise((resolve, reject) => {
    // A moved clock would end the connection; who the platform is, is proven in the tests of device.
    const socket = connectTls({ ...place, ca, ...client, rejectUnauthorized: false })
    socket.once('secureConnect', () => resolve(socket))
    socket.once('error', reject)
    onTestFinished(() => void socket.destroy())
  })
}

/** One request on a connection, its last. */
export async function ask(socket: TLSSocket, path: string): Promise<string> {
  socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`)
  return readAll(socket)
}

/** Serial of the certificate that the listener shows, lower-case hex. */
export const shownSerial = (socket: TLSSocket): string => socket.getPeerX509Certificate()!.serialNumber.toLowerCase()

/** What comes until the other side closes. */
export async function readAll(socket: TLSSocket): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
