import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { readBundle, signCheckpoint, tilePath, tilesOf, writeBundle } from '@mintmark/core/ledger'
import { nodeSha256 } from '@mintmark/elements'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { makeKey } from '../../src/index.ts'
import { writeJournalEntry } from '../../src/journal/entry.ts'
import { FileJournal, type VerifyJournalOptions, verifyJournal } from '../../src/node/index.ts'
import { tileFiles } from '../../src/node/journal/files.ts'
import { emptyTree, grow } from '../../src/node/journal/tree.ts'
import { origin, Stand } from './stand.ts'

// What somebody who can write the files, and has not the key, does to a journal.

const count = 520
let stand: Stand
let key: string
let older: string
let directory: string
beforeAll(async () => {
  stand = await Stand.make()
  const journal = await stand.open()
  const messages = await stand.accepted(count)
  await Promise.all(messages.slice(0, 300).map(each => journal.append(each)))
  older = journal.checkpoint
  cpSync(stand.directory, `${stand.directory}-older`, { recursive: true, filter: path => !path.includes('.journal-') })
  await Promise.all(messages.slice(300).map(each => journal.append(each)))
  key = journal.verifierKey
  await journal.close()
})
afterAll(() => stand.remove())
beforeEach(() => {
  directory = `${stand.directory}-copy`
  rmSync(directory, { recursive: true, force: true })
  cpSync(stand.directory, directory, { recursive: true })
})

const verify = (against: string[] = []) => verifyJournal(directory, key, { against })
const bundle = (index: number, width: number) => join(directory, tilePath({ level: 'entries', index, width }))
const edit = (path: string, change: (bytes: Buffer) => Uint8Array) => writeFileSync(path, change(readFileSync(path)))
const edited = (index: number, width: number, change: (entries: Uint8Array[]) => Uint8Array[]) =>
  edit(bundle(index, width), bytes => writeBundle(change(readBundle(bytes, width))))
const opens = () =>
  stand.open().then(
    async journal => {
      await journal.close()
      return 'opened'
    },
    ({ code }) => code,
  )

/** All files anew over other entries, as whoever edits does who knows how the tree is made; the head stays. */
function rebuild(entries: readonly Uint8Array[]): void {
  rmSync(join(directory, 'tile'), { recursive: true })
  const { files } = grow(emptyTree, entries, nodeSha256)
  for (const { path, bytes } of files) {
    mkdirSync(dirname(join(directory, path)), { recursive: true })
    writeFileSync(join(directory, path), bytes)
  }
}

const entriesOf = (): Uint8Array[] =>
  [...tilesOf(count)]
    .filter(({ level }) => level === 'entries')
    .flatMap(tile => readBundle(readFileSync(join(directory, tilePath(tile))), tile.width))

test('a journal that nobody touched holds, also against an older head', async () => {
  expect(await verify([older])).toMatchObject({ ok: true, entries: count })
})

