import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { runInChromium } from './chromium.ts'
import { runInWorkerd } from './workerd.ts'

/** What the portable bundle reports of one case. */
export interface Outcome {
  readonly suite: string
  readonly name: string
  readonly error?: string
  readonly says?: string
}

export interface Runtime {
  readonly name: string
  /** The executable. */
  readonly path: string
  /** Runs the bundle in this directory, see `bundlePortableTests`, and gives what it reports as JSON. */
  readonly run: (path: string, directory: string) => Promise<string>
}

const modules = join(import.meta.dirname, '../../../node_modules')
const limit = 110_000

/** Every runtime core is promised for, whether it is on this machine or not. */
export function runtimes(): Runtime[] {
  const deno = ['run', '--no-config', '--no-lock', '--no-remote', '--no-npm']
  const list: Runtime[] = [
    { name: 'Node', path: process.execPath, run: inProcess() },
    { name: 'Deno', path: join(modules, '.bin/deno'), run: inProcess(...deno) },
    { name: 'Bun', path: join(modules, `@oven/bun-${bunPlatform()}/bin/bun`), run: inProcess() },
    { name: 'workerd', path: join(modules, `@cloudflare/workerd-${workerdPlatform()}/bin/workerd`), run: runInWorkerd },
    { name: 'Chromium', path: '/usr/bin/chromium', run: runInChromium },
  ]
  // There is no older one for other systems.
  if (process.platform === 'linux') list.push({ name: 'Node 24', path: olderNode, run: inProcess() })
  const system = systemNode()
  return system === undefined ? list : [...list, { name: 'system Node', path: system, run: inProcess() }]
}

const olderNode = join(modules, `older-node-linux-${process.arch}/bin/node`)

export const isThere = ({ path }: Runtime): boolean => existsSync(path)

export async function outcomes(runtime: Runtime, directory: string): Promise<Outcome[]> {
  return JSON.parse(await runtime.run(runtime.path, directory)) as Outcome[]
}

/** Runs `main.mjs` and takes its standard output. */
function inProcess(...args: string[]): Runtime['run'] {
  return async (path, directory) => {
    const env = { PATH: process.env.PATH ?? '', HOME: directory, NO_COLOR: '1', DENO_NO_UPDATE_CHECK: '1' }
    const options = { cwd: directory, env, timeout: limit, maxBuffer: 1 << 26 }
    const { stdout } = await promisify(execFile)(path, [...args, join(directory, 'main.mjs')], options)
    return stdout
  }
}

/** The Node of the machine where that is another one: most who use the SDK do not run ours. */
function systemNode(): string | undefined {
  const places = (process.env.PATH ?? '').split(delimiter).filter(place => !place.includes('node_modules'))
  return places.map(place => join(place, 'node')).find(path => path !== process.execPath && existsSync(path))
}

const bunPlatform = (): string => `${process.platform}-${process.arch === 'arm64' ? 'aarch64' : process.arch}`

function workerdPlatform(): string {
  const architecture = process.arch === 'x64' ? '64' : process.arch
  return `${process.platform}-${architecture}`
}
