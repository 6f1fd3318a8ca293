import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** What the platform says when it is ready. */
export interface Ready {
  readonly machine: string
  readonly console: string
  /** SHA-256 of the root certificate's DER, lower-case hex. */
  readonly root: string
  /** Milliseconds from its start until it said so. */
  readonly after: number
}

export interface Place {
  readonly data: string
  readonly port: number
  readonly domain?: string
  /** URL of a PostgreSQL database, where it is not embedded. */
  readonly database?: string
  /** Where devices reach it, where that is a balancer. */
  readonly url?: string
  /** Further options of `mintmark up`. */
  readonly options?: readonly string[]
  /** Beside what this process has. */
  readonly env?: NodeJS.ProcessEnv
  /** Run before it, and becomes it: `nsenter`, say, with its arguments. */
  readonly prefix?: readonly string[]
}

/**
 * Where Node keeps what it has compiled: a start takes half the time then, and a fault after the other is mostly starts.
 */
export const compiled = {
  NODE_COMPILE_CACHE: join(import.meta.dirname, '../../../../node_modules/.cache/mintmark-compiled'),
} as const

const command = join(import.meta.dirname, '../../../mintmark/bin/mintmark')

/** The platform as a real process, which can be killed at any moment and started again at the same place. */
export class PlatformProcess {
  readonly #child: ChildProcess
  readonly #ended: Promise<number | null>
  readonly #ready: Promise<Ready>
  #complaints = ''

  /** Spawns it and does not wait: it may be killed before it is ready. */
  constructor({ data, port, domain = 'example.test', database, url, options = [], env, prefix = [] }: Place) {
    const begun = performance.now()
    const place = ['--data', data, '--domain', domain, '--port', String(port), '--console-port', '0']
    const kept = database === undefined ? [] : ['--database', database]
    const told = url === undefined ? [] : ['--url', url]
    const args = ['up', ...place, ...kept, ...told, ...options, '--log-level', 'warn', '--json']
    const [program, ...rest] = [...prefix, command, ...args]
    this.#child = spawn(program!, rest, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...compiled, ...env },
    })
    this.#child.stderr!.on('data', chunk => {
      this.#complaints += chunk
    })
    this.#ended = once(this.#child, 'close').then(([code]) => code as number | null)
    this.#ready = this.#readLine(begun)
    // Whoever kills it before it is ready does not ask.
    this.#ready.catch(() => undefined)
  }

  static async start(place: Place): Promise<PlatformProcess> {
    const platform = new PlatformProcess(place)
    await platform.ready()
    return platform
  }

  get pid(): number {
    return this.#child.pid!
  }

  /** What it wrote to standard error so far. */
  get complaints(): string {
    return this.#complaints
  }

  /** @throws where it ends before it is ready */
  ready(): Promise<Ready> {
    return this.#ready
  }

  /** The exit code, or null where a signal ended it. */
  ended(): Promise<number | null> {
    return this.#ended
  }

  /** SIGKILL: nothing is flushed, nothing is closed. Resolves when the process is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  /** SIGSTOP: it is there, and does nothing. */
  pause(): void {
    this.#child.kill('SIGSTOP')
  }

  resume(): void {
    this.#child.kill('SIGCONT')
  }

  /** SIGTERM. @returns the exit code */
  async stop(): Promise<number | null> {
    this.#child.kill('SIGTERM')
    return this.#ended
  }

  async #readLine(begun: number): Promise<Ready> {
    for await (const line of createInterface({ input: this.#child.stdout! })) {
      const said = JSON.parse(line) as Omit<Ready, 'after'> & { ready: boolean }
      if (said.ready) return { ...said, after: performance.now() - begun }
    }
    throw new Error(`the platform ended before it was ready: ${this.#complaints}`)
  }
}

/**
 * A port that is free now and stays so across a restart: from below the range that the system gives to clients, one of
 * which could otherwise hold it, or even reach itself on it, while the platform is down.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 18_000)
    const server = createServer()
    const free = await new Promise<boolean>(resolve => {
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    })
    if (free) return port
  }
}
