import { Seeded } from '@mintmark/testing/faults'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  beforeEnd,
  Clock,
  dueAt,
  type Life,
  longest,
  margin,
  nap,
  pollWait,
  startWait,
  waitAfter,
} from '../src/schedule.ts'

const second = 1_000
const minute = 60 * second
const day = 86_400_000

const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const life = fc
  .record({
    notBefore: fc.integer({ min: 0, max: 4_000_000_000_000 }),
    length: fc.integer({ min: 1, max: 3_650 * day }),
  })
  .map(({ notBefore, length }): Life => ({ notBefore, notAfter: notBefore + length }))

/** How many fall into the busiest of these spans. */
const busiest = (moments: readonly number[], span: number): number =>
  Math.max(...[...Map.groupBy(moments, at => Math.floor(at / span)).values()].map(({ length }) => length))

describe('a renewal', () => {
  test('is due at two thirds of the life, a twentieth of it more or less', () => {
    fc.assert(
      fc.property(life, chance, (certificate, drawn) => {
        const share =
          (dueAt(certificate, drawn) - certificate.notBefore) / (certificate.notAfter - certificate.notBefore)
        expect(share).toBeGreaterThan(2 / 3 - 0.0501)
        expect(share).toBeLessThan(2 / 3 + 0.0501)
      }),
    )
    expect(dueAt({ notBefore: 0, notAfter: 30 * day }, 0.5)).toBe(20 * day)
  })

  test('of devices that were enrolled together falls on three days', () => {
    const seeded = new Seeded(1)
    const due = Array.from({ length: 500 }, () => dueAt({ notBefore: 0, notAfter: 30 * day }, seeded.below(1e6) / 1e6))
    expect(Math.max(...due) - Math.min(...due)).toBeGreaterThan(2.9 * day)
    expect(busiest(due, 3_600_000)).toBeLessThan(25)
  })
})

describe('after a failure', () => {
  test('the wait is from a second to a bound that doubles, an hour at most', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), chance, (failures, drawn) => {
        const wait = waitAfter(failures, drawn)
        expect(wait).toBeGreaterThanOrEqual(second)
        expect(wait).toBeLessThanOrEqual(Math.min(longest, second * 2 ** failures))
      }),
    )
    const most = [1, 2, 3, 11, 12, 60].map(failures => Math.round(waitAfter(failures, 1) / second))
    expect(most).toEqual([2, 4, 8, 2_048, 3_600, 3_600])
  })

  test('what the platform asks for is waited at least, and it cannot ask for more than an hour', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        chance,
        fc.integer({ min: 0, max: 1e12 }),
        (failures, drawn, asked) => {
          const wait = waitAfter(failures, drawn, asked)
          expect(wait).toBeGreaterThan(Math.min(asked, longest))
          expect(wait).toBeLessThanOrEqual(2 * longest)
        },
      ),
    )
  })

  test('no wait is past the end of the certificate: tries are left at the margin and each minute after', () => {
    fc.assert(
      fc.property(
        life,
        fc.double({ min: 0, max: 1.5, noNaN: true }),
        fc.integer({ min: 0, max: 2 * longest }),
        (own, share, wait) => {
          const at = own.notBefore + (own.notAfter - own.notBefore) * share
          const capped = beforeEnd(wait, at, own)
          expect(capped).toBeLessThanOrEqual(wait)
          if (at < own.notAfter - margin - minute) expect(at + capped).toBeLessThanOrEqual(own.notAfter - margin)
          else if (at < own.notAfter) expect(capped).toBeLessThanOrEqual(minute)
          else expect(capped).toBe(wait)
        },
      ),
    )
  })

  test('a device that nobody answers tries at its margin however it is dealt', () => {
    fc.assert(
      fc.property(fc.integer(), seed => {
        const seeded = new Seeded(seed)
        const own = { notBefore: 0, notAfter: 30 * day }
        const tries: number[] = []
        let at = 20 * day
        for (let failures = 1; at < own.notAfter; failures++) {
          tries.push(at)
          at += beforeEnd(waitAfter(failures, seeded.below(1e6) / 1e6), at, own)
        }
        expect(tries.filter(each => each >= own.notAfter - margin).length).toBeGreaterThanOrEqual(5)
        // Ten days at an hour at most: and not so many that it is a flood.
        expect(tries.length).toBeGreaterThan(240)
        expect(tries.length).toBeLessThan(20_000)
      }),
      { numRuns: 20 },
    )
  })
})

describe('many devices', () => {
  /** When each of them asks, from the moment that the platform is back. */
  function arrivals(devices: number, outage: number, seeded: Seeded): number[] {
    const draw = () => seeded.below(1e6) / 1e6
    return Array.from({ length: devices }, () => {
      let at = pollWait(draw()) * draw()
      for (let failures = 1; at < outage; failures++) at += waitAfter(failures, draw())
      return at - outage
    })
  }

  test.each([
    ['a minute', minute],
    ['half an hour', 30 * minute],
    ['a day', day],
  ])('J120 500 that come back after %s spread, and all come within the hour', (_, outage) => {
    const found = arrivals(500, outage, new Seeded(outage))
    expect(busiest(found, second)).toBeLessThan(50)
    expect(Math.max(...found)).toBeLessThanOrEqual(Math.max(longest, 6 * minute))
  })

  test('J120 500 that are told to come back in five seconds do not come back in the same one', () => {
    const seeded = new Seeded(3)
    const found = Array.from({ length: 500 }, () => waitAfter(3, seeded.below(1e6) / 1e6, 5 * second))
    expect(Math.min(...found)).toBeGreaterThanOrEqual(5 * second)
    expect(busiest(found, second)).toBeLessThan(120)
  })

  test('J120 500 that get their power back together call within five seconds, not in one', () => {
    const seeded = new Seeded(4)
    const found = Array.from({ length: 500 }, () => startWait(seeded.below(1e6) / 1e6))
    expect(busiest(found, second)).toBeLessThan(150)
  })
})

describe('clocks', () => {
  test('are looked at once a minute at least', () => {
    fc.assert(
      fc.property(fc.double({ min: -1e12, max: 1e12, noNaN: true }), wait => {
        expect(nap(wait)).toBeGreaterThanOrEqual(0)
        expect(nap(wait)).toBeLessThanOrEqual(minute)
        if (wait > 0 && wait <= minute) expect(nap(wait)).toBe(wait)
      }),
    )
  })

  test('K121 set forward, the new time holds at once; set back, no time is lost', () => {
    const clocks = { wall: 1_000 * day, monotonic: 5 }
    const clock = new Clock(
      () => clocks.wall,
      () => clocks.monotonic,
    )
    const pass = (milliseconds: number) => {
      clocks.wall += milliseconds
      clocks.monotonic += milliseconds
    }
    pass(day)
    expect(clock.now()).toBe(1_001 * day)
    clocks.wall -= 3_650 * day
    pass(day)
    expect(clock.now()).toBe(1_002 * day)
    clocks.wall += 3_650 * day + 60 * minute
    expect(clock.now()).toBe(1_002 * day + 60 * minute)
    // Suspended: only one of them went on.
    clocks.wall += 10 * day
    expect(clock.now()).toBe(1_012 * day + 60 * minute)
  })
})
