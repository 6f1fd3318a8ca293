import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort, PlatformProcess } from '@mintmark/testing/faults'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { find } from '../../../scripts/services.ts'
import { ran } from './operated.ts'

// Two devices of a real platform, each with a sidecar as people start it: one seals what only the other one opens.

const bin = fileURLToPath(new URL('../bin/mintmark', import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'mintmark-sealed-'))
const data = join(directory, 'data')
const ends: (() => unknown)[] = []
let platform: PlatformProcess
beforeAll(async () => {
  platform = await PlatformProcess.start({ data, port: await freePort() })
  ends.push(() => platform.stop())
  await done('fleet', 'create', 'acme', '--data', data)
})
afterAll(async () => {
  for (const end of ends.reverse()) await end()
  rmSync(directory, { recursive: true, force: true })
})

async function done(...args: string[]): Promise<Record<string, unknown>> {
  const { code, out, err } = await ran(...args, '--json')
  if (code !== 0) throw new Error(`${args.join(' ')}: ${err}`)
  return JSON.parse(out)
}

async function enrolled(name: string, ...scopes: string[]): Promise<string> {
  const { token } = await done('token', 'create', '--fleet', 'acme', '--name', name, '--data', data)
  await done('enroll', String(token), '--name', name, '--home', join(directory, name))
  await done('device', 'scope', `acme/${name}`, 'registry:read', ...scopes, '--data', data)
  return join(directory, name)
}

interface Started {
  readonly did: string
  readonly socket: string
  end(signal?: NodeJS.Signals): Promise<{ code: number | null; log: Record<string, unknown>[] }>
}

