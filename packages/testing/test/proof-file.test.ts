import { randomInt } from 'node:crypto'
import { base64, hex, type Json, readBase64, readPem, utf8 } from '@mintmark/core/bytes'
import type { Code } from '@mintmark/core/errors'
import { type Pinned, type Proven, proveFact, readProofFile } from '@mintmark/core/evidence'
import { admitRaw, webCryptoVerify } from '@mintmark/core/keys'
import { type ReceiptJson, readVerifierKey } from '@mintmark/core/ledger'
import { nodeSha256 } from '@mintmark/elements'
import { startTestPlatform, type TestPlatform } from '@mintmark/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

// What proves an entry of a ledger to someone who has nothing but the root: real files of a real platform, and what
// whoever is not the platform can make of them.

type File = ReceiptJson & { readonly charter: string | null; readonly root: string }

let platform: TestPlatform
let pinned: { readonly root: string }
let ledgerKey: NonNullable<Pinned['ledgerKey']>
/** Entry 3 of acme: a revocation. */
let file: File

beforeAll(async () => {
  platform = await startTestPlatform()
  await platform.makeFleet('acme')
  await platform.makeFleet('other')
  await platform.revoke(await platform.enrollDevice('acme', 'device-1'), 'stolen')
  await platform.enrollDevice('other', 'device-1')
  const { root, ledger } = (await platform.call('GET', '/v1/trust')).body as {
    root: { sha256: string }
    ledger: { verifierKey: string }
  }
  pinned = { root: root.sha256 }
  ledgerKey = readVerifierKey(ledger.verifierKey)
  file = await fetched('acme', 3)
})
afterAll(() => platform?.stop())

async function fetched(ledger: string, index: number): Promise<File> {
  const { text, status } = await platform.operator('GET', `/v1/audit/${ledger}/${index}/proof`)
  expect(status, text).toBe(200)
  return JSON.parse(text)
}

const proven = (what: object | string, by: Pinned = pinned): Promise<Proven> =>
  proveFact(readProofFile(utf8(typeof what === 'string' ? what : JSON.stringify(what))), by, webCryptoVerify)
const refusedAs = (code: Code, what: object | string, by?: Pinned) =>
  expect(Promise.resolve().then(() => proven(what, by))).rejects.toMatchObject({ code })

test('every entry of a fleet is proven by the root alone', async () => {
  const facts = await platform.facts('acme')
  for (const [index, fact] of facts.entries()) {
    const { charter, fact: proved, ...rest } = await proven(await fetched('acme', index))
    expect([charter?.fleet, hex(proved.bytes)]).toEqual(['acme', hex(fact.bytes)])
    expect(rest).toEqual({ origin: 'acme.example.test/ledger', index, size: facts.length })
  }
})

test("an entry of the platform's own ledger is proven by its key, and not by the root", async () => {
  const own = await fetched('platform', 0)
  expect(own.charter).toBe(null)
  expect((await proven(own, { ledgerKey })).fact.kind).toBe('platform.founded')
  expect((await proven(own, { ...pinned, ledgerKey })).fact.kind).toBe('platform.founded')
  await refusedAs('ledger-key-needed', own)
  await refusedAs('other-ledger-key', file, { ledgerKey })
})

test('the key of a fleet can be pinned too, beside the root or instead of it', async () => {
  const { charter } = await proven(file)
  const other = (await proven(await fetched('other', 0))).charter!
  const keyOf = (raw: Uint8Array, name = file.origin) => ({ name, publicKey: admitRaw('Ed25519', raw) })
  for (const root of [{}, pinned]) {
    expect((await proven(file, { ...root, ledgerKey: keyOf(charter!.ledgerKey) })).index).toBe(3)
    await refusedAs('other-ledger-key', file, {
      ...root,
      ledgerKey: keyOf(charter!.ledgerKey, 'other.example.test/ledger'),
    })
  }
  await refusedAs('other-ledger-key', file, { ...pinned, ledgerKey: keyOf(other.ledgerKey) })
  await refusedAs('bad-checkpoint', file, { ledgerKey: keyOf(other.ledgerKey) })
})

test('nothing is proven to someone who pins nothing', async () => {
  await expect(proven(file, {})).rejects.toBeInstanceOf(TypeError)
})

