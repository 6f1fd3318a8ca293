import { readUtf8, type Sha256, utf8 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { type Key, type Verify, webCryptoVerify } from '@mintmark/core/keys'
import {
  type Checkpoint,
  proveInclusion,
  readCheckpoint,
  readTilePath,
  root,
  signCheckpoint,
  tilePath,
  tilesOf,
  tileWidth,
  verifierKey,
} from '@mintmark/core/ledger'
import { type Lock, lockHome } from '@mintmark/device/lock'
import { makeDirectoryDurably, nodeSha256 } from '@mintmark/elements'
import type { Journal } from '../../agent.ts'
import { writeJournalEntry } from '../../journal/entry.ts'
import { writeJournalProof } from '../../journal/proof.ts'
import type { Received } from '../../received.ts'
import { type JournalFiles, journalFiles, readJournalFile, removeTorn, tileFiles } from './files.ts'
import { emptyTree, grow, hashesIn, loadTree, type ReadFile, readItems, type Tree } from './tree.ts'

// checkpoint        the signed head; what it covers is acknowledged
// next              the head of a commit that is being written, or was cut short
// tile/...          entries and hashes, as C2SP tlog-tiles has them
//
// A commit: `next`, then the tiles, then `next` becomes `checkpoint`. What a crash leaves is told from what somebody
// did to the files by `next`: it is signed, and says what was to come. docs/spec/journal.md.

const head = 'checkpoint'
const coming = 'next'
/** Entries of one commit: so they are in two bundles at most. */
const mostAtOnce = 256

export interface FileJournalOptions {
  /** What the journal is called for ever: a domain of its own and `/journal`, as `alerts.example.test/journal`. */
  readonly origin: string
  /** Signs the heads. An Ed25519 key that does nothing else, kept apart from the directory. */
  readonly key: Key
  readonly verify?: Verify
  readonly sha256?: Sha256
  /** What is done to the disk. Not said: the disk. */
  readonly files?: JournalFiles
}

/**
 * Accepted messages in a directory of their own, as a Merkle log that only grows. An append resolves when the entry is on
 * the disk under a signed head; many at once share one.
 */
export class FileJournal implements Journal {
  /** What whoever verifies it has to know from elsewhere (C2SP signed-note). */
  readonly verifierKey: string
  readonly #origin: string
  readonly #key: Key
  readonly #files: JournalFiles
  readonly #read: ReadFile
  readonly #hash: Sha256
  readonly #lock: Lock
  #tree: Tree
  #checkpoint: string
  #waiting: Waiting[] = []
  /** What is done to the files, one after the other. */
  #turn: Promise<void> = Promise.resolve()
  #end: Refused | undefined

  private constructor(parts: Parts, lock: Lock, tree: Tree, checkpoint: string) {
    this.verifierKey = verifierKey(parts.origin, parts.key.publicKey)
    this.#origin = parts.origin
    this.#key = parts.key
    this.#files = parts.files
    this.#read = parts.read
    this.#hash = parts.hash
    this.#lock = lock
    this.#tree = tree
    this.#checkpoint = checkpoint
  }

  /**
   * Opens the journal in a directory, or begins one. A commit that was cut short is finished where all of it is there,
   * and otherwise was acknowledged to nobody.
   * @throws Refused `home-in-use` where another process writes it, `ledger-broken`, `bad-checkpoint`
   */
  static async open(directory: string, options: FileJournalOptions): Promise<FileJournal> {
    const { origin, key, verify = webCryptoVerify, sha256 = nodeSha256 } = options
    // It is the context of what the key signs (docs/spec/contexts.md).
    if (!/^[a-z0-9][a-z0-9.-]{0,252}\/journal$/.test(origin)) throw new RangeError('not the origin of a journal')
    makeDirectoryDurably(directory, 0o700)
    const lock = await lockHome(directory, 'journal')
    try {
      const files = options.files ?? journalFiles(directory)
      const read: ReadFile = path => readJournalFile(directory, path)
      const parts = { origin, key, verify, hash: sha256, files, read, directory }
      removeTorn(directory)
      const { tree, checkpoint } = await recover(parts)
      return new FileJournal(parts, lock, tree, checkpoint)
    } catch (error) {
      lock.release()
      throw error
    }
  }

  /** How many entries are on the disk. */
  get size(): number {
    return this.#tree.frontier.size
  }

  /** The signed head: who keeps it elsewhere can tell later whether something was taken away. */
  get checkpoint(): string {
    return this.#checkpoint
  }

  append(accepted: Received): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ accepted, resolve, reject })
      if (this.#waiting.length === 1) this.#inTurn(() => this.#commit())
    })
  }

  /** The text of a file that proves an entry without the journal. @throws Refused `no-receipt` */
  prove(index: number): Promise<string> {
    return this.#inTurn(async () => {
      const { size } = this
      if (!(Number.isSafeInteger(index) && index >= 0 && index < size)) throw new Refused('no-receipt', `${index}`)
      const bundle = Math.floor(index / 256)
      const width = tileWidth('entries', bundle, size)
      const entry = readItems({ level: 'entries', index: bundle, width }, this.#read)[index % 256]!
      const proof = await proveInclusion(index, size, hashesIn(size, this.#read), this.#hash)
      return writeJournalProof({ origin: this.#origin, index, entry, proof, checkpoint: this.#checkpoint })
    })
  }

  /** Writes what waits, and lets another process open it. */
  async close(): Promise<void> {
    await this.#inTurn(() => {
      this.#end ??= new Refused('unavailable', 'the journal is closed')
    })
    this.#lock.release()
  }

  #inTurn<T>(act: () => T | Promise<T>): Promise<T> {
    const done = this.#turn.then(act)
    this.#turn = done.then(nothing, nothing)
    return done
  }

  async #commit(): Promise<void> {
    const batch = this.#waiting.slice(0, mostAtOnce)
    this.#waiting = this.#waiting.slice(mostAtOnce)
    if (this.#waiting.length > 0) this.#inTurn(() => this.#commit())
    try {
      if (this.#end) throw this.#end
      await this.#write(batch.map(({ accepted }, i) => writeJournalEntry(this.size + i, accepted)))
    } catch (cause) {
      // What is on the disk now, only opening it again tells.
      this.#end ??= new Refused('unavailable', 'the journal could not be written', { cause })
      for (const { reject } of batch) reject(this.#end)
      return
    }
    for (const { resolve } of batch) resolve()
  }

  async #write(entries: readonly Uint8Array[]): Promise<void> {
    const before = partsOf(this.#tree)
    const grown = grow(this.#tree, entries, this.#hash)
    const { size } = grown.tree.frontier
    const checkpoint = await signCheckpoint(this.#key, this.#origin, size, grown.root)
    this.#files.write(coming, utf8(checkpoint))
    for (const { path, bytes } of grown.files) this.#files.write(path, bytes)
    this.#files.rename(coming, head)
    this.#tree = grown.tree
    this.#checkpoint = checkpoint
    const parts = new Set(partsOf(grown.tree))
    for (const path of before) if (!parts.has(path)) this.#files.remove(path)
  }
}

interface Waiting {
  readonly accepted: Received
  readonly resolve: () => void
  readonly reject: (why: unknown) => void
}

interface Parts {
  readonly directory: string
  readonly origin: string
  readonly key: Key
  readonly verify: Verify
  readonly hash: Sha256
  readonly files: JournalFiles
  readonly read: ReadFile
}

interface Recovered {
  readonly tree: Tree
  readonly checkpoint: string
}

async function recover(parts: Parts): Promise<Recovered> {
  const { directory, read, files } = parts
  const bytes = read(head)
  if (!bytes) return begin(parts)
  const last = await readHead(bytes, parts)
  const next = read(coming)
  const planned = next && (await readHead(next, parts))
  if (planned && !(planned.size > last.size && planned.size <= last.size + mostAtOnce)) {
    throw new Refused('ledger-broken', 'the head is older than what was to come after it')
  }
  const done = planned && (await whole(planned, parts))
  if (done) files.rename(coming, head)
  const tree = done || (await loadTree(last.size, last.root, read, parts.hash))
  const { size } = tree.frontier
  const wanted = new Set(Array.from(tilesOf(size), tilePath))
  const there = tileFiles(directory)
  const missing = [...wanted].find(path => !there.includes(path))
  if (missing !== undefined) throw new Refused('ledger-broken', `${missing} is not there`)
  const cut = new Set(planned ? Array.from(tilesOf(planned.size), tilePath) : [])
  for (const path of there.filter(each => !wanted.has(each))) {
    // Once narrower, or of the commit that was cut short. Anything else is of a tree that was larger than its head says.
    if (!(cut.has(path) || isOlder(path, size))) throw new Refused('ledger-broken', `${path} is not of this head`)
    files.remove(path)
  }
  if (planned && !done) files.remove(coming)
  return { tree, checkpoint: readUtf8(done ? next! : bytes) }
}

async function begin(parts: Parts): Promise<Recovered> {
  const { origin, key, files, read, directory } = parts
  if (read(coming) || tileFiles(directory).length > 0) throw new Refused('ledger-broken', 'the head is not there')
  const checkpoint = await signCheckpoint(key, origin, 0, root(emptyTree.frontier))
  files.write(head, utf8(checkpoint))
  return { tree: emptyTree, checkpoint }
}

const readHead = (bytes: Uint8Array, { origin, key, verify }: Parts): Promise<Checkpoint> =>
  readCheckpoint(readUtf8(bytes), { origin, publicKey: key.publicKey, verify })

/** The tree that was to come, where all its files are there. */
async function whole({ size, root: planned }: Checkpoint, { read, hash }: Parts): Promise<Tree | undefined> {
  try {
    for (const tile of tilesOf(size)) if (read(tilePath(tile)) === undefined) return undefined
    return await loadTree(size, planned, read, hash)
  } catch (cause) {
    if (cause instanceof Refused) return undefined
    throw cause
  }
}

/** The tile of a smaller tree in a place where this one has a wider one. */
function isOlder(path: string, size: number): boolean {
  try {
    const { level, index, width } = readTilePath(path)
    return width < tileWidth(level, index, size)
  } catch (cause) {
    if (cause instanceof Refused) return false
    throw cause
  }
}

/** The tiles at the right edge of a tree that are not full: a larger tree has wider ones. */
const partsOf = ({ frontier: { size }, edges }: Tree): string[] =>
  [...edges].flatMap(([level, { length: width }]) => {
    if (width === 0) return []
    const index = Math.floor(size / (level === 'entries' ? 1 : 256 ** level) / 256)
    return [tilePath({ level, index, width })]
  })

const nothing = (): void => undefined
