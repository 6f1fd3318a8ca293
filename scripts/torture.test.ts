import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { count, faults, type Outcome, variableOf } from '@mintmark/testing/faults'
import { describe, expect, test } from 'vitest'
import { environmentOf, isHeld, linesOf, readOptions, tableOf } from './torture.ts'

const main = join(import.meta.dirname, 'torture.ts')
const journeys = join(import.meta.dirname, '../journeys/faults')

const torture = (...args: string[]) => spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' })

const outcome = (fault: Outcome['fault'], changed: Partial<Outcome>): Outcome => ({
  ...{ fault, times: 0, acknowledged: 0, lost: 0, overspent: 0, unrecorded: 0, slowest: 0, passed: true },
  ...changed,
})

describe('the table of faults', () => {
  test('names each once, and means more by its full count', () => {
    expect(new Set(faults.map(({ name }) => name)).size).toBe(faults.length)
    for (const { name, sample, full } of faults) {
      expect(sample, name).toBeGreaterThan(0)
      expect(full, name).toBeGreaterThanOrEqual(sample)
    }
  })

  test('is the sample that was promised, or more', () => {
    const promised = { kills: 200, 'kills on postgres': 200, 'power cuts': 20, 'full disks': 20, 'io errors': 20 }
    for (const [name, least] of Object.entries(promised)) {
      expect(faults.find(fault => fault.name === name)?.sample, name).toBeGreaterThanOrEqual(least)
    }
  })

  test.each(faults.map(({ name, file }) => [name, file]))(
    '%s are made by %s, which looks at its count',
    (name, file) => {
      const text = readFileSync(join(journeys, file), 'utf8')
      expect(text).toContain(`'${name}'`)
      expect(text).toContain('expectMade(')
    },
  )
})

describe('a count', () => {
  test('is the sample, or what the environment says', () => {
    expect(count('power cuts', {})).toBe(20)
    expect(count('power cuts', { MINTMARK_POWER_CUTS: '3', MINTMARK_KILLS: '4' })).toBe(3)
    expect(variableOf('postgres read-only')).toBe('MINTMARK_POSTGRES_READ_ONLY')
  })

  test.each(['', '-1', '1e3', '2.5', 'all', '1000000000'])('is not %j', text => {
    expect(() => count('kills', { MINTMARK_KILLS: text })).toThrow('MINTMARK_KILLS')
  })
})

describe('what is asked for', () => {
  test('is all of it in full, with a seed', () => {
    const { chosen, seed } = readOptions([])
    expect(chosen.map(({ name, times }) => [name, times])).toEqual(faults.map(({ name, full }) => [name, full]))
    expect(seed).toBeGreaterThanOrEqual(0)
  })

  test('is told to the tests of a file, and those nobody asked for are not made there', () => {
    const wanted = readOptions(['--only', 'postgres killed', '--only', 'kills', '--scale', '0.05', '--seed', '7'])
    expect(wanted.chosen.map(({ name, times }) => [name, times])).toEqual([
      ['kills', 100],
      ['postgres killed', 10],
    ])
    expect(environmentOf('kill.test.ts', wanted)).toEqual({ MINTMARK_KILLS: '100', MINTMARK_SEED: '7' })
    expect(environmentOf('postgres.test.ts', wanted)).toMatchObject({
      ...{ MINTMARK_POSTGRES_KILLED: '10', MINTMARK_POSTGRES_PAUSED: '0', MINTMARK_SEED: '7' },
    })
  })

  test('is made at least once, and what is one story is told once', () => {
    const { chosen } = readOptions(['--scale', '0.0001'])
    expect(chosen.every(({ times }) => times >= 1)).toBe(true)
    const [clock] = readOptions(['--scale', '5', '--only', 'clock steps']).chosen
    expect(clock!.times).toBe(clock!.full)
  })

  test.each([
    [['--only', 'floods'], /^no fault is called floods\n {2}npm run torture -- --help\n$/],
    [['--scale', '0'], /--scale is a number above 0/],
    [['--seed', 'x'], /--seed is a whole number/],
    [['--rubbish'], /'--rubbish'/],
    [['kills'], /kills/],
  ])('makes no sense as %j: exit code 2', (args, said) => {
    const { status, stdout, stderr } = torture(...args)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(said)
  })

  test('is listed by --help: every fault and every option', () => {
    const { status, stdout } = torture('--help')
    expect(status).toBe(0)
    for (const each of ['--only', '--scale', '--seed', ...faults.map(({ name }) => name)])
      expect(stdout).toContain(each)
  })
})

describe('the last lines', () => {
  const wanted = readOptions(['--only', 'kills', '--scale', '0.1', '--seed', '7'])
  const whole = outcome('kills', { times: 20, acknowledged: 400, slowest: 900 })
  const heart = outcome('kills', { times: 180, acknowledged: 1_000, slowest: 700 })
  const none = new Set<string>()

  test('add up the tests of a fault', () => {
    const lines = linesOf(wanted, [whole, heart, outcome('power cuts', { times: 1, lost: 1 })], none)
    expect(lines).toEqual([
      {
        ...{ fault: 'kills', due: 200, times: 200, acknowledged: 1_400, lost: 0, overspent: 0, unrecorded: 0 },
        ...{ slowest: 900, verdict: 'held' },
      },
    ])
    expect(isHeld(lines, none)).toBe(true)
    expect(tableOf(lines)).toBe(
      [
        'fault  times  acknowledged  lost  overspent  unrecorded  worst ready',
        'kills    200          1400     0          0           0       900 ms  held',
      ].join('\n'),
    )
  })

  test.each(['lost', 'overspent', 'unrecorded'] as const)('do not hold where one is %s', loss => {
    const lines = linesOf(wanted, [whole, { ...heart, [loss]: 1 }], none)
    expect(lines[0]![loss]).toBe(1)
    expect(isHeld(lines, none)).toBe(false)
  })

  test('do not hold where a test failed, nor where its file did', () => {
    const broken = linesOf(wanted, [whole, { ...heart, passed: false }], none)
    expect([broken[0]!.verdict, isHeld(broken, none)]).toEqual(['FAILED', false])
    const failed = new Set(['kill.test.ts'])
    expect(isHeld(linesOf(wanted, [whole, heart], failed), failed)).toBe(false)
  })

  test('say which fault of a file failed, where one did', () => {
    const both = readOptions(['--only', 'postgres killed', '--only', 'postgres stopped', '--scale', '0.01'])
    const outcomes = [
      outcome('postgres killed', { times: 2 }),
      outcome('postgres stopped', { times: 2, passed: false }),
    ]
    const failed = new Set(['postgres.test.ts'])
    const lines = linesOf(both, outcomes, failed)
    expect(lines.map(({ verdict }) => verdict)).toEqual(['held', 'FAILED'])
    expect(isHeld(lines, failed)).toBe(false)
  })

  test('do not hold where a fault was made less often than it was asked for, or not at all', () => {
    for (const outcomes of [[], [whole]]) {
      const lines = linesOf(wanted, outcomes, none)
      expect([lines[0]!.verdict, isHeld(lines, none)]).toEqual(['not made', false])
    }
    expect(tableOf(linesOf(wanted, [whole], none))).toContain('20 of 200')
  })
})
