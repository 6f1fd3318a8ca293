import { rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundlePortableTests } from '../src/bundle.ts'
import { isThere, type Outcome, outcomes, runtimes } from '../src/runtimes.ts'
import { suites } from './portable.ts'

// Tests of core and of the agent, the same bundle on every runtime that is promised: one test here for each case and runtime.

let directory: string
beforeAll(async () => {
  directory = await bundlePortableTests()
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const expected = suites.flatMap(suite => suite.cases.map(({ name }) => `${suite.name} > ${name}`))

test('no two cases have one name, and there are some', () => {
  expect(new Set(expected).size).toBe(expected.length)
  expect(expected.length).toBeGreaterThan(30)
})

/** What each runtime said of each case that tells something. */
const said = new Map<string, readonly string[]>()

for (const runtime of runtimes()) {
  describe(runtime.name, () => {
    if (!isThere(runtime)) {
      test.skip(`is not on this machine: ${runtime.path}`)
      return
    }
    let found: ReadonlyMap<string, Outcome>
    beforeAll(async () => {
      const list = await outcomes(runtime, directory)
      said.set(
        runtime.name,
        list.flatMap(({ suite, name, says }) => (says === undefined ? [] : `${suite} > ${name}: ${says}`)),
      )
      found = new Map(list.map(outcome => [`${outcome.suite} > ${outcome.name}`, outcome]))
    })

    test('runs the cases that there are', () => {
      expect([...found.keys()]).toEqual(expected)
    })

    for (const suite of suites) {
      describe(suite.name, () => {
        test.each(suite.cases)('$name', ({ name }) => {
          const outcome = found.get(`${suite.name} > ${name}`)
          if (outcome === undefined) throw new Error('did not run')
          if (outcome.error !== undefined) throw new Error(outcome.error)
        })
      })
    }
  })
}

test('every runtime said the same of each key and signature at an edge', () => {
  const [first, ...others] = [...said.values()]
  expect(said.size).toBe(runtimes().filter(isThere).length)
  expect(first!.length).toBeGreaterThan(190)
  for (const verdicts of others) expect(verdicts).toEqual(first)
})
