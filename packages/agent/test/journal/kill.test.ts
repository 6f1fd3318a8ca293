import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { hex } from '@mintmark/core/bytes'
import { readBundle, tilePath, tilesOf } from '@mintmark/core/ledger'
import { createKeyFile, nodeVerify } from '@mintmark/elements'
import { expect, test } from 'vitest'
import { readJournalEntry } from '../../src/journal/entry.ts'
import { FileJournal, verifyJournal } from '../../src/node/index.ts'
import { origin } from './stand.ts'

// A process that writes a journal is killed, again and again in the same directory; what it said it had accepted is there.

const rounds = 6

test('whoever is killed has recorded what it acknowledged', async () => {
  const top = mkdtempSync(join(tmpdir(), 'mintmark-kill-'))
  try {
    const [directory, keyFile] = [join(top, 'journal'), join(top, 'journal.pem')]
    const key = createKeyFile(keyFile, 'Ed25519')
    const acknowledged: string[] = []
    for (let round = 0; round < rounds; round++) {
      const before = acknowledged.length
      // Later in each round, so that kills fall into other acts.
      await runAndKill([directory, keyFile], 20 + round * 5, round * 4, line => acknowledged.push(line))
      expect(acknowledged.length).toBeGreaterThan(before)
      const journal = await FileJournal.open(directory, { origin, key })
      expect(journal.size).toBeGreaterThanOrEqual(acknowledged.length)
      await journal.close()
    }
    const journal = await FileJournal.open(directory, { origin, key })
    expect(await verifyJournal(directory, journal.verifierKey)).toMatchObject({ ok: true, entries: journal.size })
    const kept = new Set<string>()
    for (const tile of tilesOf(journal.size)) {
      if (tile.level !== 'entries') continue
      for (const bytes of readBundle(readFileSync(join(directory, tilePath(tile))), tile.width)) {
        kept.add(hex((await readJournalEntry(bytes, nodeVerify)).envelope.claims.digest))
      }
    }
    expect(kept.size).toBe(journal.size)
    expect(acknowledged.filter(digest => !kept.has(digest))).toEqual([])
    process.stdout.write(`${rounds} kills, ${acknowledged.length} acknowledged, ${journal.size} recorded\n`)
    await journal.close()
  } finally {
    rmSync(top, { recursive: true })
  }
}, 120_000)

/** Kills it so many milliseconds after it has acknowledged so many. */
function runAndKill(
  args: readonly string[],
  after: number,
  later: number,
  told: (line: string) => void,
): Promise<void> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'writer.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let count = 0
  const lines = createInterface({ input: child.stdout })
  lines.on('line', line => {
    // A last one may be cut.
    if (line.length === 64) told(line)
    if (++count === after) setTimeout(() => child.kill('SIGKILL'), later)
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    let open = 2
    const done = () => --open === 0 && resolve()
    lines.once('close', done)
    child.once('close', done)
  })
}
