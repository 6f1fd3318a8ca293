import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rootName } from '@mintmark/core/ceremony'
import { checkAnchor } from '@mintmark/core/proof'
import { nodeVerify } from '@mintmark/elements'
import { describe, expect, test } from 'vitest'
import { createRoot, openRoot, readRoot } from '../src/keys.ts'
import { at, desk, newRoot, passphrase, ports } from './scene.ts'

test('a root is made, and opens again with its passphrase', async () => {
  const keys = join(desk(), 'new', 'root')
  const made = await newRoot(keys)
  const opened = await openRoot(keys, passphrase)
  expect(opened.certificate.der).toEqual(made.certificate.der)
  expect(opened.key.publicKey.id).toBe(made.certificate.publicKey.id)
  expect(rootName(made.certificate)).toEqual({ domain: 'example.test', development: false })
  expect(new Date(made.certificate.notAfter).toISOString()).toBe('2036-03-02T09:41:07.000Z')
  await checkAnchor(made.certificate, at, nodeVerify)
})

test('only its owner gets at the keys, and no private key stands there in the clear', async () => {
  const keys = join(desk(), 'root')
  await newRoot(keys)
  const mode = (path: string) => (statSync(path).mode & 0o777).toString(8)
  expect(mode(keys)).toBe('700')
  expect(mode(join(keys, 'root.key.json'))).toBe('600')
  expect(readdirSync(keys).sort()).toEqual(['root.key.json', 'root.pem', 'turn.free'])
  expect(readFileSync(join(keys, 'root.key.json'), 'utf8')).not.toContain('PRIVATE KEY')
})

test('OpenSSL takes the root under its strict rules', async () => {
  const keys = join(desk(), 'root')
  await newRoot(keys, { development: true })
  const pem = join(keys, 'root.pem')
  const args = ['verify', '-x509_strict', '-check_ss_sig', '-attime', String(at / 1000), '-CAfile', pem, pem]
  expect(execFileSync('openssl', args, { encoding: 'utf8' })).toContain('root.pem: OK')
  const text = execFileSync('openssl', ['x509', '-in', pem, '-noout', '-subject', '-issuer'], { encoding: 'utf8' })
  expect(text.match(/CN = "Mintmark DEVELOPMENT root, example.test"/g)).toHaveLength(2)
})

test('a directory with anything in it is left alone', async () => {
  const directory = desk()
  const keys = join(directory, 'root')
  await newRoot(keys)
  const before = readFileSync(join(keys, 'root.key.json'))
  await expect(newRoot(keys)).rejects.toMatchObject({ code: 'file-exists' })
  expect(readFileSync(join(keys, 'root.key.json'))).toEqual(before)
  writeFileSync(join(directory, 'file'), '')
  await expect(newRoot(join(directory, 'file'))).rejects.toMatchObject({ code: 'file-exists' })
  mkdirSync(join(directory, 'empty'), { mode: 0o755 })
  await newRoot(join(directory, 'empty'))
  expect(statSync(join(directory, 'empty')).mode & 0o777).toBe(0o700)
  // Nothing half made is left over.
  expect(readdirSync(directory).sort()).toEqual(['empty', 'file', 'root'])
})

test('of two that make one root at once, one is told', async () => {
  const keys = join(desk(), 'root')
  const made = await Promise.allSettled([newRoot(keys), newRoot(keys)])
  expect(made.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  await openRoot(keys, passphrase)
})

test('refuses a short passphrase, and a domain that is none, before anything is made', async () => {
  const keys = join(desk(), 'root')
  await expect(newRoot(keys, { passphrase: 'eleven char' })).rejects.toMatchObject({ code: 'weak-passphrase' })
  await expect(newRoot(keys, { domain: 'Example.test' })).rejects.toMatchObject({ code: 'bad-domain' })
  expect(existsSync(keys)).toBe(false)
})

describe('does not open', () => {
  const changes: readonly (readonly [name: string, code: string, change: (keys: string) => void])[] = [
    ['an empty directory', 'keys-missing', keys => rewrite(keys, 'root.pem', () => undefined)],
    ['a truncated key file', 'keys-broken', keys => rewrite(keys, 'root.key.json', text => text.slice(0, 200))],
    ['an empty key file', 'keys-broken', keys => rewrite(keys, 'root.key.json', () => '')],
    [
      'an edited name',
      'wrong-passphrase',
      keys => rewrite(keys, 'root.key.json', text => text.replace('"root"', '"boot"')),
    ],
    ['an edited seal', 'wrong-passphrase', keys => rewrite(keys, 'root.key.json', flipSeal)],
    [
      'a weaker cost',
      'wrong-passphrase',
      keys => rewrite(keys, 'root.key.json', text => text.replace('32768', '65536')),
    ],
    ['a truncated certificate', 'keys-broken', keys => rewrite(keys, 'root.pem', text => text.slice(0, 300))],
    ['an edited certificate', 'keys-broken', keys => rewrite(keys, 'root.pem', flipCertificate)],
  ]
  test.each(changes)('%s', async (_, code, change) => {
    const keys = join(desk(), 'root')
    await newRoot(keys)
    change(keys)
    await expect(openRoot(keys, passphrase)).rejects.toMatchObject({ code })
  })

  test('a wrong passphrase', async () => {
    const keys = join(desk(), 'root')
    await newRoot(keys)
    await expect(openRoot(keys, `${passphrase}.`)).rejects.toMatchObject({ code: 'wrong-passphrase' })
  })

  test('a certificate beside the key of another root', async () => {
    const directory = desk()
    const [one, two] = [join(directory, 'one'), join(directory, 'two')]
    await newRoot(one)
    await newRoot(two)
    copyFileSync(join(one, 'root.pem'), join(two, 'root.pem'))
    await expect(openRoot(two, passphrase)).rejects.toMatchObject({ code: 'keys-broken' })
    await expect(readRoot(two)).rejects.toMatchObject({ code: 'keys-broken' })
  })
})

test('a passphrase of accents opens in whatever form a keyboard sends them', async () => {
  const keys = join(desk(), 'root')
  await createRoot({
    directory: keys,
    domain: 'a.test',
    passphrase: 'é'.repeat(12),
    ...ports,
    development: false,
    cost: 2 ** 15,
  })
  await openRoot(keys, 'é'.normalize('NFD').repeat(12))
})

function rewrite(keys: string, name: string, change: (text: string) => string | undefined): void {
  const path = join(keys, name)
  const text = change(readFileSync(path, 'utf8'))
  if (text === undefined) execFileSync('rm', [path])
  else writeFileSync(path, text)
}

const flipSeal = (text: string): string =>
  text.replace(/"sealed": "(.)/, (_, first) => `"sealed": "${first === 'A' ? 'B' : 'A'}`)

/** One bit of the first serial number's byte. */
function flipCertificate(text: string): string {
  const lines = text.split('\n')
  const der = Buffer.from(lines.slice(1, -2).join(''), 'base64')
  der[16]! ^= 1
  return `${lines[0]}\n${der.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()}\n${lines.at(-2)}\n`
}
