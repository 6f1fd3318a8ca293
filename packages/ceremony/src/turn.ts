import { readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { failureOf } from './system-error.ts'

// One process at a time writes a directory's transcript. A file is the turn: whoever renames it to a name with his
// process id has it, and renames it back. Where that process has died, anyone may rename it back: the name is the dead
// one's only, so nobody can take a turn away from the living. The computers of one directory are one computer.

const free = 'turn.free'
const held = /^turn\.held-by-(\d+)$/

export function layTurn(directory: string): void {
  writeFileSync(join(directory, free), '', { flag: 'wx', mode: 0o600 })
}

/** Does what must not be interleaved; synchronous, so that within one process nothing comes between. */
export async function inTurn<T>(directory: string, action: () => T): Promise<T> {
  const mine = `turn.held-by-${process.pid}`
  for (let tries = 0; !moved(directory, free, mine); tries++) {
    if (tries === 1_000) throw new Error(`no turn in ${directory} for 20 seconds; if ${free} got lost, make it, empty`)
    releaseDead(directory)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  try {
    return action()
  } finally {
    moved(directory, mine, free)
  }
}

function releaseDead(directory: string): void {
  for (const name of readdirSync(directory)) {
    const pid = held.exec(name)?.[1]
    if (pid !== undefined && !isAlive(Number(pid))) moved(directory, name, free)
  }
}

function moved(directory: string, from: string, to: string): boolean {
  try {
    renameSync(join(directory, from), join(directory, to))
    return true
  } catch (cause) {
    if (failureOf(cause) === 'ENOENT') return false
    throw cause
  }
}

function isAlive(pid: number): boolean {
  // Nothing of this process holds a turn while it waits for one: the name is left from a dead one with the same id,
  // as happens in containers.
  if (pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (cause) {
    return failureOf(cause) === 'EPERM'
  }
}
