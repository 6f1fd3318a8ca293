import { Refused } from '@mintmark/core/errors'
import { Seeded } from '@mintmark/testing/faults'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Connection, Query, Signals } from '../src/store/database.ts'
import { sqliteDialect } from '../src/store/dialects.ts'
import { lease } from '../src/store/lease.ts'
import type { News } from '../src/store/news.ts'
import { Processes } from '../src/store/processes.ts'
import { queries } from '../src/store/queries.ts'
import { openSqlite } from '../src/store/sqlite.ts'

// Several processes and their database in one, with a clock that the test moves: the same seed is the same run. What
// is between a process and the database can be slow, broken, or stand still as it does for a process that is stopped.

beforeEach(() => vi.useFakeTimers({ now: 1_700_000_000_000 }))
afterEach(() => vi.useRealTimers())

const asked = queries(sqliteDialect)
const notify: Query<object, unknown> = { sql: 'select 1', bind: () => [] }
const sleep = (milliseconds: number) => new Promise<void>(resolve => setTimeout(resolve, milliseconds))

class World {
  readonly database = openSqlite(':memory:')
  readonly #ears = new Set<() => void>()

  wake(): void {
    for (const ear of this.#ears) ear()
  }

  hear(ear: () => void): () => void {
    this.#ears.add(ear)
    return () => this.#ears.delete(ear)
  }
}

/** One process, and what stands between it and the world. */
class Member {
  readonly heard = new Set<number>()
  readonly world: World
  readonly #chance: Seeded
  #processes: Processes | undefined
  #standing: PromiseWithResolvers<void> | undefined
  isCut = false
  /** How long it takes there, and back. */
  latency = 3
  failures = 0
  /** Somebody without a row, whom this process waits for. */
  holding: PromiseWithResolvers<void> | undefined

  constructor(world: World, chance: Seeded) {
    this.world = world
    this.#chance = chance
  }

  async join(id: string): Promise<this> {
    const clocks = { monotonic: () => performance.now(), now: Date.now }
    const database = { dialect: this.world.database.dialect, signals: this.#signals() }
    this.#processes = await Processes.join(database, {
      clocks,
      id,
      failed: () => {
        this.failures++
      },
    })
    // What was said before it joined it does not have to hear.
    for (let version = 0; version <= this.#head(); version++) this.heard.add(version)
    this.#processes.hold(() => this.holding?.promise)
    this.#processes.listen(async ({ kind, about }: News) => {
      await this.#way()
      if (kind === 'missed') for (let version = 0; version <= this.#head(); version++) this.heard.add(version)
      else this.heard.add(Number(about))
    })
    return this
  }

  get processes(): Processes {
    return this.#processes!
  }

  /** As SIGSTOP: nothing goes on, and time does. */
  pause(): void {
    this.#standing ??= Promise.withResolvers()
  }

  resume(): void {
    this.#standing?.resolve()
    this.#standing = undefined
  }

  /** Commits news. @returns its version, and what to await until everyone has acted on it */
  async announce(): Promise<{ version: number; told: Promise<void> }> {
    const version = this.#head() + 1
    const done = await this.processes.announce(this.world.database.reader, {
      kind: 'identity.revoked',
      about: String(version),
    })
    this.world.wake()
    return { version, told: done() }
  }

  #head(): number {
    return (this.world.database.reader.first(asked.newsHead, {}) as { version: number }).version
  }

  #signals(): Signals {
    const { reader } = this.world.database
    const over =
      <A extends unknown[], R>(work: (...args: A) => R) =>
      async (...args: A): Promise<Awaited<R>> => {
        await this.#way()
        const result = await work(...args)
        if (args[0] === notify) this.world.wake()
        await this.#way()
        return result
      }
    return {
      connection: { all: over(reader.all), first: over(reader.first), run: over(reader.run) } as Connection,
      notify,
      listen: async woken => {
        const end = this.world.hear(() => {
          if (!this.isCut && this.#standing === undefined) woken()
        })
        return async () => end()
      },
    }
  }

  async #way(): Promise<void> {
    await sleep(this.#chance.below(this.latency + 1))
    await this.#standing?.promise
    if (this.isCut) throw new Refused('unavailable')
  }
}

async function meet(count: number, chance = new Seeded(1)): Promise<{ world: World; members: Member[] }> {
  const world = new World()
  const members: Member[] = []
  for (let i = 0; i < count; i++) {
    const joining = new Member(world, chance).join(`process-${i}`)
    await vi.advanceTimersByTimeAsync(200)
    members.push(await joining)
  }
  return { world, members }
}

