import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { freePort } from './faults/platform-process.ts'

const run = promisify(execFile)

/** As few settings as make it small; what it acknowledges is on the disk, as anywhere. */
const settings = { shared_buffers: '16MB', max_connections: '40', max_wal_size: '128MB', log_min_messages: 'log' }

/**
 * A PostgreSQL server of its own, in a temporary directory, on a free port and a socket. Its databases sort text as
 * people do, not as bytes are, and belong to a role that may do nothing else.
 */
export async function startPostgres(
  changed: Readonly<Record<string, string>> = {},
  disk = tmpdir(),
): Promise<PostgresServer> {
  const directory = mkdtempSync(join(disk, 'mintmark-postgres-'))
  const owner = await serverOwner()
  if (owner.uid !== undefined) chownSync(directory, owner.uid, owner.gid!)
  const options = [
    '--no-sync',
    '--data-checksums',
    '--wal-segsize=1',
    '--auth=trust',
    '--username=postgres',
    '--encoding=UTF8',
    '--locale=C.UTF-8',
  ]
  const collation = ['--locale-provider=icu', '--icu-locale=en-US']
  await run(program('initdb'), ['--pgdata', join(directory, 'data'), ...options, ...collation], { ...owner, env: {} })
  const server = new PostgresServer(directory, await freePort(), { ...settings, ...changed })
  await server.start()
  await server.sql('create role mintmark login')
  return server
}

export class PostgresServer {
  readonly port: number
  readonly #directory: string
  readonly #settings: Readonly<Record<string, string>>
  #child: ChildProcess | undefined
  #ended: Promise<unknown> | undefined
  #paused: number[] = []
  #databases = 0

  constructor(directory: string, port: number, settings: Readonly<Record<string, string>>) {
    this.#directory = directory
    this.port = port
    this.#settings = settings
  }

  /** Resolves when it takes connections: that its port is open says nothing. */
  async start(): Promise<void> {
    const chosen = Object.entries(this.#settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const place = [
      '-D',
      join(this.#directory, 'data'),
      '-k',
      this.#directory,
      '-h',
      '127.0.0.1',
      '-p',
      String(this.port),
    ]
    const child = spawn(program('postgres'), [...place, ...chosen], {
      ...(await serverOwner()),
      env: {},
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#child = child
    this.#ended = once(child, 'exit')
    await new Promise<void>((resolve, reject) => {
      const said: string[] = []
      createInterface({ input: child.stderr! }).on('line', line => {
        said.push(line)
        if (/ready to accept (read-only )?connections/.test(line)) resolve()
      })
      child.once('exit', () => reject(new Error(`PostgreSQL ended: ${said.join('\n')}`)))
    })
  }

  /** A new empty database. @returns its URL */
  async makeDatabase(): Promise<string> {
    const name = `test_${++this.#databases}`
    // What it is copied from is small, and a checkpoint would take longer.
    await this.sql(`create database ${name} owner mintmark template template0 strategy wal_log`)
    return this.url(name)
  }

  url(database: string, user = 'mintmark'): string {
    return `postgres://${user}@127.0.0.1:${this.port}/${database}`
  }

  /** As its superuser. @returns rows, columns divided by `|` */
  async sql(statements: string, database = 'postgres'): Promise<string[]> {
    const place = ['-h', this.#directory, '-p', String(this.port), '-U', 'postgres', '-d', database]
    const { stdout } = await run(program('psql'), [...place, '-XqAt', '-v', 'ON_ERROR_STOP=1', '-c', statements])
    return stdout.split('\n').slice(0, -1)
  }

  /** Files of the server itself, to be changed while it does not run. */
  get data(): string {
    return join(this.#directory, 'data')
  }

  get isRunning(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null
  }

  /** In order, and everyone who is connected is told. */
  async stop(): Promise<void> {
    this.resume()
    this.#child?.kill('SIGINT')
    await this.#ended
  }

  /** As if its computer had lost power, except that files are whole. */
  async kill(): Promise<void> {
    for (const pid of this.#processes()) signal(pid, 'SIGKILL')
    this.#paused = []
    await this.#ended
  }

  /** Only the first of its processes; the others end when they notice. */
  async killFirst(): Promise<void> {
    signal(this.#child!.pid!, 'SIGKILL')
    await this.#ended
  }

  /** It neither answers nor ends. */
  pause(): void {
    this.#paused = this.#processes()
    for (const pid of this.#paused) signal(pid, 'SIGSTOP')
  }

  resume(): void {
    for (const pid of this.#paused.toReversed()) signal(pid, 'SIGCONT')
    this.#paused = []
  }

  /** From its next start it follows a server that there is none of, until it is promoted: it can be read alone. */
  async becomeStandby(): Promise<void> {
    await this.stop()
    writeFileSync(join(this.data, 'standby.signal'), '')
    await this.start()
  }

  async promote(): Promise<void> {
    await this.sql('select pg_promote()')
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  /** Ends it and removes all that it has. */
  async remove(): Promise<void> {
    await this.kill()
    rmSync(this.#directory, { recursive: true, force: true })
  }

  /** The first one, and what it has started: a process a connection. */
  #processes(): number[] {
    const first = this.#child?.pid
    if (first === undefined || !this.isRunning) return []
    const children = readFileSync(`/proc/${first}/task/${first}/children`, 'utf8')
    return [first, ...children.split(' ').filter(Boolean).map(Number)]
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    // It ended by itself meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** The newest there is; Debian has them in no directory of PATH. */
function program(name: 'initdb' | 'postgres' | 'psql'): string {
  const found = globSync(`/usr/lib/postgresql/*/bin/${name}`).toSorted((a, b) => versionOf(a) - versionOf(b))
  return found.at(-1) ?? name
}

const versionOf = (path: string): number => Number(path.split('/')[4])

/** PostgreSQL does not run as root. */
async function serverOwner(): Promise<{ readonly uid?: number; readonly gid?: number }> {
  if (process.getuid?.() !== 0) return {}
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map(async flag => Number((await run('id', [flag, 'postgres'])).stdout)),
  )
  return { uid: uid!, gid: gid! }
}
