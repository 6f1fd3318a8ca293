import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { freePort } from './faults/platform-process.ts'

/** A Redis server of its own, in a temporary directory, on a free port. Not said otherwise, it keeps nothing. */
export async function startRedis(changed: Readonly<Record<string, string>> = {}): Promise<RedisServer> {
  const directory = mkdtempSync(join(tmpdir(), 'mintmark-redis-'))
  const server = new RedisServer(directory, await freePort(), { save: '', appendonly: 'no', ...changed })
  await server.start()
  return server
}

export class RedisServer {
  readonly port: number
  readonly #directory: string
  readonly #settings: Readonly<Record<string, string>>
  #child: ChildProcess | undefined
  #ended: Promise<unknown> | undefined

  constructor(directory: string, port: number, settings: Readonly<Record<string, string>>) {
    this.#directory = directory
    this.port = port
    this.#settings = settings
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  /** Resolves when it takes connections. */
  async start(): Promise<void> {
    const place = { bind: '127.0.0.1', port: String(this.port), dir: this.#directory, daemonize: 'no' }
    const settings = Object.entries({ ...place, ...this.#settings })
    const child = spawn(
      'redis-server',
      settings.flatMap(([name, value]) => [`--${name}`, value]),
      { env: { PATH: process.env.PATH }, stdio: ['ignore', 'pipe', 'ignore'] },
    )
    this.#child = child
    this.#ended = once(child, 'exit')
    await new Promise<void>((resolve, reject) => {
      const said: string[] = []
      createInterface({ input: child.stdout! }).on('line', line => {
        said.push(line)
        if (/Ready to accept connections/.test(line)) resolve()
      })
      child.once('error', reject)
      child.once('exit', () => reject(new Error(`Redis ended: ${said.join('\n')}`)))
    })
  }

  /** As if its computer had lost power. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL')
    await this.#ended
  }

  async restart(): Promise<void> {
    await this.kill()
    await this.start()
  }

  /** It neither answers nor ends. */
  pause(): void {
    this.#child?.kill('SIGSTOP')
  }

  resume(): void {
    this.#child?.kill('SIGCONT')
  }

  /** Ends it and removes all that it has. */
  async remove(): Promise<void> {
    await this.kill()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}
