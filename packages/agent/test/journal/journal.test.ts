import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { hex, utf8 } from '@mintmark/core/bytes'
import { signCheckpoint, verifierKey } from '@mintmark/core/ledger'
import { nodeSha256 } from '@mintmark/elements'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Agent, MemoryTrustRegistry, makeKey, type Received } from '../../src/index.ts'
import { writeJournalEntry } from '../../src/journal/entry.ts'
import { proveJournalEntry } from '../../src/journal/index.ts'
import { writeJournalProof } from '../../src/journal/proof.ts'
import { FileJournal, verifyJournal } from '../../src/node/index.ts'
import { journalFiles, tileFiles } from '../../src/node/journal/files.ts'
import { emptyTree, grow } from '../../src/node/journal/tree.ts'
import { origin, Stand } from './stand.ts'

let stand: Stand
beforeEach(async () => {
  stand = await Stand.make()
})
afterEach(() => stand.remove())

const verdict = (journal: FileJournal) => verifyJournal(stand.directory, journal.verifierKey)
const appendAll = (journal: FileJournal, messages: readonly Received[]) =>
  Promise.all(messages.map(each => journal.append(each)))

describe('a journal', () => {
  test('keeps what an agent accepts before it is delivered, and no body', async () => {
    const journal = await stand.open()
    const registry = new MemoryTrustRegistry()
    const service = await Agent.create({ registry, journal })
    const device = await Agent.create()
    registry.register(device.did, { scopes: ['telemetry:write'] })
    const sent = await device.send({ to: service.did, payload: 'the secret of floor 3', scope: 'telemetry:write' })
    const { envelope } = await service.receive(sent)
    expect(journal.size).toBe(1)
    await expect(service.receive(sent)).rejects.toThrow('message-replayed')
    expect(journal.size).toBe(1)
    const files = tileFiles(stand.directory).map(path => readFileSync(join(stand.directory, path), 'latin1'))
    expect(files.some(text => text.includes(Buffer.from(envelope).toString('latin1')))).toBe(true)
    expect(files.some(text => text.includes('the secret'))).toBe(false)
    await journal.close()
  })

  test.each([1, 255, 256, 257, 600])('of %s entries is opened again as it was, and grows on', async count => {
    const journal = await stand.open()
    await appendAll(journal, await stand.accepted(count))
    expect(await verdict(journal)).toMatchObject({ ok: true, entries: count })
    const { checkpoint } = journal
    await journal.close()
    const again = await stand.open()
    expect([again.size, again.checkpoint]).toEqual([count, checkpoint])
    for (const message of await stand.accepted(3)) await again.append(message)
    const found = await verifyJournal(stand.directory, again.verifierKey, { against: [checkpoint] })
    expect(found).toMatchObject({ ok: true, entries: count + 3 })
    await again.close()
  })

  test('that nothing was written to is one of no entries', async () => {
    const journal = await stand.open()
    expect(await verdict(journal)).toMatchObject({ ok: true, entries: 0 })
    await journal.close()
    expect((await stand.open()).size).toBe(0)
  })

  test('writes many at once under one head, and leaves no file that its head does not cover', async () => {
    const files = journalFiles(stand.directory)
    let heads = 0
    const journal = await stand.open({
      files: {
        ...files,
        rename: (from, to) => {
          heads++
          files.rename(from, to)
        },
      },
    })
    await appendAll(journal, await stand.accepted(700))
    expect(journal.size).toBe(700)
    expect(heads).toBeLessThanOrEqual(4)
    const entries = tileFiles(stand.directory).filter(path => path.startsWith('tile/entries'))
    expect(entries.toSorted()).toEqual(['tile/entries/000', 'tile/entries/001', 'tile/entries/002.p/188'])
    await journal.close()
  })

  test('proves each entry in one file, without the journal', async () => {
    const journal = await stand.open()
    const messages = await stand.accepted(300)
    for (const message of messages.slice(0, 5)) await journal.append(message)
    await appendAll(journal, messages.slice(5))
    for (const index of [0, 4, 5, 255, 256, 299]) {
      const text = await journal.prove(index)
      const proven = await proveJournalEntry(text, journal.verifierKey)
      const { entry, size } = proven
      expect([entry.index, entry.from, size]).toEqual([index, stand.device.did, 300])
      expect(await proveJournalEntry(Buffer.from(text), journal.verifierKey)).toEqual(proven)
      if (index < 5) expect(hex(entry.envelope.bytes)).toBe(hex(messages[index]!.envelope))
    }
    for (const index of [-1, 300, 0.5, Number.NaN]) await expect(journal.prove(index)).rejects.toThrow('no-receipt')
    await journal.close()
  })

  test('proves nothing by a file that was changed, or to whoever knows another key', async () => {
    const journal = await stand.open()
    await appendAll(journal, await stand.accepted(5))
    const key = journal.verifierKey
    const proof = JSON.parse(await journal.prove(2))
    const prove = (change: object, by = key) => proveJournalEntry(JSON.stringify({ ...proof, ...change }), by)
    await prove({})
    const other = JSON.parse(await journal.prove(3))
    for (const [change, code] of [
      [{ index: 3 }, 'bad-proof'],
      [{ index: -1 }, 'bad-proof-file'],
      [{ entry: other.entry }, 'bad-proof'],
      [{ proof: other.proof }, 'bad-proof'],
      [{ proof: proof.proof.slice(1) }, 'bad-proof'],
      [{ origin: 'other.example.test/journal' }, 'bad-checkpoint'],
      [{ checkpoint: proof.checkpoint.replace('\n5\n', '\n6\n') }, 'bad-checkpoint'],
      [{ kind: 'mintmark-proof' }, 'bad-proof-file'],
      [{ v: 2 }, 'bad-proof-file'],
      [{ more: 1 }, 'bad-proof-file'],
    ] as const) {
      await expect(prove(change), JSON.stringify(change)).rejects.toMatchObject({ code })
    }
    const { publicKey } = await makeKey()
    await expect(prove({}, verifierKey(origin, publicKey))).rejects.toMatchObject({ code: 'bad-checkpoint' })
    await journal.close()
  })

  test('proves nothing to whoever gives something else than a proof and a key, and says which it is', async () => {
    const journal = await stand.open()
    await journal.append(await stand.accept())
    const [file, key] = [await journal.prove(0), journal.verifierKey]
    await journal.close()
    const told = (code: string, word: string) => ({ code, hint: expect.stringContaining(word) })
    const { publicKey } = stand.key
    const keys = [undefined, '', origin, `${key}A`, key.slice(0, -1), { name: origin, publicKey }, utf8(key), file]
    for (const other of keys) {
      const refusal = told('key-refused', 'verifierKey')
      await expect(proveJournalEntry(file, other as string), `${other}`).rejects.toMatchObject(refusal)
      await expect(verifyJournal(stand.directory, other as string), `${other}`).rejects.toMatchObject(refusal)
    }
    const files = [
      undefined,
      '',
      'proof.json',
      key,
      '\ud800',
      JSON.parse(file),
      new ArrayBuffer(9),
      file.padEnd(300_000),
    ]
    for (const other of files) {
      const refusal = told('bad-proof-file', 'prove()')
      await expect(proveJournalEntry(other as string, key), `${other}`.slice(0, 99)).rejects.toMatchObject(refusal)
    }
  })

  test('proves no entry that says it is of another place', async () => {
    const entry = writeJournalEntry(1, await stand.accept())
    const { root } = grow(emptyTree, [entry], nodeSha256)
    const checkpoint = await signCheckpoint(stand.key, origin, 1, root)
    const file = writeJournalProof({ origin, index: 0, entry, proof: [], checkpoint })
    const key = verifierKey(origin, stand.key.publicKey)
    await expect(proveJournalEntry(utf8(file), key)).rejects.toMatchObject({ code: 'bad-proof' })
  })

  test('has one writer: a second one is refused until the first has ended', async () => {
    const journal = await stand.open()
    await expect(stand.open()).rejects.toThrow('home-in-use')
    await journal.append(await stand.accept())
    await journal.close()
    const next = await stand.open()
    expect(next.size).toBe(1)
    await expect(journal.append(await stand.accept())).rejects.toThrow('unavailable')
    await next.close()
  })

  test('is not opened by another key, nor under another name', async () => {
    const journal = await stand.open()
    await journal.close()
    await expect(stand.open({ key: await makeKey() })).rejects.toThrow('bad-checkpoint')
    await expect(stand.open({ origin: 'other.example.test/journal' })).rejects.toThrow('bad-checkpoint')
  })
})

