import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

// The bootstrap in a checkout of its own, with an `npm` that only writes down that it ran.

let checkout: string
beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), 'mintmark-run-'))
  mkdirSync(join(checkout, 'bin'))
  for (const file of ['run.mjs', 'install.mjs', 'build-console.mjs'])
    cpSync(join(import.meta.dirname, file), join(checkout, 'scripts', file))
  writeFileSync(join(checkout, 'package.json'), '{"type":"module"}')
  lock('first')
  npm('mkdir -p node_modules; echo "$@" NODE_ENV=$NODE_ENV >> npm.log; sleep 0.3')
})
afterEach(() => rmSync(checkout, { recursive: true, force: true }))

function lock(name: string, more = {}): void {
  const packages = { '': { name }, 'node_modules/a': {}, ...more }
  writeFileSync(join(checkout, 'package-lock.json'), JSON.stringify({ packages }))
}

function npm(script: string): void {
  const file = join(checkout, 'bin/npm')
  writeFileSync(file, `#!/bin/sh\n${script}\n`)
  chmodSync(file, 0o755)
}

function start(args: readonly string[], env: Record<string, string> = {}) {
  const path = `${join(checkout, 'bin')}:${process.env.PATH}`
  const child = spawn(process.execPath, [join(checkout, 'scripts/run.mjs'), ...args], { env: { PATH: path, ...env } })
  const out = Promise.all([text(child.stdout), text(child.stderr)])
  const done = once(child, 'close').then(async ([code]) => {
    const [stdout, stderr] = await out
    return { code: code as number, stdout, stderr }
  })
  return { child, done }
}

const installs = (): string[] => readFileSync(join(checkout, 'npm.log'), 'utf8').trim().split('\n')

describe('the bootstrap', () => {
  test('installs once for a lock file, and again for another one', async () => {
    for (const times of [1, 1]) {
      expect(await start(['-p', '1 + 1']).done).toMatchObject({ code: 0, stdout: '2\n' })
      expect(installs()).toHaveLength(times)
    }
    lock('second')
    expect(await start(['-p', '1']).done).toMatchObject({ code: 0, stdout: '1\n' })
    expect(installs()).toHaveLength(2)
  })

  test('installs development tools whatever the environment leaves out', async () => {
    const env = { NODE_ENV: 'production', npm_config_omit: 'dev' }
    expect(await start(['-p', 'process.env.NODE_ENV'], env).done).toMatchObject({ code: 0, stdout: 'production\n' })
    expect(installs()[0]).toMatch(/^ci --include=dev --include=optional .*NODE_ENV=$/)
  })

  test('takes what npm installed by hand, as long as it is all of the lock file', async () => {
    const record = (packages: object) => {
      mkdirSync(join(checkout, 'node_modules'), { recursive: true })
      writeFileSync(join(checkout, 'node_modules/.package-lock.json'), JSON.stringify({ packages }))
    }
    lock('first', {
      'node_modules/mine': { optional: true, os: [process.platform], cpu: [process.arch] },
      'node_modules/theirs': { optional: true, os: ['plan9'], cpu: [process.arch] },
      'node_modules/of-theirs': { optional: true },
    })
    record({ 'node_modules/a': {}, 'node_modules/mine': {} })
    expect(await start(['-p', '1']).done).toMatchObject({ code: 0 })
    expect(existsSync(join(checkout, 'npm.log'))).toBe(false)
    rmSync(join(checkout, 'node_modules'), { recursive: true })
    for (const [times, packages] of [{ 'node_modules/a': {} }, { 'node_modules/mine': {} }].entries()) {
      record(packages)
      expect(await start(['-p', '1']).done).toMatchObject({ code: 0 })
      expect(installs()).toHaveLength(times + 1)
      rmSync(join(checkout, 'node_modules'), { recursive: true })
    }
    record({ 'node_modules/a': { integrity: 'other' }, 'node_modules/mine': {} })
    expect(await start(['-p', '1']).done).toMatchObject({ code: 0 })
    expect(installs()).toHaveLength(3)
  })

  test('installs once where several start at the same moment', async () => {
    const all = await Promise.all(Array.from({ length: 4 }, () => start(['-p', '7']).done))
    for (const one of all) expect(one).toMatchObject({ code: 0, stdout: '7\n' })
    expect(installs()).toHaveLength(1)
  })

  test('does not wait for an installer that has died', async () => {
    const dead = spawn('true')
    await once(dead, 'close')
    mkdirSync(join(checkout, '.bootstrap.lock'))
    writeFileSync(join(checkout, '.bootstrap.lock/pids'), `${dead.pid}`)
    const all = await Promise.all(Array.from({ length: 3 }, () => start(['-p', '7']).done))
    for (const one of all) expect(one).toMatchObject({ code: 0, stdout: '7\n' })
    expect(installs()).toHaveLength(1)
  })

  test('says so and fails when the install fails, and tries again the next time', async () => {
    npm('mkdir -p node_modules; exit 3')
    const { code, stdout, stderr } = await start(['-p', '1']).done
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain('the install from package-lock.json failed with code 3')
    npm('echo again >> npm.log')
    expect(await start(['-p', '1']).done).toMatchObject({ code: 0 })
    expect(installs()).toEqual(['again'])
  })

  test('keeps the exit code', async () => {
    expect((await start(['-e', 'process.exit(7)']).done).code).toBe(7)
  })

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('hands %s on and waits for the end', async signal => {
    const script = `process.on('${signal}', () => setTimeout(() => { console.log('ended'); process.exit(5) }, 50))`
    const { child, done } = start(['-e', `${script}; console.log('ready'); setInterval(() => {}, 1000)`])
    await once(child.stdout, 'data')
    child.kill(signal)
    expect((await done).code).toBe(5)
  })

  test('runs under the pinned Node where there is one', async () => {
    npm(
      'mkdir -p node_modules/.bin; printf "#!/bin/sh\\necho pinned \\$@" > node_modules/.bin/node; chmod +x node_modules/.bin/node',
    )
    expect(await start(['a', 'b']).done).toMatchObject({ code: 0, stdout: 'pinned a b\n' })
  })
})
