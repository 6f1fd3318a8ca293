import { expect, test } from 'vitest'
import { steadyClock } from '../src/clock.ts'

const hour = 3_600_000

function clock(recorded: number) {
  const told: (readonly [number, boolean])[] = []
  const hands = { at: 100 * hour }
  const now = steadyClock(
    () => hands.at,
    recorded,
    (late, isBelieved) => told.push([late, isBelieved]),
  )
  return { hands, now, told }
}

test('is the time of day as long as that goes forward', () => {
  const { hands, now, told } = clock(99 * hour)
  expect(now()).toBe(100 * hour)
  hands.at += 1
  expect(now()).toBe(100 * hour + 1)
  hands.at += 87_600 * hour
  expect(now()).toBe(hands.at)
  expect(told).toEqual([])
})

test('does not go back, goes on at half speed, and is the time of day again when that has caught up', () => {
  const { hands, now, told } = clock(0)
  now()
  hands.at -= hour
  expect(now()).toBe(100 * hour)
  for (let tick = 0; tick < hour; tick++) {
    hands.at += 1
    if (tick % 1_000 === 0) now()
  }
  expect(Math.abs(now() - 100.5 * hour)).toBeLessThan(1_000)
  hands.at += hour
  expect(Math.abs(now() - 101 * hour)).toBeLessThan(1_000)
  hands.at += hour
  expect(now()).toBe(hands.at)
  expect(told).toEqual([[hour, false]])
})

test('is not before what was recorded when it starts', () => {
  const { now, told } = clock(101 * hour)
  expect(now()).toBe(101 * hour)
  expect(told).toEqual([[hour, false]])
})

test('believes a clock that is behind by more than a day', () => {
  const { hands, now, told } = clock(125 * hour)
  expect(now()).toBe(hands.at)
  expect(told).toEqual([[25 * hour, true]])
})
