import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { auditData } from '@mintmark/server'
import {
  count,
  freePort,
  Load,
  Operator,
  OverSockets,
  type Place,
  PlatformProcess,
  type Point,
  points,
} from '@mintmark/testing/faults'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { Checker, ledgerOf } from './checker.ts'
import { bundleHeart, HeartProcess, OverHeart } from './heart-process.ts'
import { begin, expectMade, seeded } from './report.ts'

// The platform is killed between any two of its steps, at each point of the table, and started again. What a step left
// half done is finished, made anew or as if it had never begun; nobody was told what is not so.

const fault = 'kills at a step'
const rounds = Math.ceil(count(fault) / points.length)
const chance = seeded()
const directory = mkdtempSync(join(tmpdir(), 'mintmark-points-'))
const armed = join(directory, 'armed')
const env = {
  MINTMARK_POINT: armed,
  NODE_OPTIONS: `--import=${join(import.meta.dirname, 'points-inside.ts')} --disable-warning=ExperimentalWarning`,
}
const of = (doing: Point['doing']): string[] => points.filter(each => each.doing === doing).map(({ name }) => name)
const ending: (() => Promise<unknown>)[] = []

beforeAll(bundleHeart)
afterEach(async () => {
  for (const end of ending.splice(0)) await end()
})
afterAll(() => {
  rmSync(directory, { recursive: true, force: true })
})

test.each(rangeOf(rounds))('finishes its founding after a kill at each step of it', async round => {
  const place: Place = { data: join(directory, `founded-${round}`), port: await freePort(), env }
  const tally = begin(fault)
  for (const name of of('founding')) {
    arm(name)
    const platform = spawn(place)
    await dies(platform, name)
    tally.made()
  }
  arm('')
  const platform = spawn(place)
  await platform.ready()
  expect(await auditData(place.data)).toMatchObject({ ok: true })
  const facts = (await ledgerOf(place.data, 'platform')).map(({ kind }) => kind)
  expect(facts.filter(kind => kind === 'platform.founded')).toHaveLength(1)
  const operator = new Operator(place.data)
  expect(await operator.createFleet('acme')).toBe('active')
  operator.close()
})

test.each(rangeOf(rounds))('finishes a fleet that it was making at each step of it, or makes it anew', async round => {
  const place: Place = { data: join(directory, `fleets-${round}`), port: await freePort(), env }
  const tally = begin(fault)
  arm('')
  let platform = spawn(place)
  await platform.ready()
  for (const [i, step] of of('making a fleet').entries()) {
    const fleet = `fleet-${i}`
    const operator = new Operator(place.data)
    arm(step.replace('FLEET', fleet))
    await expect(operator.createFleet(fleet)).rejects.toMatchObject({ code: 'unreachable' })
    await dies(platform, step.replace('FLEET', fleet))
    tally.made()
    platform = spawn(place)
    tally.readyAgain((await platform.ready()).after)
    const state = (await operator.fleets()).find(each => each.fleet === fleet)?.state
    // What is there is finished, what is not there can be made.
    expect(state ?? (await operator.createFleet(fleet))).toBe('active')
    operator.close()
  }
  expect(await auditData(place.data)).toMatchObject({ ok: true })
})

test.each(rangeOf(rounds))('loses nothing that it acknowledged in a kill at each step of serving', async round => {
  const place = { data: join(directory, `heart-${round}`), port: await freePort() }
  await makeFleet(place)
  const heartPlace = { data: place.data, domain: 'example.test', fleet: 'acme' }
  let heart = new HeartProcess(heartPlace, env)
  ending.push(() => heart.kill())
  const load = new Load({
    reach: () => new OverHeart(() => heart),
    oracle: join(directory, `heart-${round}.jsonl`),
    chance,
  })
  ending.push(async () => load.end())
  const tally = begin(fault, () => load.oracle.count)
  const checker = new Checker(place.data, 'acme', load, chance, tally)
  await heart.ready()
  for (const step of of('serving')) {
    await load.prepare()
    await load.run(async () => {
      arm(step)
      await dies(heart, step)
      tally.made()
    })
    heart = new HeartProcess(heartPlace, env)
    await heart.ready()
    await checker.check()
  }
  await checker.checkAll()
})

test.each(rangeOf(rounds))('loses nothing in a kill at each step of answering and of ending', async round => {
  const place: Place = { data: join(directory, `sockets-${round}`), port: await freePort(), env }
  await makeFleet(place)
  let platform = spawn(place)
  await platform.ready()
  const oracle = join(directory, `sockets-${round}.jsonl`)
  const load = new Load({ reach: () => new OverSockets(place.data, 'acme'), oracle, chance })
  ending.push(async () => load.end())
  const tally = begin(fault, () => load.oracle.count)
  const checker = new Checker(place.data, 'acme', load, chance, tally)
  for (const step of [...of('serving over sockets'), ...of('ending')]) {
    await load.prepare()
    await load.run(async () => {
      // Something to lose first.
      await until(() => load.oracle.count > 20)
      arm(step)
      if (of('ending').includes(step)) await platform.stop()
      await dies(platform, step)
      tally.made()
    })
    platform = spawn(place)
    tally.readyAgain((await platform.ready()).after)
    await checker.check()
  }
  await checker.checkAll()
})

test('was killed as often as is due', () => expectMade(fault))

test('has at least 24 points, each of them once', () => {
  expect(new Set(points.map(({ name, doing }) => `${doing}: ${name}`)).size).toBe(points.length)
  expect(points.length).toBeGreaterThanOrEqual(24)
})

function spawn(place: Place): PlatformProcess {
  const platform = new PlatformProcess(place)
  ending.push(() => platform.kill())
  return platform
}

async function makeFleet(place: Place): Promise<void> {
  arm('')
  const platform = spawn(place)
  await platform.ready()
  const operator = new Operator(place.data)
  expect(await operator.createFleet('acme')).toBe('active')
  operator.close()
  expect(await platform.stop()).toBe(0)
}

function arm(name: string): void {
  writeFileSync(armed, name)
}

/** Waits until it has come to the point, and died of it; leaves nothing armed. */
async function dies(process: { ended(): Promise<unknown> }, name: string): Promise<void> {
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error(`never came to ${name}`)), 20_000).unref())
  await Promise.race([process.ended(), late])
  const hits = readFileSync(`${armed}-hits`, 'utf8').split('\n')
  expect(hits.at(-2)).toBe(name)
  arm('')
}

async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await new Promise(resolve => setTimeout(resolve, 5))
}

function rangeOf(length: number): number[] {
  return Array.from({ length }, (_, i) => i)
}
