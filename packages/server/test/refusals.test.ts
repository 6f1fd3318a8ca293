import { Refused } from '@mintmark/core/errors'
import type { Change } from '@mintmark/core/rules'
import { expect, test } from 'vitest'
import type { Caller } from '../src/inbound/call.ts'
import { RefusalRecorder } from '../src/inbound/refusals.ts'
import type { Platform } from '../src/platform.ts'

/** A platform of which only the clock and the store are asked. */
function scene() {
  const facts: Change<'refused'>[] = []
  const clock = { now: 1_700_000_000_000 }
  const disk = { full: false }
  const platform = {
    now: () => clock.now,
    store: {
      commit: async (fact: Change<'refused'>) => {
        if (disk.full) throw new Refused('unavailable')
        facts.push(fact)
      },
    },
  } as unknown as Platform
  return { facts, clock, disk, recorder: new RefusalRecorder(platform) }
}

const holder = (id: string) =>
  ({ kind: 'token', holder: { permit: id }, permit: { fleet: 'acme' } }) as unknown as Caller
const spent = new Refused('token-spent')
const sum = (facts: readonly Change<'refused'>[]): number => facts.reduce((all, { body }) => all + body.count, 0)

test('the first refusal of a proven caller is a fact at once, and the rest of its minute another', async () => {
  const { facts, clock, recorder } = scene()
  for (let i = 0; i < 5; i++) await recorder.record(spent, holder('a'), 'POST /v1/enroll')
  expect(facts.map(({ by, body }) => [by, body.count])).toEqual([['token:a', 1]])
  clock.now += 60_000
  await recorder.record(spent, holder('a'), 'POST /v1/enroll')
  expect(facts.map(({ body }) => body.count)).toEqual([1, 4, 1])
})

test('however many identities are refused in a minute, the rows are bounded and none is lost', async () => {
  const { facts, recorder } = scene()
  for (let i = 0; i < 10_500; i++) await recorder.record(spent, holder(`t${i}`), 'POST /v1/enroll')
  const before = facts.length
  expect(before).toBe(10_000)
  await recorder.flush()
  expect(facts.slice(before).map(({ by, ledger, body }) => [by, ledger, body.count])).toEqual([
    ['platform', 'platform', 500],
  ])
  expect(sum(facts)).toBe(10_500)
})

test('what cannot be committed is counted until it can', async () => {
  const { facts, clock, disk, recorder } = scene()
  disk.full = true
  const record = () => recorder.record(spent, holder('a'), 'POST /v1/enroll')
  await expect(record()).rejects.toMatchObject({ code: 'unavailable' })
  await record()
  await expect(recorder.flush()).rejects.toMatchObject({ code: 'unavailable' })
  clock.now += 60_000
  await record()
  expect(facts).toEqual([])
  disk.full = false
  await recorder.flush()
  expect(sum(facts)).toBe(3)
})
