import type { RegistryRecord } from '@mintmark/core/rules'
import { describe, expect, test } from 'vitest'
import { FailureLimit } from '../src/inbound/limits.ts'
import { Standings } from '../src/store/standings.ts'

// What strangers can make a process remember has an end; each of these tests reaches it. Links and sessions are in
// sessions.test.ts, refusals in refusals.test.ts, connections in journeys/attacks/exhaustion.test.ts.

describe('J119 failures by address', () => {
  const fail = (limit: FailureLimit, address: string, times: number): boolean[] =>
    Array.from({ length: times }, () => limit.fail(address))

  test('are remembered of 10,000 addresses and no more: who comes later is held up by the limit of all alone', () => {
    const clock = { now: 1_700_000_000_000 }
    const limit = new FailureLimit(() => clock.now, { perAddress: 2, overall: 20_000 })
    for (let i = 0; i < 10_000; i++) expect(limit.fail(`known-${i}`)).toBe(false)
    expect(fail(limit, 'known-0', 2)).toEqual([false, true])
    expect(fail(limit, 'late', 4)).toEqual([false, false, false, false])
    const left = 20_000 - 10_006
    expect(new Set(fail(limit, 'late', left))).toEqual(new Set([false]))
    expect(limit.fail('late')).toBe(true)
    // The next minute knows nothing of it.
    clock.now += 60_000
    expect(fail(limit, 'late', 3)).toEqual([false, false, true])
  })
})

describe('J119 standings that a process remembers', () => {
  test('are 65,536 at most: the one that was read first is read again', async () => {
    const standings = new Standings(() => true)
    const loaded: string[] = []
    const read = (identity: string) =>
      standings.read(identity, () => {
        loaded.push(identity)
        return { identity } as unknown as RegistryRecord
      })
    for (let i = 0; i < 65_536; i++) await read(`device-${i}`)
    expect(loaded).toHaveLength(65_536)
    await read('device-0')
    expect(loaded).toHaveLength(65_536)
    await read('one more')
    await read('device-1')
    expect(loaded.slice(65_536)).toEqual(['one more'])
    await read('device-0')
    expect(loaded.slice(65_536)).toEqual(['one more', 'device-0'])
  })

  test('are not those of names that nobody has, so a flood of them pushes out nothing', async () => {
    const standings = new Standings(() => true)
    let asked = 0
    const nobody = () => {
      asked++
      return undefined
    }
    for (let i = 0; i < 3; i++) expect(await standings.read('nobody', nobody)).toBeUndefined()
    expect(asked).toBe(3)
  })
})
