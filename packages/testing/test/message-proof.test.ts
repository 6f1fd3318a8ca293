import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { Agent } from '@mintmark/agent'
import { base64, hex, readBase64, sha256, utf8 } from '@mintmark/core/bytes'
import { exportFiles } from '@mintmark/core/evidence'
import { didKey } from '@mintmark/core/keys'
import {
  append,
  emptyFrontier,
  leafHash,
  readBundle,
  root as rootOf,
  signCheckpoint,
  tilePath,
  writeBundle,
  writeTile,
} from '@mintmark/core/ledger'
import { type Change, change, readChange } from '@mintmark/core/rules'
import { type Claims, readMessage, writeCoseEnvelope } from '@mintmark/core/signed'
import { openKeyFile } from '@mintmark/elements'
import { type AuditReport, auditExport, dataFiles } from '@mintmark/server'
import { startTestPlatform, type TestDevice, type TestPlatform } from '@mintmark/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { need } from '../../../scripts/services.ts'
import { ran } from '../../mintmark/test/operated.ts'

// A recorded message, away from its platform: what its proof shows to somebody who has nothing but the root, and what an
// exported ledger shows of the sender at that entry.

const examples = join(import.meta.dirname, '../../../examples/python')
const secret = 'a payload that is nobody else’s'

let platform: TestPlatform
let directory: string
let root: string
let [sender, hub]: TestDevice[] = []
/** Of one in COSE, one in JWS, one sealed: where they are, and what was sent. */
const recorded: { index: number; message: Uint8Array }[] = []
const proofOf = (i: number): string => join(directory, `proof-${recorded[i]!.index}.json`)

beforeAll(async () => {
  platform = await startTestPlatform()
  directory = mkdtempSync(join(tmpdir(), 'mintmark-message-proof-'))
  await platform.makeFleet('acme')
  sender = await platform.enrollDevice('acme', 'device-104')
  hub = await platform.enrollDevice('acme', 'hub-1', 'P-256')
  const scope = { scopes: ['telemetry:write'], devices: ['sensor-7'] }
  await platform.operator('PUT', '/v1/fleets/acme/devices/device-104/scope', scope)
  const trust = (await platform.call('GET', '/v1/trust')).body as Record<string, Record<string, string>>
  root = trust.root!.sha256!
  const agent = await Agent.create({ key: sender.key, now: () => platform.clock.now() })
  const said = { to: didKey(hub.key.publicKey), payload: secret, scope: 'telemetry:write' }
  for (const [more, form] of [
    [{ onBehalfOf: 'sensor-7' }, 'cose'],
    [{}, 'jws'],
  ] as const) {
    const message = await agent.send({ ...said, ...more }, { form })
    recorded.push({ index: await record(readMessage(message, 65_536).envelope.bytes), message })
  }
  const plain = utf8(`sixteen of salt.${secret}`)
  const { envelope, body } = await sealedOver(plain)
  recorded.push({ index: await record(envelope), message: body })
  writeFileSync(join(directory, 'plain'), plain)
  for (const i of recorded.keys()) {
    const name = `acme/${recorded[i]!.index}`
    const { code, err } = await ran('audit', 'prove', name, '--out', proofOf(i), '--data', platform.data)
    expect({ code, err }).toEqual({ code: 0, err: '' })
  }
}, 60_000)
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  await platform?.stop()
})

async function record(envelope: Uint8Array): Promise<number> {
  const headers = { 'content-type': 'application/mint' }
  const { body, text } = await platform.call('POST', '/v1/messages', { as: sender!.tls, headers, body: envelope })
  if (body.receipt === undefined) throw new Error(text)
  return (body.receipt as { index: number }).index
}

/** As if it were sealed: that nobody but the receiver can open it is not what is looked at here. */
async function sealedOver(plain: Uint8Array) {
  const body = new Uint8Array(64).fill(9)
  const sealed = { key: new Uint8Array(8), commitment: sha256(plain) }
  return { envelope: await signed({ digest: sha256(body), sealed }), body }
}

const signed = (changed: Partial<Claims> = {}, key = sender!.key): Promise<Uint8Array> =>
  writeCoseEnvelope(key, {
    key: didKey(key.publicKey),
    audience: didKey(hub!.key.publicKey),
    scope: 'telemetry:write',
    once: { issued: platform.clock.now(), nonce: crypto.getRandomValues(new Uint8Array(16)) },
    digest: new Uint8Array(32),
    ...changed,
  })

const verified = (path: string, ...options: string[]) => ran('audit', 'verify', path, '--root', root, ...options)