async function sidecar(home: string, ...args: string[]): Promise<Started> {
  const child = spawn(bin, ['sidecar', '--home', home, '--json', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const err = text(child.stderr!)
  const ended = new Promise<number | null>(resolve => child.once('exit', resolve))
  const line = await Promise.race([
    new Promise<string>(resolve => child.stdout!.once('data', chunk => resolve(String(chunk)))),
    ended.then(() => ''),
  ])
  const end = async (signal: NodeJS.Signals = 'SIGTERM') => {
    child.kill(signal)
    const code = await ended
    return { code, log: (await err).split('\n').flatMap(each => (each === '' ? [] : [JSON.parse(each)])) }
  }
  ends.push(() => end('SIGKILL'))
  return { ...JSON.parse(line), end }
}

function ask(socketPath: string, method: string, path: string, type = '', body: string | Uint8Array = '') {
  return new Promise<Record<string, unknown>>((resolve, reject) => {
    const headers = type === '' ? {} : { 'content-type': type }
    const call = request({ socketPath, method, path, headers, agent: false }, async response => {
      resolve(JSON.parse(await text(response)))
    })
    call.on('error', reject)
    call.end(body)
  })
}

const whoami = ({ socket }: Started) => ask(socket, 'GET', '/whoami')

async function seal({ socket }: Started, to: string): Promise<Record<string, unknown>> {
  const fields = { to, scope: 'telemetry:write', payload: { code: 1234 }, seal: true }
  return ask(socket, 'POST', '/send', 'application/json', JSON.stringify(fields))
}

const bytesOf = ({ message }: Record<string, unknown>): Buffer => Buffer.from(String(message), 'base64')
const receive = ({ socket }: Started, message: Uint8Array) =>
  ask(socket, 'POST', '/receive', 'application/mint', message)

/** Until it has been there for long enough to know what it had before. */
async function received(from: Started, to: string, by: Started) {
  for (;;) {
    const answer = await receive(by, bytesOf(await seal(from, to)))
    if (answer.code !== 'message-fresh') return answer
    await sleep(Number(answer.retryAfter))
  }
}

const python = find('python3')

/** A program in Python with the client of the examples, which is brought a message. */
async function throughPython({ socket }: Started, message: Uint8Array): Promise<string> {
  const examples = fileURLToPath(new URL('../../../examples/sidecar/', import.meta.url))
  const program = `
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
from sidecar import Sidecar
received = Sidecar(sys.argv[2]).receive(sys.stdin.buffer.read())
print(received['sealed'], received['payload'])
`
  const child = spawn(python!, ['-c', program, examples, socket], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(message)
  return text(child.stdout)
}

test('what one seals the other opens: started again, with another key of the device, and until it is over', async () => {
  const home = await enrolled('hub-1')
  const keys = join(home, 'encryption-keys')
  const did = 'did:web:example.test:fleets:acme:devices:hub-1'
  const device = await sidecar(await enrolled('device-104', 'telemetry:write'))

  const without = await sidecar(home)
  expect(await whoami(without)).toEqual({ did: without.did })
  expect((await seal(device, did)).code).toBe('no-encryption-key')
  expect(existsSync(keys)).toBe(false)
  expect((await without.end()).log).toEqual([])

  const first = await sidecar(home, '--announce')
  const { encryption } = await whoami(first)
  expect(encryption).toEqual({ key: expect.stringMatching(/^[\w-]{43}$/), expires: expect.any(Number) })
  expect(await received(device, did, first)).toMatchObject({ sealed: true, from: device.did, payload: { code: 1234 } })
  expect(statSync(keys).mode & 0o777).toBe(0o700)
  const files = readdirSync(keys)
  expect(files).toHaveLength(2)
  for (const name of files) expect(statSync(join(keys, name)).mode & 0o777, name).toBe(0o600)

  const said = python && (await throughPython(first, bytesOf(await seal(device, did))))
  if (said !== undefined) expect(said).toBe("True {'code': 1234}\n")

  // As long as it is kept, and whether it is announced still or not.
  const before = bytesOf(await seal(device, did))
  const bent = before.map((byte, i) => (i === before.length - 1 ? byte ^ 1 : byte))
  expect((await receive(first, bent)).code).toBe('body-refused')
  expect((await receive(first, before)).sealed).toBe(true)
  const { log } = await first.end('SIGKILL')
  expect(log.filter(({ event }) => event === 'announced')).toHaveLength(1)
  const second = await sidecar(home)
  expect(await whoami(second)).toEqual({ did: second.did })
  expect(await received(device, did, second)).toMatchObject({ sealed: true })
  await second.end()

  const third = await sidecar(home, '--announce')
  expect((await whoami(third)).encryption).toEqual(encryption)
  await done('renew', '--new-key', '--home', home)
  // The request that sees it has it announced.
  let now = await whoami(third)
  for (; now.encryption === undefined; now = await whoami(third)) await sleep(50)
  expect(now.did).not.toBe(third.did)
  expect(now.encryption).not.toEqual(encryption)
  expect(await received(device, did, third)).toMatchObject({ sealed: true })

  await done('decommission', 'acme/hub-1', '--reason', 'sold', '--data', data)
  await done('wipe', '--home', home)
  expect(existsSync(keys)).toBe(false)
  expect((await whoami(third)).code).toBe('home-retired')
  expect((await third.end()).code).toBe(0)
  expect(existsSync(keys)).toBe(false)
})

test('without its platform it serves all the same, and says in its log that nothing is announced', async () => {
  const home = await enrolled('hub-2')
  const { url } = JSON.parse(readFileSync(join(home, 'home.json'), 'utf8'))
  expect(url).toContain('https://')
  await platform.stop()
  const hub = await sidecar(home, '--announce')
  expect(await whoami(hub)).toEqual({ did: hub.did })
  const { code, log } = await hub.end()
  expect([code, log]).toMatchObject([0, [{ event: 'failed', task: 'announce', code: 'unreachable', level: 'warn' }]])
})

test('the home of an operator is refused, and stays as it was', async () => {
  const home = join(data, 'operator')
  const { code, err } = await ran('sidecar', '--home', home, '--announce')
  expect([code, err]).toEqual([1, expect.stringContaining('announce from the home of one')])
  expect(readdirSync(home).filter(name => name.includes('encryption') || name.startsWith('.'))).toEqual([])
})
