import { execFile } from 'node:child_process'
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isThere, runtimes } from '../packages/testing/src/runtimes.ts'
import { pack } from './pack.ts'

// Somebody installs the SDK who has nothing of this checkout.

const root = join(import.meta.dirname, '..')
const scratch = mkdtempSync(join(tmpdir(), 'mintmark-packed-'))
const home = join(scratch, 'somewhere-else')
let tarballs: string[]

const npm = (args: readonly string[]) =>
  promisify(execFile)('npm', [...args, '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: home,
    env: { PATH: process.env.PATH ?? '', HOME: scratch },
  })

beforeAll(async () => {
  mkdirSync(home)
  tarballs = pack(join(scratch, 'tarballs'))
  writeFileSync(join(home, 'package.json'), '{ "type": "module" }\n')
  // What the SDK needs of others comes from here, so that nothing is fetched.
  const others = ['@hpke/common', '@hpke/core'].map(name => join(root, 'node_modules', name))
  const { stdout } = await npm(['pack', '--silent', '--pack-destination', scratch, ...others])
  const foreign = stdout
    .trim()
    .split('\n')
    .map(file => join(scratch, file))
  await npm(['install', '--offline', ...foreign, ...tarballs])
})
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const installed = (name: string): string => join(home, 'node_modules/@mintmark', name)