/** Whether a promise is settled by now. */
async function isDone(promise: Promise<unknown>): Promise<boolean> {
  let done = false
  promise.catch(() => undefined).then(() => (done = true))
  await vi.advanceTimersByTimeAsync(0)
  return done
}

test('news is acknowledged once every process has acted on it, and not before', async () => {
  const { members } = await meet(3)
  members[2]!.latency = 40
  const { version, told } = await members[0]!.announce()
  expect(await isDone(told)).toBe(false)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(await isDone(told)).toBe(true)
  expect(members.map(({ heard }) => heard.has(version))).toEqual([true, true, true])
})

test('a process that stands still is waited for until its lease has ended, and then answers nothing from memory', async () => {
  const { members } = await meet(2)
  members[1]!.pause()
  const { version, told } = await members[0]!.announce()
  await vi.advanceTimersByTimeAsync(lease.lasts - lease.beat)
  expect(await isDone(told)).toBe(false)
  await vi.advanceTimersByTimeAsync(1_500)
  expect(await isDone(told)).toBe(true)
  expect(members[1]!.processes.isLive).toBe(false)
  members[1]!.resume()
  expect(members[1]!.processes.isLive).toBe(false)
  await vi.advanceTimersByTimeAsync(1_000)
  expect([members[1]!.processes.isLive, members[1]!.heard.has(version)]).toEqual([true, true])
})

test('whoever a process waits for is waited for by all, while it goes on', async () => {
  const { members } = await meet(2)
  const holding = Promise.withResolvers<void>()
  members[1]!.holding = holding
  const held = await members[0]!.announce()
  await vi.advanceTimersByTimeAsync(5_000)
  expect([members[1]!.heard.has(held.version), members[1]!.processes.isLive]).toEqual([true, true])
  members[1]!.holding = undefined
  const later = await members[0]!.announce()
  const own = members[1]!.processes.settled()
  await vi.advanceTimersByTimeAsync(5_000)
  expect(members[1]!.heard.has(later.version)).toBe(true)
  expect([await isDone(held.told), await isDone(later.told), await isDone(own)]).toEqual([false, false, false])
  holding.resolve()
  await vi.advanceTimersByTimeAsync(200)
  expect([await isDone(held.told), await isDone(later.told), await isDone(own)]).toEqual([true, true, true])
})

test('what could not be said is said with the next beat', async () => {
  const { members } = await meet(2)
  const holding = Promise.withResolvers<void>()
  members[1]!.holding = holding
  const { told } = await members[0]!.announce()
  await vi.advanceTimersByTimeAsync(200)
  members[1]!.isCut = true
  holding.resolve()
  await vi.advanceTimersByTimeAsync(300)
  members[1]!.isCut = false
  await vi.advanceTimersByTimeAsync(lease.beat * 2)
  expect(members[1]!.processes.isLive).toBe(true)
  expect(await isDone(told)).toBe(true)
})

test('a process that left is not waited for', async () => {
  const { members } = await meet(2)
  const left = members[1]!.processes.close()
  await vi.advanceTimersByTimeAsync(100)
  await left
  const { told } = await members[0]!.announce()
  await vi.advanceTimersByTimeAsync(100)
  expect(await isDone(told)).toBe(true)
})

test('news that was not signalled is found with the next beat', async () => {
  const { world, members } = await meet(2)
  vi.spyOn(world, 'wake').mockImplementation(() => undefined)
  const { version, told } = await members[0]!.announce()
  await vi.advanceTimersByTimeAsync(lease.beat + 100)
  expect(members[1]!.heard.has(version)).toBe(true)
  await vi.advanceTimersByTimeAsync(100)
  expect(await isDone(told)).toBe(true)
})

test('is not acknowledged where the database cannot be asked who has acted', async () => {
  const { members } = await meet(2)
  const { told } = await members[0]!.announce()
  members[0]!.isCut = true
  const refused = expect(told).rejects.toMatchObject({ code: 'unavailable' })
  await vi.advanceTimersByTimeAsync(1_000)
  await refused
})

test('the lease ends where the database does not answer, by either clock', async () => {
  const { members } = await meet(1)
  const [only] = members
  expect(only!.processes.isLive).toBe(true)
  only!.isCut = true
  await vi.advanceTimersByTimeAsync(lease.lasts)
  expect(only!.processes.isLive).toBe(false)
  only!.isCut = false
  await vi.advanceTimersByTimeAsync(lease.beat * 2)
  expect(only!.processes.isLive).toBe(true)
  // The computer slept: the monotonic clock stood still, the time of day did not.
  vi.setSystemTime(Date.now() + 60_000)
  expect(only!.processes.isLive).toBe(false)
  await vi.advanceTimersByTimeAsync(lease.beat * 2)
  expect(only!.processes.isLive).toBe(true)
})

