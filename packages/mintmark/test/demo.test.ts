import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test, vi } from 'vitest'
import { ran } from './operated.ts'

interface Said {
  readonly ok: boolean
  readonly steps: readonly { readonly title: string; readonly found: string }[]
  readonly entries: number
}

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'mintmark-demos-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

test('the demo shows each thing it tells of, and leaves nothing behind', async () => {
  const place = temporary()
  vi.stubEnv('TMPDIR', place)
  onTestFinished(() => void vi.unstubAllEnvs())
  const { code, out, err } = await ran('demo', '--devices', '10', '--json')
  expect({ code, err }).toEqual({ code: 0, err: '' })
  const { ok, steps, entries } = JSON.parse(out) as Said
  expect(ok).toBe(true)
  const seen = steps.map(({ found }) => found).join('\n')
  for (const code of ['token-spent', 'key-in-use', 'key-superseded', 'revoked']) expect(seen).toContain(code)
  expect(seen).toMatch(/socket cut after \d+ ms/)
  expect(seen).toMatch(/found in (ledger acme, entry \d+|table registry, row acme\/device\/device-03)/)
  // Ten enrolled, five renewed, one replaced, one revoked, one decommissioned and wiped, and what was refused.
  expect(entries).toBeGreaterThan(20)
  expect(readdirSync(place)).toEqual([])
}, 60_000)

test('tells a person line by line, and ends in a table', async () => {
  const { code, out, err } = await ran('demo', '--devices', '10')
  expect(code).toBe(0)
  expect(err.trimEnd().split('\n')).toHaveLength(12)
  expect(err).toMatch(/^✓ A platform/)
  expect(out).toContain('WHAT HAPPENED')
  expect(out).toMatch(/12 of 12 as they should be, in \d+\.\d s\./)
}, 60_000)

test('kept, it runs on with its console until it is ended', async () => {
  const kept = join(temporary(), 'kept')
  const bin = fileURLToPath(new URL('../bin/mintmark', import.meta.url))
  const child = spawn(bin, ['demo', '--devices', '10', '--keep', kept], { stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = once(child, 'exit')
  onTestFinished(() => void child.kill('SIGKILL'))
  let said = ''
  for await (const chunk of child.stdout) {
    said += chunk
    if (said.includes('mintmark whoami')) break
  }
  const [, page] = /It runs on: (\S+)trust\./.exec(said)!
  expect(said).toContain(`mintmark console --data ${join(kept, 'platform')}`)
  const console = await fetch(`${page}console/`)
  const [, script] = /<script[^>]* src="(\S+)"/.exec(await console.text())!
  expect((await fetch(new URL(script!, page))).headers.get('content-type')).toMatch(/^text\/javascript/)
  child.kill('SIGINT')
  expect(await ended).toEqual([0, null])
  expect(readdirSync(kept)).toContain('platform')
}, 60_000)

test('does not touch a directory that is there', async () => {
  const there = join(temporary(), 'there')
  mkdirSync(there)
  const { code, err } = await ran('demo', '--keep', there)
  expect(code).toBe(1)
  expect(err).toContain('home-exists')
  expect(readdirSync(there)).toEqual([])
})

test('fewer devices than the story needs are wrong use', async () => {
  expect((await ran('demo', '--devices', '3')).code).toBe(2)
})
