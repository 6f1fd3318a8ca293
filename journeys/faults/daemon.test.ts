import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { auditData } from '@mintmark/server'
import { compiled, DaemonProcess, freePort, Operator, type Place, PlatformProcess } from '@mintmark/testing/faults'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { need } from '../../scripts/services.ts'

// The daemon and the platform as real processes, each of which may go away at any moment.

const root = join(import.meta.dirname, '../..')
const mintmark = join(root, 'node_modules/.bin/mintmark')

let place: Place
let platform: PlatformProcess
let directory: string
/** All that any daemon wrote. */
let wrote = ''

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'mintmark-daemon-'))
  place = { data: join(directory, 'data'), port: await freePort() }
  platform = await PlatformProcess.start(place)
  run('fleet', 'create', 'acme', '--data', place.data)
})
afterAll(async () => {
  await platform.stop()
  const report = await auditData(place.data)
  rmSync(directory, { recursive: true, force: true })
  expect(report.ok).toBe(true)
})

interface Ran {
  readonly status: number | null
  readonly body: Readonly<Record<string, unknown>>
}

/** One command, with its JSON. */
function tryRun(args: readonly string[], more: NodeJS.ProcessEnv = {}): Ran {
  const env = { ...process.env, ...compiled, ...more }
  const { status, stdout } = spawnSync(mintmark, [...args, '--json'], { encoding: 'utf8', env })
  return { status, body: stdout === '' ? {} : JSON.parse(stdout) }
}

function run(...args: readonly string[]): Ran['body'] {
  const { status, body } = tryRun(args)
  if (status !== 0) throw new Error(`mintmark ${args.join(' ')}: ${status} ${JSON.stringify(body)}`)
  return body
}

let devices = 0

function makeDevice(): { home: string; name: string } {
  const name = `device-${++devices}`
  const home = join(directory, name)
  const { token } = run('token', 'create', '--fleet', 'acme', '--data', place.data)
  run('enroll', String(token), '--name', name, '--home', home)
  return { home, name }
}

const shown = (name: string) => run('device', 'show', `acme/${name}`, '--data', place.data)

function start(home: string, env: NodeJS.ProcessEnv = {}, ...more: readonly string[]): DaemonProcess {
  const daemon = new DaemonProcess(home, more, env)
  onTestFinished(async () => {
    await daemon.kill('SIGKILL')
    wrote += daemon.wrote
  })
  return daemon
}

test('one daemon has a home; it ends cleanly when it is told to, and another takes over where it was killed', async () => {
  const { home } = makeDevice()
  const first = start(home)
  expect(await first.hears('started')).toMatchObject({ level: 'info', identity: expect.stringContaining('spiffe://') })
  await first.hears('configured')
  const second = start(home)
  expect(await second.ended()).toBe(1)
  expect(second.wrote).toContain('home-in-use')
  await first.kill('SIGKILL')
  const third = start(home)
  await third.hears('asked')
  expect(await third.kill('SIGTERM')).toBe(0)
  expect(third.said.at(-1)!.event).toBe('stopped')
  // No lock and no half-written file is left.
  expect(readdirSync(home).filter(name => name.startsWith('.'))).toEqual([])
})

test('a platform that is killed and comes back finds its device where it was', async () => {
  const { home } = makeDevice()
  const daemon = start(home)
  await daemon.hears('configured')
  await platform.kill()
  daemon.look()
  expect(await daemon.hears('failed')).toMatchObject({ level: 'warn', task: 'poll', code: 'unreachable' })
  expect(tryRun(['daemon', '--once', '--home', home]).status).toBe(1)
  platform = await PlatformProcess.start(place)
  const operator = new Operator(place.data)
  await operator.setConfiguration('acme', { password: 'canary-4711' })
  operator.close()
  const before = daemon.said.length
  daemon.look()
  await daemon.hears('configured', before)
  const kept = JSON.parse(readFileSync(join(home, 'config.json'), 'utf8'))
  expect(kept).toMatchObject({ v: 1, configuration: { password: 'canary-4711' } })
})

test('renewing by hand, many times and with another key, is safe beside a daemon', async () => {
  const { home, name } = makeDevice()
  const daemon = start(home)
  await daemon.hears('configured')
  const { did } = shown(name)
  for (const args of [[], ['--new-key'], []]) {
    daemon.look()
    run('renew', ...args, '--home', home)
    daemon.look()
  }
  const before = daemon.said.length
  daemon.look()
  await daemon.hears('asked', before)
  expect(shown(name).did).not.toBe(did)
  expect(shown(name).did).toBe(run('whoami', '--home', home).did)
  expect(daemon.said.filter(({ level }) => level === 'error')).toEqual([])
  expect(await daemon.kill('SIGTERM')).toBe(0)
})