test('it is the agent with what it needs of ours, in JavaScript, and nothing else', () => {
  const names = tarballs.map(file => /mintmark-([a-z]+)-[\d.]+\.tgz$/.exec(file)![1]!)
  expect(names).toEqual(expect.arrayContaining(['core', 'elements', 'agent']))
  expect(names.at(-1)).toBe('agent')
  for (const name of names) {
    const files = globSync('**/*', { cwd: installed(name), withFileTypes: true }).filter(entry => entry.isFile())
    const odd = files
      .map(entry => entry.name)
      .filter(file => !/(\.js|\.d\.ts|^package\.json|^README\.md|^LICENSE)$/.test(file))
    expect(odd).toEqual([])
    for (const file of globSync('src/**/*', { cwd: installed(name), withFileTypes: true }).filter(entry =>
      entry.isFile(),
    )) {
      const text = readFileSync(join(file.parentPath, file.name), 'utf8')
      expect(text, file.name).not.toMatch(/(?:from |import\()["']\.[^"']*\.ts["']/)
      expect(text, file.name).not.toContain(root)
    }
    const { exports, private: isPrivate } = JSON.parse(readFileSync(join(installed(name), 'package.json'), 'utf8')) as {
      exports: Record<string, { types: string; default: string }>
      private?: boolean
    }
    expect(isPrivate).toBeUndefined()
    for (const entry of Object.values(exports).flatMap(each => Object.values(each))) {
      expect(existsSync(join(installed(name), entry)), entry).toBe(true)
    }
  }
})

test('the checkout has nothing that was built', () => {
  expect(globSync('packages/{core,elements,agent,device}/**/*.{js,d.ts}', { cwd: root }).filter(isBuilt)).toEqual([])
})

const isBuilt = (file: string): boolean => !/ambient\.d\.ts$|node_modules/.test(file)

const program = `import { Agent, MemoryTrustRegistry, Refused } from '@mintmark/agent'
import { Loopback } from '@mintmark/agent/transport'
import * as nonces from '@mintmark/agent/nonces'
import * as seal from '@mintmark/agent/seal'
import { libsodiumVerify, nodeSha256 } from '@mintmark/agent/node'

const registry = new MemoryTrustRegistry()
const service = await Agent.create({ registry, sha256: nodeSha256 })
const loopback = new Loopback()
const device = await Agent.create()
registry.register(device.did, { scopes: ['telemetry:write'] })
const lines = [typeof libsodiumVerify, typeof nonces.RedisNonceStore, Object.keys(seal).length > 0, typeof loopback.deliver]
for (const form of ['cose', 'jws']) {
  const sent = await device.send({ to: service.did, payload: { celsius: 21.5 }, scope: 'telemetry:write' }, { form })
  lines.push((await service.receive(sent)).text())
  try {
    await service.receive(sent)
  } catch (error) {
    lines.push(error instanceof Refused ? error.code : String(error))
  }
}
console.log(lines.join(' '))
`

describe('it sends, receives and refuses a replay', () => {
  const machines = runtimes().filter(({ name }) => ['Node', 'Node 24', 'system Node', 'Deno', 'Bun'].includes(name))

  test.each(machines)('on $name', async ({ name, path }) => {
    expect(isThere({ path } as never), path).toBe(true)
    writeFileSync(join(home, 'program.mjs'), program)
    const args = name === 'Deno' ? ['run', '--no-lock', '--no-remote', '--node-modules-dir=manual', '--allow-all'] : []
    const env = { PATH: '/usr/bin:/bin', HOME: scratch, NO_COLOR: '1', DENO_NO_UPDATE_CHECK: '1' }
    const { stdout } = await promisify(execFile)(path, [...args, 'program.mjs'], { cwd: home, env, timeout: 60_000 })
    const said = '{"celsius":21.5} message-replayed'
    expect(stdout.trim()).toBe(`function function true function ${said} ${said}`)
  })
})

const typed = {
  'browser.ts': `import { Agent, MemoryTrustRegistry, type Received, Refused } from '@mintmark/agent'
import { HttpTransport } from '@mintmark/agent/transport'
import { PostgresNonceStore } from '@mintmark/agent/nonces'
import type { Code } from '@mintmark/core/errors'

const registry = new MemoryTrustRegistry()
registry.register('did:key:z6Mk', { scopes: ['telemetry:write'] })
const agent: Agent = await Agent.create({ registry, transport: new HttpTransport({ url: 'https://example.test/' }) })
const bytes: Uint8Array = await agent.send({ to: agent.did, payload: { celsius: 21.5 }, scope: 'telemetry:write' })
const received: Received = await agent.receive(bytes)
const code: Code = new Refused('unknown').code
console.log(received.text(), code, PostgresNonceStore.open)
// @ts-expect-error a message is sent to somebody
await agent.send({ payload: '', scope: 'telemetry:write' })
// @ts-expect-error nothing switches a check off
await Agent.create({ verify: false })
`,
  'node.ts': `import { Agent } from '@mintmark/agent'
import { DidWebTrustRegistry, nodeSha256 } from '@mintmark/agent/node'

console.log(await Agent.create({ registry: new DidWebTrustRegistry(), sha256: nodeSha256 }))
`,
}

describe('its declarations', () => {
  test.each([
    ['browser.ts', ['es2024', 'dom', 'dom.iterable'], []],
    ['node.ts', ['es2024'], ['node']],
  ] as const)('are what %s compiles against', async (file, lib, types) => {
    writeFileSync(join(home, file), typed[file])
    const others = join(home, 'node_modules/@types')
    mkdirSync(others, { recursive: true })
    for (const [name, place] of [
      ['@types/node', join(others, 'node')],
      ['undici-types', join(home, 'node_modules/undici-types')],
    ] as const) {
      if (!existsSync(place)) symlinkSync(join(root, 'node_modules', name), place)
    }
    const compilerOptions = {
      ...{ target: 'es2024', module: 'nodenext', moduleResolution: 'nodenext', strict: true, noEmit: true },
      ...{ exactOptionalPropertyTypes: true, skipLibCheck: false, lib, types },
    }
    writeFileSync(join(home, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }))
    const compiler = join(root, 'node_modules/typescript/bin/tsc')
    const said = await promisify(execFile)(process.execPath, [compiler, '--project', home], { cwd: home }).then(
      () => '',
      (error: { stdout: string }) => error.stdout,
    )
    expect(said).toBe('')
  })
})