describe('a crash', () => {
  /** A disk that is gone from the n-th act on, as it is for a process that was killed. */
  function dying(after: number) {
    const files = journalFiles(stand.directory)
    let acts = 0
    const count = (act: () => void) => {
      if (++acts > after) throw new Error('killed')
      act()
    }
    return {
      acts: () => acts,
      files: {
        write: (path: string, bytes: Uint8Array) => count(() => files.write(path, bytes)),
        rename: (from: string, to: string) => count(() => files.rename(from, to)),
        remove: (path: string) => count(() => files.remove(path)),
      },
    }
  }

  test('at any act of a commit, and of the recovery after it, loses nothing that was acknowledged', async () => {
    const first = await stand.open()
    await appendAll(first, await stand.accepted(250))
    await first.close()
    const acknowledged: string[] = []
    let size = 250
    let died = 0
    // Each round dies one act later, until one does not die; over the end of a bundle and of a tile.
    for (let after = 0; after < 24; after++) {
      const disk = dying(after)
      try {
        const journal = await stand.open({ files: disk.files })
        const messages = await stand.accepted(1 + (after % 4))
        const done = await Promise.allSettled(messages.map(each => journal.append(each)))
        for (const [i, { status }] of done.entries()) {
          if (status === 'fulfilled') acknowledged.push(hex(messages[i]!.envelope))
          else died++
        }
        await journal.close()
      } catch (error) {
        expect((error as Error).message).toBe('killed')
        died++
      }
      // Nor is a recovery the worse for dying, at any act of its own.
      for (let acts = 0; acts < 4; acts++) {
        const opened = await stand.open({ files: dying(acts).files }).catch((error: Error) => error)
        if (opened instanceof FileJournal) await opened.close()
        else expect(opened.message).toBe('killed')
      }
      const journal = await stand.open()
      expect(journal.size).toBeGreaterThanOrEqual(size)
      size = journal.size
      expect(await verdict(journal)).toMatchObject({ ok: true, entries: size })
      await journal.close()
    }
    expect(died).toBeGreaterThan(8)
    expect(acknowledged.length).toBeGreaterThan(20)
    const journal = await stand.open()
    const kept = new Set<string>()
    for (let i = 250; i < journal.size; i++) {
      const { entry } = await proveJournalEntry(await journal.prove(i), journal.verifierKey)
      kept.add(hex(entry.envelope.bytes))
    }
    expect(kept.size).toBe(journal.size - 250)
    expect(acknowledged.filter(each => !kept.has(each))).toEqual([])
    await journal.close()
  })

  test('takes nothing more until it is opened again', async () => {
    const journal = await stand.open({ files: dying(2).files })
    await expect(journal.append(await stand.accept())).rejects.toThrow('unavailable')
    await expect(journal.append(await stand.accept())).rejects.toThrow('unavailable')
    await journal.close()
    const again = await stand.open()
    await again.append(await stand.accept())
    expect(await verdict(again)).toMatchObject({ ok: true, entries: again.size })
    await again.close()
  })
})
