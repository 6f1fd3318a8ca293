import type { Access } from '@mintmark/core/rules'
import { expect, test } from 'vitest'
import { access } from '../../server/src/inbound/access.ts'
import { operations } from '../../server/src/inbound/operations.ts'
import { page } from './pages.ts'
import { tableRows } from './table.ts'

const ports = { machine: 'devices', console: 'people', both: 'both' } as const

/** In words, of a row of the access table. */
function whoMay({ roles, token, anyone, standing, late, grant, scope }: Access): string {
  if (anyone) return 'anyone'
  if (token) return 'a token'
  if (grant !== undefined) return `operator: ${grant.act} ${grant.over === 'platform' ? 'all' : `the ${grant.over}`}`
  if (scope !== undefined) return `device with \`${scope}\`, or operator`
  const who = roles.length > 2 ? 'any certificate' : roles.join(' or ')
  return `${who}${standing === undefined ? '' : `, ${standing}`}${late === true ? ', also late' : ''}`
}

test('docs/api.md has every operation, who may call it and where', () => {
  const real = Object.entries(access).map(([name, row]) => [
    `\`${name.replace('{.+}', '')}\``,
    whoMay(row),
    ports[row.door],
    operations[name as keyof typeof operations].summary,
  ])
  expect(tableRows(page('docs/api.md').text, 'Operation')).toEqual(real)
})

test('docs/api.md says of each query parameter that it is there', () => {
  const queries = Object.values(operations).flatMap(({ query = [] }) => query)
  const { text } = page('docs/api.md')
  expect([...new Set(queries)].filter(name => !text.includes(`\`${name}\``))).toEqual([])
})
