import { randomInt } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { readPem } from '@mintmark/core/bytes'
import { exportFiles } from '@mintmark/core/evidence'
import type { Key } from '@mintmark/core/keys/sign'
import {
  append,
  emptyFrontier,
  leafHash,
  readBundle,
  root as rootOf,
  signCheckpoint,
  tilePath,
  tilesOf,
  writeBundle,
  writeTile,
} from '@mintmark/core/ledger'
import { type Change, type ChangeBody, change, readChange } from '@mintmark/core/rules'
import { nodeSha256, openKeyFile } from '@mintmark/elements'
import { type AuditReport, auditData, auditExport, dataFiles } from '@mintmark/server'
import { startTestPlatform, type TestPlatform } from '@mintmark/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ran } from '../../mintmark/test/operated.ts'

// Ledgers in files, away from their platform: what an auditor has, and what can be done to it.

let platform: TestPlatform
let directory: string
/** Of an earlier day, with 4 entries of acme. */
let early: string
let whole: string
let root: string
let ledgerKey: string
let backup: string
const size = 4 + 300
/** With the label that the device has, one too many. */
const letters = [...'abcdefghjklmnopq']

beforeAll(async () => {
  platform = await startTestPlatform()
  directory = mkdtempSync(join(tmpdir(), 'mintmark-export-'))
  await platform.makeFleet('acme')
  await platform.makeFleet('other')
  await platform.enrollDevice('acme', 'device-1')
  await label(0)
  early = await exported('early')
  backup = join(directory, 'backup')
  cpSync(platform.data, backup, { recursive: true })
  for (let i = 1; i <= 300; i++) await label(i)
  whole = await exported('whole')
  const trust = (await platform.call('GET', '/v1/trust')).body as Record<string, Record<string, string>>
  root = trust.root!.sha256!
  ledgerKey = trust.ledger!.verifierKey!
}, 60_000)
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  await platform?.stop()
})

const label = (i: number) =>
  platform.operator('POST', '/v1/fleets/acme/devices/device-1/labels', { labels: [`i=${i}`] })

async function exported(name: string, ...options: string[]): Promise<string> {
  const out = join(directory, name)
  const { code, err } = await ran('audit', 'export', '--out', out, '--data', platform.data, ...options)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return out
}

const verified = (path: string, ...options: string[]) =>
  ran('audit', 'verify', path, '--root', root, '--ledger-key', ledgerKey, ...options)

let copies = 0
function copyOf(of: string): string {
  const copy = join(directory, `copy-${copies++}`)
  cpSync(of, copy, { recursive: true })
  return copy
}

const filesOf = (path: string): string[] =>
  readdirSync(path, { recursive: true })
    .map(String)
    .filter(file => statSync(join(path, file)).isFile())
    .toSorted()

/** The report on a copy of acme's ledger after an attack. */
async function attacked(attack: (acme: string) => unknown, against: readonly string[] = []): Promise<AuditReport> {
  const copy = copyOf(whole)
  await attack(join(copy, 'acme'))
  return auditExport(copy, { root }, { ledger: 'acme', against })
}

function edit(path: string, change: (bytes: Buffer) => Uint8Array | undefined): void {
  const bytes = readFileSync(path)
  writeFileSync(path, change(bytes) ?? bytes)
}

const flipped =
  (at: number) =>
  (bytes: Buffer): undefined => {
    bytes[at < 0 ? bytes.length + at : at]! ^= 1
  }

function entriesIn(acme: string): Uint8Array[] {
  const tiles = [...tilesOf(sizeIn(acme))].filter(({ level }) => level === 'entries')
  return tiles.flatMap(tile => readBundle(readFileSync(join(acme, tilePath(tile))), tile.width))
}

const sizeIn = (acme: string): number => Number(readFileSync(join(acme, exportFiles.checkpoint), 'utf8').split('\n')[1])

