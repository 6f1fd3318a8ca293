import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { equal, hex, readPem } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { exportFiles, type Pinned } from '@mintmark/core/evidence'
import { fullWidth, readBundle, readTile, type Tile, tilePath, tilesOf, tileWidth } from '@mintmark/core/ledger'
import { readFleetName } from '@mintmark/core/names'
import { type Certificate, readCertificate, readCharter } from '@mintmark/core/signed'
import { nodeSha256, nodeVerify } from '@mintmark/elements'
import { type AuditReport, entryOf, Finding, type KeptHead, type LedgerReport, Replay } from '../store/index.ts'

export interface ExportOptions {
  /** The one ledger to look at; all that are there, otherwise. */
  readonly ledger?: string | undefined
  /** Exports, checkpoints or receipts of an earlier day. */
  readonly against?: readonly string[] | undefined
  readonly progress?: ((entries: number) => void) | undefined
}

/**
 * Audits what `mintmark audit export` wrote, without a platform: the charters by the pinned root, then every entry, in
 * order, by the rules that wrote it, each hash and each tile, and the signed heads. What is pinned is known from
 * elsewhere; everything else is in the files.
 */
export async function auditExport(
  directory: string,
  pinned: Pinned,
  { ledger, against = [], progress }: ExportOptions = {},
): Promise<AuditReport> {
  const ledgers = ledgersIn(directory).filter(name => ledger === undefined || name === ledger)
  if (ledgers.length === 0) throw new Refused('bad-export', ledger)
  const { root, domain } = await trustOf(directory, ledgers, pinned)
  const kept = against.flatMap(keptHeads).filter(head => ledger === undefined || head.ledger === ledger)
  const replay = new Replay({
    domain,
    platformKey: pinned.ledgerKey?.publicKey,
    root,
    kept,
    ...(progress && { progress }),
  })
  try {
    const reports: LedgerReport[] = []
    for (const name of ledgers) reports.push(await new ExportedLedger(directory, name, replay).run())
    replay.checkKept()
    return { ok: true, entries: replay.entries, ledgers: reports }
  } catch (error) {
    if (!(error instanceof Finding)) throw error
    return { ok: false, entries: replay.entries, where: error.where, why: error.why }
  } finally {
    replay.close()
  }
}

/** Heads that were kept: an export, a checkpoint, or a receipt or proof with one in it. @throws Refused `bad-export` */
export function keptHeads(path: string): KeptHead[] {
  if (statSync(path).isDirectory()) {
    const ledgers = ledgersIn(path)
    if (ledgers.length === 0) throw new Refused('bad-export', path)
    return ledgers.map(ledger => {
      const checkpoint = readText(join(path, ledger, exportFiles.checkpoint))
      const leaves = (from: number, to: number) => leavesOf(join(path, ledger), sizeOf(checkpoint), from, to)
      return { name: join(path, ledger), ledger, checkpoint, leaves }
    })
  }
  const text = readText(path)
  const checkpoint = text.startsWith('{') ? checkpointIn(text) : text
  // `acme.example.test/ledger`: a fleet is a DNS label.
  return [{ name: path, ledger: checkpoint.split('.')[0]!, checkpoint }]
}

/** The platform's ledger first: fleets are made in it. */
function ledgersIn(directory: string): string[] {
  const names = readdirSync(directory).filter(name => isLedger(name))
  const found = names.filter(name => existsSync(join(directory, name, exportFiles.checkpoint)))
  return found.toSorted((a, b) => (a === 'platform' ? -1 : b === 'platform' ? 1 : a < b ? -1 : 1))
}

function isLedger(name: string): boolean {
  try {
    return name === 'platform' || readFleetName(name) === name
  } catch {
    return false
  }
}

/** The root where there is a fleet, which must be the pinned one; and the domain that charters or the key name. */
async function trustOf(
  directory: string,
  ledgers: readonly string[],
  { root: pinned, ledgerKey }: Pinned,
): Promise<{ root: Certificate | undefined; domain: string }> {
  const domains = new Set<string>()
  if (ledgers.includes('platform')) {
    if (ledgerKey === undefined) throw new Refused('ledger-key-needed', 'platform')
    const [, domain] = /^platform\.(.+)\/ledger$/.exec(ledgerKey.name) ?? []
    if (domain === undefined) throw new Refused('other-ledger-key', "not of a platform's own ledger")
    domains.add(domain)
  }
  const fleets = ledgers.filter(ledger => ledger !== 'platform')
  if (fleets.length > 0 && pinned === undefined) throw new Refused('root-needed')
  const root = pinned === undefined ? undefined : readRoot(directory, pinned)
  for (const fleet of fleets) {
    const bytes = readFileSync(join(directory, fleet, exportFiles.charter))
    const charter = await readCharter(bytes, root!.publicKey, nodeVerify)
    if (charter.fleet !== fleet) throw new Refused('bad-statement', `charter of another fleet than ${fleet}`)
    domains.add(charter.domain)
  }
  const [domain, ...others] = domains
  if (others.length > 0) throw new Refused('other-ledger-key', 'ledgers of more than one platform')
  return { root, domain: domain! }
}

