import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Refused } from '@mintmark/core/errors'
import { auditData, dataFiles } from '@mintmark/server'
import {
  type Acknowledged,
  type Applicant,
  claim,
  connectAnonymously,
  count,
  freePort,
  Load,
  makeApplicants,
  Operator,
  OverSockets,
  PlatformProcess,
} from '@mintmark/testing/faults'
import { expect, onTestFinished, test } from 'vitest'
import { Checker } from './checker.ts'
import { begin, expectMade, seeded } from './report.ts'
import { canMount, fill, mount, unmount } from './tmpfs.ts'

// A disk without room: what cannot be recorded is refused as `unavailable` and not done, what only reads goes on, and
// when there is room again so does everything.

interface Disk {
  readonly data: string
  fill(platform: PlatformProcess): void
  free(platform: PlatformProcess): void
}

/** Files of the process may not grow any more: the same to a program as a full disk, and needs no rights. */
const limited: Disk = {
  data: '',
  fill: ({ pid }) => limit(pid, '1024:unlimited'),
  free: ({ pid }) => limit(pid, 'unlimited'),
}

const limit = (pid: number, size: string): void => {
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${size}`])
}

test('refuses and records nothing while its files cannot grow, and goes on when they can', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'mintmark-full-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  await fillAndFree({ ...limited, data: join(directory, 'data') })
})

// Only where this process may mount a disk of its own; the test above is the same everywhere.
if (canMount()) {
  test('refuses and records nothing while its disk is full, and goes on when there is room', async () => {
    const disk = mount('24m')
    onTestFinished(() => unmount(disk))
    const ballast = join(disk, 'ballast')
    await fillAndFree({
      data: join(disk, 'data'),
      fill: () => fill(ballast),
      free: () => rmSync(ballast),
    })
  })
}

// Only where this process may mount a disk of its own.
if (canMount()) {
  const fault = 'full disks'
  const times = count(fault)
  test(
    `loses nothing that it acknowledged while its disk is filled and freed ${times} times`,
    async () => {
      const disk = mount('64m')
      onTestFinished(() => unmount(disk))
      const [data, ballast] = [join(disk, 'data'), join(disk, 'ballast')]
      const platform = await PlatformProcess.start({ data, port: await freePort() })
      onTestFinished(() => platform.kill())
      const operator = new Operator(data)
      expect(await operator.createFleet('acme')).toBe('active')
      operator.close()
      const beside = mkdtempSync(join(tmpdir(), 'mintmark-full-'))
      onTestFinished(() => rmSync(beside, { recursive: true }))
      const chance = seeded()
      const oracle = join(beside, 'oracle.jsonl')
      const load = new Load({ reach: () => new OverSockets(data, 'acme'), oracle, chance })
      onTestFinished(() => load.end())
      const tally = begin(fault, () => load.oracle.count)
      const checker = new Checker(data, 'acme', load, chance, tally)
      for (let time = 0; time < times; time++) {
        await load.prepare()
        await load.run(async () => {
          const { lost } = load
          fill(ballast)
          // There may be room in what the database has already.
          await until(() => load.lost > lost + 5)
          const { count: told } = load.oracle
          rmSync(ballast)
          tally.made()
          await until(() => load.oracle.count > told + chance.below(20))
        })
        await checker.check()
      }
      await checker.checkAll()
      expect(await platform.stop()).toBe(0)
    },
    60_000 + times * 20_000,
  )

  test('was full as often as is due', () => expectMade(fault))
}

async function fillAndFree(disk: Disk): Promise<void> {
  const { data } = disk
  let platform = await PlatformProcess.start({ data, port: await freePort() })
  onTestFinished(() => platform.kill())
  const operator = new Operator(data)
  const door = connectAnonymously(data)
  onTestFinished(() => {
    operator.close()
    door.close()
  })
  await operator.createFleet('acme')
  const token = await operator.createToken('acme', 100)
  const applicants = await makeApplicants(30)
  const enroll = (some: readonly Applicant[]) => Promise.allSettled(some.map(each => claim(door, token, each)))
  const before = granted(await enroll(applicants.slice(0, 10)))
  expect(before).toHaveLength(10)

  disk.fill(platform)
  const refused = await enroll(applicants.slice(10, 20))
  expect(refused.map(codeOf)).toEqual(Array(10).fill('unavailable'))
  await expect(operator.revokeDevice('acme', before[0]!.identity.split('/').at(-1)!)).rejects.toMatchObject({
    code: 'unavailable',
  })
  await expect(operator.setConfiguration('acme', { full: true })).rejects.toMatchObject({ code: 'unavailable' })
  await expect(operator.createFleet('late')).rejects.toMatchObject({ code: 'unavailable' })
  // Reading goes on: what was issued is answered again, and no use is spent.
  expect(granted(await enroll(applicants.slice(0, 10))).map(({ certificate }) => certificate)).toEqual(
    before.map(({ certificate }) => certificate),
  )
  expect(await operator.usesLeft('acme', token)).toBe(90)

  disk.free(platform)
  const after = granted(await enroll(applicants.slice(10)))
  expect(after).toHaveLength(20)
  expect(await operator.usesLeft('acme', token)).toBe(70)
  expect(await operator.configurationVersion('acme')).toBe(0)
  expect(await operator.createFleet('late')).toBe('active')

  await platform.kill()
  expect(await auditData(data)).toMatchObject({ ok: true })
  platform = await PlatformProcess.start({ data, port: await freePort() })
  const again = new Operator(data)
  expect(await again.usesLeft('acme', token)).toBe(70)
  again.close()
  expect(existsSync(dataFiles(data).database)).toBe(true)
}

function granted(settled: readonly PromiseSettledResult<Acknowledged>[]): Acknowledged[] {
  return settled.map(each => {
    if (each.status === 'rejected') throw each.reason
    return each.value
  })
}

const codeOf = (settled: PromiseSettledResult<Acknowledged>): string =>
  settled.status === 'rejected' && settled.reason instanceof Refused ? settled.reason.code : String(settled.status)

async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await new Promise(resolve => setTimeout(resolve, 2))
}
