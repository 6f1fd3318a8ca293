import { createCipheriv, generateKeyPairSync, scryptSync } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { checkSignature } from '@mintmark/core/keys'
import { describe, expect, test } from 'vitest'
import { createSealedKeyFile, nodeVerify, openSealedKeyFile, readSealedKeyFileHeader } from '../src/index.ts'
import { authenticatedData, readSealedFile, writeSealedFile } from '../src/sealed-format.ts'
import { fresh } from './directory.ts'

const message = new TextEncoder().encode('mintmark')
// The least that is taken: a test waits 50 ms for each key.
const cost = 2 ** 15
const passphrase = 'correct horse battery staple'

const refusal = (code: string) => expect.objectContaining({ code })

async function make(path = fresh('alice.key')): Promise<{ path: string; text: string }> {
  await createSealedKeyFile(path, { name: 'alice', algorithm: 'Ed25519', passphrase, cost })
  return { path, text: readFileSync(path, 'utf8') }
}

/** The file with the text changed. */
function changed(text: string, from: string | RegExp, to: string): string {
  const path = fresh('changed.key')
  const other = text.replace(from, to)
  expect(other).not.toBe(text)
  writeFileSync(path, other)
  return path
}

describe.each(['Ed25519', 'P-256'] as const)('a sealed key file for %s', algorithm => {
  test('signs, again after it is opened', async () => {
    const path = fresh('alice.key')
    const made = await createSealedKeyFile(path, { name: 'alice', algorithm, passphrase, cost })
    const opened = await openSealedKeyFile(path, passphrase)
    const header = readSealedKeyFileHeader(path)
    expect([made.name, opened.name, header.name]).toEqual(['alice', 'alice', 'alice'])
    for (const key of [made, opened]) {
      expect(key.publicKey.equals(header.publicKey)).toBe(true)
      expect(checkSignature(nodeVerify, header.publicKey, message, await key.sign(message))).toBe(true)
    }
    expect(header.publicKey.algorithm).toBe(algorithm)
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })
})