/** Writes a ledger of these entries: all hashes and tiles; the head too, where there is a key. */
async function write(acme: string, entries: readonly Uint8Array[], key?: Key): Promise<void> {
  for (const tile of tilesOf(sizeIn(acme))) rmSync(join(acme, tilePath(tile)))
  const leaves = entries.map(entry => leafHash(entry))
  const { frontier, tiles } = append(emptyFrontier, leaves)
  for (const tile of tilesOf(entries.length)) {
    const [from, to] = [tile.index * 256, tile.index * 256 + tile.width]
    const hashes = tile.level === 0 ? leaves : tiles.filter(({ level }) => level === tile.level).map(({ hash }) => hash)
    const bytes = tile.level === 'entries' ? writeBundle(entries.slice(from, to)) : writeTile(hashes.slice(from, to))
    mkdirSync(dirname(join(acme, tilePath(tile))), { recursive: true })
    writeFileSync(join(acme, tilePath(tile)), bytes)
  }
  if (key === undefined) return
  const origin = `${basename(acme)}.example.test/ledger`
  const head = await signCheckpoint(key, origin, entries.length, rootOf(frontier))
  writeFileSync(join(acme, exportFiles.checkpoint), head)
}

const acmeKey = () => openKeyFile(join(dataFiles(platform.data).keeper, 'ledger-acme.pem'))

test('an export is C2SP tlog-tiles beside the root and the charters', () => {
  const due = [...tilesOf(size)].map(tile => `acme/${tilePath(tile)}`)
  expect(due).toContain('acme/tile/1/000.p/1')
  const files = filesOf(whole)
  expect(files.filter(file => file.startsWith('acme/'))).toEqual(
    [...due, 'acme/charter.cbor', 'acme/checkpoint'].toSorted(),
  )
  expect(files).toEqual(expect.arrayContaining(['root.pem', 'platform/checkpoint', 'other/charter.cbor']))
  expect(nodeSha256(readPem('CERTIFICATE', readFileSync(join(whole, 'root.pem'), 'utf8')))).toEqual(
    Uint8Array.from(Buffer.from(root, 'hex')),
  )
})

test('it is verified offline, and what it rests on is said', async () => {
  const { code, out } = await verified(whole, '--against', early)
  expect(code, out).toBe(0)
  expect(out).toContain('Whole: every entry follows from those before it')
  expect(out).toContain(`  acme: ${size} entries, root `)
  expect(out).toContain(`  charters by the root that you named, ${root}\n`)
  expect(out).toContain("  the platform's own ledger by the key that you named\n")
  expect(out).toContain(`  goes on from ${early}\n`)
  expect((await verified(whole)).out).toContain('a ledger that was set back looks whole')
  expect(JSON.parse((await verified(whole, '--json')).out)).toMatchObject({
    ok: true,
    ledgers: [{ ledger: 'platform' }, { ledger: 'acme', size }, { ledger: 'other' }],
  })
})

test('one ledger of it needs the root alone', async () => {
  const { code, out } = await ran('audit', 'verify', whole, '--ledger', 'acme', '--root', root)
  expect({ code, out }).toMatchObject({ code: 0, out: expect.stringContaining(`acme: ${size} entries`) })
  const one = await exported('one', '--ledger', 'acme')
  expect(filesOf(one).filter(file => !file.startsWith('acme/'))).toEqual(['root.pem'])
  expect(await auditExport(one, { root })).toMatchObject({ ok: true, entries: size })
})

test('it is resumed, and grows', async () => {
  const out = copyOf(early)
  const files = filesOf(early)
  rmSync(join(out, 'other', 'tile', 'entries'), { recursive: true })
  rmSync(join(out, 'platform', 'checkpoint'))
  const { code, out: said } = await ran('audit', 'export', '--out', out, '--data', platform.data)
  expect(code).toBe(0)
  expect(said).toContain('other: 1 entry, 1 file fetched')
  expect(said).toMatch(/acme: 304 entries, 5 files fetched/)
  expect(filesOf(out).filter(file => file.startsWith('acme/'))).toEqual(
    filesOf(whole).filter(file => file.startsWith('acme/')),
  )
  expect(files).toContain('acme/tile/0/000.p/4')
  expect(existsSync(join(out, 'acme/tile/0/000.p'))).toBe(false)
  expect((await verified(out, '--against', early)).code).toBe(0)
})

