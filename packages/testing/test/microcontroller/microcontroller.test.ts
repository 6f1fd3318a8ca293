import { execFile, execFileSync, spawn } from 'node:child_process'
import { createPrivateKey, createPublicKey, randomBytes, sign } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { Agent, MemoryTrustRegistry, type Registration, type TrustRegistry } from '@mintmark/agent'
import { concat, hex, readHex } from '@mintmark/core/bytes'
import { admitRaw, didKey } from '@mintmark/core/keys'
import { type Claims, shortIdOf } from '@mintmark/core/signed'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Template, templateOf } from '../../../../examples/microcontroller/make-template.ts'
import { need } from '../../../../scripts/services.ts'
import { root } from '../pages.ts'

// The emitter in C writes what the SDK writes, to the byte, and the SDK receives it.

const source = join(root, 'examples/microcontroller')
const strict = ['-std=c99', '-Wall', '-Wextra', '-Wpedantic', '-Wconversion', '-Werror']
const bare = [...strict, '-Os', '-ffreestanding', '-fno-asynchronous-unwind-tables']
const missing = need('cc') ?? need('/usr/include/sodium.h')

let directory: string
const at = (name: string): string => join(directory, name)
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'mintmark-microcontroller-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const seed = Buffer.alloc(32, 7)
const key = ed25519(seed)
const did = didKey(key.publicKey)
const server = await Agent.create()
const long = (prefix: string, length: number): string => prefix.padEnd(length, 'x')

/** Templates of every shape: each optional claim, each width of a length. */
const kinds: Readonly<Record<string, Omit<Claims, 'once' | 'digest'>>> = {
  plain: { key: did, audience: server.did, scope: 'telemetry:write', contentType: 'application/json' },
  'short names': { key: shortIdOf(key.publicKey), audience: shortIdOf(ed25519(seed).publicKey), scope: 'temp:write' },
  gateway: { key: did, audience: server.did, scope: 'a', onBehalfOf: 'sensor-7' },
  'did:web': {
    ...{ key: did, issuer: 'did:web:example.test:fleets:acme:devices:device-104' },
    ...{ audience: 'did:web:example.test', scope: 'floor3.temperature.x.y'.padEnd(24, 'z') },
  },
  long: {
    ...{
      key: did,
      issuer: long('did:web:', 255),
      audience: long('did:web:', 255),
      scope: 'floor3.sensors.temperature.of.the.room:write',
    },
    ...{ onBehalfOf: long('o', 255), contentType: long('text/', 127) },
  },
  ...Object.fromEntries(
    Array.from({ length: 16 }, (_, i) => [
      `header of about 256: ${i}`,
      { key: did, audience: long('did:web:', 139 + i), scope: 's', onBehalfOf: 'o' },
    ]),
  ),
}

type Once = { readonly seconds: number; readonly milliseconds: number } | { readonly sequence: number }
interface Input {
  readonly kind: string
  readonly once: Once
  readonly length: number
}

const widths = [0, 1, 23, 24, 255, 256, 65_535, 65_536, 0xffffffff, 2 ** 32]
const seconds = [...widths, 1_767_225_600, 9_007_199_254_739]
const milliseconds = [0, 1, 23, 24, 255, 256, 999]
const sequences = [...widths, Number.MAX_SAFE_INTEGER - 1, Number.MAX_SAFE_INTEGER]
/** A body has 16 bytes more; its head changes where those are 24, 256 and 65536. */
const lengths = [0, 7, 8, 90, 239, 240, 1_000, 65_519, 65_520]

const inputs: Input[] = Object.keys(kinds).flatMap(kind => [
  ...seconds.flatMap(second =>
    milliseconds.map((fraction, i) => ({
      ...{ kind, once: { seconds: second, milliseconds: fraction } },
      length: lengths[(i + second) % 7]!,
    })),
  ),
  ...sequences.map((sequence, i) => ({ kind, once: { sequence }, length: lengths[i % 7]! })),
  ...lengths.map(length => ({ kind, once: { seconds: 1_767_225_600, milliseconds: 250 }, length })),
  ...Array.from({ length: 40 }, (_, i) => ({
    ...{ kind, once: { seconds: randomBytes(4).readUInt32BE(), milliseconds: randomBytes(2).readUInt16BE() % 1_000 } },
    length: i * 7,
  })),
])

