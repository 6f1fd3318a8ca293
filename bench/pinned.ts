import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cpus } from 'node:os'

/** Where a server runs: on the first core, where the system can pin, or wherever the system puts it. */
export type Cores = 'first' | 'any'

export interface Manner {
  readonly cores?: Cores
  readonly env?: NodeJS.ProcessEnv
}

/** Starts a server; the benchmark itself then runs on the other cores, see `leaveFirstCore`. */
export function startServer(command: string, args: readonly string[], manner: Manner = {}): ChildProcess {
  const { cores = 'first', env = {} } = manner
  const options: SpawnOptions = { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } }
  if (!canPin) return spawn(command, args, options)
  return spawn('taskset', ['-c', cores === 'first' ? '0' : everyCore, command, ...args], options)
}

/** Moves this process, and what it starts from now on, away from the server's core. */
export const leaveFirstCore = (): void => runOn(`1-${cpus().length - 1}`)

/** And back, where the servers are wherever the system puts them. */
export const useAllCores = (): void => runOn(everyCore)

const everyCore = `0-${cpus().length - 1}`
const canPin = existsSync('/usr/bin/taskset') && cpus().length > 1

function runOn(cores: string): void {
  if (canPin) execFileSync('taskset', ['-a', '-p', '-c', cores, String(process.pid)], { stdio: 'ignore' })
}

/** Ends a child by its pid and waits until it is gone. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGTERM')
  await gone
}
