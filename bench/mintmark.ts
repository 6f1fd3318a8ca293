import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { connect, readHome } from '@mintmark/device'
import { end, startPinned } from './pinned.ts'

export interface BenchPlatform {
  readonly pid: number
  readonly port: number
  /** An enrollment token of fleet `bench`. */
  token(uses: number): Promise<string>
  stop(): Promise<void>
}

/** The platform as it is shipped: `mintmark up`, on one core, with its own fresh data directory. */
export async function startMintmark(data: string): Promise<BenchPlatform> {
  const bin = fileURLToPath(new URL('../packages/mintmark/bin/mintmark', import.meta.url))
  const args = ['up', '--data', data, '--port', '0', '--console-port', '0', '--log-level', 'warn', '--json']
  const child = startPinned(bin, args)
  const [line] = (await once(createInterface(child.stdout!), 'line')) as [string]
  const { machine } = JSON.parse(line) as { machine: string }
  const { anchor, certificate, keyFile } = readHome(join(data, 'operator'))
  const operator = connect({ url: machine, anchor, identity: { certificate, key: keyFile }, now: Date.now })
  await operator.post('/v1/fleets', { name: 'bench' })
  return {
    pid: child.pid!,
    port: Number(new URL(machine).port),
    async token(uses) {
      const { body } = await operator.post('/v1/fleets/bench/tokens', { uses, ttl: 3_600_000 })
      return (body as { token: string }).token
    },
    async stop() {
      operator.close()
      await end(child)
    },
  }
}