describe('what must be pinned', () => {
  test.each<[string, string[], string]>([
    ['nothing', [], 'ledger-key-needed'],
    ['the root alone', ['--root'], 'ledger-key-needed'],
    ['the key alone', ['--ledger-key'], 'root-needed'],
  ])('%s is too little', async (_, options, code) => {
    const pins: Record<string, string> = { '--root': root, '--ledger-key': ledgerKey }
    const outcome = await ran('audit', 'verify', whole, ...options.flatMap(option => [option, pins[option]!]))
    expect(outcome).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(`^mintmark: ${code}: [^\n]*\nhint: `),
    })
  })

  test('another root is refused, and another key is', async () => {
    const other = await ran('audit', 'verify', whole, '--ledger', 'acme', '--root', '0'.repeat(64))
    expect(other.err).toMatch(/^mintmark: other-root: /)
    const wrong = ledgerKey.replace('platform.example.test/ledger', 'acme.example.test/ledger')
    expect((await ran('audit', 'verify', whole, '--ledger-key', wrong)).code).not.toBe(0)
  })

  test("a platform's ledger that someone wrote anew with a key of his own is found", async () => {
    const copy = copyOf(whole)
    const { key } = await platform.makeKey()
    const path = join(copy, 'platform', 'checkpoint')
    const [origin, count, hash] = readFileSync(path, 'utf8').split('\n')
    writeFileSync(
      path,
      await signCheckpoint(key, origin!, Number(count), Uint8Array.from(Buffer.from(hash!, 'base64'))),
    )
    expect(await verified(copy)).toMatchObject({
      code: 1,
      out: expect.stringContaining('not one signature by this key'),
    })
  })

  test('a directory that is none, and a path that is not there', async () => {
    expect((await ran('audit', 'verify', join(whole, 'acme'), '--root', root)).err).toMatch(/^mintmark: bad-export: /)
    expect((await ran('audit', 'verify', join(whole, 'nothing'), '--root', root)).err).toMatch(/^mintmark: not-found: /)
    expect((await verified(whole, '--against', join(whole, 'acme'))).err).toMatch(/^mintmark: bad-export: /)
    expect((await verified(whole, '--against', join(whole, 'nothing'))).err).toMatch(/^mintmark: not-found: /)
  })
})

