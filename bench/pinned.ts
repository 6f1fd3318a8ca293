import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cpus } from 'node:os'

/** Starts a server on the first core, where the system can pin; the benchmark itself then runs on the others. */
export function startPinned(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const [bin, all] = canPin ? ['taskset', ['-c', '0', command, ...args]] : [command, args]
  return spawn(bin, all, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } })
}

/** Moves this process away from the server's core. */
export function leaveFirstCore(): void {
  if (canPin)
    execFileSync('taskset', ['-a', '-p', '-c', `1-${cpus().length - 1}`, String(process.pid)], { stdio: 'ignore' })
}

const canPin = existsSync('/usr/bin/taskset') && cpus().length > 1

/** Ends a child by its pid and waits until it is gone. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGTERM')
  await gone
}
