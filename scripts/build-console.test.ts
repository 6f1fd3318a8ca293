import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'

// The build in a checkout of its own, with the packages that are installed here.

const root = join(import.meta.dirname, '..')
let checkout: string

beforeAll(() => {
  checkout = mkdtempSync(join(tmpdir(), 'mintmark-build-'))
  const parts = ['package-lock.json', 'scripts', 'packages/core/src']
  const page = ['index.html', 'vite.config.mjs', 'src'].map(name => `packages/console/${name}`)
  for (const part of [...parts, ...page]) cpSync(join(root, part), join(checkout, part), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(checkout, 'node_modules'))
})
afterAll(() => rmSync(checkout, { recursive: true, force: true }))

async function build(): Promise<{ code: number; out: string }> {
  const child = spawn(process.execPath, [join(checkout, 'scripts/build-console.mjs')])
  const [[code], stdout, stderr] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)])
  return { code: code as number, out: stdout + stderr }
}
const source = () => join(checkout, 'packages/console/src/words/number.ts')
const pages = () => join(checkout, 'packages/console/dist')
const script = () => readFileSync(join(pages(), 'console.js'), 'utf8')
/** Changes a text that is on a page. */
const change = (word: string) =>
  appendFileSync(join(checkout, 'packages/console/src/main.tsx'), `\ndocument.title = '${word}'\n`)

test('makes one page, one script and one style sheet, and says nothing', async () => {
  expect(await build()).toEqual({ code: 0, out: '' })
  expect(readdirSync(pages()).sort()).toEqual(['console.css', 'console.js', 'index.html'])
  const page = readFileSync(join(pages(), 'index.html'), 'utf8')
  // The policy of the listener refuses what stands in a page itself.
  expect(page).not.toMatch(/<script>|<style|style=|https?:/)
})

test('builds again where a source changed, and only there', async () => {
  rmSync(join(pages(), 'console.js'))
  expect((await build()).code).toBe(0)
  expect(readdirSync(pages())).not.toContain('console.js')
  change('changed-once')
  expect((await build()).code).toBe(0)
  expect(script()).toContain('changed-once')
})

test('leaves what was built where a source is broken, and says which', async () => {
  const before = script()
  const whole = readFileSync(source(), 'utf8')
  appendFileSync(source(), 'export const = 1\n')
  const { code, out } = await build()
  expect(code).toBe(1)
  expect(out).toContain('number.ts')
  expect(script()).toBe(before)
  rmSync(source())
  appendFileSync(source(), whole)
})

test('two at once leave one whole result, and nothing beside it', async () => {
  change('changed-twice')
  expect(await Promise.all([build(), build(), build()])).toEqual(Array(3).fill({ code: 0, out: '' }))
  expect(script()).toContain('changed-twice')
  expect(readdirSync(join(checkout, 'packages/console')).sort()).toEqual(
    ['.built', 'dist', 'index.html', 'src', 'vite.config.mjs'].sort(),
  )
})
