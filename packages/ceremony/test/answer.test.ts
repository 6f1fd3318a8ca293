import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { base64url, hex, pem, readBase64url, sha256 } from '@mintmark/core/bytes'
import { readCeremonyAnswer, readCeremonyRequest, requestOf } from '@mintmark/core/ceremony'
import { readCharter } from '@mintmark/core/signed'
import { nodeVerify } from '@mintmark/elements'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { answerBytes, answerFile, confirmationOf, showRequest } from '../src/answer.ts'
import { readTranscript } from '../src/transcript.ts'
import { at, domain, edited, newRoot, passphrase, type Scene, scene, signer } from './scene.ts'

const read = (bytes: Uint8Array) => readCeremonyRequest(bytes, nodeVerify)
type Items = Record<string, unknown>[]
const itemsOf = (file: Record<string, unknown>) => file.items as Items
const itemsIn = (bytes: Uint8Array) => itemsOf(JSON.parse(Buffer.from(bytes).toString()))

test('a request is answered with what it asks for, and the transcript has it', async () => {
  const { directory, keys, request, root, answering } = await scene()
  const out = join(directory, 'answer.json')
  const { shown, transcript } = await answerFile({ request: join(directory, 'request.json'), out, ...answering })
  const answer = readFileSync(out)
  const { items } = await readCeremonyAnswer(answer, await read(request), at, nodeVerify)
  expect(items.map(({ item }) => (item.kind === 'authority' ? item.request.use : 'charter'))).toEqual([
    'server',
    'people',
    'fleet',
    'charter',
  ])
  const charter = await readCharter(items[3]!.signed, root.certificate.publicKey, nodeVerify)
  expect(charter).toMatchObject({ domain, fleet: 'rehearsal', version: 1 })
  expect(transcript).toEqual(readTranscript(keys))
  const text = readFileSync(join(keys, 'transcript.txt'), 'utf8')
  for (const line of shown.lines) expect(text).toContain(`line: ${line}\n`)
  for (const digest of [request, answer].map(bytes => hex(sha256(bytes)))) expect(text).toContain(digest)
  expect(text).toContain(`words: ${shown.words}\nline`)
})

test('a request of many items is answered, and the answer carries the request', async () => {
  const { request, answering } = await scene()
  const charters = Array.from({ length: 60 }, (_, n) => ({ ...itemsIn(request)[3], version: n + 2 }))
  const many = edited(request, file => itemsOf(file).push(...charters))
  const { answer } = await answerBytes(many, answering)
  expect(Buffer.from(requestOf(answer))).toEqual(Buffer.from(many))
  const { items } = await readCeremonyAnswer(answer, await read(many), at, nodeVerify)
  expect(items).toHaveLength(64)
})

test('OpenSSL takes every CA under the root, under its strict rules', async () => {
  const { directory, keys, request, answering } = await scene()
  const { answer } = await answerBytes(request, answering)
  const { items } = await readCeremonyAnswer(answer, await read(request), at, nodeVerify)
  for (const { item, signed } of items) {
    if (item.kind !== 'authority') continue
    const path = join(directory, 'ca.pem')
    writeFileSync(path, pem('CERTIFICATE', signed))
    const args = ['verify', '-x509_strict', '-attime', String(at / 1000), '-CAfile', join(keys, 'root.pem'), path]
    expect(execFileSync('openssl', args, { encoding: 'utf8' })).toContain('ca.pem: OK')
    const text = execFileSync('openssl', ['x509', '-in', path, '-noout', '-text'], { encoding: 'utf8' })
    expect(text).toContain('CA:TRUE, pathlen:0')
    expect(text.includes('X509v3 Name Constraints: critical')).toBe(item.request.use !== 'server')
  }
})

