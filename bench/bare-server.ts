import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

// What a connection costs without us: node:https with the platform's own certificate, asking for a client certificate,
// believing nothing and answering a fixed body of the same size. Run as a process of its own by `handshake.ts`.

const directory = process.argv[2]!
const body = JSON.stringify({ filler: 'x'.repeat(380) })
const server = createServer(
  {
    cert: readFileSync(join(directory, 'cert.pem')),
    key: readFileSync(join(directory, 'key.pem')),
    minVersion: 'TLSv1.3',
    requestCert: true,
    // As the platform does, so that the two differ in what comes after the handshake only.
    rejectUnauthorized: false,
  },
  (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length })
    response.end(body)
  },
)
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
process.once('SIGTERM', () => process.exit(0))
