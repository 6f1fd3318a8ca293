import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'

// The floor under a revocation: node:https that holds connections under the names they give, and destroys one when it
// is told to, before it answers. Nobody is proven, nothing is committed. Run as a process of its own by `revoke.ts`.

const directory = process.argv[2]!
const sockets = new Map<string, Socket>()
const server = createServer(
  {
    cert: readFileSync(join(directory, 'cert.pem')),
    key: readFileSync(join(directory, 'key.pem')),
    minVersion: 'TLSv1.3',
    requestCert: true,
    // As the platform does, so that the two differ in what comes after the handshake only.
    rejectUnauthorized: false,
    keepAliveTimeout: 75_000,
  },
  ({ url, socket }, response) => {
    const [, verb, name] = url!.split('/') as [string, 'hold' | 'cut', string]
    if (verb === 'hold') sockets.set(name, socket)
    else sockets.get(name)?.destroy()
    response.writeHead(200, { 'content-length': 0 })
    response.end()
  },
)
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
process.once('SIGTERM', () => process.exit(0))
