import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Writable } from 'node:stream'
import { Agent } from '@mintmark/agent'
import { hex, sha256, utf8 } from '@mintmark/core/bytes'
import { didKey } from '@mintmark/core/keys'
import { writeCoseEnvelope, writeMessage } from '@mintmark/core/signed'
import { dataFiles } from '@mintmark/server'
import { startTestPlatform } from '@mintmark/testing'
import pino from 'pino'
import { expect, test } from 'vitest'
import { ran } from '../../mintmark/test/operated.ts'

const canary = 'canary-5f1d9c3e-nobody-else-is-to-have-this'

/** Every way in which these bytes could have been written down. */
const spellings = (bytes: Uint8Array): string[] => {
  const buffer = Buffer.from(bytes)
  // Of base64 what does not depend on what stands before it.
  const parts = [0, 1, 2].flatMap(at => [
    buffer.subarray(at).toString('base64'),
    buffer.subarray(at).toString('base64url'),
  ])
  return [buffer.toString('latin1'), hex(bytes), hex(bytes).toUpperCase(), ...parts.map(text => text.slice(0, 40))]
}

test('H108 no payload is stored, logged, counted or exported, whether it is refused or handed on', async () => {
  const logged: string[] = []
  const stream = new Writable({
    write(chunk, _, done) {
      logged.push(String(chunk))
      done()
    },
  })
  const out = mkdtempSync(join(tmpdir(), 'mintmark-canary-'))
  const platform = await startTestPlatform({ log: pino({ level: 'trace' }, stream) })
  try {
    await platform.makeFleet('acme')
    const [sender, hub] = [
      await platform.enrollDevice('acme', 'device-104'),
      await platform.enrollDevice('acme', 'hub-1'),
    ]
    await platform.operator('PUT', '/v1/fleets/acme/devices/device-104/scope', { scopes: ['telemetry:write'] })
    const now = () => platform.clock.now()
    const agent = await Agent.create({ key: sender.key, now })
    const headers = { 'content-type': 'application/mint' }
    const post = (body: Uint8Array) => platform.call('POST', '/v1/messages', { as: sender.tls, headers, body })
    const to = didKey(hub.key.publicKey)
    const plain = await agent.send({ to, payload: canary, scope: 'telemetry:write' })
    const jws = await agent.send({ to, payload: canary, scope: 'telemetry:write' }, { form: 'jws' })
    // What is sealed looks like anything; here it is looked for.
    const body = utf8(`sealed, with a tag ${canary}`)
    const sealed = async (scope = 'telemetry:write') => {
      const once = { issued: now(), nonce: crypto.getRandomValues(new Uint8Array(16)) }
      const claims = { key: didKey(sender.key.publicKey), audience: to, scope, once, digest: sha256(body) }
      const said = { key: new Uint8Array(8), commitment: new Uint8Array(32) }
      return writeMessage(await writeCoseEnvelope(sender.key, { ...claims, sealed: said }), body)
    }
    const recorded = await sealed()
    const codes = []
    for (const each of [plain, jws, recorded, recorded, await sealed('door:open'), utf8(canary)]) {
      codes.push((await post(each)).body.code ?? 'recorded')
    }
    expect(codes).toEqual([
      'body-refused',
      'body-refused',
      'recorded',
      'message-replayed',
      'scope-refused',
      'bad-envelope',
    ])
    await platform.call('POST', '/v1/messages', { body: recorded, headers })
    await platform.snapshot()

    const { text: metrics } = await platform.browse('GET', '/metrics')
    const exported = await ran('audit', 'export', '--out', out, '--data', platform.data, '--ledger', 'acme')
    expect(exported.code).toBe(0)
    const shown = await ran('audit', 'list', '--ledger', 'acme', '--json', '--data', platform.data)
    const why = await ran('why', 'acme/device-104', '--json', '--data', platform.data)
    const places: [string, string][] = [
      ['the log', logged.join('')],
      ['metrics', metrics],
      ['audit list', shown.out],
      ['why', why.out],
    ]
    // Every row of every table, and every byte of the files that have them.
    const database = new DatabaseSync(dataFiles(platform.data).database, { readOnly: true })
    const tables = database.prepare("select name from sqlite_schema where type = 'table'").all() as { name: string }[]
    for (const { name } of tables) {
      for (const row of database.prepare(`select * from "${name}"`).all()) {
        for (const value of Object.values(row)) {
          places.push([name, value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value)])
        }
      }
    }
    database.close()
    for (const directory of [platform.data, out]) {
      for (const file of readdirSync(directory, { recursive: true }).map(String)) {
        const path = join(directory, file)
        if (statSync(path).isFile()) places.push([file, readFileSync(path).toString('latin1')])
      }
    }
    expect(logged.length).toBeGreaterThan(0)
    expect(tables.length).toBeGreaterThan(10)
    expect(places.some(([, text]) => text.includes(Buffer.from(sha256(body)).toString('latin1')))).toBe(true)
    const wanted = spellings(utf8(canary))
    const found = places.filter(([, text]) => wanted.some(spelling => text.includes(spelling)))
    expect(found.map(([place]) => place)).toEqual([])
  } finally {
    rmSync(out, { recursive: true, force: true })
    await platform.stop()
  }
}, 60_000)
