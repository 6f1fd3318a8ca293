import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fresh } from '../../device/test/listening.ts'
import { example } from '../../testing/test/pages.ts'
import { operated, ran } from './operated.ts'

const text = example('docs/spec/proof-file.md', 'proof-file')
const root = example('docs/spec/proof-file.md', 'proof-root')
const ledgerKey = example('docs/spec/ledger.md', 'verifier-key')

function written(bytes = text): string {
  const directory = fresh('proof')
  mkdirSync(directory)
  writeFileSync(join(directory, 'proof.json'), bytes)
  return join(directory, 'proof.json')
}

test('audit verify proves a file offline and says what, by what, and what not', async () => {
  const { code, out, err } = await ran('audit', 'verify', written(), '--root', root)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(out).toMatch(
    /^Proven: acme\/device\/device-104 was enrolled with the token \S+ and got the certificate \w+\.\n/,
  )
  expect(out).toContain('  ledger      acme.example.test/ledger, entry 2 of 5\n')
  expect(out).toContain("Z, by the platform's clock\n")
  expect(out).toContain('  signed by   the ledger key in the charter of acme (version 1, issued 2026-')
  expect(out).toContain(`  charter by  the root that you named, ${root}\n`)
  expect(out).toContain('It does not show what came after it')
  const { out: json } = await ran('audit', 'verify', written(), '--root', root, '--json')
  expect(JSON.parse(json)).toMatchObject({ ok: true, index: 2, size: 5, kind: 'identity.enrolled', charter: true })
})

test('audit verify takes the key of the ledger instead of the root', async () => {
  const { code, out } = await ran('audit', 'verify', written(), '--ledger-key', ledgerKey)
  expect(code).toBe(0)
  expect(out).toContain('  signed by  the ledger key that you named\n')
  expect(out).not.toContain('charter by')
})

test.each([
  ['with neither root nor key', [], 2, 'wrong-use'],
  ['with a root that is no digest', ['--root', 'ab'], 2, 'wrong-use'],
  ['with a key that is none', ['--ledger-key', 'ab'], 2, 'wrong-use'],
  ['with another root', ['--root', '0'.repeat(64)], 1, 'other-root'],
])('audit verify refuses a file %s', async (_, options, exitCode, code) => {
  const outcome = await ran('audit', 'verify', written(), ...options)
  expect(outcome).toMatchObject({ code: exitCode, out: '' })
  expect(outcome.err).toMatch(new RegExp(`^mintmark: ${code}: .*\nhint: `))
})

test('audit verify refuses what is no proof, and nothing in it moves the cursor', async () => {
  const hostile = written(text.replace('"v": 1', '"v": 1, "\\u001b[2J": 1'))
  const { code, err } = await ran('audit', 'verify', hostile, '--root', root)
  expect({ code, err }).toEqual({ code: 1, err: expect.stringMatching(/^mintmark: bad-proof-file: [ -~\n]*$/) })
})

test('audit prove writes the file that the platform gave, once it is proven, and over none', async () => {
  const [, keyId, ...raw] = ledgerKey.split('+')
  const verifierKey = ['platform.example.test/ledger', keyId, ...raw].join('+')
  const answers = (sha256: string) => ({
    'GET /v1/audit/acme/2/proof': JSON.parse(text),
    'GET /v1/trust': { root: { sha256 }, ledger: { verifierKey } },
  })
  const { data } = await operated(answers(root))
  const out = join(data, 'proof.json')
  const made = await ran('audit', 'prove', 'acme/2', '--out', out, '--data', data)
  expect(made).toMatchObject({ code: 0, err: '' })
  expect(made.out).toContain(`  mintmark audit verify ${out} --root ${root}\n`)
  expect(readFileSync(out, 'utf8')).toBe(`${text}\n`)
  expect(await ran('audit', 'prove', 'acme/2', '--out', out, '--data', data)).toMatchObject({
    code: 1,
    err: expect.stringContaining('file-exists'),
  })
  expect((await ran('audit', 'prove', 'acme/2', '--data', data)).out).toBe(`${text}\n`)

  const other = await operated(answers('0'.repeat(64)))
  const unproven = join(other.data, 'proof.json')
  expect(await ran('audit', 'prove', 'acme/2', '--out', unproven, '--data', other.data)).toMatchObject({ code: 1 })
  expect(existsSync(unproven)).toBe(false)
})

test('audit prove writes nothing where the platform proves another entry', async () => {
  const { data } = await operated({
    'GET /v1/audit/acme/3/proof': JSON.parse(text),
    'GET /v1/trust': { root: { sha256: root }, ledger: { verifierKey: ledgerKey } },
  })
  const out = join(data, 'proof.json')
  const { code, err } = await ran('audit', 'prove', 'acme/3', '--out', out, '--data', data)
  expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining('bad-proof') })
  expect(existsSync(out)).toBe(false)
})
