import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { utf8 } from '@mintmark/core/bytes'
import { didKey } from '@mintmark/core/keys'
import { beforeAll, describe, expect, test } from 'vitest'
import { homeState, keyForEnrollment, readHome, writeHome } from '../src/home.ts'
import { readFacts, writeFacts } from '../src/home-facts.ts'
import { fresh } from './listening.ts'
import { domain, makeLeaf, makePki, type Pki } from './pki.ts'

const name = { fleet: 'acme', role: 'device', name: 'd-1' } as const
const identity = `spiffe://acme.${domain}/device/d-1`
let pki: Pki

beforeAll(async () => {
  pki = await makePki()
})

async function fill(home: string) {
  const { publicKey } = keyForEnrollment(home, undefined)
  const chain = [await makeLeaf(pki.acme, publicKey, name), pki.acme.der]
  const facts = { identity, did: didKey(publicKey), url: 'https://localhost:8443', ...name }
  writeHome(home, { facts, chain, anchor: pki.root.der, charter: Uint8Array.of(1, 2), receipt: { index: 4 } })
  return facts
}

describe('a home', () => {
  test('is empty, then has a key, then an identity', async () => {
    const home = fresh('a/b/home')
    expect(homeState(home)).toBe('empty')
    const key = keyForEnrollment(home, 'P-256')
    expect(homeState(home)).toBe('key-only')
    expect(keyForEnrollment(home, undefined).publicKey.equals(key.publicKey)).toBe(true)
    const facts = await fill(home)
    expect(homeState(home)).toBe('enrolled')
    expect(readHome(home)).toMatchObject({ ...facts, anchor: pki.root.der, charter: Uint8Array.of(1, 2) })
    expect(() => keyForEnrollment(home, undefined)).toThrow(expect.objectContaining({ code: 'home-exists' }))
  })

  test('belongs to its owner alone', () => {
    const home = fresh('home')
    keyForEnrollment(home, undefined)
    expect(statSync(home).mode & 0o777).toBe(0o700)
    expect(statSync(join(home, 'key.pem')).mode & 0o777).toBe(0o600)
  })

  test('is not made where others may write', () => {
    const home = fresh('home')
    mkdirSync(home)
    chmodSync(home, 0o777)
    expect(() => keyForEnrollment(home, undefined)).toThrow('others may write there')
    expect(readdirSync(home)).toEqual([])
  })

  test('is missing where there is only a key', () => {
    const home = fresh('home')
    keyForEnrollment(home, undefined)
    expect(() => readHome(home)).toThrow(expect.objectContaining({ code: 'home-missing' }))
  })

  test('is not read with the key of another', async () => {
    const [home, other] = [fresh('home'), fresh('other')]
    await fill(home)
    await fill(other)
    writeFileSync(join(home, 'key.pem'), readFileSync(join(other, 'key.pem')))
    expect(() => readHome(home)).toThrow('not of one identity')
  })

  test('is not read where home.json names another', async () => {
    const home = fresh('home')
    const facts = await fill(home)
    writeFileSync(join(home, 'home.json'), writeFacts({ ...facts, identity: `spiffe://acme.${domain}/device/d-2` }))
    expect(() => readHome(home)).toThrow('not of one identity')
  })

  test('is not read with a key that others may read', async () => {
    const home = fresh('home')
    await fill(home)
    chmodSync(join(home, 'key.pem'), 0o644)
    expect(() => readHome(home)).toThrow('others may have read the private key')
  })
})

describe('home.json', () => {
  const facts = { identity, did: 'did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH', url: 'https://h', ...name }

  test('is read as it was written', () => {
    expect(readFacts(utf8(writeFacts(facts)))).toEqual(facts)
  })

  test.each([
    ['another version', { ...facts, v: 2 }],
    ['an unknown field', { ...facts, v: 1, x: 1 }],
    ['a field missing', { v: 1, identity }],
    ['a number', { ...facts, v: 1, name: 1 }],
  ])('with %s is refused', (_, value) => {
    expect(() => readFacts(utf8(JSON.stringify(value)))).toThrow(expect.objectContaining({ code: 'bad-json' }))
  })

  test('with a name twice is refused', () => {
    const text = writeFacts(facts).replace('"v": 1,', '"v": 1, "v": 1,')
    expect(() => readFacts(utf8(text))).toThrow(expect.objectContaining({ code: 'bad-json' }))
  })

  test('with a name that is none is refused', () => {
    const text = JSON.stringify({ ...facts, v: 1, name: '../x' })
    expect(() => readFacts(utf8(text))).toThrow(expect.objectContaining({ code: 'bad-identity' }))
  })
})
