import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { rolldown } from 'rolldown'
import { expect, test } from 'vitest'
import { root } from './pages.ts'

// What a page that sends messages has to load.

test('the agent with core takes at most 20 kB, bundled for browsers and compressed', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'mintmark-size-'))
  try {
    const input = join(root, 'packages/agent/src/index.ts')
    const bundle = await rolldown({ input, platform: 'browser', logLevel: 'warn' })
    const file = join(directory, 'agent.mjs')
    await bundle.write({ file, format: 'esm', minify: true })
    await bundle.close()
    const bytes = readFileSync(file)
    const { length } = gzipSync(bytes)
    process.stdout.write(`the agent in a browser: ${bytes.length} bytes, ${length} compressed\n`)
    expect(length).toBeLessThanOrEqual(20_000)
    expect(bytes.toString()).not.toContain('node:')
  } finally {
    rmSync(directory, { recursive: true })
  }
})
