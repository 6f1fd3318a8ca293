import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { freePort } from './faults/platform-process.ts'

/** A NATS server of its own, on a free port, that everybody on this computer may use. */
export async function startNats(): Promise<NatsServer> {
  const server = new NatsServer(await freePort())
  await server.start()
  return server
}

export class NatsServer {
  readonly port: number
  #child: ChildProcess | undefined
  #ended: Promise<unknown> | undefined

  constructor(port: number) {
    this.port = port
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`
  }

  /** Resolves when it takes connections. */
  async start(): Promise<void> {
    // Debian has it where only root looks.
    const env = { PATH: `${process.env.PATH}:/usr/sbin` }
    const child = spawn('nats-server', ['-a', '127.0.0.1', '-p', String(this.port)], {
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
}
