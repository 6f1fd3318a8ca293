import { beforeEach, expect, test } from 'vitest'
import { Leases } from '../src/node/did-web/leases.ts'

let forward: number
let asked: string[]
let leases: Leases<string>
beforeEach(() => {
  forward = 0
  asked = []
  leases = new Leases(
    2_000,
    () => forward,
    async name => {
      asked.push(name)
      return name.startsWith('none') ? undefined : name
    },
  )
})

test('keep so many answers and no more, and those that are nothing take no room of the others', async () => {
  for (let i = 0; i < 10_500; i++) await leases.answer(`some-${i}`)
  expect(leases.size).toBe(10_000)
  for (let i = 0; i < 1_500; i++) await leases.answer(`none-${i}`)
  expect(leases.size).toBe(11_000)
  asked = []
  await leases.answer('some-10499')
  await leases.answer('some-0')
  expect(asked).toEqual(['some-0'])
})

test('are asked again after a refusal, and not at once', async () => {
  leases = new Leases(
    2_000,
    () => forward,
    name => {
      asked.push(name)
      return Promise.reject(new Error('away'))
    },
  )
  await expect(leases.answer('some')).rejects.toThrow('away')
  await expect(leases.answer('some')).rejects.toThrow('away')
  expect(asked).toHaveLength(1)
  forward = 1_000
  await expect(leases.answer('some')).rejects.toThrow('away')
  expect(asked).toHaveLength(2)
})

test('an answer that came again begins a lease of its own', async () => {
  for (forward of [0, 1_999, 2_000, 3_999, 4_000]) await leases.answer('some')
  expect(asked).toHaveLength(3)
})