describe('finds', () => {
  test('two heads of one size that were kept, in whichever order: one of them is of other entries', async () => {
    const head = readFileSync(join(directory, 'checkpoint'), 'utf8')
    const fork = await signCheckpoint(stand.key, origin, count, new Uint8Array(32))
    for (const heads of [[fork], [head, fork], [fork, head]]) {
      expect(await verify(heads)).toMatchObject({ ok: false, file: 'checkpoint' })
    }
  })

  test('all of it gone, where a head was kept', async () => {
    rmSync(directory, { recursive: true })
    await expect(verify()).rejects.toMatchObject({ code: 'not-found' })
    expect(await verify([older])).toMatchObject({ ok: false, entry: 0, file: 'checkpoint' })
  })

  test.each([0, 255, 256, 519])('an edit of entry %s', async at => {
    const [index, width] = [Math.floor(at / 256), at < 512 ? 256 : 8]
    edited(index, width, all => all.map((one, i) => (i === at % 256 ? one.map((b, j) => (j === 40 ? b ^ 1 : b)) : one)))
    expect(await verify()).toMatchObject({ ok: false, entry: at })
  })

  test('an entry that is gone, and two that changed places', async () => {
    edited(1, 256, all => [...all.slice(0, 10), ...all.slice(11), all[10]!])
    expect(await verify()).toMatchObject({ ok: false, entry: 266 })
    edited(0, 256, all => [all[0]!, all[2]!, all[1]!, ...all.slice(3)])
    expect(await verify()).toMatchObject({ ok: false, entry: 1 })
  })

  test('the same, where every hash was made anew', async () => {
    const all = entriesOf()
    rebuild([...all.slice(0, 300), ...all.slice(301), all[300]!])
    expect(await verify()).toMatchObject({ ok: false, entry: 300, why: 'here is what was entry 301' })
    // The signature of its sender is what a forger cannot make.
    rebuild(all.map((one, i) => (i === 77 ? one.map((byte, j) => (j === one.length - 3 ? byte ^ 1 : byte)) : one)))
    expect(await verify()).toMatchObject({ ok: false, entry: 77 })
  })

  test('another message of the same sender in the place of one', async () => {
    // With the right place in it, and all hashes anew: only the signed head knows better.
    const other = writeJournalEntry(100, await stand.accept())
    const all = entriesOf()
    rebuild(all.map((one, i) => (i === 100 ? other : one)))
    expect(await verify()).toMatchObject({ ok: false, entry: undefined, file: 'checkpoint' })
  })

  test.each([
    ['a byte', [7]],
    ['the beginning of an entry', [255, 255, 1, 2, 3]],
  ])('%s behind the last entry of a file', async (_, more) => {
    edit(bundle(0, 256), bytes => Buffer.concat([bytes, Buffer.from(more)]))
    expect(await verify()).toMatchObject({ ok: false, entry: 256, why: 'something is behind its last entry' })
  })

  test('entries that were cut off the end', async () => {
    rmSync(bundle(2, 8))
    expect(await verify()).toMatchObject({ ok: false, entry: 512 })
    writeFileSync(bundle(2, 8), readFileSync(join(stand.directory, 'tile/entries/000')).subarray(0, 3))
    expect(await verify()).toMatchObject({ ok: false, entry: 512 })
  })

  test('a journal that was put back to what it was, by a head that was kept', async () => {
    const newer = readFileSync(join(directory, 'checkpoint'), 'utf8')
    rmSync(directory, { recursive: true })
    cpSync(`${stand.directory}-older`, directory, { recursive: true })
    expect(await verify()).toMatchObject({ ok: true, entries: 300 })
    expect(await verify([newer])).toMatchObject({ ok: false, entry: 300 })
  })

  test('a head of the same key over other entries', async () => {
    const [other, saved] = [await Stand.make(), `${stand.directory}-fork`]
    const fork = await FileJournal.open(saved, { origin, key: stand.key })
    await Promise.all((await other.accepted(300)).map(each => fork.append(each)))
    expect(await verify([fork.checkpoint])).toMatchObject({ ok: false, file: 'checkpoint' })
    expect(await verify([older])).toMatchObject({ ok: true })
    await fork.close()
    other.remove()
  })

  test('a bit that is another, in any byte of the head and sampled in every file', async () => {
    const files = ['checkpoint', ...tileFiles(directory)]
    let flips = 0
    for (const path of files) {
      const file = join(directory, path)
      const bytes = readFileSync(file)
      const step = path === 'checkpoint' ? 1 : Math.max(1, Math.floor(bytes.length / 3))
      for (let at = 0; at < bytes.length; at += step) {
        const changed = Buffer.from(bytes)
        changed[at]! ^= 1 << (at % 8)
        writeFileSync(file, changed)
        expect((await verify()).ok, `${path}, byte ${at}`).toBe(false)
        flips++
      }
      writeFileSync(file, bytes)
    }
    expect(flips).toBeGreaterThan(120)
    expect(await verify()).toMatchObject({ ok: true })
  }, 60_000)
})

