import { changeKinds } from '@mintmark/core/rules'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readPlace, to } from '../src/place/address.ts'
import { factWords, kindWords } from '../src/words/facts.ts'
import { labelChange, readLabels } from '../src/words/labels.ts'
import { domainOf, readRegistryPath, short } from '../src/words/names.ts'
import { count, grouped } from '../src/words/number.ts'
import { readSought } from '../src/words/sought.ts'
import { targetWords } from '../src/words/target.ts'
import { date, distance, moment } from '../src/words/time.ts'

describe('facts', () => {
  test.each(changeKinds)('%s has words', kind => {
    expect(kindWords(kind)).not.toBe(kind)
  })

  test('of a kind that is newer than the page have its name, and the reason', () => {
    expect(factWords({ kind: 'line.closed', body: { reason: 'night' } })).toEqual({
      what: 'line.closed',
      detail: 'night',
    })
    expect(factWords({ kind: 'constructor', body: {} })).toEqual({ what: 'constructor', detail: undefined })
  })

  test('say how often someone was refused', () => {
    const body = { code: 'revoked', operation: 'GET /v1/me', count: 3 }
    expect(factWords({ kind: 'refused', body }).what).toBe('Refused 3 times')
  })
})

describe('addresses', () => {
  test('bring every name back as it was', () => {
    const name = fc.string({ unit: 'binary', minLength: 1 }).filter(text => text.isWellFormed())
    fc.assert(
      fc.property(fc.array(name), name, (segments, value) => {
        expect(readPlace(to(segments, { search: value }))).toEqual({ segments, query: { search: value } })
      }),
    )
  })

  test('that nobody wrote are read all the same', () => {
    expect(readPlace('#/fleets/%E0%A4%A')).toEqual({ segments: ['fleets', '%E0%A4%A'], query: {} })
    expect(readPlace('')).toEqual({ segments: [], query: {} })
  })

  test('leave out what was not said', () => {
    expect(to(['a b', 1], { search: '', before: undefined })).toBe('#/a%20b/1')
  })
})

test.each([
  [1_000, 'within a minute'],
  [-1_000, 'just now'],
  [60_000, 'in 1 minute'],
  [-7_200_000, '2 hours ago'],
  [86_400_000 * 26 + 1, 'in 26 days'],
])('%i ms from now is %s', (gap, words) => {
  const now = Date.UTC(2026, 10, 22)
  expect(distance(new Date(now + gap).toISOString(), now)).toBe(words)
})

test('times are shown as they are, in UTC', () => {
  expect([moment('2026-11-22T02:13:59.000Z'), date('2026-11-22T02:13:59.000Z')]).toEqual([
    '2026-11-22 02:13',
    '2026-11-22',
  ])
})

test('numbers have groups, and the right word', () => {
  expect([grouped(1_000_000), count(1, 'device'), count(0, 'device'), count(2, 'entry', 'entries')]).toEqual([
    '1\u202f000\u202f000',
    '1 device',
    '0 devices',
    '2 entries',
  ])
})

test.each<[string, ReturnType<typeof readSought>]>([
  ['', {}],
  [' Sensor-1 ', { search: 'sensor-1' }],
  ['site=Berlin', { label: 'site=berlin' }],
  ['site=', 'none'],
  ['=berlin', 'none'],
  ['a=b=c', 'none'],
  ['two words', 'none'],
  ['x'.repeat(65), 'none'],
  ['<b>', 'none'],
])('%j is sought as %j', (text, sought) => {
  expect(readSought(text)).toEqual(sought)
})

describe('labels', () => {
  test.each([
    ['site=berlin', ['-floor']],
    ['site=berlin floor=3', []],
    ['site=hamburg, floor=3', ['site=hamburg']],
    ['', ['-site', '-floor']],
    ['new=1 site=berlin floor=3', ['new=1']],
    ['nonsense site=berlin floor=3', ['nonsense']],
  ])('%j makes a change of what there is', (text, change) => {
    expect(labelChange({ site: 'berlin', floor: '3' }, readLabels(text))).toEqual(change)
  })
})

test('names are read out of what the platform calls someone', () => {
  expect(readRegistryPath('acme/device/device-1')).toEqual({ fleet: 'acme', role: 'device', name: 'device-1' })
  for (const text of ['platform', 'token:abc', 'platform/server', 'a/b/c/d', '//'])
    expect(readRegistryPath(text)).toBeUndefined()
  expect(domainOf('spiffe://platform.example.test/operator/alice')).toBe('example.test')
  expect([short('0123456789'), short('0123456789a')]).toEqual(['0123456789', '01234567…'])
  expect([targetWords('fleet'), targetWords('label:site=berlin')]).toEqual(['the whole fleet', 'label site=berlin'])
})
