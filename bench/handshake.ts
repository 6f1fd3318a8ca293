import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createSecureContext } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { enroll } from '@mintmark/device'
import { type Measured, measure, measureConnections, medianOf, type Servers } from './measure.ts'
import { startMintmark } from './mintmark.ts'
import type { Options } from './options.ts'
import { end, startServer } from './pinned.ts'
import { get } from './raw-client.ts'

// What the proof and the gate add: a mutual-TLS connection with one request, and one more request on a connection
// that is open, each beside a bare node:https server with the same certificates. In turn, round after round.

const handshakes = 1_500
const requests = 20_000

export async function benchHandshake({ rounds }: Pick<Options, 'rounds'>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'mintmark-bench-'))
  const [data, home] = [join(directory, 'data'), join(directory, 'home')]
  const platform = await startMintmark(data)
  const bare = await startBare(join(data, 'server'))
  try {
    await enroll({ token: await platform.token(1), home, algorithm: 'P-256', now: Date.now })
    const read = (name: string): string => readFileSync(join(home, name), 'utf8')
    const anchor = read('anchor.pem')
    const context = createSecureContext({ ca: anchor, cert: read('cert.pem'), key: read('key.pem') })
    const servers = {
      mintmark: { pids: [platform.pid], targets: [{ ...platform.asAnyone, context }] },
      bare: { pids: [bare.pid], targets: [{ port: bare.port, anchor, context }] },
    }
    await compare('new connection with one request', servers, connect, rounds)
    await compare('one more request', servers, ask, rounds)
  } finally {
    await Promise.all([platform.stop(), bare.stop()])
    rmSync(directory, { recursive: true })
  }
}

type Server = Required<Pick<Servers, 'pids' | 'targets'>>

async function compare(
  title: string,
  servers: { readonly mintmark: Server; readonly bare: Server },
  run: (server: Server) => Promise<Measured>,
  rounds: number,
): Promise<void> {
  const results: { mintmark: Measured[]; bare: Measured[] } = { mintmark: [], bare: [] }
  for (let round = 0; round < rounds; round++) {
    results.mintmark.push(await run(servers.mintmark))
    results.bare.push(await run(servers.bare))
  }
  const [ours, bare] = [results.mintmark, results.bare].map(each => medianOf(each).cpuMicros!) as [number, number]
  const added = ours - bare
  console.log(`${title}, median of ${rounds} rounds`)
  console.log(`  mintmark ${ours.toFixed(0)} µs CPU, bare node:https ${bare.toFixed(0)} µs CPU`)
  console.log(`  added ${added.toFixed(0)} µs, ${((100 * added) / bare).toFixed(0)} %`)
}

// Past the gate like any other, and then nothing to do.
const request = get('/healthz')

const connect = (server: Server): Promise<Measured> => measureConnections(server, request, handshakes, 16)

const ask = (server: Server): Promise<Measured> =>
  measure(server, Array(requests).fill(request), { warmup: requests / 4, connections: 16 })

async function startBare(certificates: string) {
  const script = fileURLToPath(new URL('./bare-server.ts', import.meta.url))
  const child = startServer(process.execPath, [script, certificates])
  const [port] = (await once(createInterface(child.stdout!), 'line')) as [string]
  return { pid: child.pid!, port: Number(port), stop: () => end(child) }
}
