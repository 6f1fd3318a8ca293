import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { auditData } from '@mintmark/server'
import { freePort, Load, Operator, OverSockets, type Place, PlatformProcess, Seeded } from '@mintmark/testing/faults'
import { afterAll, afterEach, expect, test } from 'vitest'
import { Checker } from './checker.ts'
import { type Disk, Images } from './images.ts'
import { count, report } from './report.ts'

// The power is cut: what was handed to the system and not synced is gone. The platform stands still, its disk is copied
// as it is, and another platform is started on the copy.

const cuts = count('power cuts', 20)
const founding = Math.ceil(cuts / 4)
const chance = new Seeded(count('seed', Date.now() % 1_000_000))
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
      const platform = await begin(disk)
      await platform.ready()
      const data = join(disk.outside, 'data')
      const operator = new Operator(data)
      expect(await operator.createFleet('acme')).toBe('active')
      operator.close()
      const oracle = join(beside, 'oracle.jsonl')
      const load = new Load({ reach: () => new OverSockets(data, 'acme'), oracle, chance })
      ending.push(async () => load.end())
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
        })
        await load.checkOrder()
        await load.checkRevoked()
        await checkCopy(copy!, load, told)
      }
      report({
        fault: 'power cut under load',
        times: cuts - founding,
        acknowledged: load.oracle.count,
        seed: chance.seed,
      })
    },
    60_000 + cuts * 20_000,
  )

  test(
    `finishes its founding after ${founding} power cuts in it`,
    async () => {
      const whole = await foundingTime()
      for (let cut = 0; cut < founding; cut++) {
        const disk = images.make()
        const platform = await begin(disk)
        await sleep(((cut + chance.below(100) / 100) * whole) / founding)
        platform.pause()
        const copy = images.copy(disk)
        await platform.kill()
        images.remove(disk)
        const again = await begin(copy)
        await again.ready()
        const operator = new Operator(join(copy.outside, 'data'))
        expect(await operator.createFleet('acme')).toBe('active')
        operator.close()
        await again.kill()
        expect(await auditData(takeOut(copy))).toMatchObject({ ok: true })
        images.remove(copy)
      }
      report({ fault: 'power cut in the founding', times: founding, seed: chance.seed })
    },
    60_000 + cuts * 20_000,
  )

  /** What was acknowledged until the power was cut is on the copy of the disk, and a platform starts from it. */
  async function checkCopy(copy: Disk, load: Load, told: number): Promise<void> {
    const platform = await begin(copy)
    await platform.ready()
    await platform.kill()
    const data = takeOut(copy)
    expect(await auditData(data)).toMatchObject({ ok: true })
    await new Checker(data, 'acme', load, chance).checkStored(told)
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
    const platform = await begin(disk)
    const { after } = await platform.ready()
    await platform.kill()
    images!.remove(disk)
    return after
  }

  async function begin(disk: Disk): Promise<PlatformProcess> {
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
