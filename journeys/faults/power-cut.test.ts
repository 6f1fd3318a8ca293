import { cpSync, mkdtempSync, rmSync } from 'node:fs'
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
  type Tally,
} from '@mintmark/testing/faults'
import { afterAll, afterEach, expect, test } from 'vitest'
import { Checker } from './checker.ts'
import { type Disk, Images } from './images.ts'
import { begin, expectMade, seeded } from './report.ts'

// The power is cut: what was handed to the system and not synced is gone. The platform stands still, its disk is copied
// as it is, and another platform is started on the copy.

const fault = 'power cuts'
const cuts = count(fault)
const founding = Math.ceil(cuts / 4)
const chance = seeded()
const beside = mkdtempSync(join(tmpdir(), 'mintmark-cut-'))
// Only where this process may mount a disk of its own.
const images = await Images.open().catch(() => undefined)
const ending: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const end of ending.splice(0).toReversed()) await end()
})
afterAll(async () => {
  await images?.close()
  rmSync(beside, { recursive: true, force: true })
})

if (images) {
  test(
    `has all that it acknowledged after ${cuts - founding} power cuts under load`,
    async () => {
      const disk = images.make()
      const platform = await spawn(disk)
      await platform.ready()
      const data = join(disk.outside, 'data')
      const operator = new Operator(data)
      expect(await operator.createFleet('acme')).toBe('active')
      operator.close()
      const oracle = join(beside, 'oracle.jsonl')
      const load = new Load({ reach: () => new OverSockets(data, 'acme'), oracle, chance })
      ending.push(async () => load.end())
      const tally = begin(fault, () => load.oracle.count)
      for (let cut = 0; cut < cuts - founding; cut++) {
        await load.prepare()
        let copy: Disk | undefined
        let told = 0
        await load.run(async () => {
          await sleep(20 + chance.below(150))
          platform.pause()
          told = load.oracle.size
          copy = images.copy(disk)
          platform.resume()
          tally.made()
        })
        await load.checkOrder()
        await load.checkRevoked()
        await checkCopy(copy!, load, told, tally)
      }
    },
    60_000 + cuts * 20_000,
  )

  test(
    `finishes its founding after ${founding} power cuts in it`,
    async () => {
      const tally = begin(fault)
      const whole = await foundingTime()
      for (let cut = 0; cut < founding; cut++) {
        const disk = images.make()
        const platform = await spawn(disk)
        await sleep(((cut + chance.below(100) / 100) * whole) / founding)
        platform.pause()
        const copy = images.copy(disk)
        await platform.kill()
        tally.made()
        images.remove(disk)
        const again = await spawn(copy)
        tally.readyAgain((await again.ready()).after)
        const operator = new Operator(join(copy.outside, 'data'))
        expect(await operator.createFleet('acme')).toBe('active')
        operator.close()
        await again.kill()
        expect(await auditData(takeOut(copy))).toMatchObject({ ok: true })
        images.remove(copy)
      }
    },
    60_000 + cuts * 20_000,
  )

  test('was cut off as often as is due', () => expectMade(fault))

  /** What was acknowledged until the power was cut is on the copy of the disk, and a platform starts from it. */
  async function checkCopy(copy: Disk, load: Load, told: number, tally: Tally): Promise<void> {
    const platform = await spawn(copy)
    tally.readyAgain((await platform.ready()).after)
    await platform.kill()
    const data = takeOut(copy)
    expect(await auditData(data)).toMatchObject({ ok: true })
    await new Checker(data, 'acme', load, chance, tally).checkStored(told)
    images!.remove(copy)
  }

  /** SQLite opens nothing by a path that leads into another name space. */
  function takeOut(disk: Disk): string {
    const data = join(beside, 'taken-out')
    rmSync(data, { recursive: true, force: true })
    cpSync(join(disk.outside, 'data'), data, { recursive: true })
    return data
  }

  async function foundingTime(): Promise<number> {
    const disk = images!.make()
    const platform = await spawn(disk)
    const { after } = await platform.ready()
    await platform.kill()
    images!.remove(disk)
    return after
  }

  async function spawn(disk: Disk): Promise<PlatformProcess> {
    const place: Place = { data: join(disk.inside, 'data'), port: await freePort(), prefix: images!.prefix }
    const platform = new PlatformProcess(place)
    ending.push(() => platform.kill())
    return platform
  }
}

test('is made where a disk can be mounted, which takes root', () => {
  if (process.getuid?.() === 0 && process.platform === 'linux') expect(images).toBeDefined()
})

const sleep = (milliseconds: number): Promise<void> => new Promise(resolve => setTimeout(resolve, milliseconds))