describe("does not take a caller's mistake for tampering:", () => {
  const refused = (code: string, detail: string) =>
    expect.objectContaining({ code, detail: expect.stringContaining(detail), hint: expect.any(String) })
  const asked = (options: unknown) => verifyJournal(directory, key, options as VerifyJournalOptions)

  test('a directory that is none, or has no journal in it', async () => {
    const empty = `${stand.directory}-empty`
    mkdirSync(empty)
    writeFileSync(join(empty, 'notes.txt'), 'checkpoint')
    for (const other of [`${directory}/nojournal`, empty, join(directory, 'checkpoint'), join(directory, 'tile')]) {
      await expect(verifyJournal(other, key)).rejects.toThrow(refused('not-found', other))
    }
    for (const other of [undefined, 7]) {
      await expect(verifyJournal(other as unknown as string, key)).rejects.toThrow(refused('bad-request', 'directory'))
    }
  })

  test('but a journal whose head is gone is a bad one', async () => {
    const gone = { ok: false, file: 'checkpoint', why: 'it is not there' }
    rmSync(join(directory, 'checkpoint'))
    expect(await verify()).toMatchObject(gone)
    expect(await verify([older])).toMatchObject(gone)
    rmSync(join(directory, 'tile'), { recursive: true })
    writeFileSync(join(directory, 'next'), older)
    expect(await verify()).toMatchObject(gone)
  })

  test('a head that is no head of this key, of several', async () => {
    const other = await FileJournal.open(`${stand.directory}-other`, { origin, key: await makeKey() })
    const bad = ['junk', '', older.slice(0, -1), other.checkpoint, older.replace('\n300\n', '\n301\n')]
    for (const head of bad) {
      await expect(verify([older, head])).rejects.toThrow(refused('bad-checkpoint', 'against[1]: '))
      await expect(asked({ against: head })).rejects.toThrow(refused('bad-checkpoint', 'against[0]: '))
    }
    await other.close()
  })

  test('an option that is none', async () => {
    for (const options of [null, 7, older, [older], { agianst: [older] }]) {
      await expect(asked(options), JSON.stringify(options)).rejects.toThrow(refused('bad-request', 'option'))
    }
    for (const against of [null, 7, { 0: older }, Buffer.from(older)]) {
      await expect(asked({ against })).rejects.toThrow(refused('bad-request', 'against'))
    }
    for (const head of [undefined, Buffer.from(older), { size: 300 }]) {
      await expect(asked({ against: [older, head] })).rejects.toThrow(refused('bad-request', 'against[1] is not text'))
    }
    const broken = () => Promise.reject(new TypeError('no such key type'))
    await expect(asked({ verify: broken })).rejects.toThrow('no such key type')
    expect(await asked({ against: older })).toMatchObject({ ok: true })
    expect(await asked({ against: undefined })).toMatchObject({ ok: true })
  })

  test('one head as text is held against it as any', async () => {
    const newer = readFileSync(join(directory, 'checkpoint'), 'utf8')
    rmSync(directory, { recursive: true })
    cpSync(`${stand.directory}-older`, directory, { recursive: true })
    expect(await asked({ against: newer })).toMatchObject({ ok: false, entry: 300 })
  })
})

describe('does not open', () => {
  const real = () => stand.directory
  /** The journal itself is damaged, opened, and put right again. */
  async function damaged(damage: () => void): Promise<string> {
    const saved = `${real()}-saved`
    rmSync(saved, { recursive: true, force: true })
    cpSync(real(), saved, { recursive: true })
    try {
      damage()
      return await opens()
    } finally {
      rmSync(real(), { recursive: true })
      renameSync(saved, real())
    }
  }
  const file = (path: string) => join(real(), path)

  test('where its head is gone, changed, or older than its tiles', async () => {
    expect(await damaged(() => rmSync(file('checkpoint')))).toBe('ledger-broken')
    expect(await damaged(() => edit(file('checkpoint'), bytes => bytes.map((b, i) => (i === 40 ? b ^ 1 : b))))).toBe(
      'bad-checkpoint',
    )
    expect(await damaged(() => writeFileSync(file('checkpoint'), older))).toBe('ledger-broken')
    // Put back with the tiles of that time, beside the newer ones.
    const putBack = () => cpSync(`${real()}-older`, real(), { recursive: true })
    expect(await damaged(putBack)).toBe('ledger-broken')
    expect(await opens()).toBe('opened')
  })

  test('where what is at its end was changed, or files are gone', async () => {
    const flip = (bytes: Buffer) => bytes.map((byte, i) => (i === 9 ? byte ^ 1 : byte))
    const last = tileFiles(real()).find(path => path.includes('entries/002.p/'))!
    expect(await damaged(() => edit(file(last), flip))).toBe('ledger-broken')
    expect(await damaged(() => edit(file('tile/1/000.p/2'), flip))).toBe('ledger-broken')
    expect(await damaged(() => rmSync(file('tile/entries/000')))).toBe('ledger-broken')
    expect(await damaged(() => rmSync(file('tile/0/001')))).toBe('ledger-broken')
    expect(existsSync(file(last))).toBe(true)
    expect(await opens()).toBe('opened')
  })
})
