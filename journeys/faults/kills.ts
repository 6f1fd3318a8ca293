import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type FaultName,
  freePort,
  Load,
  Operator,
  OverSockets,
  type Place,
  PlatformProcess,
  type Seeded,
} from '@mintmark/testing/faults'
import { expect, onTestFinished } from 'vitest'
import { Checker } from './checker.ts'
import { bundleHeart, HeartProcess, OverHeart } from './heart-process.ts'
import { begin } from './report.ts'

export interface Killing {
  readonly fault: FaultName
  readonly times: number
  readonly chance: Seeded
  /** URL of a PostgreSQL database, where it is not embedded. */
  readonly database?: string
  /** It is held against its clients after about one kill of so many, each time where this is not said. */
  readonly of?: number
}

/** Kills a platform under load and starts it again, and holds it against its clients after each time. */
export async function killPlatform({ fault, times, chance, database }: Killing): Promise<void> {
  const place = await foundedPlace(database)
  let platform = await PlatformProcess.start(place)
  const oracle = join(place.data, '../oracle.jsonl')
  const load = new Load({ reach: () => new OverSockets(place.data, 'acme'), oracle, chance })
  onTestFinished(async () => {
    await platform.kill()
    load.end()
  })
  const tally = begin(fault, () => load.oracle.count)
  const checker = new Checker(place.data, 'acme', load, chance, tally)
  const restarts: number[] = []
  for (let left = times; left > 0; left--) {
    await load.prepare()
    await load.run(async () => {
      // A revocation waits for the lease of the process that was killed before, which takes longer.
      const isLong = database !== undefined && left % 5 === 0
      await sleep(isLong ? 2_500 : 50 + chance.below(400))
      // Now and then by SIGTERM first, which ends it in order.
      if (chance.below(8) === 0) {
        expect(await platform.stop()).toBe(0)
        platform = await PlatformProcess.start(place)
      }
      await platform.kill()
      tally.made()
    })
    // And now and then again before it is ready.
    for (; left > 1 && chance.below(6) === 0; left--) {
      platform = new PlatformProcess(place)
      await sleep(chance.below(700))
      await platform.kill()
      tally.made()
    }
    platform = await PlatformProcess.start(place)
    const { after } = await platform.ready()
    restarts.push(after)
    tally.readyAgain(after)
    await checker.check()
  }
  await checker.checkAll()
  expect(load.oracle.count).toBeGreaterThan(times)
  // Two seconds are asked for; a machine that is busy with other things may need longer once, but not each time.
  expect(Math.min(...restarts)).toBeLessThan(2_000)
}

/** The same with the heart of a platform alone, which starts in a quarter of the time. */
export async function killHeart({ fault, times, chance, database, of = 1 }: Killing): Promise<void> {
  const place = await foundedPlace(database)
  await bundleHeart()
  const heartPlace = { data: place.data, domain: 'example.test', fleet: 'acme' }
  let heart = new HeartProcess(heartPlace)
  const oracle = join(place.data, '../oracle.jsonl')
  const load = new Load({ reach: () => new OverHeart(() => heart), oracle, chance })
  onTestFinished(async () => {
    await heart.kill()
    load.end()
  })
  const tally = begin(fault, () => load.oracle.count)
  const checker = new Checker(place.data, 'acme', load, chance, tally)
  await heart.ready()
  for (let left = times; left > 0; left--) {
    await load.prepare()
    await load.run(async () => {
      await sleep(chance.below(60))
      await heart.kill()
      tally.made()
    })
    for (; left > 1 && chance.below(4) === 0; left--) {
      heart = new HeartProcess(heartPlace)
      await sleep(chance.below(200))
      await heart.kill()
      tally.made()
    }
    heart = new HeartProcess(heartPlace)
    await heart.ready()
    if (chance.below(of) === 0) await checker.check()
  }
  await checker.checkAll()
  expect(load.oracle.count).toBeGreaterThan(times)
}

/** A platform that has a fleet, and has ended in order. */
async function foundedPlace(database: string | undefined): Promise<Place> {
  const directory = mkdtempSync(join(tmpdir(), 'mintmark-kill-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const kept = database === undefined ? {} : { database }
  const place = { data: join(directory, 'data'), port: await freePort(), ...kept }
  const platform = await PlatformProcess.start(place)
  const operator = new Operator(place.data)
  expect(await operator.createFleet('acme')).toBe('active')
  operator.close()
  expect(await platform.stop()).toBe(0)
  return place
}

const sleep = (milliseconds: number): Promise<void> => new Promise(resolve => setTimeout(resolve, milliseconds))
