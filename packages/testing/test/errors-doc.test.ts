import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { adviceOn, type Code, codes } from '@mintmark/core/errors'
import { expect, test } from 'vitest'
import { tableRows } from './table.ts'

const rows = tableRows(readFileSync(join(import.meta.dirname, '../../../docs/errors.md'), 'utf8'), 'Code')

test('docs/errors.md has every code once, as it is refused with', () => {
  const documented = rows.map(([code, status, seen, message]) => [code, status, seen, message].join(' | '))
  const real = Object.entries(codes).map(
    ([code, { status, seen, message }]) => `\`${code}\` | ${status} | ${seen} | ${message}`,
  )
  expect(documented.toSorted()).toEqual(real.toSorted())
})

test('docs/errors.md says what to do, in the words of `mintmark why`', () => {
  for (const [code = '', , , , advice = ''] of rows) {
    expect(advice, code).not.toBe('')
    const known = Object.keys(codes).find(name => `\`${name}\`` === code) as Code
    expect(advice, code).toBe(adviceOn(known))
  }
})
