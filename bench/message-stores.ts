import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { FileJournal } from '@mintmark/agent/node'
import { type RedisClient, RedisNonceStore } from '@mintmark/agent/nonces'
import { startRedis } from '@mintmark/testing'
import { createClient } from 'redis'
import { need } from '../scripts/services.ts'
import { makeKey, measure, open } from './message-load.ts'
import { useAllCores } from './pinned.ts'

const load = { senders: 100, bytes: 90 } as const
const inFlight = 64

/** Nonces in Redis: what the receiver pays beside memory, and how often it asks. */
export async function benchRedis(rounds: number): Promise<void> {
  const missing = need('redis-server')
  if (missing !== undefined) return console.log(`nonces in Redis: left out, as ${missing}`)
  const server = await startRedis()
  const client = createClient({ url: server.url, disableOfflineQueue: true })
  try {
    await client.connect()
    let asked = 0
    const counted: RedisClient = {
      options: client.options,
      sendCommand: (args: string[]) => {
        asked++
        return client.sendCommand(args)
      },
    } as RedisClient
    const inMemory = await open(load)
    const inRedis = await open(load, { nonces: await RedisNonceStore.open(counted, { most: 1e6, mostOfOne: 1e6 }) })
    // A new store refuses for ten seconds from when it was first asked.
    await inRedis.service.receive(await inRedis.next()).catch(() => undefined)
    await new Promise(resolve => setTimeout(resolve, 11_000))
    const [memory, redis]: [number[], number[]] = [[], []]
    let trips = 0
    for (let round = 0; round < rounds; round++) {
      memory.push(await inGroups(inMemory))
      asked = 0
      redis.push(await inGroups(inRedis))
      trips = asked / (groups * inFlight * 2)
    }
    const [a, b] = [memory, redis].map(list => list.toSorted((x, y) => x - y)[rounds >> 1]!) as [number, number]
    console.log(`nonces in Redis, ${inFlight} messages at once, 90 bytes, median of ${rounds} rounds`)
    console.log(`  ${trips.toFixed(2)} round trips a message; ${(b / a).toFixed(2)}x the CPU time of memory`)
  } finally {
    client.destroy()
    await server.remove()
  }
}

/** Each message on the disk, under a signed head, before it is delivered. */
export async function benchJournal(rounds: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'mintmark-bench-'))
  const journal = await FileJournal.open(directory, { origin: 'bench.example.test/journal', key: makeKey() })
  try {
    const inMemory = await open(load)
    const onDisk = await open(load, { journal })
    const [memory, disk]: [number[], number[]] = [[], []]
    for (let round = 0; round < rounds; round++) {
      memory.push(await inGroups(inMemory))
      disk.push(await inGroups(onDisk))
    }
    const [a, b] = [memory, disk].map(list => list.toSorted((x, y) => x - y)[rounds >> 1]!) as [number, number]
    console.log(`a journal on the disk, ${inFlight} messages at once, 90 bytes, median of ${rounds} rounds`)
    console.log(`  ${(1e6 / b).toFixed(0)}/s, ${b.toFixed(1)} µs CPU each; ${(b / a).toFixed(2)}x that without`)
  } finally {
    await journal.close()
    rmSync(directory, { recursive: true })
  }
}

const groups = 80

/** Microseconds of CPU time for a message, as many at once as a busy service has. */
async function inGroups({ service, next }: Awaited<ReturnType<typeof open>>): Promise<number> {
  const messages: Uint8Array[][] = []
  for (let i = 0; i < groups * 2; i++) {
    const group: Uint8Array[] = []
    for (let j = 0; j < inFlight; j++) group.push(await next())
    messages.push(group)
  }
  let at = 0
  const receive = () => Promise.all(messages[at++]!.map(message => service.receive(message)))
  return (await measure(receive, groups, groups)) / inFlight
}

/** As many threads as there are cores, beside one. */
export async function benchCores(): Promise<void> {
  useAllCores()
  const cores = availableParallelism()
  const one = await rate(1)
  const all = await rate(cores)
  console.log('messages of 90 bytes, a receiver with nonces of its own on each core, by the clock')
  console.log(`  1 core ${one.toFixed(0)}/s, ${cores} cores ${all.toFixed(0)}/s: ${(all / one).toFixed(2)}x`)
}

async function rate(threads: number): Promise<number> {
  const workerData = { ...load, count: 40_000 }
  const workers = Array.from({ length: threads }, () => {
    return new Worker(new URL('message-worker.ts', import.meta.url), { workerData })
  })
  await Promise.all(workers.map(worker => once(worker, 'message')))
  const rates = workers.map(worker => once(worker, 'message') as Promise<[number]>)
  for (const worker of workers) worker.postMessage('go')
  return (await Promise.all(rates)).reduce((sum, [each]) => sum + each, 0)
}

/** Signs and receives so many, in groups that are forgotten; memory is to stay where it is once the window is full. */
export async function soak(count: number): Promise<void> {
  const { service, next } = await open({ senders: 1_000, bytes: 90 })
  console.log(`${count} messages of 90 bytes from 1000 senders, signed here and received`)
  const tenth = Math.ceil(count / 10)
  for (let i = 1; i <= count; i++) {
    await service.receive(await next())
    if (i % tenth !== 0 && i !== count) continue
    globalThis.gc?.()
    const { rss, heapUsed, arrayBuffers } = process.memoryUsage()
    const [all, heap, arrays] = [rss, heapUsed, arrayBuffers].map(bytes => `${(bytes / 1e6).toFixed(0)} MB`)
    console.log(`  ${String(i).padStart(9)}  resident ${all}, heap ${heap}, arrays ${arrays}`)
  }
}
