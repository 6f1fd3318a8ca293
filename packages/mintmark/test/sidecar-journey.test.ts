import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort, PlatformProcess } from '@mintmark/testing/faults'
import { afterAll, expect, test } from 'vitest'
import { ran } from './operated.ts'

// Two devices of a real platform, each with a sidecar: what one sends the other checks against the platform's registry.

const bin = fileURLToPath(new URL('../bin/mintmark', import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'mintmark-sidecars-'))
const ends: (() => unknown)[] = []
afterAll(async () => {
  for (const end of ends.reverse()) await end()
  rmSync(directory, { recursive: true, force: true })
})

async function done(...args: string[]): Promise<Record<string, unknown>> {
  const { code, out, err } = await ran(...args, '--json')
  if (code !== 0) throw new Error(`${args.join(' ')}: ${err}`)
  return JSON.parse(out)
}

interface Ready {
  readonly did: string
  readonly socket: string
}

async function sidecar(home: string): Promise<Ready> {
  const child = spawn(bin, ['sidecar', '--home', home, '--json'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise(resolve => child.once('exit', resolve))
  ends.push(async () => {
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
  })
  return new Promise((resolve, reject) => {
    child.stdout.once('data', chunk => resolve(JSON.parse(String(chunk))))
    child.once('exit', code => reject(new Error(`it ended with ${code}`)))
  })
}

function post({ socket }: Ready, path: string, type: string, body: string | Uint8Array) {
  return new Promise<Record<string, unknown>>((resolve, reject) => {
    const options = { socketPath: socket, method: 'POST', path, headers: { 'content-type': type }, agent: false }
    const call = request(options, async response => {
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk)
      resolve(JSON.parse(Buffer.concat(chunks).toString()))
    })
    call.on('error', reject)
    call.end(body)
  })
}

test('what one signs the other accepts, until the device is revoked', async () => {
  const data = join(directory, 'data')
  const platform = await PlatformProcess.start({ data, port: await freePort() })
  ends.push(() => platform.stop())
  await done('fleet', 'create', 'acme', '--data', data)
  const enrolled = async (name: string): Promise<string> => {
    const { token } = await done('token', 'create', '--fleet', 'acme', '--name', name, '--data', data)
    await done('enroll', String(token), '--name', name, '--home', join(directory, name))
    return join(directory, name)
  }
  const hub = await sidecar(await enrolled('hub-1'))
  await done('device', 'scope', 'acme/hub-1', 'registry:read', '--data', data)
  const device = await sidecar(await enrolled('device-104'))

  const message = async () => {
    const fields = { to: hub.did, scope: 'telemetry:write', payload: { celsius: 21.5 } }
    const { message } = await post(device, '/send', 'application/json', JSON.stringify(fields))
    return Buffer.from(String(message), 'base64')
  }
  const receive = async (bytes: Uint8Array) => post(hub, '/receive', 'application/mint', bytes)

  expect((await receive(await message())).code).toBe('scope-refused')
  await done('device', 'scope', 'acme/device-104', 'telemetry:write', '--data', data)
  let sent = await message()
  let answer = await receive(sent)
  while (answer.code === 'message-fresh') {
    // The hub's sidecar has just started, and says when it will know.
    await sleep(Number(answer.retryAfter))
    sent = await message()
    answer = await receive(sent)
  }
  expect(answer).toMatchObject({ from: device.did, payload: { celsius: 21.5 } })
  expect((await receive(sent)).code).toBe('message-replayed')
  await done('revoke', 'acme/device-104', '--reason', 'stolen', '--data', data)
  expect((await receive(await message())).code).toBe('revoked')
})
