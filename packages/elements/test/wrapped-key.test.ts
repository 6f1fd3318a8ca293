import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createKeyFile, openKeyFile, provideWrappingSecret } from '../src/index.ts'
import { fresh } from './directory.ts'

function makeDirectory(): string {
  const directory = fresh('keys')
  mkdirSync(directory)
  return directory
}

test('a key passes to whoever has the secret, and is the same key in a file of its own', () => {
  const directory = makeDirectory()
  const key = createKeyFile(join(directory, 'here.pem'), 'P-256')
  const wrapped = provideWrappingSecret(join(directory, 'secret')).wrap(join(directory, 'here.pem'), 'fleet-ca-acme')
  provideWrappingSecret(join(directory, 'secret')).unwrap(wrapped, 'fleet-ca-acme', join(directory, 'there.pem'))
  expect(openKeyFile(join(directory, 'there.pem')).publicKey.equals(key.publicKey)).toBe(true)
  expect(statSync(join(directory, 'there.pem')).mode & 0o777).toBe(0o600)
  expect(statSync(join(directory, 'secret')).mode & 0o777).toBe(0o600)
})

test('nobody without the secret opens it, it is not taken for another key, and no bit of it can be changed', () => {
  const directory = makeDirectory()
  const there = join(directory, 'there.pem')
  createKeyFile(join(directory, 'here.pem'), 'Ed25519')
  const ours = provideWrappingSecret(join(directory, 'secret'))
  const wrapped = ours.wrap(join(directory, 'here.pem'), 'ledger-acme')
  const refused = expect.objectContaining({ code: 'key-refused' })
  const foreign = provideWrappingSecret(join(directory, 'foreign'))
  expect(() => foreign.unwrap(wrapped, 'ledger-acme', there)).toThrow(refused)
  expect(() => ours.unwrap(wrapped, 'ledger-other', there)).toThrow(refused)
  for (let i = 0; i < wrapped.length; i++) {
    const changed = Uint8Array.from(wrapped)
    changed[i]! ^= 1
    expect(() => ours.unwrap(changed, 'ledger-acme', there)).toThrow(refused)
  }
  for (let length = 0; length < 40; length++) {
    expect(() => ours.unwrap(wrapped.subarray(0, length), 'ledger-acme', there)).toThrow(refused)
  }
  expect(() => statSync(there)).toThrow('ENOENT')
})

test('the private key is not to be seen in what is passed, and one key is never wrapped the same way twice', () => {
  const directory = makeDirectory()
  const file = join(directory, 'here.pem')
  createKeyFile(file, 'Ed25519')
  const secret = provideWrappingSecret(join(directory, 'secret'))
  const [first, second] = [secret.wrap(file, 'x'), secret.wrap(file, 'x')]
  const pkcs8 = Buffer.from(readFileSync(file, 'utf8').split('\n')[1]!, 'base64')
  expect(Buffer.from(first).includes(pkcs8.subarray(-32))).toBe(false)
  expect(Buffer.from(first).equals(second)).toBe(false)
})

test('a secret that is damaged is told, and not replaced', () => {
  const directory = makeDirectory()
  writeFileSync(join(directory, 'secret'), 'abcd\n')
  expect(() => provideWrappingSecret(join(directory, 'secret'))).toThrow('damaged')
  expect(readFileSync(join(directory, 'secret'), 'utf8')).toBe('abcd\n')
})