function readRoot(directory: string, pinned: string): Certificate {
  const root = readCertificate(readPem('CERTIFICATE', readText(join(directory, exportFiles.root))))
  if (hex(nodeSha256(root.der)) !== pinned) throw new Refused('other-root', exportFiles.root)
  return root
}

class ExportedLedger {
  readonly #directory: string
  readonly #ledger: string
  readonly #replay: Replay
  /** Hashes of complete subtrees, by level from 1 on. */
  readonly #hashes: Uint8Array[][] = [[]]

  constructor(directory: string, ledger: string, replay: Replay) {
    this.#directory = join(directory, ledger)
    this.#ledger = ledger
    this.#replay = replay
  }

  async run(): Promise<LedgerReport> {
    const checkpoint = readText(join(this.#directory, exportFiles.checkpoint))
    // Not proven before the entries have said whose key it is by; a wrong size ends at a file that is missing.
    const size = sizeOf(checkpoint)
    for (let index = 0; index * fullWidth < size; index++) await this.#bundle(index, size)
    const head = await this.#replay.head(this.#ledger, checkpoint)
    if (!head.same) {
      const why = 'the signed head is of another tree: entries were changed and hashed again'
      throw new Finding(entryOf(this.#ledger, size), why)
    }
    for (const tile of tilesOf(size)) this.#compare(tile)
    return { ledger: this.#ledger, size, root: Buffer.from(head.root).toString('base64') }
  }

  async #bundle(index: number, size: number): Promise<void> {
    const width = tileWidth('entries', index, size)
    const from = index * fullWidth
    const entries = this.#read({ level: 'entries', index, width }, bytes => readBundle(bytes, width))
    const leaves = this.#read({ level: 0, index, width }, bytes => readTile(bytes, width))
    const tiles = await this.#replay.extend(this.#ledger, entries, ({ idx, leaf }) => {
      if (equal(leaf, leaves[idx - from]!)) return
      throw new Finding(entryOf(this.#ledger, idx), 'the entry or its hash was changed')
    })
    for (const { level, hash } of tiles) {
      this.#hashes[level] ??= []
      this.#hashes[level].push(hash)
    }
  }

  /** A tile above the leaves is of the hashes that the entries give. */
  #compare({ level, index, width }: Tile): void {
    if (level === 'entries' || level === 0) return
    const due = this.#hashes[level]!.slice(index * fullWidth, index * fullWidth + width)
    const found = this.#read({ level, index, width }, bytes => readTile(bytes, width))
    const other = found.findIndex((hash, i) => !equal(hash, due[i]!))
    if (other < 0) return
    const span = fullWidth ** level
    const entry = (index * fullWidth + other) * span
    throw new Finding(entryOf(this.#ledger, entry), `a hash over ${span} entries from here on was changed`)
  }

  #read<T>(tile: Tile, read: (bytes: Uint8Array) => T): T {
    const path = tilePath(tile)
    const span = tile.level === 'entries' ? 1 : fullWidth ** tile.level
    try {
      return read(readFileSync(join(this.#directory, path)))
    } catch (cause) {
      const why = cause instanceof Refused ? `is not whole (${cause.detail ?? cause.code})` : 'cannot be read'
      throw new Finding(entryOf(this.#ledger, tile.index * fullWidth * span), `${path} ${why}`)
    }
  }
}

/** Leaf hashes of an export, as far as its files are there: they only tell where, not whether, two trees part. */
function leavesOf(directory: string, size: number, from: number, to: number): Uint8Array[] {
  const leaves: Uint8Array[] = []
  for (let index = Math.floor(from / fullWidth); index * fullWidth < Math.min(to, size); index++) {
    const width = tileWidth(0, index, size)
    try {
      const tile = readTile(readFileSync(join(directory, tilePath({ level: 0, index, width }))), width)
      leaves.push(...tile.slice(Math.max(0, from - index * fullWidth), to - index * fullWidth))
    } catch {
      // Damaged or gone: the roots are compared all the same.
      break
    }
  }
  return leaves
}

const longestText = 0x20000

function readText(path: string): string {
  if (statSync(path).size > longestText) throw new Refused('too-large', path)
  return readFileSync(path, 'utf8')
}

/** As the second line of a checkpoint says; 0 where it says nothing. */
function sizeOf(checkpoint: string): number {
  const line = checkpoint.split('\n')[1] ?? ''
  return /^[1-9][0-9]{0,14}$/.test(line) ? Number(line) : 0
}

function checkpointIn(text: string): string {
  try {
    const { checkpoint } = JSON.parse(text) as { checkpoint?: unknown }
    if (typeof checkpoint === 'string') return checkpoint
  } catch {
    // No JSON, so no receipt either.
  }
  throw new Refused('bad-checkpoint', 'neither a checkpoint nor a receipt')
}
