import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createSecureContext } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { Refused } from '@mintmark/core/errors'
import { connect, readHome } from '@mintmark/device'
import { type Cores, end, startServer } from './pinned.ts'
import type { Target } from './raw-client.ts'

export interface BenchPlatform {
  readonly pid: number
  /** Milliseconds from its start until it said that it is ready. */
  readonly ready: number
  /** Over TLS, as nobody. */
  readonly asAnyone: Target
  /** Over mutual TLS, as the operator of the data directory. */
  readonly asOperator: Target
  /** An enrollment token of fleet `bench`. */
  token(uses: number): Promise<string>
  stop(): Promise<void>
}

interface Manner {
  readonly database?: string | undefined
  readonly cores?: Cores
}

/** The command as it is shipped. */
export const command = fileURLToPath(new URL('../packages/mintmark/bin/mintmark', import.meta.url))

/**
 * `mintmark up` in its data directory; fleet `bench` is made where it is not there.
 * @param database URL of a PostgreSQL database, where SQLite is not inside
 */
export async function startMintmark(data: string, { database, cores = 'first' }: Manner = {}): Promise<BenchPlatform> {
  const begun = performance.now()
  const place = ['--data', data, ...(database === undefined ? [] : ['--database', database])]
  const args = ['up', ...place, '--port', '0', '--console-port', '0', '--log-level', 'warn', '--json']
  const child = startServer(command, args, { cores })
  const gone = once(child, 'exit').then(([code]) => Promise.reject(new Error(`mintmark up ended: ${code}`)))
  const [line] = (await Promise.race([once(createInterface(child.stdout!), 'line'), gone])) as [string]
  const ready = performance.now() - begun
  gone.catch(() => undefined)
  const { machine } = JSON.parse(line) as { machine?: string }
  if (machine === undefined) throw new Error(`mintmark up: ${line}`)
  const home = readHome(join(data, 'operator'))
  const { certificate, keyFile } = home
  const operator = connect({
    url: machine,
    anchor: home.anchor,
    identity: { certificate, key: keyFile },
    now: Date.now,
  })
  await operator.post('/v1/fleets', { name: 'bench' }).catch((error: unknown) => {
    if (!(error instanceof Refused && error.code === 'fleet-exists')) throw error
  })
  const port = Number(new URL(machine).port)
  const anchor = readFileSync(join(data, 'operator', 'anchor.pem'), 'utf8')
  const context = createSecureContext({ ca: anchor, cert: certificate, key: readFileSync(keyFile) })
  return {
    pid: child.pid!,
    ready,
    asAnyone: { port, anchor },
    asOperator: { port, anchor, context },
    async token(uses) {
      const { body } = await operator.post('/v1/fleets/bench/tokens', { uses, ttl: 86_400_000 })
      return (body as { token: string }).token
    },
    async stop() {
      operator.close()
      await end(child)
    },
  }
}