describe('a sealed key file', () => {
  test('does not open with another passphrase', async () => {
    const { path } = await make()
    for (const wrong of ['', 'correct horse battery stapl', `${passphrase} `, passphrase.toUpperCase()]) {
      await expect(openSealedKeyFile(path, wrong)).rejects.toThrow(refusal('wrong-passphrase'))
    }
  })

  test('opens with the same passphrase typed on another keyboard', async () => {
    const path = fresh('alice.key')
    await createSealedKeyFile(path, { name: 'alice', algorithm: 'Ed25519', passphrase: 'caf\u00e9', cost })
    expect((await openSealedKeyFile(path, 'cafe\u0301')).name).toBe('alice')
  })

  test('is never replaced, and says when it is missing', async () => {
    const { path, text } = await make()
    await expect(make(path)).rejects.toThrow(refusal('file-exists'))
    expect(readFileSync(path, 'utf8')).toBe(text)
    await expect(openSealedKeyFile(fresh('none.key'), passphrase)).rejects.toThrow(refusal('not-found'))
    expect(() => readSealedKeyFileHeader(fresh('none.key'))).toThrow(refusal('not-found'))
  })

  test('is not made without a passphrase, a name or the least cost', async () => {
    const make = (options: object) =>
      createSealedKeyFile(fresh('k'), { name: 'alice', algorithm: 'Ed25519', passphrase, cost, ...options })
    await expect(make({ passphrase: '' })).rejects.toThrow(refusal('wrong-passphrase'))
    for (const name of ['', 'Alice', 'a b', 'a\n', '../a']) {
      await expect(make({ name })).rejects.toThrow(refusal('bad-name'))
    }
    for (const cost of [0, 1, 2 ** 14, 2 ** 15 + 1, 2 ** 21, Number.NaN, 2.5]) {
      await expect(make({ cost })).rejects.toThrow(refusal('bad-number'))
    }
  })

  test('costs an attacker 128 MiB a guess unless told otherwise', async () => {
    const path = fresh('alice.key')
    await createSealedKeyFile(path, { name: 'alice', algorithm: 'P-256', passphrase })
    expect(JSON.parse(readFileSync(path, 'utf8')).kdf).toMatchObject({ name: 'scrypt', n: 131072, r: 8, p: 1 })
    expect((await openSealedKeyFile(path, passphrase)).publicKey.algorithm).toBe('P-256')
  })

  test('is refused with a cheaper or a ruinous scrypt, before scrypt runs', async () => {
    const { text } = await make()
    const n = (value: string) => openSealedKeyFile(changed(text, '"n": 32768', `"n": ${value}`), passphrase)
    for (const value of [
      '1',
      '2',
      '16384',
      '32767',
      '32769',
      '2097152',
      '4294967296',
      '-32768',
      '1e999',
      '"32768"',
      'null',
    ]) {
      await expect(n(value)).rejects.toThrow(refusal('bad-number'))
    }
    for (const [from, to] of [
      ['"n": 32768', '"n": 32768.0'],
      ['"n": 32768', '"n": 3.2768e4'],
      ['"r": 8', '"r": 1'],
      ['"r": 8', '"r": 16'],
      ['"p": 1', '"p": 2'],
      ['"scrypt"', '"none"'],
    ] as const) {
      await expect(openSealedKeyFile(changed(text, from, to), passphrase)).rejects.toThrow(refusal('bad-json'))
    }
    await expect(n('65536')).rejects.toThrow(refusal('wrong-passphrase'))
  })

  test('is refused in any other spelling', async () => {
    const { text } = await make()
    const wrong = [
      ['{', '{ '],
      ['"mintmark"', '"more": 1,\n  "mintmark"'],
      ['"name": "alice"', '"name": "bob",\n  "name": "alice"'],
      ['"alice"', '"\\u0061lice"'],
      ['"r": 8', '"r": 8,\n    "x": 1'],
      ['key.v1', 'key.v2'],
      ['"Ed25519"', '"P-256"'],
      [/\n$/, ''],
      [/\n$/, '\n\n'],
      [/^/, '\ufeff'],
      [/\n/g, '\r\n'],
      [/"salt": "[^"]*"/, '"salt": ""'],
      [/"nonce": "[^"]*"/, '"nonce": "AAAA"'],
      [/"kdf": \{[^}]*\}/, '"kdf": null'],
      ['"name": "alice"', '"name": {}'],
      [/^.*$/s, '[]'],
      [/^.*$/s, 'null'],
      [/^.*$/s, ''],
    ] as const
    for (const [from, to] of wrong) {
      const path = changed(text, from, to)
      await expect(openSealedKeyFile(path, passphrase), `${from} -> ${to}`).rejects.toThrow(refusal('bad-json'))
      expect(() => readSealedKeyFileHeader(path)).toThrow(refusal('bad-json'))
    }
  })

  test('is refused with a header of another key or name', async () => {
    const [mine, other] = [(await make()).text, (await make()).text]
    const field = (name: string, text: string) => new RegExp(`"${name}": "[^"]*"`).exec(text)![0]
    for (const name of ['publicKey', 'salt', 'nonce', 'sealed']) {
      const path = changed(mine, field(name, mine), field(name, other))
      await expect(openSealedKeyFile(path, passphrase)).rejects.toThrow(refusal('wrong-passphrase'))
    }
    const renamed = changed(mine, '"alice"', '"mallory"')
    await expect(openSealedKeyFile(renamed, passphrase)).rejects.toThrow(refusal('wrong-passphrase'))
    for (const sealed of ['', 'AAAAAA', 'A'.repeat(16), 'A'.repeat(22)]) {
      const path = changed(mine, field('sealed', mine), `"sealed": "${sealed}"`)
      await expect(openSealedKeyFile(path, passphrase)).rejects.toThrow(refusal('bad-json'))
    }
  })

  test('shows no name that could move a terminal', async () => {
    const { text } = await make()
    for (const name of ['\\u001b[2Jalice', 'Alice', '', '../alice']) {
      expect(() => readSealedKeyFileHeader(changed(text, '"alice"', `"${name}"`))).toThrow(refusal('bad-name'))
    }
  })

  test('is refused where it seals another key than it names, by one who knows the passphrase', async () => {
    const { header } = readSealedFile((await make()).text)
    const key = scryptSync(passphrase, header.salt, 32, { N: cost, r: 8, p: 1, maxmem: 2048 * cost })
    const cipher = createCipheriv('aes-256-gcm', key, header.nonce).setAAD(authenticatedData(header))
    const other = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'der' })
    const sealed = Buffer.concat([cipher.update(other), cipher.final(), cipher.getAuthTag()])
    const path = fresh('mixed.key')
    writeFileSync(path, writeSealedFile({ header, sealed }))
    await expect(openSealedKeyFile(path, passphrase)).rejects.toThrow('another key than it names')
  })

  test('notices any flipped byte', async () => {
    const { path, text } = await make()
    const bytes = Buffer.from(text)
    let opened = 0
    // Every third, because scrypt runs wherever the flip leaves a file of the right form.
    for (let at = 0; at < bytes.length; at += 3) {
      const copy = Buffer.from(bytes)
      copy[at] = copy[at]! ^ 0x01
      writeFileSync(path, copy)
      await openSealedKeyFile(path, passphrase).then(
        () => opened++,
        error => expect([error.name, at]).toEqual(['Refused', at]),
      )
    }
    expect(opened).toBe(0)
  })
})