test('an entry is shown as the message that it is, and never with what was sent', async () => {
  const { out } = await ran('audit', 'show', `acme/${recorded[0]!.index}`, '--data', platform.data)
  for (const part of [
    'acme/device/device-104 sent a message on behalf of sensor-7 to acme/device/hub-1 for telemetry:write, issued ',
    `from          acme/device/device-104, by its key ${didKey(sender!.key.publicKey)}`,
    `to            acme/device/hub-1, as ${didKey(hub!.key.publicKey)}`,
    'on behalf of  sensor-7',
    'content       text/plain;charset=utf-8; not kept, its digest is',
    hex(sha256(readMessage(recorded[0]!.message, 65_536).body)),
  ]) {
    expect(out).toContain(part)
  }
  const listed = await ran('audit', 'list', '--ledger', 'acme', '--kind', 'message.accepted', '--data', platform.data)
  expect(listed.out).toContain('telemetry:write to acme/device/hub-1, on behalf of sensor-7')
  for (const text of [out, listed.out]) expect(text).not.toContain('nobody else')
})

describe('one file proves who sent what', () => {
  test('with the root alone', async () => {
    for (const i of recorded.keys()) {
      const { code, out } = await verified(proofOf(i))
      expect(code, out).toBe(0)
      expect(out).toContain('Proven: acme/device/device-104 sent a message')
      expect(out).toContain('The signature of the envelope was checked with the key in the entry')
    }
    const { out } = await verified(proofOf(2), '--json')
    expect(JSON.parse(out)).toMatchObject({
      ok: true,
      kind: 'message.accepted',
      message: { from: sender!.path, to: hub!.path, scope: 'telemetry:write', isSealed: true },
    })
  })

  test('and holds what somebody discloses against it', async () => {
    const [message, body] = [join(directory, 'message'), join(directory, 'body')]
    for (const i of [0, 1]) {
      writeFileSync(message, recorded[i]!.message)
      writeFileSync(body, readMessage(recorded[i]!.message, 65_536).body)
      for (const file of [message, body]) {
        const { code, out } = await verified(proofOf(i), '--body', file)
        expect({ code, out }).toMatchObject({ code: 0, out: expect.stringContaining('the file is what was sent') })
      }
    }
    writeFileSync(body, recorded[2]!.message)
    expect((await verified(proofOf(2), '--body', body)).out).toContain('the file is what was sent')
    expect((await verified(proofOf(2), '--body', join(directory, 'plain'))).out).toContain('is what was sealed')
    writeFileSync(body, utf8(`sixteen of salt.${secret}!`))
    for (const i of recorded.keys()) {
      expect(await verified(proofOf(i), '--body', body)).toMatchObject({
        code: 1,
        err: expect.stringMatching(/^mintmark: body-refused: /),
      })
    }
  })

  test('and not for a key that did not sign, whoever signed the ledger', async () => {
    const other = await platform.makeKey()
    const [fact] = (await platform.facts('acme')).slice(recorded[0]!.index) as [Change<'message.accepted'>]
    const forged = change({ ...parts(fact), body: { ...fact.body, spki: other.key.publicKey.spki } })
    const file = join(directory, 'forged.json')
    writeFileSync(file, await provenAlone(forged))
    expect(await verified(file)).toMatchObject({ code: 1, err: expect.stringContaining('envelope-signature') })
    writeFileSync(file, await provenAlone(fact))
    expect((await verified(file)).code).toBe(0)
  })
})

const parts = ({ kind, at, by, ledger }: Change<'message.accepted'>) => ({ kind, at, by, ledger })
const acmeKey = () => openKeyFile(join(dataFiles(platform.data).keeper, 'ledger-acme.pem'))

/** A proof file of a ledger that the platform's key signed, with this entry alone. */
async function provenAlone(fact: Change): Promise<string> {
  const file = JSON.parse(readFileSync(proofOf(0), 'utf8'))
  const hash = rootOf(append(emptyFrontier, [leafHash(fact.bytes)]).frontier)
  const checkpoint = await signCheckpoint(acmeKey(), file.origin, 1, hash)
  return JSON.stringify({ ...file, index: 0, entry: base64(fact.bytes), proof: [], checkpoint })
}

