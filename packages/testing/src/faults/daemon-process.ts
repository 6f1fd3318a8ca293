import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { compiled } from './platform-process.ts'

/** A line of the daemon's log. */
export type Said = Readonly<Record<string, unknown>> & { readonly event: string }

const command = join(import.meta.dirname, '../../../mintmark/bin/mintmark')

/** A device's daemon as a real process. */
export class DaemonProcess {
  readonly said: Said[] = []
  /** Everything that it wrote to either stream. */
  wrote = ''
  readonly #child: ChildProcess
  readonly #ended: Promise<number | null>
  #told: (() => void)[] = []

  /**
   * @param more beside `daemon --home`
   * @param env beside what this process has
   */
  constructor(home: string, more: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
    const args = ['daemon', '--home', home, '--json', '--log-level', 'debug', ...more]
    this.#child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...compiled, ...env },
    })
    this.#ended = once(this.#child, 'close').then(([code]) => {
      this.#tell()
      return code as number | null
    })
    this.#child.stdout!.on('data', chunk => {
      this.wrote += chunk
    })
    createInterface({ input: this.#child.stderr! }).on('line', line => {
      this.wrote += `${line}\n`
      if (line.startsWith('{')) this.said.push(JSON.parse(line) as Said)
      this.#tell()
    })
  }

  /** The first line of this event that was said after so many lines. @throws where it ends before it says so */
  async hears(event: string, after = 0): Promise<Said> {
    let isOver = false
    const over = this.#ended.then(() => {
      isOver = true
    })
    for (;;) {
      const found = this.said.slice(after).find(line => line.event === event)
      if (found) return found
      if (isOver) throw new Error(`it ended and never said ${event}: ${this.wrote}`)
      await Promise.race([over, new Promise<void>(resolve => this.#told.push(resolve))])
    }
  }

  /** Has it look at everything now. */
  look(): void {
    this.#child.kill('SIGHUP')
  }

  /** The exit code, or null where a signal ended it. */
  ended(): Promise<number | null> {
    return this.#ended
  }

  kill(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    this.#child.kill(signal)
    return this.#ended
  }

  #tell(): void {
    const told = this.#told
    this.#told = []
    for (const each of told) each()
  }
}