describe('H104 what was changed is refused', () => {
  const flipped = (text: string, at: number): string => {
    const bytes = readBase64(text)
    bytes[at]! ^= 1
    return base64(bytes)
  }
  const cases: Readonly<Record<string, [Code, () => object | Promise<object>]>> = {
    'one bit of the entry': ['bad-proof', () => ({ entry: flipped(file.entry, 9) })],
    'the entry of another place': ['bad-proof', async () => ({ entry: (await fetched('acme', 2)).entry })],
    'another place': ['bad-proof', () => ({ index: 2 })],
    'a place outside': ['bad-proof', () => ({ index: 99 })],
    'hashes in another order': ['bad-proof', () => ({ proof: file.proof.toReversed() })],
    'a hash left out': ['bad-proof', () => ({ proof: file.proof.slice(1) })],
    'a hash too many': ['bad-proof', () => ({ proof: [...file.proof, file.proof[0]] })],
    'a hash that is short': ['bad-proof', () => ({ proof: file.proof.map(hash => base64(readBase64(hash).slice(1))) })],
    'the head of another ledger': [
      'bad-checkpoint',
      async () => ({ checkpoint: (await fetched('other', 0)).checkpoint }),
    ],
    'a head with another size': ['bad-checkpoint', () => ({ checkpoint: file.checkpoint.replace('\n4\n', '\n5\n') })],
    'a head without its signature': ['bad-checkpoint', () => ({ checkpoint: file.checkpoint.split('— ')[0] })],
    'the charter of another fleet': ['bad-statement', async () => ({ charter: (await fetched('other', 0)).charter })],
    'one bit of the charter': [
      'statement-signature',
      () => ({ charter: flipped(file.charter!, readBase64(file.charter!).length - 1) }),
    ],
    'no charter': ['ledger-key-needed', () => ({ charter: null })],
    'another origin': ['bad-statement', () => ({ origin: 'other.example.test/ledger' })],
  }

  test.each(Object.entries(cases))('%s', async (_, [code, edit]) => {
    await refusedAs(code, { ...file, ...(await edit()) })
  })

  test('all of it made again under another root', async () => {
    const stranger = await startTestPlatform()
    try {
      await stranger.makeFleet('acme')
      const { body } = await stranger.operator('GET', '/v1/audit/acme/0/proof')
      await refusedAs('other-root', body)
      // With our root beside their charter it is no better.
      await refusedAs('bad-statement', { ...body, root: file.root })
      const other = nodeSha256(readPem('CERTIFICATE', body.root as string))
      expect((await proven(body, { root: Buffer.from(other).toString('hex') })).index).toBe(0)
    } finally {
      await stranger.stop()
    }
  })

  test('any one character is refused, or says the same', async () => {
    const text = JSON.stringify(file)
    const whole = await proven(text)
    for (let round = 0; round < 300; round++) {
      const at = randomInt(text.length)
      const character = String.fromCharCode(text.charCodeAt(at) ^ (1 << randomInt(7)))
      const changed = `${text.slice(0, at)}${character}${text.slice(at + 1)}`
      const outcome = await Promise.resolve()
        .then(() => proven(changed))
        .catch((error: { code?: string }) => error.code ?? error)
      if (typeof outcome !== 'string') expect(outcome, changed).toEqual(whole)
    }
  })
})

describe('what is no proof file is refused as such', () => {
  const cases: readonly (readonly [string, () => Json | object | string])[] = [
    ['another kind', () => ({ ...file, kind: 'mintmark-receipt' })],
    ['another version', () => ({ ...file, v: 2 })],
    ['a field more', () => ({ ...file, note: 'x' })],
    ['a name twice', () => JSON.stringify(file).replace('{', '{"v":1,')],
    ['a name that reaches the prototype', () => JSON.stringify(file).replace('{', '{"__proto__":{"charter":null},')],
    ['a list', () => [file]],
    ['nothing', () => ''],
    ['a place that is no number', () => ({ ...file, index: '3' })],
    ['a place that is no whole number', () => ({ ...file, index: 3.5 })],
    ['a place before the first', () => ({ ...file, index: -1 })],
    ['more hashes than a tree can have', () => ({ ...file, proof: Array.from({ length: 54 }, () => file.proof[0]) })],
    ['bytes with white space', () => ({ ...file, entry: ` ${file.entry}` })],
    ['a root that is not PEM', () => ({ ...file, root: 'x' })],
    ['a megabyte', () => ({ ...file, checkpoint: 'x'.repeat(1_048_576) })],
    ['a receipt', () => ({ ...file, charter: undefined, root: undefined, kind: undefined, v: undefined })],
  ]
  test.each(cases)('%s', async (_, make) => {
    await refusedAs('bad-proof-file', make() as object | string)
  })
})

test('an entry that is not there has no proof, and a device gets none', async () => {
  expect((await platform.operator('GET', '/v1/audit/acme/99/proof')).body.code).toBe('no-receipt')
  expect((await platform.operator('GET', '/v1/audit/nowhere/0/proof')).body.code).toBe('fleet-unknown')
  expect((await platform.call('GET', '/v1/audit/acme/0/proof')).body.code).toBe('certificate-required')
})