describe.skipIf(missing)(`a microcontroller${missing ? ` (skipped: ${missing})` : ''}`, () => {
  test('has less than 1 kB of code to carry, which calls nothing', async () => {
    await cc([...bare, '-c', join(source, 'mint.c'), '-o', at('mint.o')])
    const [, sizes = ''] = execFileSync('size', [at('mint.o')], { encoding: 'utf8' }).split('\n')
    const [code = '', data = '', zeroed = ''] = sizes.trim().split(/\s+/)
    process.stdout.write(`the emitter in C: ${code} bytes of code and constants, ${data} of data\n`)
    expect(Number(code) + Number(data)).toBeLessThan(1_000)
    expect([data, zeroed]).toEqual(['0', '0'])
    expect(execFileSync('nm', ['--undefined-only', at('mint.o')], { encoding: 'utf8' }).trim()).toBe('')
  })

  test('writes what the SDK writes, byte by byte, whatever the widths, and the SDK receives it', async () => {
    const written: { input: Input; salt: Uint8Array; nonce: Uint8Array; content: Uint8Array }[] = inputs.map(input => ({
      ...{ input, salt: randomBytes(16), nonce: randomBytes(16), content: randomBytes(input.length) },
    }))
    const templates = await templatesOf(kinds)
    const lines = written.map(({ input, salt, nonce, content }) =>
      lineOf({ template: templates.get(input.kind)!, once: input.once, salt, nonce, content }),
    )
    const found = await emit(lines)
    expect(found).toHaveLength(inputs.length)
    const headers = new Set<number>()
    for (const [i, { input, salt, nonce, content }] of written.entries()) {
      const sent = await bySdk(input, [salt, nonce], content)
      if (hex(sent) !== found[i]) expect(found[i], JSON.stringify(input)).toBe(hex(sent))
      headers.add(headerLength(sent))
      const received = await receive(readHex(found[i]!), kinds[input.kind]!, input.once)
      expect(Buffer.from(received.payload).equals(content)).toBe(true)
    }
    // Its head has one more byte from 256 on.
    expect([...headers]).toEqual(expect.arrayContaining([255, 256]))
  }, 240_000)

  test('a reading of 90 bytes with short ids is a message of 299 bytes, salt included', async () => {
    const template = (await templatesOf(kinds)).get('short names')!
    const once = { seconds: 1_767_225_600, milliseconds: 0 }
    const [line] = await emit([
      lineOf({ template, once, salt: randomBytes(16), nonce: randomBytes(16), content: randomBytes(90) }),
    ])
    expect(line!.length / 2).toBe(299)
  })

  test('writes nothing beyond its room, nor a number that no reader takes, nor where the device did not sign', async () => {
    const template = (await templatesOf(kinds)).get('plain')!
    const plain = { template, salt: randomBytes(16), nonce: randomBytes(16), content: randomBytes(16) }
    const once = { seconds: 1_767_225_600, milliseconds: 250 }
    const [whole = ''] = await emit([lineOf({ ...plain, once })])
    const room = whole.length / 2
    const rooms = Array.from({ length: room }, (_, i) => lineOf({ ...plain, once, room: i }))
    expect(new Set(await emit(rooms))).toEqual(new Set(['refused']))
    const odd = [
      lineOf({ ...plain, once, room }),
      lineOf({ ...plain, once: { seconds: 1, milliseconds: 1_000 } }),
      lineOf({ ...plain, once: { seconds: 9_007_199_254_740, milliseconds: 0 } }),
      lineOf({ ...plain, once: { sequence: 2 ** 53 } }),
      lineOf({ ...plain, once }).replace(hex(seed), '-'),
    ]
    expect(await emit(odd)).toEqual([whole, 'refused', 'refused', 'refused', 'refused'])
  })

  test('the thermometer of the example sends a reading', async () => {
    writeFileSync(at('seed'), seed)
    const args = ['--key', hex(key.publicKey.raw), '--to', server.did, '--scope', 'telemetry:write']
    const script = join(source, 'make-template.ts')
    const options = [...args, '--type', 'application/json', '--short']
    const { stdout } = await promisify(execFile)(process.execPath, [script, ...options], { cwd: root })
    writeFileSync(at('template.h'), stdout)
    const files = ['thermometer.c', 'mint.c'].map(name => join(source, name))
    await cc([...strict, '-O2', '-I', directory, '-I', source, ...files, '-lsodium', '-o', at('thermometer')])
    const sent = execFileSync(at('thermometer'), [at('seed')])
    const registry = known({ scopes: ['telemetry:write'] })
    const receiver = await Agent.create({ registry, audiences: [server.did] })
    const received = await receiver.receive(sent)
    expect([received.from, received.contentType, received.json()]).toEqual([did, 'application/json', { celsius: 21.5 }])
    await expect(receiver.receive(sent)).rejects.toThrow('message-replayed')
  })
})

