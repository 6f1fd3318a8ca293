import { readFileSync } from 'node:fs'
import { type Load, load, loadConnections, type Target } from './raw-client.ts'

export interface Measured {
  readonly perSecond: number
  /** CPU time of the server's processes for one request, user and system; undefined where they are not known. */
  readonly cpuMicros: number | undefined
}

/** What is asked, and whose CPU time is counted. */
export interface Servers {
  readonly targets: readonly Target[]
  readonly pids?: readonly number[]
  /** A process that is counted with all of its children, those that come and go meanwhile included. */
  readonly parent?: number
}

/** Warms the server up, then counts the rest: by the clock, and by the CPU time that the kernel booked on the server. */
export async function measure(
  servers: Servers,
  requests: readonly Buffer[],
  { warmup, connections }: { readonly warmup: number; readonly connections: number },
): Promise<Measured> {
  const { targets } = servers
  await load(targets, requests.slice(0, warmup), connections)
  return count(servers, () => load(targets, requests.slice(warmup), connections))
}

/** The same for connections: each is opened, asked once and closed. */
export async function measureConnections(
  servers: Servers,
  request: Buffer,
  connections: number,
  parallel: number,
): Promise<Measured> {
  const [target] = servers.targets
  await loadConnections(target!, request, connections / 4, parallel)
  return count(servers, () => loadConnections(target!, request, connections, parallel))
}

async function count(servers: Servers, run: () => Promise<Load>): Promise<Measured> {
  const before = cpuOf(servers)
  const { done, failed, seconds } = await run()
  const cpu = cpuOf(servers) - before
  if (failed > 0) throw new Error(`${failed} of ${done} requests failed: nothing was measured`)
  return { perSecond: done / seconds, cpuMicros: servers.pids && (cpu / done) * 1e6 }
}

export function medianOf(runs: readonly Measured[]): Measured {
  const sorted = [...runs].sort((a, b) => (a.cpuMicros ?? 0) - (b.cpuMicros ?? 0) || b.perSecond - a.perSecond)
  return sorted[Math.floor(sorted.length / 2)]!
}

function cpuOf({ pids = [], parent }: Servers): number {
  const own = pids.reduce((sum, pid) => sum + cpuTime(pid), 0)
  if (parent === undefined) return own
  const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'latin1').split(' ').filter(Boolean)
  return children.reduce((sum, pid) => sum + cpuTime(Number(pid)), own + cpuTime(parent, 'with the ended'))
}

/**
 * Seconds of user and system time (proc(5), stat fields 14 and 15, in ticks of 10 ms), and where that is asked for of
 * the children that have ended (16 and 17).
 */
function cpuTime(pid: number, which: 'own' | 'with the ended' = 'own'): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)!.split(' ')
  const ticks = fields.slice(11, which === 'own' ? 13 : 15).map(Number)
  return ticks.reduce((sum, each) => sum + each, 0) / 100
}

/** Bytes in memory of a process, now or at most so far (proc(5)); 0 of one that has ended and was not waited for. */
export function memoryOf(pid: number, when: 'now' | 'most' = 'now'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  const kilobytes = (when === 'now' ? /^VmRSS:\s+(\d+) kB$/m : /^VmHWM:\s+(\d+) kB$/m).exec(status)?.[1]
  return Number(kilobytes ?? 0) * 1024
}