const missing = need('/usr/lib/python3/dist-packages/cryptography/__init__.py')
describe.skipIf(missing)(`Python, with nothing of ours${missing ? ` (skipped: ${missing})` : ''}`, () => {
  const checked = async (file: string, pinned = root): Promise<Record<string, unknown>> => {
    const program = join(examples, 'verify_message_proof.py')
    return JSON.parse((await promisify(execFile)('/usr/bin/python3', [program, file, pinned])).stdout)
  }
  const altered = async (change: (file: Record<string, unknown>) => void): Promise<Record<string, unknown>> => {
    const file = JSON.parse(readFileSync(proofOf(0), 'utf8'))
    change(file)
    const path = join(directory, 'altered.json')
    writeFileSync(path, JSON.stringify(file))
    return checked(path)
  }

  test('verifies a message in COSE, in JWS and sealed, in less than 100 lines', async () => {
    expect(readFileSync(join(examples, 'verify_message_proof.py'), 'utf8').split('\n').length - 1).toBeLessThan(100)
    for (const i of recorded.keys()) {
      expect(await checked(proofOf(i))).toMatchObject({
        from: 'acme/device/device-104',
        to: 'acme/device/hub-1',
        audience: didKey(hub!.key.publicKey),
        key: sender!.key.publicKey.id,
        scope: 'telemetry:write',
        'on behalf of': i === 0 ? 'sensor-7' : null,
        digest: hex(i === 2 ? sha256(recorded[2]!.message) : sha256(readMessage(recorded[i]!.message, 65_536).body)),
        ledger: 'acme.example.test/ledger',
        index: recorded[i]!.index,
      })
    }
  })

  test('refuses another root, and whatever was changed', async () => {
    await expect(checked(proofOf(0), '0'.repeat(64))).rejects.toThrow('another root')
    const flip = (text: unknown, at: number): string => {
      const bytes = readBase64(String(text))
      bytes[at < 0 ? bytes.length + at : at]! ^= 1
      return base64(bytes)
    }
    const other = JSON.parse(readFileSync(proofOf(1), 'utf8'))
    const changes: ((file: Record<string, unknown>) => void)[] = [
      file => Object.assign(file, { entry: flip(file.entry, 20) }),
      file => Object.assign(file, { entry: other.entry }),
      file => Object.assign(file, { index: Number(file.index) - 1 }),
      file => Object.assign(file, { index: 99 }),
      file => Object.assign(file, { proof: (file.proof as string[]).slice(1) }),
      file => Object.assign(file, { proof: [...(file.proof as string[]), (file.proof as string[])[0]] }),
      file => Object.assign(file, { charter: flip(file.charter, -1) }),
      file => Object.assign(file, { charter: flip(file.charter, 100) }),
      file => Object.assign(file, { checkpoint: String(file.checkpoint).replace(/\n(\d+)\n/, '\n9$1\n') }),
      file => Object.assign(file, { origin: 'other.example.test/ledger' }),
    ]
    for (const change of changes) await expect(altered(change)).rejects.toThrow()
    expect(await altered(() => undefined)).toMatchObject({ from: 'acme/device/device-104' })
  })

  // OpenSSL takes them: of such a key anybody makes a signature, so whoever has the ledger's key needs no sender.
  test('refuses keys of small order, of which nobody has to sign', async () => {
    const fact = (await platform.facts('acme'))[recorded[0]!.index] as Change<'message.accepted'>
    const identity = Uint8Array.of(1, ...new Uint8Array(31))
    const nobody = { ...sender!.key, sign: async () => Uint8Array.of(...identity, ...new Uint8Array(32)) }
    const envelope = await signed({ digest: new Uint8Array(32) }, nobody)
    const file = join(directory, 'nobody.json')
    const prefix = Uint8Array.of(0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00)
    const spki = Uint8Array.of(...prefix, ...identity)
    writeFileSync(file, await provenAlone(change({ ...parts(fact), body: { ...fact.body, spki, envelope } })))
    await expect(checked(file)).rejects.toThrow('small order')
    expect(await verified(file)).toMatchObject({ code: 1, err: expect.stringContaining('key-refused') })
  })

  test('refuses an envelope that the key in the entry did not sign, and an entry that is no message', async () => {
    const { key } = await platform.makeKey()
    const facts = await platform.facts('acme')
    const fact = facts[recorded[0]!.index] as Change<'message.accepted'>
    const forged = change({ ...parts(fact), body: { ...fact.body, spki: key.publicKey.spki } })
    for (const each of [forged, facts[1]!]) {
      const path = join(directory, 'other.json')
      writeFileSync(path, await provenAlone(each))
      await expect(checked(path)).rejects.toThrow()
    }
  })
})

