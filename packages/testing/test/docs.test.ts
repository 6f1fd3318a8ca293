import { expect, test } from 'vitest'
import { page } from './pages.ts'
import { runPage } from './run-page.ts'

const run = ['docs/operator.md', 'docs/device-builder.md', 'docs/auditor.md']

test.each(run)('every command of %s does what the page says', { timeout: 180_000 }, async path => {
  const { steps, problems } = await runPage(page(path))
  expect(problems).toEqual([])
  expect(steps).toBeGreaterThan(5)
})
