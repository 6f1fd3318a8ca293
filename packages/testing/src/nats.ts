import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { freePort } from './faults/platform-process.ts'
import type { ServerFiles } from './private-ca.ts'

export interface NatsOptions {
  /** It then speaks TLS alone, after a greeting in clear, as NATS does. */
  readonly tls?: ServerFiles
  /** Who may use it; everybody on this computer where it is left out. */
  readonly user?: { readonly name: string; readonly password: string }
}

/** A NATS server of its own, on a free port. */
export async function startNats(options: NatsOptions = {}): Promise<NatsServer> {
  const server = new NatsServer(await freePort(), options)
  await server.start()
  return server
}

export class NatsServer {
  readonly port: number
  /** What it is started with the next time. */
  options: NatsOptions
  #child: ChildProcess | undefined
  #ended: Promise<unknown> | undefined

  constructor(port: number, options: NatsOptions) {
    this.port = port
    this.options = options
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`
  }

  /** Resolves when it takes connections. */
  async start(): Promise<void> {
    // Debian has it where only root looks.
    const env = { PATH: `${process.env.PATH}:/usr/sbin` }
    const { tls, user } = this.options
    const secure = tls ? ['--tls', '--tlscert', tls.cert, '--tlskey', tls.key] : []
    const login = user ? ['--user', user.name, '--pass', user.password] : []
    const child = spawn('nats-server', ['-a', '127.0.0.1', '-p', String(this.port), ...secure, ...login], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#child = child
    this.#ended = once(child, 'exit')
    await new Promise<void>((resolve, reject) => {
      const said: string[] = []
      createInterface({ input: child.stderr! }).on('line', line => {
        said.push(line)
        if (/Server is ready/.test(line)) resolve()
      })
      child.once('error', reject)
      child.once('exit', () => reject(new Error(`nats-server ended: ${said.join('\n')}`)))
    })
  }

  async stop(): Promise<void> {
    this.#child?.kill('SIGTERM')
    await this.#ended
  }

  async restart(options: NatsOptions): Promise<void> {
    await this.stop()
    this.options = options
    await this.start()
  }
}
