import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo, Server, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

export interface Listening {
  readonly url: string
  /** Ends when every connection has ended. */
  stop(): Promise<void>
}

/** Listens on a free port of 127.0.0.1, until the test is over at the latest. */
export async function listen(server: Server): Promise<Listening> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    // A peer that turns away in the middle of a handshake is what some tests are about.
    socket.on('error', () => socket.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const closed = new Promise<void>(resolve => server.once('close', resolve))
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const stop = () => {
    server.close()
    return closed
  }
  return { url: `https://localhost:${(server.address() as AddressInfo).port}`, stop }
}

/** A path in a fresh directory that goes away with the test. */
export function fresh(name: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'mintmark-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, name)
}
