import { once } from 'node:events'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { PostgresServer } from '@mintmark/testing'
import type { Crowd, Fleet } from './crowd.ts'
import { type BenchPlatform, startMintmark } from './mintmark.ts'
import { end, startServer } from './pinned.ts'
import { get, post, type Target } from './raw-client.ts'

/** Servers that hold connections, and one of them that ends the connection of a device when it is asked to. */
export interface Scene {
  readonly title: string
  readonly budget: string | undefined
  readonly devices: Devices
  start(): Promise<Stage>
}

export interface Devices {
  readonly fleet: Fleet
  /** By their numbers: those that were not revoked yet. */
  readonly good: number[]
}

export interface Stage {
  /** Of the servers that devices connect to. */
  readonly holders: readonly { readonly pid: number; readonly port: number }[]
  /** What a device asks for once when it has connected. */
  helloOf(device: number): string
  readonly commander: Target
  /** What the commander sends to have a device cut off. */
  orderOf(device: number): Buffer
  /** Whether that is for good. */
  readonly revokes: boolean
  stop(): Promise<void>
}

/** One process with SQLite inside, and under it the floor: a bare server with the same certificates. */
export async function alone(directory: string, crowd: Crowd, count: number): Promise<Scene[]> {
  const data = join(directory, 'alone')
  const devices = await enrollDevices(crowd, data, undefined, count)
  return [
    { title: 'bare node:https', budget: undefined, devices, start: () => startBare(join(data, 'server'), devices) },
    {
      title: 'one process, SQLite',
      budget: 'p99 <= 100 ms',
      devices,
      start: () => startProcesses([{ data, database: undefined }]),
    },
  ]
}

/** Processes on one database: devices are connected to all but the first, and the first is asked. */
export async function together(
  directory: string,
  postgres: PostgresServer,
  crowd: Crowd,
  count: number,
): Promise<Scene[]> {
  const database = await postgres.makeDatabase()
  const first = { data: join(directory, 'first'), database }
  const devices = await enrollDevices(crowd, first.data, database, count)
  const [second, third] = ['second', 'third'].map(name => ({ data: join(directory, name), database }))
  for (const { data } of [second!, third!]) cpSync(first.data, data, { recursive: true })
  const scene = (title: string, places: readonly Place[]): Scene => ({
    title: `${title} processes, PostgreSQL`,
    budget: 'p99 <= 1 s',
    devices,
    start: () => startProcesses(places),
  })
  return [scene('two', [first, second!]), scene('three', [first, second!, third!])]
}

interface Place {
  readonly data: string
  readonly database: string | undefined
}

async function enrollDevices(crowd: Crowd, data: string, database: string | undefined, count: number) {
  const platform = await startMintmark(data, { database })
  try {
    const fleet = await crowd.enroll(platform.asAnyone, await platform.token(count), count)
    return { fleet, good: Array.from({ length: count }, (_, i) => i) }
  } finally {
    await platform.stop()
  }
}

async function startProcesses(places: readonly Place[]): Promise<Stage> {
  const platforms: BenchPlatform[] = []
  for (const { data, database } of places) platforms.push(await startMintmark(data, { database }))
  const [first, ...others] = platforms
  const headers = { 'content-type': 'application/json' }
  return {
    holders: (others.length > 0 ? others : platforms).map(({ pid, asAnyone: { port } }) => ({ pid, port })),
    helloOf: () => '/v1/me',
    commander: first!.asOperator,
    orderOf: device => post(`/v1/fleets/bench/devices/device-${device}/revoke`, headers, '{"reason":"a benchmark"}'),
    revokes: true,
    async stop() {
      for (const platform of platforms) await platform.stop()
    },
  }
}

async function startBare(certificates: string, { fleet: { anchor } }: Devices): Promise<Stage> {
  const script = fileURLToPath(new URL('./bare-cutter.ts', import.meta.url))
  const child = startServer(process.execPath, [script, certificates])
  const [line] = (await once(createInterface(child.stdout!), 'line')) as [string]
  const port = Number(line)
  return {
    holders: [{ pid: child.pid!, port }],
    helloOf: device => `/hold/${device}`,
    commander: { port, anchor },
    orderOf: device => get(`/cut/${device}`),
    revokes: false,
    stop: () => end(child),
  }
}
