import { spawn, spawnSync } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { operated, ran } from './operated.ts'

const bin = fileURLToPath(new URL('../bin/mintmark', import.meta.url))
const url = `http://127.0.0.1:8080/console/#link=${'A'.repeat(43)}`
const answers = { 'POST /v1/console/links': { url, expires: '2026-12-29T23:59:00.000Z' } }

test.each([[[]], [['--json']]])(
  'console %j prints no link where there is no terminal, and asks for none',
  async more => {
    const platform = await operated(answers)
    const { code, err } = await ran('console', '--data', platform.data, ...more)
    expect(code).toBe(1)
    expect(err).toContain('mintmark: terminal-required: The sign-in link is printed to a terminal only.')
    expect(err).toContain('hint: run mintmark console in a terminal')
    expect(platform.seen).toEqual([])
    await platform.stop()
  },
)

const { error } = spawnSync('script', ['--version'])

test.skipIf(error)('console prints the link to a terminal', async () => {
  const platform = await operated(answers)
  const child = spawn('script', ['-qec', `'${bin}' console --data '${platform.data}'`, '/dev/null'], { stdio: 'pipe' })
  const out = await text(child.stdout)
  expect(out).toContain(url)
  expect(out).toContain('It signs you in once, until 2026-12-29 23:59 UTC.')
  expect(platform.seen).toEqual([{ call: 'POST /v1/console/links', body: {} }])
  await platform.stop()
})
