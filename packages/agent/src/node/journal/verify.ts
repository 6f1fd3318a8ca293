import { readdirSync } from 'node:fs'
import { equal, hex, readUtf8, type Sha256 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { type Verify, webCryptoVerify } from '@mintmark/core/keys'
import {
  append,
  type Checkpoint,
  emptyFrontier,
  type Frontier,
  leafHash,
  readCheckpoint,
  readTile,
  root,
  tilePath,
  tilesOf,
  tileWidth,
} from '@mintmark/core/ledger'
import { isCode, nodeSha256 } from '@mintmark/elements'
import { readJournalEntry } from '../../journal/entry.ts'
import { readJournalKey } from '../../journal/key.ts'
import { readJournalFile } from './files.ts'

export interface VerifyJournalOptions {
  /** Heads that were kept elsewhere, or one: what was taken away since is found by them alone. */
  readonly against?: string | readonly string[]
  readonly verify?: Verify
  readonly sha256?: Sha256
}

/** What a journal was found to be. */
export type JournalVerdict =
  | { readonly ok: true; readonly entries: number; readonly head: Checkpoint }
  | {
      readonly ok: false
      /** The first entry that is not as it was; undefined where that cannot be told. */
      readonly entry: number | undefined
      /** Where it was seen, as a path in the directory. */
      readonly file: string
      readonly why: string
    }

/**
 * Reads a whole journal, and finds the first entry that is not as it was recorded. It changes nothing. What is wrong with
 * the journal is in the verdict; what is wrong with what was asked is refused, so that nobody takes it for tampering.
 * @param key the verifier key, known from elsewhere
 * @throws Refused `not-found` where there is no journal at all, `key-refused`, `bad-request`, and `bad-checkpoint` for a
 * head in `against` that this key did not sign
 */
export async function verifyJournal(
  directory: string,
  key: string,
  options: VerifyJournalOptions = {},
): Promise<JournalVerdict> {
  const { against, verify, sha256 } = readOptions(options)
  const by = { ...readJournalKey(key), verify }
  const kept: Checkpoint[] = []
  for (const [i, text] of against.entries()) kept.push(await readKept(text, `against[${i}]`, by))
  if (!isThere(directory)) {
    const [{ size } = { size: 0 }] = kept.toSorted((a, b) => b.size - a.size)
    if (size === 0) throw new Refused('not-found', `no journal in ${directory}`, { hint: named })
    return bad(0, 'checkpoint', `nothing is there, and a head of ${size} entries was kept`)
  }
  const read = (path: string) => readJournalFile(directory, path)
  const checkpoint = read('checkpoint')
  if (!checkpoint) return bad(undefined, 'checkpoint', 'it is not there')
  let head: Checkpoint
  try {
    head = await readCheckpoint(readUtf8(checkpoint), by)
  } catch (cause) {
    if (!(cause instanceof Refused)) throw cause
    return bad(undefined, 'checkpoint', cause)
  }
  const larger = kept.find(({ size }) => size > head.size)
  const empty = kept.find(({ size, root: due }) => size === 0 && !equal(due, root(emptyFrontier, sha256)))
  if (empty) return bad(undefined, 'checkpoint', 'a head was kept of no entries, with another root')
  let tree: Frontier = emptyFrontier
  const tiles = new Map<number, Uint8Array[]>()
  for (let index = 0; index * 256 < head.size; index++) {
    const width = tileWidth('entries', index, head.size)
    const [bundle, tile] = [
      { file: tilePath({ level: 'entries', index, width }), bytes: undefined as Uint8Array | undefined },
      tilePath({ level: 0, index, width }),
    ]
    bundle.bytes = read(bundle.file)
    const hashes = hashesOf(read(tile), width)
    const { entries, isWhole } = entriesIn(bundle.bytes ?? new Uint8Array())
    const leaves: Uint8Array[] = []
    for (let i = 0; i < width; i++) {
      const at = index * 256 + i
      const entry = entries[i]
      if (entry === undefined) return bad(at, bundle.file, 'it is not there')
      const leaf = leafHash(entry, sha256)
      if (!hashes[i]) return bad(at, tile, 'its hash is not there')
      if (!equal(leaf, hashes[i]!)) return bad(at, bundle.file, 'it is not the entry of its hash')
      try {
        const said = await readJournalEntry(entry, verify)
        if (said.index !== at) return bad(at, bundle.file, `here is what was entry ${said.index}`)
      } catch (cause) {
        if (!(cause instanceof Refused)) throw cause
        return bad(at, bundle.file, cause)
      }
      leaves.push(leaf)
      const due = kept.filter(({ size }) => size === at + 1)
      if (due.length > 0) {
        const { root: here } = append(tree, leaves, sha256)
        if (!due.every(each => equal(each.root, here))) {
          return bad(undefined, 'checkpoint', `a head was kept of other entries up to ${at}`)
        }
      }
    }
    if (entries.length !== width || !isWhole)
      return bad((index + 1) * 256, bundle.file, 'something is behind its last entry')
    const grown = append(tree, leaves, sha256)
    for (const { level, hash } of grown.tiles) tiles.set(level, [...(tiles.get(level) ?? []), hash])
    tree = grown.frontier
  }
  const file = wrongTile(head.size, tiles, read)
  if (file) return bad(file.entry, file.path, 'it is not the tile of its entries')
  if (!equal(root(tree, sha256), head.root)) {
    return bad(undefined, 'checkpoint', `signed was ${hex(head.root)}, the entries have another root`)
  }
  if (larger) return bad(head.size, 'checkpoint', `a head of ${larger.size} entries was kept`)
  return { ok: true, entries: head.size, head }
}

/** A name that is not known is refused: heads under a name that was mistyped would be held against nothing. */
function readOptions(options: VerifyJournalOptions): Required<VerifyJournalOptions> & { against: readonly string[] } {
  if (typeof options !== 'object' || options === null) throw new Refused('bad-request', 'options', { hint: asked })
  const { against = [], verify = webCryptoVerify, sha256 = nodeSha256, ...unknown } = options
  const [name] = Object.keys(unknown)
  if (name !== undefined) throw new Refused('bad-request', `no option is called ${name}`, { hint: asked })
  const heads: unknown = typeof against === 'string' ? [against] : against
  if (!Array.isArray(heads)) throw new Refused('bad-request', 'against', { hint: asked })
  const other = heads.findIndex(each => typeof each !== 'string')
  if (other >= 0) throw new Refused('bad-request', `against[${other}] is not text`, { hint: asked })
  return { against: heads as string[], verify, sha256 }
}

const asked = 'say { against: [head, ...] }, each the text of a checkpoint that was kept'

async function readKept(text: string, name: string, by: Parameters<typeof readCheckpoint>[1]): Promise<Checkpoint> {
  try {
    return await readCheckpoint(text, by)
  } catch (cause) {
    if (!(cause instanceof Refused)) throw cause
    const hint = `give ${name} as the journal had it, whole, and the key of that journal; the journal was not looked at`
    throw new Refused('bad-checkpoint', `${name}: ${cause.detail}`, { cause, hint })
  }
}

/** Where anything of a journal is there, what is not is for the verdict. */
function isThere(directory: string): boolean {
  if (typeof directory !== 'string') throw new Refused('bad-request', 'directory', { hint: named })
  let names: string[] = []
  try {
    names = readdirSync(directory)
  } catch (cause) {
    if (!isCode(cause, 'ENOENT') && !isCode(cause, 'ENOTDIR')) throw cause
  }
  return names.some(name => parts.has(name))
}

const named = 'name the directory of the journal, in which checkpoint is'
const parts: ReadonlySet<string> = new Set(['checkpoint', 'next', 'tile'])

/** As far as they can be read, and whether that is all there is. */
function entriesIn(bytes: Uint8Array): { readonly entries: Uint8Array[]; readonly isWhole: boolean } {
  const entries: Uint8Array[] = []
  let at = 0
  while (at + 2 <= bytes.length) {
    const end = at + 2 + ((bytes[at]! << 8) | bytes[at + 1]!)
    if (end > bytes.length) break
    entries.push(bytes.subarray(at + 2, end))
    at = end
  }
  return { entries, isWhole: at === bytes.length }
}

/** As far as they are there: none where there are more, so that nothing hides behind them. */
function hashesOf(bytes: Uint8Array | undefined, width: number): Uint8Array[] {
  if (!bytes || bytes.length > width * 32) return []
  const whole = Math.floor(bytes.length / 32)
  return whole === 0 ? [] : readTile(bytes.subarray(0, whole * 32), whole)
}

/** The first tile of hashes over hashes that is not that of its entries. */
function wrongTile(
  size: number,
  tiles: ReadonlyMap<number, readonly Uint8Array[]>,
  read: (path: string) => Uint8Array | undefined,
): { readonly path: string; readonly entry: number } | undefined {
  for (const tile of tilesOf(size)) {
    if (tile.level === 'entries' || tile.level === 0) continue
    const path = tilePath(tile)
    const bytes = read(path)
    for (let i = 0; i < tile.width; i++) {
      const at = tile.index * 256 + i
      const due = tiles.get(tile.level)?.[at]
      const has = bytes?.length === tile.width * 32 ? bytes.subarray(i * 32, (i + 1) * 32) : undefined
      if (!due || !has || !equal(due, has)) return { path, entry: at * 256 ** tile.level }
    }
  }
  return undefined
}

const bad = (entry: number | undefined, file: string, why: unknown): JournalVerdict => ({
  ok: false,
  entry,
  file,
  why: why instanceof Error ? why.message : String(why),
})
