import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { freePort } from './faults/platform-process.ts'
import type { ServerFiles } from './private-ca.ts'

export interface MosquittoOptions {
  /** It then speaks TLS alone. */
  readonly tls?: ServerFiles
  /** Who may use it; everybody on this computer where it is left out. */
  readonly user?: { readonly name: string; readonly password: string }
}

/** An MQTT broker of its own, on a free port. It keeps what it has on disk. */
export async function startMosquitto(options: MosquittoOptions = {}): Promise<Mosquitto> {
  const broker = new Mosquitto(mkdtempSync(join(tmpdir(), 'mintmark-mosquitto-')), await freePort(), options)
  await broker.start()
  return broker
}

export class Mosquitto {
  readonly port: number
  /** What it is started with the next time. */
  options: MosquittoOptions
  readonly #directory: string
  #child: ChildProcess | undefined
  #ended: Promise<unknown> | undefined

  constructor(directory: string, port: number, options: MosquittoOptions) {
    this.#directory = directory
    this.port = port
    this.options = options
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`
  }

  /** Resolves when it takes connections. */
  async start(): Promise<void> {
    const file = join(this.#directory, 'mosquitto.conf')
    const lines = [
      `listener ${this.port} 127.0.0.1`,
      ...this.#access(),
      'persistence true',
      `persistence_location ${this.#directory}/`,
      // Otherwise it would leave root for an account that cannot write there.
      ...(process.getuid?.() === 0 ? ['user root'] : []),
    ]
    writeFileSync(file, `${lines.join('\n')}\n`)
    // Debian has it where only root looks.
    const env = { PATH: `${process.env.PATH}:/usr/sbin` }
    const child = spawn('mosquitto', ['-c', file], { env, stdio: ['ignore', 'ignore', 'pipe'] })
    this.#child = child
    this.#ended = once(child, 'exit')
    await new Promise<void>((resolve, reject) => {
      const said: string[] = []
      createInterface({ input: child.stderr! }).on('line', line => {
        said.push(line)
        if (/mosquitto version \S+ running/.test(line)) resolve()
      })
      child.once('error', reject)
      child.once('exit', () => reject(new Error(`mosquitto ended: ${said.join('\n')}`)))
    })
  }

  /** Ends it as a restart of its computer would: what it has is written first. */
  async stop(): Promise<void> {
    this.#child?.kill('SIGTERM')
    await this.#ended
  }

  async restart(options = this.options): Promise<void> {
    await this.stop()
    this.options = options
    await this.start()
  }

  /** Lines of its configuration. */
  #access(): string[] {
    const { tls, user } = this.options
    const secure = tls ? [`certfile ${tls.cert}`, `keyfile ${tls.key}`] : []
    if (!user) return [...secure, 'allow_anonymous true']
    const file = join(this.#directory, 'passwords')
    execFileSync('mosquitto_passwd', ['-b', '-c', file, user.name, user.password], { stdio: 'pipe' })
    return [...secure, 'allow_anonymous false', `password_file ${file}`]
  }

  /** Ends it and removes all that it has. */
  async remove(): Promise<void> {
    await this.stop()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}
