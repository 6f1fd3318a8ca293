import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Times, timeRequests } from './latency.ts'
import { makeRegistry } from './make-registry.ts'
import { memoryOf } from './measure.ts'
import { command, startMintmark } from './mintmark.ts'
import type { Options } from './options.ts'
import { get } from './raw-client.ts'
import { lastPageAfter, sampleNames, timeBareReads, timeStandings } from './registry-reads.ts'
import { printReport, type Round, shownBytes } from './registry-report.ts'

// What a large registry costs: the start, memory, one device by name, a page of the list, and what the gate asks on
// every request. Beside each the same of a small registry, in turn, round after round; and under them a bare point read
// of node:sqlite in the same file, which is as little as a lookup can cost.

const smallRegistry = 1_000
/** Of a name: few others have it. */
const partOf = (name: string): string => name.slice(-4)
const [lookups, pages, perPage] = [4_000, 200, 100]

export async function benchRegistry({ devices, rounds, data }: Options): Promise<void> {
  const place = data ?? mkdtempSync(join(tmpdir(), 'mintmark-bench-'))
  try {
    const large = await provide(join(place, 'large'), devices)
    const small = await provide(join(place, 'small'), smallRegistry)
    const [ofLarge, ofSmall]: [Round[], Round[]] = [[], []]
    for (let round = 0; round < rounds; round++) {
      ofLarge.push(await measureRound(large))
      ofSmall.push(await measureRound(small))
    }
    console.log(`registry of ${large.devices} devices, beside one of ${small.devices}; ${rounds} rounds`)
    printReport(ofLarge, ofSmall)
    await printAudit(large)
  } finally {
    if (data === undefined) rmSync(place, { recursive: true })
  }
}

interface Registry {
  readonly data: string
  readonly devices: number
}

async function provide(data: string, wanted: number): Promise<Registry> {
  const { devices, made, seconds } = await makeRegistry(data, wanted)
  const how = made === 0 ? 'were there' : `${made} made in ${seconds.toFixed(0)} s, ${(made / seconds).toFixed(0)}/s`
  console.log(`${data}: ${devices} devices, ${how}`)
  return { data, devices }
}

async function measureRound({ data }: Registry): Promise<Round> {
  const names = sampleNames(data, lookups)
  const places = sampleNames(data, pages)
  const list = '/v1/fleets/bench/devices'
  const lookupOf = (name: string): Buffer => get(`${list}/${name}`)
  const pageAfter = (name: string): Buffer => get(`${list}?limit=${perPage}&after=${name}`)
  const last = lastPageAfter(data, perPage)
  const platform = await startMintmark(data)
  try {
    const ask = (requests: readonly Buffer[], connections = 1): Promise<Times> =>
      timeRequests(platform.asOperator, requests, connections)
    const memory = [memoryOf(platform.pid)]
    await ask(names.slice(0, lookups / 4).map(lookupOf))
    const served = {
      lookup: await ask(names.map(lookupOf)),
      lookups: await ask(names.map(lookupOf), 16),
      firstPage: await ask(places.map(() => get(`${list}?limit=${perPage}`))),
      middlePage: await ask(places.map(pageAfter)),
      search: await ask(places.map(name => get(`${list}?limit=${perPage}&search=${partOf(name)}`))),
      lastPage: await ask(places.map(() => pageAfter(last))),
    }
    const loaded = { start: [platform.ready], memory, memoryLoaded: [memoryOf(platform.pid)], ...served }
    await platform.stop()
    return { ...loaded, standing: await timeStandings(data, names), bare: timeBareReads(data, names) }
  } finally {
    await platform.stop()
  }
}

/** For information: it replays everything there is into an empty database, which nobody waits for. */
async function printAudit({ data, devices }: Registry): Promise<void> {
  const begun = performance.now()
  const child = spawn(command, ['audit', 'verify', '--data', data, '--json'], { stdio: ['ignore', 'pipe', 'inherit'] })
  let most = 0
  const watch = setInterval(() => {
    if (child.exitCode === null) most = Math.max(most, memoryOf(child.pid!, 'most'))
  }, 100)
  child.stdout.resume()
  const [code] = await once(child, 'exit')
  clearInterval(watch)
  if (code !== 0) throw new Error(`mintmark audit verify: exit code ${code}`)
  const seconds = (performance.now() - begun) / 1000
  console.log(
    `  mintmark audit verify  ${seconds.toFixed(1)} s, ${(devices / seconds).toFixed(0)} devices/s, at most ${shownBytes(most)}`,
  )
}
