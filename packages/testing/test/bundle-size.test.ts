import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { rolldown } from 'rolldown'
import { expect, test } from 'vitest'
import { root } from './pages.ts'

// What a page that sends messages has to load.

test('the agent with core takes at most 20 kB, bundled for browsers and compressed; HPKE is loaded when it is used', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'mintmark-size-'))
  try {
    const input = join(root, 'packages/agent/src/index.ts')
    const bundle = await rolldown({ input, platform: 'browser', logLevel: 'warn' })
    const { output } = await bundle.write({ dir: directory, format: 'esm', minify: true })
    await bundle.close()
    const chunks = new Map(output.flatMap(one => (one.type === 'chunk' ? [[one.fileName, one] as const] : [])))
    /** With all that is loaded before it runs. */
    const load = (name: string, loaded = new Set<string>()): Set<string> => {
      if (!loaded.has(name)) for (const needed of chunks.get(name)!.imports) load(needed, loaded.add(name))
      return loaded.add(name)
    }
    const entry = output.find(one => one.type === 'chunk' && one.isEntry)!
    const loaded = load(entry.fileName)
    const text = [...loaded].map(name => chunks.get(name)!.code).join('')
    const { length } = gzipSync(text)
    process.stdout.write(`the agent in a browser: ${text.length} bytes, ${length} compressed\n`)
    expect(length).toBeLessThanOrEqual(20_000)
    expect(text).not.toContain('node:')
    const withHpke = [...chunks.values()].filter(({ moduleIds }) => moduleIds.some(id => id.includes('/@hpke/')))
    expect(withHpke.length).toBeGreaterThan(0)
    expect(withHpke.filter(({ fileName }) => loaded.has(fileName))).toEqual([])
  } finally {
    rmSync(directory, { recursive: true })
  }
})
