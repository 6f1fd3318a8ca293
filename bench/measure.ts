import { readFileSync } from 'node:fs'
import { type Load, load, loadConnections, type Target } from './raw-client.ts'

export interface Measured {
  readonly perSecond: number
  /** CPU time of the server process for one request, user and system. */
  readonly cpuMicros: number
}

/** Warms the server up, then counts the rest: by the clock, and by the CPU time that the kernel booked on the server. */
export async function measure(
  pid: number,
  target: Target,
  requests: readonly Buffer[],
  { warmup, connections }: { readonly warmup: number; readonly connections: number },
): Promise<Measured> {
  await load(target, requests.slice(0, warmup), connections)
  return count(pid, () => load(target, requests.slice(warmup), connections))
}

/** The same for connections: each is opened, asked once and closed. */
export async function measureConnections(
  pid: number,
  target: Target,
  request: Buffer,
  connections: number,
  parallel: number,
): Promise<Measured> {
  await loadConnections(target, request, connections / 4, parallel)
  return count(pid, () => loadConnections(target, request, connections, parallel))
}

async function count(pid: number, run: () => Promise<Load>): Promise<Measured> {
  const before = cpuTime(pid)
  const { done, failed, seconds } = await run()
  const cpu = cpuTime(pid) - before
  if (failed > 0) throw new Error(`${failed} of ${done} requests failed: nothing was measured`)
  return { perSecond: done / seconds, cpuMicros: (cpu / done) * 1e6 }
}

export function medianOf(runs: readonly Measured[]): Measured {
  const sorted = [...runs].sort((a, b) => a.cpuMicros - b.cpuMicros)
  return sorted[Math.floor(sorted.length / 2)]!
}

/** Seconds of user and system time (proc(5), stat fields 14 and 15, in ticks of 10 ms). */
function cpuTime(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** Bytes in memory of a process, now or at most so far (proc(5)). */
export function memoryOf(pid: number, when: 'now' | 'most' = 'now'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  const kilobytes = (when === 'now' ? /^VmRSS:\s+(\d+) kB$/m : /^VmHWM:\s+(\d+) kB$/m).exec(status)?.[1]
  return Number(kilobytes) * 1024
}
