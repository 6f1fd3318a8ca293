import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent } from '@mintmark/agent'
import { didKey } from '@mintmark/core/keys'
import { readMessage } from '@mintmark/core/signed'
import { auditData, dataFiles } from '@mintmark/server'
import { startPostgres } from '@mintmark/testing'
import {
  claim,
  connectAnonymously,
  freePort,
  makeApplicant,
  Operator,
  type Place,
  PlatformProcess,
} from '@mintmark/testing/faults'
import { afterAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { need } from '../../scripts/services.ts'

// The same message, at processes that are killed and at two of them: it is recorded once or not at all, never twice.

let server: ReturnType<typeof startPostgres> | undefined
afterAll(async () => (await server)?.remove())

async function makeDatabase(): Promise<string> {
  server ??= startPostgres()
  return (await server).makeDatabase()
}

interface Sender {
  readonly tls: { readonly cert: string; readonly key: string }
  message(): Promise<Uint8Array>
}

/** Platforms in one, each on a port and a data directory of its own, and a device that may send. */
async function scene(isPostgres: boolean) {
  const directory = mkdtempSync(join(tmpdir(), 'mintmark-messages-'))
  const database = isPostgres ? { database: await makeDatabase() } : {}
  const first: Place = { data: join(directory, 'first'), port: await freePort(), ...database }
  const running = [await PlatformProcess.start(first)]
  const places = [first]
  if (isPostgres) {
    const second = { ...first, data: join(directory, 'second'), port: await freePort() }
    cpSync(first.data, second.data, { recursive: true })
    places.push(second)
    running.push(await PlatformProcess.start(second))
  }
  const operator = new Operator(first.data)
  const agent = new HttpsAgent({ keepAlive: true })
  onTestFinished(async () => {
    operator.close()
    agent.destroy()
    for (const each of running) await each.kill()
    rmSync(directory, { recursive: true, force: true })
  })
  await operator.createFleet('acme')
  const sender = await makeSender(first, operator)
  const ca = readFileSync(join(dataFiles(first.data).operator, 'anchor.pem'))
  /** 201, the code of a refusal, or `lost` where the connection went. */
  const post = (body: Uint8Array, which = 0) =>
    new Promise<number | string>(resolve => {
      const headers = { 'content-type': 'application/mint', 'content-length': body.length }
      const to = { host: '127.0.0.1', port: places[which]!.port, servername: 'localhost', ca, agent, ...sender.tls }
      httpsRequest({ ...to, method: 'POST', path: '/v1/messages', headers }, response => {
        const chunks: Buffer[] = []
        response.on('data', chunk => chunks.push(chunk))
        response.on('error', () => resolve('lost'))
        response.on('end', () => {
          const { code = response.statusCode } = JSON.parse(Buffer.concat(chunks).toString()) as { code?: string }
          resolve(code!)
        })
      })
        .on('error', () => resolve('lost'))
        .end(body)
    })
  /** SIGKILL, and the same again. */
  const killAndStart = async (which = 0) => {
    await running[which]!.kill()
    agent.destroy()
    running[which] = await PlatformProcess.start(places[which]!)
  }
  const audited = () => auditData(first.data)
  return { sender, post, killAndStart, audited, processes: running.length }
}

async function makeSender({ data }: Place, operator: Operator): Promise<Sender> {
  const door = connectAnonymously(data)
  const token = await operator.createToken('acme', 2)
  const [device, hub] = [await makeApplicant(), await makeApplicant()]
  const { certificate } = await claim(door, token, device, 'device-104')
  await claim(door, token, hub, 'hub-1')
  door.close()
  await operator.setScope('acme', 'device-104', { scopes: ['telemetry:write'] })
  const agent = await Agent.create({ key: device.key })
  const [to, scope] = [didKey(hub.key.publicKey), 'telemetry:write']
  return {
    tls: { cert: certificate, key: device.pkcs8 },
    message: async () => readMessage(await agent.send({ to, payload: 'x', scope }), 65_536).envelope.bytes,
  }
}

const accepted = (codes: readonly (number | string)[]): number => codes.filter(code => code === 201).length

describe.each([
  ['SQLite', false],
  ['PostgreSQL, two processes', true],
])('E65 on %s', (_, isPostgres) => {
  const missing = isPostgres ? need('postgres') : undefined
  beforeEach(({ skip }) => skip(missing !== undefined, missing))

  test('the same message is recorded once: brought by 64 at once, and after a kill at each process', async () => {
    const { sender, post, killAndStart, audited, processes } = await scene(isPostgres)
    const message = await sender.message()
    const codes = await Promise.all(Array.from({ length: 64 }, (_, i) => post(message, i % processes)))
    expect(accepted(codes)).toBe(1)
    expect(new Set(codes)).toEqual(new Set([201, 'message-replayed']))
    for (let which = 0; which < processes; which++) {
      await killAndStart(which)
      expect(await post(message, which)).toBe('message-replayed')
    }
    expect(await audited()).toMatchObject({ ok: true })
  }, 60_000)

  test('killed while it is brought: what was acknowledged stays so, and nothing is recorded twice', async () => {
    const { sender, post, killAndStart, audited } = await scene(isPostgres)
    for (let round = 0; round < 3; round++) {
      const messages = await Promise.all(Array.from({ length: 40 }, () => sender.message()))
      const brought = messages.map(message => post(message))
      await brought[round * 10]
      await killAndStart()
      const before = await Promise.all(brought)
      const after = await Promise.all(messages.map(message => post(message)))
      for (const [i, code] of before.entries()) {
        // Where the answer was lost it may be recorded or not; where it came, it is.
        const due = code === 201 ? ['message-replayed'] : [201, 'message-replayed']
        expect(due, `${code}, then ${after[i]}`).toContain(after[i])
      }
      const again = await Promise.all(messages.map(message => post(message)))
      expect(new Set(again)).toEqual(new Set(['message-replayed']))
    }
    expect(await audited()).toMatchObject({ ok: true })
  }, 60_000)
})
