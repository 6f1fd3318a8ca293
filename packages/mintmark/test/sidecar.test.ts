import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Agent, MemoryNonceStore, MemoryTrustRegistry } from '@mintmark/agent'
import { didKey } from '@mintmark/core/keys'
import { spiffeId } from '@mintmark/core/names'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { find, need } from '../../../scripts/services.ts'
import { keyForEnrollment, writeHome } from '../../device/src/home.ts'
import { fresh } from '../../device/test/listening.ts'
import { domain, makeLeaf, makePki, type Pki } from '../../device/test/pki.ts'
import { ran } from './operated.ts'

// The command as people start it, and programs in other languages that use it.

const bin = fileURLToPath(new URL('../bin/mintmark', import.meta.url))
const example = (name: string) => fileURLToPath(new URL(`../../../examples/sidecar/${name}`, import.meta.url))
const scope = 'telemetry:write'
let pki: Pki
beforeAll(async () => {
  pki = await makePki()
})

/** A home as an enrollment leaves it. */
async function enrolledHome(home = fresh('home')) {
  const { publicKey } = keyForEnrollment(home, 'Ed25519')
  const name = { fleet: 'acme', role: 'device', name: 'device-104' } as const
  const [identity, did] = [spiffeId(domain, name), didKey(publicKey)]
  const chain = [await makeLeaf(pki.acme, publicKey, name), pki.acme.der]
  const facts = { identity, did, url: 'https://localhost:1', ...name }
  writeHome(home, { facts, chain, anchor: pki.root.der, charter: undefined, receipt: {} })
  return { home, did }
}

interface Ready {
  readonly did: string
  readonly socket?: string
  readonly http?: string
  readonly secret?: string
}

const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

