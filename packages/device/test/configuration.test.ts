import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hex, type Json, sha256, utf8, writeJson } from '@mintmark/core/bytes'
import { expect, test } from 'vitest'
import { keepConfiguration, keptConfiguration } from '../src/configuration.ts'
import { fresh } from './listening.ts'

const body = (version: number, configuration: { readonly [name: string]: Json }) => ({
  version,
  digest: hex(sha256(utf8(writeJson(configuration)))),
  configuration,
})

function makeHome(): { home: string; path: string } {
  const home = fresh('home')
  mkdirSync(home)
  return { home, path: join(home, 'config.json') }
}

test('a configuration is kept for its owner alone, with its version and digest', () => {
  const { home, path } = makeHome()
  expect(keptConfiguration(home)).toBe(undefined)
  const given = body(3, { interval: 60, 10: 'ten', 2: 'two' })
  expect(keepConfiguration(home, given)).toEqual(given)
  expect(keptConfiguration(home)).toEqual(given)
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ v: 1, ...given })
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('what did not change is not written again', () => {
  const { home, path } = makeHome()
  const given = body(3, { interval: 60 })
  keepConfiguration(home, given)
  const { ino } = statSync(path)
  expect(keepConfiguration(home, given)).toBe(undefined)
  expect(keepConfiguration(home, { version: 3, unchanged: true })).toBe(undefined)
  expect(statSync(path).ino).toBe(ino)
  expect(keepConfiguration(home, body(4, { interval: 60 }))).toMatchObject({ version: 4 })
  expect(keptConfiguration(home)).toMatchObject({ version: 4 })
})

test.each<[string, unknown]>([
  ['another digest', { ...body(4, { interval: 60 }), digest: '00'.repeat(32) }],
  ['another content than its digest', { ...body(4, { interval: 60 }), configuration: { interval: 61 } }],
  ['no digest', { version: 4, configuration: {} }],
  ['no version', { ...body(4, {}), version: undefined }],
  ['a version below 0', body(-1, {})],
  ['a version that is no whole number', body(1.5, {})],
  ['a list', { ...body(4, {}), configuration: [] }],
  ['unchanged, of a version that is not here', { version: 9, unchanged: true }],
  ['nothing', undefined],
])('%s is refused, and what is there stays', (_, wrong) => {
  const { home, path } = makeHome()
  keepConfiguration(home, body(3, { interval: 60 }))
  const before = readFileSync(path, 'utf8')
  expect(() => keepConfiguration(home, wrong)).toThrow(expect.objectContaining({ code: 'reply-refused' }))
  expect(readFileSync(path, 'utf8')).toBe(before)
})

test.each(['', '{', '{"v":1}', '{"v":1,"version":3,"digest":"00","configuration":{"interval":61}}'])(
  'a file that was damaged (%j) counts for nothing, and the next one takes its place',
  text => {
    const { home, path } = makeHome()
    writeFileSync(path, text)
    expect(keptConfiguration(home)).toBe(undefined)
    const given = body(3, { interval: 60 })
    expect(keepConfiguration(home, given)).toEqual(given)
    expect(keptConfiguration(home)).toEqual(given)
  },
)