describe('H104 an export in which', () => {
  const bundle = (acme: string, path = '000'): string => join(acme, 'tile/entries', path)

  test('one entry was changed names it', async () => {
    const report = await attacked(acme => edit(bundle(acme), flipped(20_000)))
    expect(report).toMatchObject({ ok: false, where: expect.stringMatching(/^ledger acme, entry \d+$/) })
    const last = await attacked(acme => edit(bundle(acme, '001.p/48'), flipped(-1)))
    expect(last).toMatchObject({ ok: false, where: 'ledger acme, entry 303' })
  })

  test('one hash was changed names its entry', async () => {
    expect(await attacked(acme => edit(join(acme, 'tile/0/000'), flipped(17 * 32)))).toMatchObject({
      ok: false,
      where: 'ledger acme, entry 17',
    })
    expect(await attacked(acme => edit(join(acme, 'tile/1/000.p/1'), flipped(3)))).toMatchObject({
      ok: false,
      where: 'ledger acme, entry 0',
      why: expect.stringContaining('256'),
    })
  })

  test.each([
    ['tile/entries/001.p/48', 256],
    ['tile/0/000', 0],
    ['tile/1/000.p/1', 0],
  ])('%s is gone, or too short, is named', async (path, entry) => {
    for (const attack of [
      (acme: string) => rmSync(join(acme, path)),
      (acme: string) => edit(join(acme, path), b => b.subarray(1)),
    ]) {
      const report = await attacked(attack)
      expect(report).toMatchObject({
        ok: false,
        where: `ledger acme, entry ${entry}`,
        why: expect.stringContaining(path),
      })
    }
  })

  test('two entries changed places is found, hashes and all', async () => {
    const report = await attacked(acme => {
      const entries = entriesIn(acme)
      ;[entries[20], entries[21]] = [entries[21]!, entries[20]!]
      return write(acme, entries)
    })
    expect(report).toMatchObject({ ok: false, why: expect.stringContaining('the signed head is of another tree') })
  })

  test('an entry was edited and everything hashed again is found, and named beside an earlier one', async () => {
    const attack = (acme: string) => {
      const entries = entriesIn(acme)
      const { kind, at, by, ledger, body } = readChange(entries[2]!)
      entries[2] = change({ kind, at: at + 1, by, ledger, body }).bytes
      return write(acme, entries)
    }
    expect(await attacked(attack)).toMatchObject({ ok: false, where: `ledger acme, entry ${size}` })
    expect(await attacked(attack, [early])).toMatchObject({ ok: false, where: 'ledger acme, entry 2' })
  })

  test('everything was written again and signed with another key is found', async () => {
    const { key } = await platform.makeKey()
    expect(await attacked(acme => write(acme, entriesIn(acme), key))).toMatchObject({
      ok: false,
      why: expect.stringContaining('signature'),
    })
  })

  test('the ledger is another fleet, or its charter is, is refused', async () => {
    const swap = (file: string) => (acme: string) => {
      rmSync(join(acme, file), { recursive: true })
      cpSync(join(dirname(acme), 'other', file), join(acme, file), { recursive: true })
    }
    await expect(attacked(swap('charter.cbor'))).rejects.toMatchObject({ code: 'bad-statement' })
    await expect(attacked(swap(''))).rejects.toMatchObject({ code: 'bad-statement' })
    expect(await attacked(swap('tile'))).toMatchObject({ ok: false })
    expect(await attacked(swap('checkpoint'))).toMatchObject({ ok: false })
  })

  test('the platform itself signed what does not follow is found', async () => {
    const report = await attacked(acme => {
      const entries = entriesIn(acme)
      // The same device once more, with the token that is spent.
      return write(acme, [...entries, entries[2]!], acmeKey())
    })
    expect(report).toMatchObject({
      ok: false,
      where: `ledger acme, entry ${size}`,
      why: expect.stringMatching(/^the fact does not follow: /),
    })
  })

  const digest = new Uint8Array(32)
  const device = 'acme/device/device-1'
  const rights = { identity: device, scopes: ['a'], devices: [], counts: false }
  test.each<[string, Change['kind'], object]>([
    ['a configuration that is not the next one', 'config.set', { target: 'fleet', version: 500, digest }],
    ['a configuration for nothing', 'config.set', { target: 'Fleet', version: 302, digest }],
    ['a configuration unset with an old version', 'config.unset', { target: 'fleet', version: 1 }],
    ['labels in another spelling', 'device.labelled', { identity: device, labels: 'b=1 a=1' }],
    ['labels of a device of another fleet', 'device.labelled', { identity: 'other/device/device-1', labels: 'a=1' }],
    ['labels of nobody', 'device.labelled', { identity: 'acme/device/nobody', labels: 'a=1' }],
    ['scopes out of order', 'scope.set', { ...rights, scopes: ['b', 'a'] }],
    ['a scope twice', 'scope.set', { ...rights, scopes: ['a', 'a'] }],
    ['a scope that is none', 'scope.set', { ...rights, scopes: ['**.a'] }],
    ['a recipient that is none', 'scope.set', { ...rights, recipients: ['Hub 1'] }],
    ['no recipient at all', 'scope.set', { ...rights, recipients: [] }],
    ['scopes of a device of another fleet', 'scope.set', { ...rights, identity: 'other/device/device-1' }],
    ['scopes of nobody', 'scope.set', { ...rights, identity: 'acme/device/nobody' }],
    ['more labels', 'device.labelled', { identity: device, labels: letters.map(letter => `${letter}=1`).join(' ') }],
  ])('the platform itself signed %s is found', async (_, kind, body) => {
    const fact = change({ kind, at: 1, by: 'platform', ledger: 'acme', body: body as ChangeBody<typeof kind> })
    const report = await attacked(acme => write(acme, [...entriesIn(acme), fact.bytes], acmeKey()))
    expect(report).toMatchObject({ ok: false, where: `ledger acme, entry ${size}` })
  })

  test("a charter stands beside another fleet's CA is found", async () => {
    const report = await attacked(acme => {
      const [first, ...entries] = entriesIn(acme)
      const { kind, at, by, ledger, body } = readChange(first!) as Change<'fleet.activated'>
      const { certificate } = (readChange(entriesIn(join(acme, '../other'))[0]!) as Change<'fleet.activated'>).body
      return write(
        acme,
        [change({ kind, at, by, ledger, body: { ...body, certificate } }).bytes, ...entries],
        acmeKey(),
      )
    })
    expect(report).toMatchObject({ ok: false, where: 'ledger acme, entry 0', why: 'charter of another CA' })
  })

  test('the platform was founded on another root than is pinned is found', async () => {
    const copy = copyOf(whole)
    const path = join(copy, 'platform')
    const [first, ...entries] = entriesIn(path)
    const { kind, at, by, ledger, body } = readChange(first!) as Change<'platform.founded'>
    const founded = change({ kind, at, by, ledger, body: { ...body, root: body.people } })
    await write(
      path,
      [founded.bytes, ...entries],
      openKeyFile(join(dataFiles(platform.data).keeper, 'ledger-platform.pem')),
    )
    const { code, out } = await verified(copy)
    expect({ code, out }).toEqual({ code: 1, out: expect.stringContaining('ledger platform, entry 0') })
    expect(out).toContain('the platform was founded on another root')
  })

  test('any one bit of any file was changed is found', async () => {
    const files = filesOf(whole).filter(file => /^(acme|root)/.test(file))
    for (let round = 0; round < 60; round++) {
      const copy = copyOf(whole)
      const file = files[round % files.length]!
      const at = randomInt(statSync(join(copy, file)).size)
      edit(join(copy, file), bytes => {
        bytes[at]! ^= 1 << randomInt(7)
        return undefined
      })
      const outcome = await auditExport(copy, { root }, { ledger: 'acme' }).catch((error: { code?: string }) => error)
      const found = 'ok' in outcome ? !outcome.ok : outcome.code !== undefined
      expect(found, `${file} at ${at}`).toBe(true)
      rmSync(copy, { recursive: true })
    }
  }, 60_000)
})