test('a process that was away for longer than news is kept looks at everything again', async () => {
  const { world, members } = await meet(2)
  members[1]!.pause()
  await vi.advanceTimersByTimeAsync(10_000)
  const { version } = await members[0]!.announce()
  await members[0]!.announce()
  world.database.reader.run(asked.removeNews, { before: version + 1 })
  members[1]!.resume()
  await vi.advanceTimersByTimeAsync(1_000)
  expect([members[1]!.heard.has(version), members[1]!.processes.isLive]).toEqual([true, true])
})

test('a process that was taken off the list comes back to it', async () => {
  const { world, members } = await meet(2)
  members[1]!.pause()
  await vi.advanceTimersByTimeAsync(120_000)
  expect(await world.database.reader.all(asked.processes, {})).toHaveLength(1)
  const { version } = await members[0]!.announce()
  members[1]!.resume()
  await vi.advanceTimersByTimeAsync(2_000)
  expect(await world.database.reader.all(asked.processes, {})).toHaveLength(2)
  expect([members[1]!.heard.has(version), members[1]!.processes.isLive]).toEqual([true, true])
})

test('what is remembered is forgotten before the news of it is acknowledged, also while it is being read', async () => {
  const { members } = await meet(2)
  const { standings } = members[1]!.processes
  const record = { identity: '1', standing: 'good', key: 'k', pending: undefined, tier: 'software' } as const
  expect(await standings.read('1', () => record)).toBe(record)
  expect(await standings.read('1', () => undefined)).toBe(record)
  const slow = standings.read('2', async () => {
    await sleep(30)
    return { ...record, identity: '2' }
  })
  const { told } = await members[0]!.announce()
  await vi.advanceTimersByTimeAsync(1_000)
  await told
  await slow
  expect(await standings.read('1', () => undefined)).toBe(undefined)
  expect(await standings.read('2', () => undefined)).toBe(undefined)
})

test('a process that comes back is not live before it has looked for news, whenever that was made', async () => {
  for (let after = 0; after <= 1_500; after += 25) {
    const { members } = await meet(2)
    const [first, second] = members as [Member, Member]
    second.pause()
    await vi.advanceTimersByTimeAsync(lease.lasts + lease.beat * 3)
    second.latency = 200
    second.resume()
    await vi.advanceTimersByTimeAsync(after)
    const { version, told } = await first.announce()
    let isTold = false
    told.then(() => (isTold = true))
    for (let waited = 0; waited < 4_000; waited += 5) {
      await vi.advanceTimersByTimeAsync(5)
      if (isTold && second.processes.isLive) expect(second.heard.has(version)).toBe(true)
    }
    expect(isTold).toBe(true)
  }
})

// The promise itself: whatever happens to processes and to what lies between them and the database, nobody who may
// answer from memory has not acted on what was acknowledged.
for (let seed = 1; seed <= 20; seed++) {
  test(`whoever may answer from memory has acted on what was acknowledged, seed ${seed}`, async () => {
    const chance = new Seeded(seed)
    const { members } = await meet(3, chance)
    const acknowledged: number[] = []
    let joined = members.length
    for (let step = 0; step < 150; step++) {
      const member = chance.of(members)
      const what = chance.below(100)
      if (what < 25) {
        member
          .announce()
          .then(({ version, told }) => told.then(() => acknowledged.push(version)))
          .catch(() => undefined)
      } else if (what < 32) member.pause()
      else if (what < 45) member.resume()
      else if (what < 52) member.isCut = true
      else if (what < 65) member.isCut = false
      else if (what < 75) member.latency = chance.of([0, 3, 30, 300, 900])
      else if (what < 78) {
        const late = new Member(member.world, chance)
        const joining = late.join(`process-${joined++}`)
        await vi.advanceTimersByTimeAsync(200)
        members.push(await joining)
      }
      for (let left = chance.below(2_500); left > 0; left -= 25) {
        await vi.advanceTimersByTimeAsync(25)
        for (const each of members) {
          if (!each.processes.isLive) continue
          expect(acknowledged.filter(version => !each.heard.has(version))).toEqual([])
        }
      }
    }
    expect(acknowledged.length).toBeGreaterThan(0)
  })
}
