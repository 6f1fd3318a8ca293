import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { auditData, dataFiles } from '@mintmark/server'
import { count, freePort, Load, Operator, OverSockets, type Place, PlatformProcess } from '@mintmark/testing/faults'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { need } from '../../scripts/services.ts'
import { Checker } from './checker.ts'
import { FaultyDisk, type Where } from './disk.ts'
import { bundleHeart, HeartProcess, OverHeart } from './heart-process.ts'
import { begin, expectMade, seeded } from './report.ts'

// A disk that answers with errors. What it could not write is refused and not done, and goes on when it can; after a
// sync that failed the platform ends, because nobody knows any more what is on the disk.

const missing = process.platform === 'linux' ? need('cc') : 'it is put between the program and its disk by LD_PRELOAD'
const fault = 'io errors'
/** Of what the tests make in one. */
const rounds = Math.ceil(count(fault) / 21)
const chance = seeded()
const directory = mkdtempSync(join(tmpdir(), 'mintmark-io-'))
const shortLog = `--import=${join(import.meta.dirname, 'short-log.ts')} --disable-warning=ExperimentalWarning`
const ending: (() => Promise<unknown>)[] = []
let made = 0

afterEach(async () => {
  for (const end of ending.splice(0)) await end()
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe.skipIf(missing)(`a disk with errors${missing ? ` (skipped: ${missing})` : ''}`, () => {
  beforeAll(bundleHeart)

  const log = { call: 'write', path: 'mintmark.db-wal' } as const
  const file = { call: 'write', path: 'mintmark.db$' } as const

  test.each(rangeOf(rounds))('refuses what it cannot write, does not do it, and goes on when it can', async () => {
    const { disk, platform, load, tally, checker } = await scene()
    const passing: readonly [Where, 'EIO' | 'ENOSPC'][] = [
      [log, 'EIO'],
      [{ ...log, skip: 3 }, 'EIO'],
      [{ ...log, skip: 30 }, 'ENOSPC'],
      // As the log is moved into the database.
      [file, 'EIO'],
      [{ ...file, skip: 20 }, 'ENOSPC'],
    ]
    for (const [where, error] of passing) {
      await load.prepare()
      await load.run(async () => {
        disk.fail(where, { error, times: 5 })
        await until(() => disk.hits === 5)
        tally.made()
        const before = load.oracle.count
        disk.mend()
        await until(() => load.oracle.count > before + 10)
      })
      await checker.check()
    }
    await checker.checkAll()
    expect(await platform.stop()).toBe(0)
  })

  test.each(rangeOf(rounds))('refuses a fleet whose keys it cannot keep, and makes it when it can', async () => {
    const { data, disk, platform, tally } = await scene()
    const operator = new Operator(data)
    ending.push(async () => operator.close())
    const passing: readonly [Where, 'EIO' | 'ENOSPC'][] = [
      [{ call: 'open', path: 'fleet-ca-' }, 'EIO'],
      [{ call: 'write', path: 'fleet-ca-' }, 'ENOSPC'],
      [{ call: 'link', path: 'fleet-ca-' }, 'EIO'],
      [{ call: 'open', path: 'ledger-fleet' }, 'ENOSPC'],
      [{ call: 'write', path: 'transcript.txt' }, 'ENOSPC'],
      [{ call: 'rename', path: 'transcript.txt' }, 'EIO'],
    ]
    for (const [i, [where, error]] of passing.entries()) {
      disk.fail(where, { error })
      await expect(operator.createFleet(`fleet-${i}`)).rejects.toMatchObject({ code: 'unavailable' })
      expect(disk.hits, JSON.stringify(where)).toBe(1)
      tally.made()
      const state = (await operator.fleets()).find(({ fleet }) => fleet === `fleet-${i}`)?.state
      // It may be there and wait for its ceremony, which the next one brings.
      if (state === undefined) expect(await operator.createFleet(`fleet-${i}`)).toBe('active')
    }
    expect(await operator.createFleet('last')).toBe('active')
    expect((await operator.fleets()).map(({ state }) => state)).toEqual(Array(passing.length + 2).fill('active'))
    expect(await platform.stop()).toBe(0)
    expect(await auditData(data)).toMatchObject({ ok: true })
  })

  test.each(rangeOf(rounds))('ends when its disk failed to sync, and the next one has all that was told', async () => {
    const { data, disk, place, load, tally, checker, platform: first } = await scene()
    let platform = first
    const fatal: readonly Where[] = [
      { call: 'sync', path: 'mintmark.db-wal' },
      { call: 'sync', path: 'mintmark.db-wal', skip: 20 },
      // As the log is moved into the database.
      { call: 'sync', path: 'mintmark.db$' },
      { call: 'sync', path: '/keeper$' },
      { call: 'sync', path: '.fleet-ca-' },
    ]
    for (const [i, where] of fatal.entries()) {
      await load.prepare()
      await load.run(async () => {
        disk.fail(where)
        if (i > 2) {
          const operator = new Operator(data)
          await expect(operator.createFleet(`fleet-${i}`)).rejects.toMatchObject({ code: expect.stringMatching(/^un/) })
          operator.close()
        }
        expect(await platform.ended()).toBe(1)
      })
      expect(disk.hits).toBe(1)
      expect(platform.complaints).toContain('disk-failed: The disk did not keep what was written to it.')
      tally.made()
      platform = await start(place)
      tally.readyAgain((await platform.ready()).after)
      await checker.check()
    }
    // It does not start on one either.
    for (const path of ['mintmark.db-wal', 'endpoint.json', 'home.json']) {
      await platform.kill()
      disk.fail({ call: 'sync', path })
      platform = new PlatformProcess(place)
      expect(await platform.ended()).toBe(1)
      expect(disk.hits).toBe(1)
      tally.made()
      platform = await start(place)
    }
    await checker.checkAll()
  })

  test.each(rangeOf(rounds))('builds on nothing that a disk dropped when it failed to sync', async () => {
    const shadow = join(directory, `shadow-${made}`)
    mkdirSync(shadow)
    const { data, disk, place, load, tally, checker, platform: first } = await scene(shadow)
    let platform = first
    const { database } = dataFiles(data)
    for (let round = 0; round < 2; round++) {
      await load.prepare()
      await load.run(async () => {
        disk.fail({ call: 'sync', path: 'mintmark.db-wal', skip: 10 })
        await platform.ended()
        tally.made()
      })
      platform = await start(place)
      // What is told now comes after what was dropped.
      await load.prepare()
      await load.run(async () => {
        const before = load.oracle.count
        await until(() => load.oracle.count > before + 20)
        await platform.kill()
      })
      // The power is cut: only what was synced is there.
      for (const path of [database, `${database}-wal`, `${database}-shm`]) rmSync(path, { force: true })
      for (const path of [database, `${database}-wal`]) {
        const kept = join(shadow, basename(path))
        if (existsSync(kept)) copyFileSync(kept, path)
      }
      platform = await start(place)
      await checker.check()
    }
    await checker.checkAll()
  })

  test.each(rangeOf(rounds))('loses nothing in a kill at each step that SQLite makes', async () => {
    const { data, disk, platform } = await scene()
    expect(await platform.stop()).toBe(0)
    const env = { ...disk.env, NODE_OPTIONS: shortLog }
    const place = { data, domain: 'example.test', fleet: 'acme' }
    let heart = new HeartProcess(place, env)
    ending.push(() => heart.kill())
    const oracle = join(directory, `steps-${made++}.jsonl`)
    const load = new Load({ reach: () => new OverHeart(() => heart), oracle, chance })
    ending.push(async () => load.end())
    const checker = new Checker(data, 'acme', load, chance)
    await heart.ready()
    const steps: readonly [Where, 'before' | 'after'][] = [
      [log, 'before'],
      // Between the head of a frame and its page, and between two frames.
      [{ ...log, skip: 7 }, 'before'],
      [{ ...log, skip: 8 }, 'before'],
      [{ call: 'sync', path: 'mintmark.db-wal' }, 'before'],
      [{ call: 'sync', path: 'mintmark.db-wal' }, 'after'],
      // The log is synced, pages of it are in the database, all are, and that is synced.
      [{ ...file, skip: 3 }, 'before'],
      [{ call: 'sync', path: 'mintmark.db$' }, 'before'],
      [{ call: 'sync', path: 'mintmark.db$' }, 'after'],
    ]
    for (const [where, when] of steps) {
      await load.prepare()
      await load.run(async () => {
        disk.kill(where, when)
        await heart.ended()
      })
      expect(disk.hits).toBe(1)
      disk.mend()
      heart = new HeartProcess(place, env)
      await heart.ready()
      await checker.check()
    }
    // Its end moves the log into the database, and removes it.
    for (const when of ['before', 'after'] as const) {
      disk.kill({ call: 'unlink', path: 'mintmark.db-wal' }, when)
      const whole = await start({ data, port: await freePort(), env: disk.env }, async () => {
        await heart.kill()
      })
      expect(await whole.stop()).toBeNull()
      disk.mend()
      heart = new HeartProcess(place, env)
      await heart.ready()
      await checker.check()
    }
    await checker.checkAll()
  })

  test('failed as often as is due', () => expectMade(fault))
})

/** A platform on a disk that can fail, with a fleet and a load. */
async function scene(shadow?: string) {
  const here = join(directory, `${made++}`)
  mkdirSync(here)
  const disk = new FaultyDisk(here, shadow)
  const data = join(here, 'data')
  // With a shadow, what was dropped stays in the log.
  const env = shadow === undefined ? { ...disk.env, NODE_OPTIONS: shortLog } : disk.env
  const place: Place = { data, port: await freePort(), env }
  const platform = await start(place)
  const operator = new Operator(data)
  expect(await operator.createFleet('acme')).toBe('active')
  operator.close()
  const load = new Load({ reach: () => new OverSockets(data, 'acme'), oracle: join(here, 'oracle.jsonl'), chance })
  ending.push(async () => {
    load.end()
    disk.close()
  })
  const tally = begin(fault, () => load.oracle.count)
  return { data, disk, place, platform, load, tally, checker: new Checker(data, 'acme', load, chance, tally) }
}

async function start(place: Place, before?: () => Promise<void>): Promise<PlatformProcess> {
  await before?.()
  const platform = new PlatformProcess(place)
  ending.unshift(() => platform.kill())
  await platform.ready()
  return platform
}

async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await new Promise(resolve => setTimeout(resolve, 2))
}

function rangeOf(length: number): number[] {
  return Array.from({ length }, (_, i) => i)
}
