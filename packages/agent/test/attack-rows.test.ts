import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

// What must be refused of a message is a table of rows; each is the name of a test that runs.

const files = globSync(['**/*.test.ts', '**/*.cases.ts'], { cwd: import.meta.dirname })
const titles = files.flatMap(file => {
  const text = readFileSync(join(import.meta.dirname, file), 'utf8')
  return [...text.matchAll(/\b(?:test|describe)(?:\.\w+)*\(\s*['"`]([^'"`]*)/g)].map(([, title = '']) => title)
})
const rows = [...Array.from({ length: 17 }, (_, i) => `E${65 + i}`), 'K121', 'K123']

test.each(rows)('%s has a test', row => {
  expect(titles.filter(title => title.split(' ').includes(row))).not.toEqual([])
})

test('the table of rows has each of them', () => {
  const text = readFileSync(join(import.meta.dirname, 'attacks.cases.ts'), 'utf8')
  const table = text
    .split('\n')
    .filter(line => line.startsWith('// | '))
    .join('\n')
  expect(rows.filter(row => !new RegExp(`\\b${row}\\b`).test(table))).toEqual([])
})