describe('nothing is signed', () => {
  let set: Scene
  beforeAll(async () => {
    set = await scene(afterAll)
  })

  const refusals: readonly (readonly [name: string, why: RegExp, change: (file: Record<string, unknown>) => void])[] = [
    ['for another root', /another root/, file => (file.anchor = '0'.repeat(64))],
    ['for another domain', /bad-request-file/, file => (file.domain = 'example.org')],
    ['for a CA that outlives the root', /outlive/, file => (itemsOf(file)[0]!.notAfter = at + 11 * 366 * 86_400_000)],
    ['for a CA that ends before it begins', /ends before/, file => (itemsOf(file)[0]!.notAfter = at - 400_000)],
    ['for another fleet than the title says', /title/, file => (itemsOf(file)[2]!.fleet = 'other')],
    ['for a title of its own', /title/, file => (itemsOf(file)[0]!.title = 'Your Bank CA')],
    ['for a server CA that names a fleet', /only a fleet CA/, file => (itemsOf(file)[0]!.fleet = 'rehearsal')],
    ['for an unknown use', /unknown use/, file => (itemsOf(file)[0]!.use = 'any')],
    ['for an unknown kind', /unknown kind/, file => (itemsOf(file)[0]!.kind = 'leaf')],
    ['for a negative serial number', /serial/, file => (itemsOf(file)[0]!.serial = 'f'.repeat(32))],
    ['for a short serial number', /serial/, file => (itemsOf(file)[0]!.serial = '01')],
    ['for a time beyond all calendars', /not a time/, file => (itemsOf(file)[0]!.notAfter = Number.MAX_SAFE_INTEGER)],
    ['for a CSR that its key did not sign', /csr-signature/, file => (itemsOf(file)[0]!.possession = forged(file))],
    ['for one key in two CAs', /one key/, file => (itemsOf(file)[0]!.possession = itemsOf(file)[1]!.possession)],
    ['for a charter with the CA of no fleet', /another fleet/, file => (itemsOf(file)[3]!.authority = keyOf(file, 0))],
    ['for a charter of another domain', /charter/, file => (itemsOf(file)[3]!.domain = 'example.org')],
    ['for a charter with half a digest', /digest/, file => (itemsOf(file)[3]!.releaseRoot = 'ab'.repeat(16))],
    ['for a charter with no point of Ed25519', /key-refused/, file => (itemsOf(file)[3]!.ledgerKey = badPoint)],
    ['for nothing', /1 to 64 items/, file => (file.items = [])],
    ['for unknown fields', /unknown or missing/, file => (file.note = 'urgent')],
    ['for unknown fields of an item', /unknown or missing/, file => (itemsOf(file)[0]!.extensions = [])],
    ['for another version', /not a request/, file => (file.mintmark = 'ceremony-request.v2')],
  ]
  test.each(refusals)('%s', async (_, why, change) => {
    const { directory, keys, request, answering } = set
    const path = join(directory, 'changed.json')
    writeFileSync(path, edited(request, change))
    const out = join(directory, 'answer.json')
    const asked = { ...answering, signer: { ...signer, confirm: () => expect.fail('asked') } }
    const refused = await answerFile({ request: path, out, ...asked }).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'bad-request-file', message: expect.stringMatching(why) })
    expect(existsSync(out)).toBe(false)
    expect(existsSync(join(keys, 'transcript.txt'))).toBe(false)
  })

  const texts: readonly (readonly [name: string, change: (text: string) => string])[] = [
    ['for a name given twice', text => text.replace('"serial"', '"serial": "00",\n      "serial"')],
    ['for other white space', text => text.replace(/\n */g, ' ')],
    ['for fields in another order', text => `${JSON.stringify(reversed(JSON.parse(text)), null, 2)}\n`],
    ['for half a file', text => text.slice(0, 700)],
    ['for text after the end', text => `${text}{}`],
    ['for bytes that are no UTF-8', text => `${text}\xff`],
  ]
  test.each(texts)('%s', async (_, change) => {
    const { request, answering } = set
    const bytes = Buffer.from(change(Buffer.from(request).toString()), 'latin1')
    await expect(answerBytes(bytes, answering)).rejects.toMatchObject({ code: 'bad-request-file' })
  })

  test('when the words typed are others', async () => {
    const { request, keys, answering } = await scene()
    const { words } = await showRequest(request)
    const [first, second] = words.split(' ')
    for (const typed of [
      '',
      first!,
      `${second} ${first}`,
      `${first} ${second} ${second}`,
      words,
      `${first}${second}`,
    ]) {
      const other = { ...answering, signer: { confirm: () => typed, passphrase: () => expect.fail('asked') } }
      await expect(answerBytes(request, other)).rejects.toMatchObject({ code: 'not-confirmed' })
    }
    expect(existsSync(join(keys, 'transcript.txt'))).toBe(false)
    const loud = ` ${first}  ${second} `.toUpperCase()
    await answerBytes(request, { ...answering, signer: { ...signer, confirm: () => loud } })
  })

  test('with a wrong passphrase', async () => {
    const { request, keys, answering } = set
    const other = { ...answering, signer: { confirm: confirmationOf, passphrase: () => 'another passphrase' } }
    await expect(answerBytes(request, other)).rejects.toMatchObject({ code: 'wrong-passphrase' })
    expect(existsSync(join(keys, 'transcript.txt'))).toBe(false)
  })

  test('by a root that has expired, or is not valid yet', async () => {
    const { request, answering, root } = set
    for (const time of [root.certificate.notAfter + 1000, root.certificate.notBefore - 1]) {
      const late = answerBytes(request, { ...answering, now: () => time })
      await expect(late).rejects.toMatchObject({ code: 'bad-certificate' })
    }
  })

  test('where a file of that name stands, or its directory does not', async () => {
    const { directory, keys, answering } = set
    const files = { request: join(directory, 'request.json'), ...answering }
    writeFileSync(join(directory, 'taken'), 'mine')
    await expect(answerFile({ ...files, out: join(directory, 'taken') })).rejects.toMatchObject({ code: 'file-exists' })
    await expect(answerFile({ ...files, out: join(directory, 'gone', 'a') })).rejects.toMatchObject({ code: 'ENOENT' })
    expect(readFileSync(join(directory, 'taken'), 'utf8')).toBe('mine')
    expect(existsSync(join(keys, 'transcript.txt'))).toBe(false)
  })
})

test('a request that founds a platform is answered by a root of its domain only', async () => {
  const { directory, request, answering } = await scene()
  const founding = edited(request, file => (file.anchor = null))
  await answerBytes(founding, answering)
  const keys = join(directory, 'other')
  await newRoot(keys, { domain: 'example.org', passphrase })
  await expect(answerBytes(founding, { ...answering, keys })).rejects.toMatchObject({ code: 'bad-request-file' })
})

/** The CSR of the first CA, with the key of the second in it. */
function forged(file: Record<string, unknown>): string {
  const [one, two] = itemsOf(file).map(({ possession }) => readBase64url(String(possession ?? '')))
  const point = 3 + 3 + 2 + 2 + 27
  const csr = one!.slice()
  csr.set(two!.subarray(point, point + 64), point)
  return base64url(csr)
}

const keyOf = (file: Record<string, unknown>, at: number): string => {
  const csr = readBase64url(String(itemsOf(file)[at]!.possession))
  const begin = Buffer.from(csr).indexOf(Buffer.from('3059301306', 'hex'))
  return hex(sha256(csr.subarray(begin, begin + 91)))
}

// y = 2 is no point of the curve.
const badPoint = base64url(Uint8Array.of(2, ...new Uint8Array(31)))

const reversed = (file: object): object => Object.fromEntries(Object.entries(file).reverse())