/** Started, until it is ready or over. */
async function started(home: string, ...args: readonly string[]) {
  const child = spawn(bin, ['sidecar', '--home', home, '--json', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  children.push(child)
  const err = text(child.stderr!)
  const ended = new Promise<number | null>(resolve => child.once('exit', resolve))
  const line = await Promise.race([
    new Promise<string>(resolve => child.stdout!.once('data', chunk => resolve(String(chunk)))),
    ended.then(() => ''),
  ])
  const end = async (signal: NodeJS.Signals = 'SIGTERM') => {
    child.kill(signal)
    return { code: await ended, err: await err }
  }
  return { line, ended, ready: (line.includes('ready') ? JSON.parse(line) : {}) as Ready, end }
}

/** A service that knows this device. */
async function service(device: string) {
  const registry = new MemoryTrustRegistry()
  let isNew = true
  // There for a minute already, so that no message is fresh to it.
  const nonces = new MemoryNonceStore({ now: () => Date.now() - (isNew ? 60_000 : 0) })
  isNew = false
  registry.register(device, { scopes: [scope] })
  return Agent.create({ registry, nonces })
}

test('it says where it listens, serves, and SIGTERM ends it', async () => {
  const { home, did } = await enrolledHome()
  const { ready, end } = await started(home)
  expect(ready).toEqual({ ready: true, did, socket: expect.stringMatching(/\/sidecar\.sock$/) })
  expect(statSync(ready.socket!).mode & 0o777).toBe(0o600)
  expect(existsSync(join(home, 'sidecar.secret'))).toBe(false)
  expect(await end()).toEqual({ code: 0, err: '' })
  expect(existsSync(ready.socket!)).toBe(false)
})

test('over HTTP it takes the secret of the home, and logs who came without', async () => {
  const { home, did } = await enrolledHome()
  const { ready, end } = await started(home, '--http', '127.0.0.1:0')
  expect(ready).toEqual({
    ready: true,
    did,
    http: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    secret: join(home, 'sidecar.secret'),
  })
  const secret = readFileSync(ready.secret!, 'utf8').trim()
  const ask = (headers: Record<string, string>) => fetch(`${ready.http}/whoami`, { headers })
  expect(await (await ask({ authorization: `Bearer ${secret}` })).json()).toEqual({ did })
  expect((await ask({})).status).toBe(401)
  const { code, err } = await end('SIGINT')
  expect(code).toBe(0)
  expect(
    err
      .trim()
      .split('\n')
      .map(line => JSON.parse(line)),
  ).toMatchObject([{ event: 'refused', code: 'refused' }])
  expect(err).not.toContain(secret)
})

test('a home whose key was changed is used with its new key, and one that is over with none', async () => {
  const { home, did } = await enrolledHome()
  const other = await enrolledHome()
  const { ready, end } = await started(home, '--http', '127.0.0.1:0')
  const headers = { authorization: `Bearer ${readFileSync(ready.secret!, 'utf8').trim()}` }
  const ask = async () => (await fetch(`${ready.http}/whoami`, { headers })).json() as Promise<Record<string, string>>
  expect((await ask()).did).toBe(did)
  const { copyFileSync, writeFileSync } = await import('node:fs')
  for (const name of ['key.pem', 'cert.pem', 'home.json']) copyFileSync(join(other.home, name), join(home, name))
  expect((await ask()).did).toBe(other.did)
  writeFileSync(join(home, 'retired.json'), '{}')
  expect((await ask()).code).toBe('home-retired')
  await end()
})

test('what cannot be is refused before it says that it is ready', async () => {
  const { home } = await enrolledHome()
  const first = await started(home)
  expect(first.ready.socket).toBeDefined()
  // Two would not know each other's nonces: the same message could be received by each, wherever they listen.
  for (const more of [[], ['--socket', join(home, 'another.sock')], ['--http', '127.0.0.1:0']]) {
    const second = await started(home, ...more)
    expect([JSON.parse(second.line).error.code, await second.ended]).toEqual(['home-in-use', 1])
  }
  const elsewhere = await started((await enrolledHome()).home, '--socket', first.ready.socket!)
  expect([JSON.parse(elsewhere.line).error.code, await elsewhere.ended]).toEqual(['address-in-use', 1])
  await first.end('SIGKILL')
  const next = await started(home)
  expect((await next.end()).code).toBe(0)
  chmodSync(home, 0o777)
  const exposed = await started(home)
  expect([JSON.parse(exposed.line).error.code, await exposed.ended]).toEqual(['socket-exposed', 1])
  const none = await started(fresh('home'))
  expect([JSON.parse(none.line).error.code, await none.ended]).toEqual(['home-missing', 1])
})

test.each([
  ['--http', '0.0.0.0:80'],
  ['--http', 'localhost:80'],
  ['--http', '127.0.0.1'],
  ['--http', '127.0.0.1:65536'],
  ['--http', '127.evil.com:1'],
  ['--uid', 'root'],
  ['--uid', '-1'],
  ['--uid', '01'],
])('%s %s is wrong use', async (...args) => {
  expect((await ran('sidecar', '--home', '/nowhere', ...args)).code).toBe(2)
})

const python = find('python3')
describe.skipIf(python === undefined)(python === undefined ? 'Python is missing' : 'with Python', () => {
  test('a program sends, receives, and hears why not', async () => {
    const { home } = await enrolledHome()
    const { ready, end } = await started(home)
    const receiver = await service(ready.did)
    const args = [example('sidecar.py'), ready.socket!, receiver.did, scope, '21.5']
    const { stdout } = await promisify(execFile)(python!, args)
    const received = await receiver.receive(Buffer.from(stdout, 'base64'))
    expect([received.from, received.json()]).toEqual([ready.did, { celsius: 21.5 }])
    const program = `
import sys
sys.path.insert(0, ${JSON.stringify(example(''))})
sys.dont_write_bytecode = True
from sidecar import Refused, Sidecar
sidecar = Sidecar(${JSON.stringify(ready.socket)})
print(sidecar.whoami()['did'])
for attempt in (lambda: sidecar.receive(b'nothing'), lambda: sidecar.send('did:key:x', 'Not A Scope', b'bytes')):
    try:
        attempt()
    except Refused as why:
        print(why.code, why.by_receiver)
`
    const said = await promisify(execFile)(python!, ['-c', program])
    expect(said.stdout.trim().split('\n')).toEqual([ready.did, 'bad-envelope False', 'bad-scope False'])
    await end()
  })
})

const curl = need('curl')
describe.skipIf(curl)(curl ?? 'with the shell', () => {
  test('a script sends, and another one is told why a message is refused', async () => {
    const { home } = await enrolledHome()
    const { ready, end } = await started(home)
    const receiver = await service(ready.did)
    const options = { encoding: 'buffer' } as const
    const { stdout } = await promisify(execFile)(
      example('send.sh'),
      [ready.socket!, receiver.did, scope, '21.5'],
      options,
    )
    expect((await receiver.receive(stdout)).json()).toEqual({ celsius: 21.5 })
    const wrong = spawn(example('receive.sh'), [ready.socket!], { stdio: ['pipe', 'pipe', 'ignore'] })
    wrong.stdin.end(stdout)
    const [answer, code] = await Promise.all([text(wrong.stdout), new Promise(resolve => wrong.once('close', resolve))])
    expect([JSON.parse(answer).code, code]).toEqual(['other-audience', 22])
    await end()
  })
})
