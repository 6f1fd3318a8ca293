import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { auditData } from '@mintmark/server'
import { type PostgresServer, startPostgres } from '@mintmark/testing'
import { count, type FaultName, freePort, Load, Operator, OverSockets, PlatformProcess } from '@mintmark/testing/faults'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { need } from '../../scripts/services.ts'
import { type Answers, Asking } from './asking.ts'
import { Checker } from './checker.ts'
import { beginDeadlock, Crowd } from './postgres-sessions.ts'
import { begin, expectMade, seeded } from './report.ts'
import { canMount, fill, mount, unmount } from './tmpfs.ts'

// The database server of a platform ends, stands still, is full, only reads or undoes a transaction, under load. The
// platform stays: whoever asks is told that it cannot, and when to ask again, and nobody waits for long; when the fault
// is over, everything goes on, with all that was acknowledged.

const missing = need('postgres')
const chance = seeded()
let server: PostgresServer

// One each: a test that fails leaves it ended.
beforeEach(async ({ skip }) => {
  skip(missing !== undefined, missing)
  server = await startPostgres()
})
afterEach(() => server?.remove())

/** All that needs the database. */
const nothing: Answers = { reading: 'unavailable', ready: 503 }

interface Trouble {
  readonly expected: Answers
  begin(round: number): Promise<void>
  end(round: number): Promise<void>
}

const troubles: Readonly<Partial<Record<FaultName, () => Trouble>>> = {
  'postgres killed': () => ({
    expected: nothing,
    // As a whole, and its first process alone.
    begin: round => (round % 2 === 0 ? server.kill() : server.killFirst()),
    end: () => restart(),
  }),
  'postgres stopped': () => ({ expected: nothing, begin: () => server.stop(), end: () => server.start() }),
  'postgres paused': () => ({
    expected: nothing,
    begin: async () => server.pause(),
    async end(round) {
      // Where there is time for it, for half a minute.
      if (round % 10 === 9) await sleep(30_000)
      server.resume()
    },
  }),
  'postgres crowded': () => {
    const crowd = new Crowd(server)
    return { expected: nothing, begin: () => crowd.begin(), end: () => crowd.end() }
  },
  'postgres read-only': () => ({
    expected: { reading: 'done' },
    begin: () => reload('alter system set default_transaction_read_only = on'),
    end: () => reload('alter system reset default_transaction_read_only'),
  }),
  'postgres standby': () => ({
    expected: nothing,
    begin: () => server.becomeStandby(),
    end: () => server.promote(),
  }),
}

/** All, unless `npm run torture` was asked for others alone. */
const asked = Object.entries(troubles).filter(([name]) => count(name as FaultName) > 0)
const most = Math.max(0, ...asked.map(([name]) => count(name as FaultName)))

test.each(asked)(
  'D58 answers everyone while its server is in trouble, and loses nothing: %s',
  {
    timeout: 60_000 + most * 60_000,
  },
  async (name, make) => {
    const fault = name as FaultName
    const { platform, data, load, checker, tally } = await scene(fault)
    const { expected, ...trouble } = make()
    const asking = await Asking.start(platform, data)
    for (let round = 0; round < count(fault); round++) {
      await load.prepare()
      await load.run(async () => {
        const before = load.oracle.count
        await until(() => load.oracle.count > before + 20)
        await trouble.begin(round)
        // Whoever waits, and whoever comes when it has been so for a while.
        for (let i = 0; i < 2; i++) await asking.expect(expected)
        await trouble.end(round)
        tally.made()
        tally.readyAgain(await asking.untilReady())
        const since = load.oracle.count
        await until(() => load.oracle.count > since + 20)
      })
      await checker.check()
    }
    await checker.checkAll()
    expect(await platform.stop()).toBe(0)
    expect(await auditData(data)).toMatchObject({ ok: true })
  },
)

test('goes on where another session makes a deadlock, and nobody hears of it', {
  timeout: 60_000 + count('postgres deadlocked') * 20_000,
}, async () => {
  const fault = 'postgres deadlocked'
  const { platform, load, checker, tally } = await scene(fault)
  for (let round = 0; round < count(fault); round++) {
    await load.prepare()
    await load.run(async () => {
      const before = load.oracle.count
      await until(() => load.oracle.count > before + 20)
      const { lost } = load
      const undone = await beginDeadlock(server)
      await until(() => load.oracle.count > before + 40)
      expect(undone).toBe('the platform')
      expect(load.lost).toBe(lost)
      tally.made()
    })
    await checker.check()
  }
  await checker.checkAll()
  expect(await platform.stop()).toBe(0)
})

if (canMount()) {
  test('goes on where the disk of its server was full, with all that it acknowledged', {
    timeout: 60_000 + count('postgres full') * 30_000,
  }, async () => {
    const fault = 'postgres full'
    const disk = mount('256m')
    onTestFinished(() => unmount(disk))
    await server.remove()
    server = await startPostgres({}, disk)
    const ballast = join(disk, 'ballast')
    const { platform, data, load, checker, tally } = await scene(fault)
    const asking = await Asking.start(platform, data)
    for (let round = 0; round < count(fault); round++) {
      await load.prepare()
      await load.run(async () => {
        const { lost } = load
        fill(ballast)
        // There may be room in what it has already.
        await until(() => load.lost > lost + 20)
        rmSync(ballast)
        tally.made()
        // Without room for its log it may have ended.
        tally.readyAgain(await asking.untilReady(async () => (server.isRunning ? undefined : restart())))
        const since = load.oracle.count
        await until(() => load.oracle.count > since + 20)
      })
      await checker.check()
    }
    await checker.checkAll()
    expect(await platform.stop()).toBe(0)
  })

  test('had its disk full as often as is due', () => expectMade('postgres full'))
}

test('was in trouble as often as is due', () => {
  expectMade(...(Object.keys(troubles) as FaultName[]), 'postgres deadlocked')
})

/** A platform with a fleet and a load. */
async function scene(fault: FaultName) {
  const directory = mkdtempSync(join(tmpdir(), 'mintmark-postgres-'))
  const data = join(directory, 'data')
  const database = await server.makeDatabase()
  const platform = await PlatformProcess.start({ data, port: await freePort(), database })
  const operator = new Operator(data)
  expect(await operator.createFleet('acme')).toBe('active')
  operator.close()
  const oracle = join(directory, 'oracle.jsonl')
  const load = new Load({ reach: () => new OverSockets(data, 'acme'), oracle, chance })
  onTestFinished(async () => {
    load.end()
    await platform.kill()
    rmSync(directory, { recursive: true, force: true })
  })
  const tally = begin(fault, () => load.oracle.count)
  return { platform, data, load, tally, checker: new Checker(data, 'acme', load, chance, tally) }
}

async function reload(statement: string): Promise<void> {
  await server.sql(statement)
  await server.sql('select pg_reload_conf()')
}

/** What is left of the one before may still have its memory. */
async function restart(): Promise<void> {
  for (let left = 50; ; left--) {
    try {
      return await server.start()
    } catch (error) {
      if (left === 0) throw error
      await sleep(100)
    }
  }
}

const sleep = (milliseconds: number): Promise<void> => new Promise(resolve => setTimeout(resolve, milliseconds))

async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await sleep(5)
}
