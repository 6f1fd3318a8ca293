import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Verifiers } from '../src/store/verifiers.ts'
import { codeOf } from './code-of.ts'

beforeEach(() => vi.useFakeTimers({ now: 1_700_000_000_000 }))
afterEach(() => vi.useRealTimers())

const device = 'acme/device/hub-1'
const make = (more: object = {}) => new Verifiers({ monotonic: () => performance.now(), ...more })
/** Whether it is done by now, and by so many milliseconds on. */
async function isDone(promise: Promise<unknown>, after = 0): Promise<boolean> {
  let done = false
  promise.then(() => (done = true))
  await vi.advanceTimersByTimeAsync(after)
  return done
}

test('nobody is waited for where nobody has a lease, or all know of it', async () => {
  const verifiers = make()
  expect(verifiers.isHeld('acme')).toBe(false)
  expect(await isDone(verifiers.settled('acme', 5))).toBe(true)
  verifiers.give('acme', device, 'a', 5)
  expect(await isDone(verifiers.settled('acme', 5))).toBe(true)
  expect(await isDone(verifiers.settled('beta', 9))).toBe(true)
})

test('a verifier that does not know is waited for until it asks again, knowing of it', async () => {
  const verifiers = make()
  expect(verifiers.give('acme', device, 'a', 4)).toBe(2_000)
  const settled = verifiers.settled('acme', 5)
  expect(await isDone(settled, 1_000)).toBe(false)
  verifiers.give('acme', device, 'b', 5)
  expect(await isDone(settled)).toBe(false)
  verifiers.give('acme', device, 'a', 5)
  expect(await isDone(settled)).toBe(true)
})

test('a verifier that gives its lease back is waited for no longer', async () => {
  const verifiers = make()
  verifiers.give('acme', device, 'a', 4)
  verifiers.give('acme', device, 'b', 4)
  const settled = verifiers.settled('acme', 5)
  verifiers.end('acme', device, 'a')
  verifiers.end('beta', device, 'b')
  expect(await isDone(settled)).toBe(false)
  verifiers.end('acme', device, 'b')
  expect(await isDone(settled)).toBe(true)
})

test('a verifier that is silent is waited for until its lease is over, and one that knows nothing new no longer', async () => {
  const verifiers = make()
  verifiers.give('acme', device, 'a', 4)
  await vi.advanceTimersByTimeAsync(500)
  const settled = verifiers.settled('acme', 5)
  for (let i = 0; i < 16; i++) {
    expect(await isDone(settled, 100)).toBe(false)
    verifiers.give('acme', device, 'a', 4)
  }
  expect(await isDone(settled, 101)).toBe(true)
})

test('a verifier that asks again and again, or says each time that it knows more, leaves nothing behind in who waits', async () => {
  const verifiers = make()
  verifiers.give('acme', device, 'a', 4)
  verifiers.give('acme', device, 'b', 4)
  const settled = verifiers.settled('acme', 1_000)
  expect(await isDone(settled)).toBe(false)
  for (let i = 0; i < 500; i++) {
    verifiers.give('acme', device, 'a', 4)
    verifiers.give('acme', device, 'b', 4 + i)
    expect(await isDone(settled)).toBe(false)
  }
  expect(vi.getTimerCount()).toBe(1)
  verifiers.end('acme', device, 'b')
  verifiers.give('acme', device, 'a', 1_000)
  expect(await isDone(settled)).toBe(true)
  expect(vi.getTimerCount()).toBe(0)
})

test('a lease that was given before another one of the same verifier is over counts too', async () => {
  let left = 2_000
  const verifiers = make({ left: () => left })
  verifiers.give('acme', device, 'a', 4)
  left = 300
  expect(verifiers.give('acme', device, 'a', 4)).toBe(300)
  const settled = verifiers.settled('acme', 5)
  expect(await isDone(settled, 2_000)).toBe(false)
  expect(await isDone(settled, 201)).toBe(true)
})

test('no lease is longer than what this process may itself rely on, and none is given without', () => {
  const verifiers = make({ left: () => 700.5 })
  expect(verifiers.give('acme', device, 'a', 4)).toBe(700)
  expect(codeOf(() => make({ left: () => 99 }).give('acme', device, 'a', 4))).toBe('unavailable')
  expect(codeOf(() => make({ left: () => Number.NaN }).give('acme', device, 'a', 4))).toBe('unavailable')
})

test('so many of one identity, so many of all, and room again when theirs are over', async () => {
  const verifiers = make({ most: { each: 2, all: 5 } })
  const give = (identity: string, verifier: string) => codeOf(() => verifiers.give('acme', identity, verifier, 1))
  expect([give(device, 'a'), give(device, 'b'), give(device, 'c'), give(device, 'a')]).toEqual([
    undefined,
    undefined,
    'slow-down',
    undefined,
  ])
  // A name that begins like another is another.
  expect(give(`${device}1`, 'a')).toBeUndefined()
  const operators = ['a', 'b'].map(verifier => give('platform/operator/x', verifier))
  expect([...operators, give('beta/device/x', 'a')]).toEqual([undefined, 'slow-down', undefined])
  expect(give('gamma/device/x', 'a')).toBe('slow-down')
  await vi.advanceTimersByTimeAsync(2_201)
  expect([give('gamma/device/x', 'a'), give(device, 'c')]).toEqual([undefined, undefined])
})

test('of one fleet half of what the others leave, and those that have a lease keep it', async () => {
  const verifiers = make({ most: { each: 2, all: 16 } })
  const give = (fleet: string, name: string | number) =>
    codeOf(() => verifiers.give(fleet, `${fleet}/device/${name}`, 'a', 1))
  const fill = (fleet: string) => Array.from({ length: 16 }, (_, i) => give(fleet, i)).filter(code => !code).length
  // A name that begins like another is another.
  expect([fill('acme'), fill('acm'), fill('acme2')]).toEqual([8, 4, 2])
  expect([give('beta', 'hub'), give('acme', 'late'), give('acme', 7)]).toEqual([undefined, 'slow-down', undefined])
  for (let i = 0; i < 7; i++) verifiers.end('acme', `acme/device/${i}`, 'a')
  expect([give('acme', 'late'), fill('beta')]).toEqual([undefined, 3])
  await vi.advanceTimersByTimeAsync(2_201)
  expect([fill('beta'), give('acme', 'late')]).toEqual([8, undefined])
})

test('leases of a process that was killed are waited for, and those of one that stops', async () => {
  let firsts = 0
  const verifiers = make({ first: () => firsts++ })
  verifiers.presume()
  expect(verifiers.isHeld('acme')).toBe(true)
  const settled = verifiers.settled('acme', 5)
  expect(await isDone(settled, 2_199)).toBe(false)
  expect(await isDone(settled, 2)).toBe(true)
  verifiers.give('acme', device, 'a', 9)
  verifiers.give('beta', device, 'a', 9)
  expect(firsts).toBe(1)
  const lapsed = verifiers.lapsed()
  expect(await isDone(lapsed, 2_199)).toBe(false)
  expect(await isDone(lapsed, 2)).toBe(true)
})
