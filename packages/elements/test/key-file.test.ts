import { execFile, execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspect, promisify } from 'node:util'
import { pem } from '@mintmark/core/bytes'
import { checkSignature, webCryptoVerify } from '@mintmark/core/keys'
import { describe, expect, test } from 'vitest'
import { createKeyFile, nodeVerify, openKeyFile } from '../src/index.ts'
import { fresh, withUmask } from './directory.ts'

const message = new TextEncoder().encode('mintmark')

describe.each(['Ed25519', 'P-256'] as const)('a key file for %s', algorithm => {
  test.each([0o000, 0o022, 0o777])('is readable by its owner only, under umask %o', mask => {
    const path = fresh('key.pem')
    withUmask(mask, () => createKeyFile(path, algorithm))
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readdirSync(dirname(path))).toEqual(['key.pem'])
  })

  test('signs, again after it is opened, and every runtime agrees', async () => {
    const path = fresh('key.pem')
    const made = createKeyFile(path, algorithm)
    const opened = openKeyFile(path)
    expect(opened.publicKey.equals(made.publicKey)).toBe(true)
    expect(made.publicKey.algorithm).toBe(algorithm)
    for (const key of [made, opened]) {
      const signature = await key.sign(message)
      expect(signature).toHaveLength(64)
      expect(Object.getPrototypeOf(signature)).toBe(Uint8Array.prototype)
      expect(checkSignature(nodeVerify, made.publicKey, message, signature)).toBe(true)
      expect(await checkSignature(webCryptoVerify, made.publicKey, message, signature)).toBe(true)
      expect(checkSignature(nodeVerify, made.publicKey, new Uint8Array(), signature)).toBe(false)
    }
  })

  test('is what OpenSSL reads as PKCS#8', () => {
    const path = fresh('key.pem')
    const { publicKey } = createKeyFile(path, algorithm)
    const spki = execFileSync('openssl', ['pkey', '-in', path, '-pubout', '-outform', 'DER'])
    expect(spki.toString('hex')).toBe(Buffer.from(publicKey.spki).toString('hex'))
    expect(readFileSync(path, 'utf8')).toMatch(/^-----BEGIN PRIVATE KEY-----\n[\w+/=\n]+\n-----END PRIVATE KEY-----\n$/)
  })

  test('is never replaced', () => {
    const path = fresh('key.pem')
    createKeyFile(path, algorithm)
    const before = readFileSync(path, 'utf8')
    expect(() => createKeyFile(path, algorithm)).toThrow(expect.objectContaining({ code: 'file-exists' }))
    expect(readFileSync(path, 'utf8')).toBe(before)
    expect(readdirSync(dirname(path))).toEqual(['key.pem'])
  })

  test.each([0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o666])('is not opened with mode %o', mode => {
    const path = fresh('key.pem')
    createKeyFile(path, algorithm)
    chmodSync(path, mode)
    expect(() => openKeyFile(path)).toThrow(`has mode 0${mode.toString(8)}`)
    chmodSync(path, 0o400)
    expect(openKeyFile(path).publicKey.algorithm).toBe(algorithm)
  })

  test('shows nothing of the private key', () => {
    const path = fresh('key.pem')
    const key = createKeyFile(path, algorithm)
    const shown = inspect(key, { depth: 9, showHidden: true }) + JSON.stringify(key)
    expect(shown).not.toMatch(/private/i)
    expect(Reflect.ownKeys(key)).toEqual(['publicKey'])
  })
})

describe('opening a key file', () => {
  test('refuses a missing one', () => {
    // Of whatever it is the key: that somebody should enroll is no advice to who keeps a journal.
    const missing = { code: 'not-found', hint: expect.stringContaining('createKeyFile') }
    expect(() => openKeyFile(fresh('key.pem'))).toThrow(expect.objectContaining(missing))
    expect(() => openKeyFile(fresh('no/key.pem'))).toThrow(expect.objectContaining(missing))
  })

  test('refuses every other kind of key', () => {
    const others = [
      generateKeyPairSync('rsa', { modulusLength: 2048 }),
      generateKeyPairSync('ec', { namedCurve: 'P-384' }),
      generateKeyPairSync('ec', { namedCurve: 'secp256k1' }),
      generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' }),
      generateKeyPairSync('ed448'),
      generateKeyPairSync('x25519'),
    ]
    for (const { privateKey } of others) {
      const path = withText(privateKey.export({ type: 'pkcs8', format: 'pem' }))
      expect(() => openKeyFile(path)).toThrow(expect.objectContaining({ code: 'key-refused' }))
    }
  })

  test('refuses what is not one PKCS#8 block', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const good = privateKey.export({ type: 'pkcs8', format: 'pem' })
    const sealed = privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'p' })
    const wrong = [
      '',
      sealed,
      good + good,
      `comment\n${good}`,
      privateKey.export({ type: 'sec1', format: 'pem' }),
      publicKey.export({ type: 'spki', format: 'pem' }),
    ]
    for (const text of wrong) {
      expect(() => openKeyFile(withText(text))).toThrow(expect.objectContaining({ code: 'bad-pem' }))
    }
    const garbage = pem('PRIVATE KEY', Uint8Array.of(0x30, 0))
    expect(() => openKeyFile(withText(garbage))).toThrow(expect.objectContaining({ code: 'key-refused' }))
  })

  test('refuses a private key that does not belong to the public key beside it', () => {
    const [mine, other] = [1, 2].map(() =>
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'der' }),
    ) as [Buffer, Buffer]
    // RFC 5915: the public point is the last 65 bytes.
    const mixed = Buffer.concat([mine.subarray(0, -65), other.subarray(-65)])
    expect(() => openKeyFile(withText(pem('PRIVATE KEY', mixed)))).toThrow('do not match')
  })

  function withText(text: string | Buffer): string {
    const path = fresh('key.pem')
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
})

test('of several processes that make the same key file, one does', async () => {
  const path = fresh('key.pem')
  const source = fileURLToPath(new URL('../src/index.ts', import.meta.url))
  const program = `const { createKeyFile } = await import(${JSON.stringify(source)})
    try { console.log(createKeyFile(${JSON.stringify(path)}, 'Ed25519').publicKey.id) } catch (e) { console.log(e.code) }`
  const run = () => promisify(execFile)(process.execPath, ['--input-type=module', '-e', program])
  const outcomes = (await Promise.all([run(), run(), run(), run()])).map(({ stdout }) => stdout.trim())
  expect(outcomes.filter(outcome => outcome === 'file-exists')).toHaveLength(3)
  expect(outcomes).toContain(openKeyFile(path).publicKey.id)
  expect(existsSync(path)).toBe(true)
})
