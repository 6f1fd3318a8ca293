import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { freePort } from './faults/platform-process.ts'

/** An MQTT broker of its own, on a free port, that everybody on this computer may use. It keeps what it has on disk. */
export async function startMosquitto(): Promise<Mosquitto> {
  const broker = new Mosquitto(mkdtempSync(join(tmpdir(), 'mintmark-mosquitto-')), await freePort())
  await broker.start()
  return broker
}

export class Mosquitto {
  readonly port: number
  readonly #directory: string
  #child: ChildProcess | undefined
  #ended: Promise<unknown> | undefined

  constructor(directory: string, port: number) {
    this.#directory = directory
    this.port = port
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`
  }

  /** Resolves when it takes connections. */
  async start(): Promise<void> {
    const file = join(this.#directory, 'mosquitto.conf')
    const lines = [
      `listener ${this.port} 127.0.0.1`,
      'allow_anonymous true',
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

  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  /** Ends it and removes all that it has. */
  async remove(): Promise<void> {
    await this.stop()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}