const cc = (args: readonly string[]): Promise<unknown> => promisify(execFile)('cc', args)

async function templatesOf(all: typeof kinds): Promise<Map<string, Template>> {
  const templates = new Map<string, Template>()
  for (const [kind, claims] of Object.entries(all)) templates.set(kind, await templateOf(key.publicKey, claims))
  return templates
}

const headerLength = (envelope: Uint8Array): number =>
  envelope[2] === 0x58 ? envelope[3]! : envelope[3]! * 256 + envelope[4]!

interface Line {
  readonly template: Template
  readonly once: Once
  readonly salt: Uint8Array
  readonly nonce: Uint8Array
  readonly content: Uint8Array
  readonly room?: number
}

function lineOf({ template, once, salt, nonce, content, room = 70_000 }: Line): string {
  const number = 'sequence' in once ? ['-', once.sequence, 0] : [hex(nonce), once.seconds, once.milliseconds]
  const parts = [hex(template.bytes), ...template.end, template.claims, ...number, hex(salt), hex(content) || '-', room]
  return [hex(seed), ...parts].join(' ')
}

let driver: Promise<unknown> | undefined

/** What the emitter makes of these lines. */
async function emit(lines: readonly string[]): Promise<string[]> {
  const files = [join(import.meta.dirname, 'driver.c'), join(source, 'mint.c')]
  driver ??= cc(['-std=c99', '-O1', '-g', '-fsanitize=undefined', '-fno-sanitize-recover', ...include(files)])
  await driver
  const child = spawn(at('driver'), { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(`${lines.join('\n')}\n`)
  const [out, status] = await Promise.all([
    text(child.stdout),
    new Promise(resolve => child.once('close', code => resolve(code))),
  ])
  expect(status).toBe(0)
  return out.trimEnd().split('\n')
}

const include = (files: readonly string[]): string[] => ['-I', source, ...files, '-lsodium', '-o', at('driver')]

async function bySdk({ kind, once }: Input, drawn: readonly Uint8Array[], payload: Uint8Array): Promise<Uint8Array> {
  const { issuer, audience: to, scope, onBehalfOf, contentType, key: name } = kinds[kind]!
  const left = [...drawn]
  const now = () => ('sequence' in once ? 0 : once.seconds * 1_000 + once.milliseconds)
  const agent = await Agent.create({ key, now, random: () => left.shift()!, ...(issuer && { did: issuer }) })
  const said = { to, scope, payload, ...(onBehalfOf && { onBehalfOf }), ...(contentType && { contentType }) }
  const counted = 'sequence' in once ? { sequence: once.sequence } : {}
  return agent.send({ ...said, ...counted }, { name: name === did ? 'full' : 'short' })
}

async function receive(message: Uint8Array, claims: (typeof kinds)[string], once: Once) {
  const now = () => ('sequence' in once ? 0 : once.seconds * 1_000 + once.milliseconds)
  const devices = claims.onBehalfOf === undefined ? [] : [claims.onBehalfOf]
  const registry = known({ scopes: [claims.scope], devices, sequence: 'sequence' in once })
  return (await Agent.create({ registry, now, audiences: [claims.audience] })).receive(message)
}

/** Knows this sender under every name, and that its key was made now, so that a store in memory knows all of it. */
function known(registration: Registration): TrustRegistry {
  const registry = new MemoryTrustRegistry()
  registry.register(did, registration)
  return { lookup: () => ({ ...registry.lookup(did, undefined)!, madeAt: Number.POSITIVE_INFINITY }) }
}

function ed25519(bytes: Uint8Array) {
  const head = readHex('302e020100300506032b657004220420')
  const privateKey = createPrivateKey({ key: Buffer.from(concat(head, bytes)), format: 'der', type: 'pkcs8' })
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
  return {
    publicKey: admitRaw('Ed25519', spki.subarray(-32)),
    sign: (message: Uint8Array) => Uint8Array.from(sign(null, message, privateKey)),
  }
}
