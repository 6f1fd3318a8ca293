import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rolldown } from 'rolldown'

/**
 * Bundles the portable tests of core and agent into one file, `portable.mjs` in a new directory, with a `run()` that reports.
 * What every runtime gets is then the same bytes.
 */
export async function bundlePortableTests(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'mintmark-portable-'))
  const input = join(import.meta.dirname, '../test/portable.ts')
  // `neutral` resolves nothing of Node's: an import that leads outside fails here already.
  const bundle = await rolldown({ input, platform: 'neutral', logLevel: 'warn' })
  // What is loaded when it is used is in the one file too, for runtimes that are handed a file each.
  await bundle.write({ file: join(directory, 'portable.mjs'), format: 'esm', codeSplitting: false })
  await bundle.close()
  writeFileSync(join(directory, 'main.mjs'), main)
  writeFileSync(join(directory, 'worker.mjs'), worker)
  return directory
}

const main = `import { run } from './portable.mjs'
console.log(JSON.stringify(await run()))
`

const worker = `import { run } from 'portable.mjs'
export default { fetch: async () => Response.json(await run()) }
`
