import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { base64url, sha256 } from '@mintmark/core/bytes'
import { didKey, type Key, webCryptoVerify } from '@mintmark/core/keys'
import {
  type Claims,
  type EncryptionKey,
  readEncryptionKey,
  readMessage,
  writeCoseEnvelope,
  writeMessage,
} from '@mintmark/core/signed'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Agent, MemoryNonceStore, MemoryTrustRegistry, makeKey } from '../../src/index.ts'
import { encryptionKeysIn } from '../../src/node/index.ts'
import { openSidecar } from '../../src/node/sidecar/index.ts'
import { EncryptionKeys } from '../../src/seal/index.ts'
import { ask, receive } from './asking.ts'

// Sealed messages that programs bring to a sidecar: what it opens, and what it does not.

const scope = 'telemetry:write'
let directory: string
const ends: (() => unknown)[] = []
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mintmark-sealed-'))
})
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
  rmSync(directory, { recursive: true, force: true })
})

/** A sidecar with keys on the disk, whose key is announced; a device; and another one that may send to it as well. */
async function stand() {
  const registry = new MemoryTrustRegistry()
  const [key, deviceKey, malloryKey] = [await makeKey(), await makeKey(), await makeKey()]
  const place = encryptionKeysIn(join(directory, 'encryption-keys'))
  const service = await Agent.create({ key, encryption: await EncryptionKeys.open(place) })
  const did = service.did
  const announced = await service.announceEncryption()
  registry.register(did, { scopes: [], encryption: announced })
  const device = await Agent.create({ key: deviceKey, registry })
  for (const each of [deviceKey, malloryKey]) registry.register(didKey(each.publicKey), { scopes: [scope] })
  const spent: number[] = []
  /** @param encryption what the process has */
  const start = async (encryption?: EncryptionKeys, said?: EncryptionKey) => {
    const socket = join(directory, `${ends.length}.sock`)
    const store = new MemoryNonceStore({ now: Date.now })
    const nonces = {
      spend: (...args: Parameters<typeof store.spend>) => {
        spent.push(args[2])
        return { ...store.spend(...args), knowsSince: Number.NEGATIVE_INFINITY }
      },
      advance: store.advance.bind(store),
    }
    const identity = async () => ({ key, registry, nonces, ...(encryption && { encryption }), announced: said })
    const sidecar = await openSidecar({
      identity,
      socket,
      peerUid: () => process.getuid!(),
      secret,
      told: () => undefined,
    })
    ends.push(() => sidecar.close())
    return socket
  }
  const seal = (to = did) => device.send({ to, scope, payload: { code: 1234 }, seal: true })
  const open = () => EncryptionKeys.open(place)
  return { registry, key, did, announced, device, deviceKey, malloryKey, spent, start, seal, open }
}

const secret = () => {
  throw new Error('nobody asks over HTTP')
}

/** Another envelope over a body, by whoever. */
async function resign(
  by: Key,
  message: Uint8Array,
  change: Partial<Claims> = {},
  body = readMessage(message, 65_536).body,
) {
  const { claims } = readMessage(message, 65_536).envelope
  const all: Claims = { ...claims, key: didKey(by.publicKey), digest: sha256(body), ...change }
  return writeMessage(await writeCoseEnvelope(by, all), body)
}

test('it opens what is sealed to it, once, and says that it was; and that another one was not', async () => {
  const { start, open, seal, device, did } = await stand()
  const socket = await start(await open())
  const message = await seal()
  expect(Buffer.from(message).includes('1234')).toBe(false)
  const { status, json } = await receive(socket, message)
  expect([status, json.sealed, json.from, json.payload]).toEqual([200, true, device.did, { code: 1234 }])
  expect(Buffer.from(String(json.base64), 'base64').toString()).toBe('{"code":1234}')
  expect((await receive(socket, message)).json.code).toBe('message-replayed')
  const plain = await device.send({ to: did, scope, payload: 'open to all' })
  expect((await receive(socket, plain)).json).toMatchObject({ sealed: false, payload: 'open to all' })
})

test('another process with the keys of the home opens what was sealed before it', async () => {
  const { start, open, seal } = await stand()
  const first = await start(await open())
  const before = await seal()
  await ends.pop()!()
  await expect(ask(first)).rejects.toThrow()
  const again = await open()
  await again.renew(Date.now())
  const socket = await start(again)
  for (const message of [before, await seal()])
    expect((await receive(socket, message)).json).toMatchObject({ sealed: true })
})

test('what was changed, relayed, or is sealed to another is refused and spends no nonce', async () => {
  const { start, open, seal, deviceKey, malloryKey, registry, did, spent } = await stand()
  const socket = await start(await open())
  const other = await Agent.create({ encryption: await EncryptionKeys.open() })
  registry.register(other.did, { scopes: [], encryption: await other.announceEncryption() })
  const message = await seal()
  const { body } = readMessage(message, 65_536)
  const bent = body.map((byte, i) => (i === body.length - 1 ? byte ^ 1 : byte))
  const stranger = await makeKey()
  const refused: [code: string, bytes: Uint8Array][] = [
    ['body-refused', message.map((byte, i) => (i === message.length - 1 ? byte ^ 1 : byte))],
    ['seal-refused', await resign(deviceKey, message, {}, bent)],
    ['seal-refused', await resign(malloryKey, message)],
    ['seal-refused', await resign(deviceKey, message, { onBehalfOf: undefined, contentType: 'text/plain' })],
    ['sender-unknown', await resign(stranger, message)],
    ['other-audience', await seal(other.did)],
    ['seal-refused', await resign(deviceKey, await seal(other.did), { audience: did })],
  ]
  for (const [code, bytes] of refused) {
    const { status, json } = await receive(socket, bytes)
    expect([json.code, json.payload, status < 500]).toEqual([code, undefined, true])
  }
  expect(spent).toEqual([])
  expect((await receive(socket, message)).json).toMatchObject({ sealed: true })
  expect(spent).toHaveLength(1)
})

test('one without the key opens nothing, and spends nothing for the one that has it', async () => {
  const { start, open, seal, spent } = await stand()
  const message = await seal()
  expect((await receive(await start(), message)).json.code).toBe('seal-refused')
  expect((await receive(await start(await EncryptionKeys.open()), message)).json.code).toBe('seal-refused')
  expect(spent).toEqual([])
  expect((await receive(await start(await open()), message)).json.sealed).toBe(true)
})

test('whoami says what others can seal to, where that is announced', async () => {
  const { start, open, did, announced, key } = await stand()
  expect((await ask(await start(await open()))).json).toEqual({ did })
  const said = await readEncryptionKey(announced, key.publicKey, webCryptoVerify)
  const { json } = await ask(await start(await open(), said))
  expect(json).toEqual({ did, encryption: { key: base64url(said.key), expires: said.expires } })
})