describe('H104 a history that the platform itself set back or wrote anew, and signed,', () => {
  const rolledBack = (acme: string) => write(acme, entriesIn(acme).slice(0, 100), acmeKey())
  const forked = (acme: string) => {
    const entries = entriesIn(acme)
    const { kind, at, by, ledger, body } = readChange(entries[3]!)
    return write(acme, [...entries.slice(0, 3), change({ kind, at: at + 1, by, ledger, body }).bytes], acmeKey())
  }

  test('looks whole by itself', async () => {
    expect(await attacked(rolledBack)).toMatchObject({ ok: true })
    expect(await attacked(forked)).toMatchObject({ ok: true })
  })

  test('is found beside an export', async () => {
    const [later, earlier] = [join(directory, 'later'), early]
    cpSync(whole, later, { recursive: true })
    expect(await attacked(rolledBack, [later])).toMatchObject({
      ok: false,
      where: 'ledger acme, entry 100',
      why: expect.stringContaining(`had ${size} entries in ${join(later, 'acme')}`),
    })
    expect(await attacked(forked, [earlier])).toMatchObject({ ok: false, where: 'ledger acme, entry 3' })
  })

  test('is found beside a head, a receipt or a proof that someone kept', async () => {
    const kept = join(directory, 'kept')
    const texts = [
      readFileSync(join(whole, 'acme/checkpoint'), 'utf8'),
      (await platform.operator('GET', '/receipts/acme/2')).text,
      (await platform.operator('GET', '/v1/audit/acme/2/proof')).text,
    ]
    for (const text of texts) {
      writeFileSync(kept, text)
      expect(await attacked(rolledBack, [kept])).toMatchObject({ ok: false, where: 'ledger acme, entry 100' })
      expect(await attacked(() => undefined, [kept])).toMatchObject({ ok: true })
    }
    writeFileSync(kept, readFileSync(join(early, 'acme/checkpoint'), 'utf8'))
    expect(await attacked(forked, [kept])).toMatchObject({ ok: false, where: 'ledger acme, entry 3' })
    writeFileSync(kept, texts[0]!.replace(`\n${size}\n`, '\n5\n'))
    await expect(attacked(() => undefined, [kept])).rejects.toMatchObject({ code: 'bad-checkpoint' })
    writeFileSync(kept, '{"checkpoint":1}')
    await expect(attacked(() => undefined, [kept])).rejects.toMatchObject({ code: 'bad-checkpoint' })
  })

  test('is found where a whole ledger is gone', async () => {
    const copy = copyOf(whole)
    rmSync(join(copy, 'other'), { recursive: true })
    const { code, out } = await verified(copy, '--against', whole)
    expect({ code, out }).toMatchObject({ code: 1, out: expect.stringContaining('ledger other, entry 0') })
  })

  test('is found in a data directory that was set back', async () => {
    expect(await auditData(backup)).toMatchObject({ ok: true })
    expect(await auditData(backup, { against: [early] })).toMatchObject({ ok: true })
    expect(await auditData(backup, { against: [whole] })).toMatchObject({
      ok: false,
      where: expect.stringMatching(/^ledger (acme|platform), entry \d+$/),
    })
    expect(await auditData(platform.data, { against: [whole, early] })).toMatchObject({ ok: true })
  })

  test('is noticed by the next export, which keeps both heads', async () => {
    const head = (text: string) => text.split('\n')
    for (const lie of [
      (text: string) => text.replace(`\n${size}\n`, `\n${size + 50}\n`),
      (text: string) => text.replace(head(text)[2]!, Buffer.alloc(32, 7).toString('base64')),
    ]) {
      const out = copyOf(whole)
      const path = join(out, 'acme/checkpoint')
      const seen = lie(readFileSync(path, 'utf8'))
      writeFileSync(path, seen)
      const { code, err } = await ran('audit', 'export', '--out', out, '--data', platform.data)
      expect({ code, err }).toEqual({ code: 1, err: expect.stringMatching(/^mintmark: ledger-forked: /) })
      expect(readFileSync(path, 'utf8')).toBe(seen)
      expect(readFileSync(`${path}.other`, 'utf8')).toBe(readFileSync(join(whole, 'acme/checkpoint'), 'utf8'))
    }
    const out = copyOf(early)
    const path = join(out, 'acme/checkpoint')
    writeFileSync(
      path,
      readFileSync(path, 'utf8').replace(/\n4\n.*\n/, `\n4\n${Buffer.alloc(32, 7).toString('base64')}\n`),
    )
    const { code, err } = await ran('audit', 'export', '--out', out, '--data', platform.data)
    expect({ code, err }).toEqual({ code: 1, err: expect.stringMatching(/^mintmark: ledger-forked: /) })
  })
})

test('an export into the directory of another platform is refused, and writes nothing', async () => {
  const out = copyOf(early)
  writeFileSync(join(out, 'root.pem'), 'another')
  const before = filesOf(out)
  const { code, err } = await ran('audit', 'export', '--out', out, '--data', platform.data)
  expect({ code, err }).toEqual({ code: 1, err: expect.stringMatching(/^mintmark: other-root: /) })
  expect(filesOf(out)).toEqual(before)
})

test('an export whose files were damaged says so, and what to do', async () => {
  const out = copyOf(early)
  edit(join(out, 'acme/tile/entries/000.p/4'), flipped(100))
  rmSync(join(out, 'acme/checkpoint'))
  writeFileSync(join(out, 'acme/tile/entries/000'), Buffer.alloc(100))
  const { code, err } = await ran('audit', 'export', '--out', out, '--data', platform.data)
  expect({ code, err }).toEqual({ code: 1, err: expect.stringMatching(/^mintmark: ledger-broken: .*\nhint: remove /) })
})