test('a revocation ends the daemon for good, and it says so', async () => {
  const { home, name } = makeDevice()
  const daemon = start(home)
  await daemon.hears('configured')
  run('revoke', `acme/${name}`, '--reason', 'stolen', '--data', place.data)
  daemon.look()
  expect(await daemon.ended()).toBe(1)
  expect(await daemon.hears('refused')).toMatchObject({ level: 'error', code: 'revoked' })
  const again = start(home)
  expect(await again.ended()).toBe(1)
  expect(existsSync(join(home, 'key.pem'))).toBe(true)
})

test('a decommissioned device is wiped by its daemon, which then has nothing more to do', async () => {
  const { home, name } = makeDevice()
  const daemon = start(home)
  await daemon.hears('configured')
  run('decommission', `acme/${name}`, '--reason', 'scrapped', '--data', place.data)
  daemon.look()
  expect(await daemon.ended()).toBe(0)
  await daemon.hears('retired')
  expect(readdirSync(home).filter(each => /key|cert|config/.test(each))).toEqual([])
  expect(shown(name).wiped).not.toBe(null)
  expect(await start(home).ended()).toBe(0)
})

test('once does what is due, and ends with an exit code', () => {
  const { home } = makeDevice()
  const serial = (): string => readFileSync(join(home, 'cert.pem'), 'utf8')
  const before = serial()
  expect(tryRun(['daemon', '--once', '--home', home])).toEqual({ status: 0, body: { ended: 'stopped' } })
  expect(existsSync(join(home, 'config.json'))).toBe(true)
  expect(serial()).toBe(before)
  expect(tryRun(['daemon', '--once', '--home', join(directory, 'nobody')])).toMatchObject({
    status: 1,
    body: { error: { code: 'home-missing' } },
  })
})

const missing = need('faketime')
/** Processes with it take this for the time of day, OpenSSL too. The program faketime would stand between us and them. */
const later = (days: number) => ({
  LD_PRELOAD: '/usr/$LIB/faketime/libfaketime.so.1',
  FAKETIME: `+${days}d`,
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
})

test.skipIf(missing)('K121 a sleeper comes back once its fleet lets it, and a revoked one never', async () => {
  const [sleeper, thief] = [makeDevice(), makeDevice()]
  run('revoke', `acme/${thief.name}`, '--reason', 'stolen', '--data', place.data)
  await platform.stop()
  onTestFinished(async () => {
    await platform.stop()
    platform = await PlatformProcess.start(place)
  })
  platform = await PlatformProcess.start({ ...place, env: later(40) })
  const daemon = start(sleeper.home, later(40))
  expect(await daemon.hears('failed')).toMatchObject({ task: 'renew', code: 'certificate-expired' })
  const policy = ['fleet', 'set', 'acme', '--late-renewal', '90d', '--reason', 'boxed', '--data', place.data]
  expect(tryRun(policy, later(40))).toMatchObject({ status: 0, body: { lateRenewal: 90 * 86_400_000 } })
  daemon.look()
  await daemon.hears('renewed')
  await daemon.hears('configured')
  expect(tryRun(['whoami', '--home', sleeper.home], later(40)).body).toMatchObject({ standing: 'good' })
  // Certificates that were made by the platform of then have not begun now.
  const revoked = start(thief.home, later(40))
  expect(await revoked.ended()).toBe(1)
  expect(await revoked.hears('refused')).toMatchObject({ code: 'revoked' })
})

test.skipIf(missing)(
  'K121 a device whose clock is ten years ahead renews nothing, and its home stays as it is',
  async () => {
    const { home } = makeDevice()
    const files = readdirSync(home).map(name => [name, readFileSync(join(home, name), 'utf8')])
    const daemon = start(home, later(3_650))
    expect(await daemon.hears('failed')).toMatchObject({ code: 'server-not-proven' })
    expect(await daemon.kill('SIGTERM')).toBe(0)
    expect(readdirSync(home).map(name => [name, readFileSync(join(home, name), 'utf8')])).toEqual(files)
    expect(await start(home, {}, '--once').ended()).toBe(0)
  },
)

test('nothing that is secret is in what daemons say', () => {
  expect(wrote).toContain('"event":"renewed"')
  for (const secret of ['PRIVATE KEY', 'BEGIN CERTIFICATE', 'mmt1_', 'canary-4711']) expect(wrote).not.toContain(secret)
})