describe('H109 an exported ledger, signed by the platform, in which a message was recorded', () => {
  let whole: string

  beforeAll(async () => {
    whole = join(directory, 'export')
    expect((await ran('audit', 'export', '--out', whole, '--data', platform.data, '--ledger', 'acme')).code).toBe(0)
  })

  interface Forged {
    readonly claims?: Partial<Claims>
    readonly key?: TestDevice['key']
    readonly body?: Partial<Change<'message.accepted'>['body']>
    readonly at?: number
    readonly envelope?: Uint8Array
  }

  async function message({ claims, key = sender!.key, body, at, envelope }: Forged = {}): Promise<Change> {
    const facts = {
      identity: sender!.path,
      to: hub!.path,
      spki: key.publicKey.spki,
      envelope: envelope ?? (await signed(claims, key)),
      ...body,
    }
    const when = at ?? platform.clock.now()
    return change({ kind: 'message.accepted', at: when, by: sender!.path, ledger: 'acme', body: facts })
  }

  const fact = (kind: 'identity.revoked' | 'scope.set', body: object): Change =>
    change({ kind, at: platform.clock.now(), by: 'platform', ledger: 'acme', body: body as never })

  /** The report on the export with these entries more, signed as the platform signs. */
  async function after(...more: Change[]): Promise<AuditReport> {
    const copy = mkdtempSync(join(directory, 'forged-'))
    cpSync(whole, copy, { recursive: true })
    const acme = join(copy, 'acme')
    const size = Number(readFileSync(join(acme, exportFiles.checkpoint), 'utf8').split('\n')[1])
    const tile = (level: 'entries' | 0, width: number) => join(acme, tilePath({ level, index: 0, width }))
    const entries = [...readBundle(readFileSync(tile('entries', size)), size), ...more.map(({ bytes }) => bytes)]
    const leaves = entries.map(entry => leafHash(entry))
    writeFileSync(tile('entries', entries.length), writeBundle(entries))
    writeFileSync(tile(0, entries.length), writeTile(leaves))
    const { frontier } = append(emptyFrontier, leaves)
    const origin = `${basename(acme)}.example.test/ledger`
    writeFileSync(
      join(acme, exportFiles.checkpoint),
      await signCheckpoint(acmeKey(), origin, entries.length, rootOf(frontier)),
    )
    return auditExport(copy, { root }, { ledger: 'acme' })
  }

  const found = (entry: number, why: string) => ({
    ok: false,
    where: `ledger acme, entry ${entry}`,
    why: expect.stringContaining(why),
  })
  const end = () => recorded.at(-1)!.index + 1

  test('as it should be is whole', async () => {
    expect(await after(await message(), await message())).toMatchObject({ ok: true })
  })

  test('after its sender was revoked names the entry', async () => {
    const revoked = fact('identity.revoked', { identity: sender!.path, reason: 'stolen' })
    expect(await after(await message(), revoked, await message())).toMatchObject(found(end() + 2, 'revoked'))
  })

  test('after the scope was taken away, and outside of the scopes at that entry', async () => {
    const none = fact('scope.set', { identity: sender!.path, scopes: [], devices: [], counts: false })
    expect(await after(await message(), none, await message())).toMatchObject(found(end() + 2, 'scope-refused'))
    expect(await after(await message({ claims: { scope: 'door:open' } }))).toMatchObject(found(end(), 'scope-refused'))
    const behind = await message({ claims: { onBehalfOf: 'sensor-8' } })
    expect(await after(behind)).toMatchObject(found(end(), 'gateway-refused'))
  })

  test('twice with one nonce, also when the first was long ago', async () => {
    const twice = await message()
    expect(await after(twice, twice)).toMatchObject(found(end() + 1, 'message-replayed'))
    const { body } = twice as Change<'message.accepted'>
    const later = platform.clock.now() + 120_000
    const [other, again] = [
      await message({ at: later, claims: { once: { issued: later, nonce: new Uint8Array(16) } } }),
      await message({ at: later + 1, envelope: body.envelope }),
    ]
    expect(await after(twice, other, again)).toMatchObject(found(end() + 2, 'message-expired'))
    // With the clock that it had then, set back.
    const back = await message({ envelope: body.envelope, at: twice.at + 1 })
    expect(await after(twice, other, back)).toMatchObject(found(end() + 2, 'forgotten'))
  })

  test('by a key that is not the current one of its name', async () => {
    const { key } = await platform.makeKey()
    expect(await after(await message({ key }))).toMatchObject(found(end(), 'key-superseded'))
  })

  test('with a signature that the key in the entry did not make', async () => {
    const envelope = await signed()
    envelope[envelope.length - 1]! ^= 1
    expect(await after(await message({ envelope }))).toMatchObject(found(end(), 'envelope-signature'))
    const bytes = await signed({}, hub!.key)
    expect(await after(await message({ envelope: bytes }))).toMatchObject({ ok: false })
  })

  test('to somebody else than it says', async () => {
    expect(await after(await message({ body: { to: sender!.path } }))).toMatchObject(found(end(), 'other-audience'))
  })
})

test('what was recorded reads back from the ledger, byte for byte', async () => {
  const facts = (await platform.facts('acme')).filter(({ kind }) => kind === 'message.accepted')
  expect(facts).toHaveLength(3)
  for (const each of facts) expect(hex(readChange(each.bytes).bytes)).toBe(hex(each.bytes))
})
