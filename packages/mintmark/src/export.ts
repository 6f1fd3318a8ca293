import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { base64, equal, hex, readPem, readUtf8, utf8 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { exportFiles } from '@mintmark/core/evidence'
import {
  append,
  emptyFrontier,
  type Frontier,
  fullWidth,
  leafHash,
  longestEntry,
  readBundle,
  readTile,
  root as rootOf,
  type Tile,
  tilePath,
  tilesOf,
  tileWidth,
} from '@mintmark/core/ledger'
import { isOfKind, readChange } from '@mintmark/core/rules'
import type { Connection } from '@mintmark/device'
import { nodeSha256, writeFileDurably } from '@mintmark/elements'

export interface Exported {
  readonly ledger: string
  readonly size: number
  /** Files that were not there. */
  readonly fetched: number
}

interface Head {
  readonly text: string
  readonly size: number
  readonly root: string
}

const mostOf = { checkpoint: 0x20000, root: 16_384, tile: fullWidth * (longestEntry + 2) } as const

/** The root of a platform into a directory, which is of no other platform. @returns its SHA-256 */
export async function exportRoot(platform: Connection, directory: string): Promise<string> {
  const text = readUtf8(await platform.download('/trust/root.pem', mostOf.root))
  const path = join(directory, exportFiles.root)
  if (!existsSync(path)) write(path, utf8(text))
  if (readFileSync(path, 'utf8') !== text) throw new Refused('other-root', path)
  return hex(nodeSha256(readPem('CERTIFICATE', text)))
}

/**
 * What is missing of a ledger, into its directory: C2SP tlog-tiles. A file is whole or not there, so an export that was
 * cut short goes on where it was. The head is written last, and only where the ledger goes on from the head before.
 */
export async function exportLedger(platform: Connection, directory: string, ledger: string): Promise<Exported> {
  const here = join(directory, ledger)
  const log = `/log/${ledger}`
  const head = readHead(readUtf8(await platform.download(`${log}/${exportFiles.checkpoint}`, mostOf.checkpoint)))
  const path = join(here, exportFiles.checkpoint)
  const before = existsSync(path) ? readHead(readFileSync(path, 'utf8')) : undefined
  if (before && (head.size < before.size || (head.size === before.size && head.root !== before.root))) {
    throw forked(here, head)
  }
  let fetched = 0
  for (const tile of tilesOf(head.size)) {
    const file = join(here, tilePath(tile))
    if (existsSync(file)) continue
    write(file, await platform.download(`${log}/${tilePath(tile)}`, mostOf.tile))
    fetched++
  }
  checkTree(here, before, head)
  if (ledger !== 'platform') writeCharter(here, head.size)
  if (before?.text !== head.text) write(path, utf8(head.text))
  if (before) removePartial(here, before.size, head.size)
  return { ledger, size: head.size, fetched }
}

/** The files are the tree of the new head, and it begins with that of the old one. Who signed is for the audit. */
function checkTree(here: string, before: Head | undefined, head: Head): void {
  let tree: Frontier = emptyFrontier
  const isRoot = (of: Frontier, { root }: Head): boolean => base64(rootOf(of, nodeSha256)) === root
  for (let index = 0; index * fullWidth < head.size; index++) {
    const leaves = leavesOf(here, index, head.size)
    const known = before === undefined ? -1 : before.size - tree.size
    if (before && known > 0 && known <= leaves.length) {
      if (!isRoot(append(tree, leaves.slice(0, known), nodeSha256).frontier, before)) throw forked(here, head)
    }
    tree = append(tree, leaves, nodeSha256).frontier
  }
  if (isRoot(tree, head)) return
  // What was here before is whole, so it is the platform that does not go on from it.
  if (before) throw forked(here, head)
  throw broken(here, 'other entries than its head')
}

/** Leaf hashes of one bundle, which are those of its tile. */
function leavesOf(here: string, index: number, size: number): Uint8Array[] {
  const width = tileWidth('entries', index, size)
  const read = (level: Tile['level']) => readFileSync(join(here, tilePath({ level, index, width })))
  try {
    const leaves = readBundle(read('entries'), width).map(entry => leafHash(entry, nodeSha256))
    const other = readTile(read(0), width).findIndex((hash, i) => !equal(hash, leaves[i]!))
    if (other < 0) return leaves
    throw new Refused('ledger-broken', `entry ${index * fullWidth + other} and its hash`)
  } catch (cause) {
    if (!(cause instanceof Refused)) throw cause
    throw broken(here, cause.detail ?? cause.code)
  }
}

const broken = (here: string, why: string): Refused =>
  new Refused('ledger-broken', `${here}: ${why}`, {
    hint: `remove ${here} and export again; where it stays so, keep what the platform answered`,
  })

/** Entry 0 of a fleet's ledger holds its charter. */
function writeCharter(here: string, size: number): void {
  const width = tileWidth('entries', 0, size)
  const [first] = readBundle(readFileSync(join(here, tilePath({ level: 'entries', index: 0, width }))), width)
  const fact = readChange(first!)
  if (!isOfKind(fact, 'fleet.activated')) throw new Refused('ledger-broken', `${here} does not begin with its charter`)
  write(join(here, exportFiles.charter), fact.body.charter)
}

/** Tiles of the smaller tree that were not full, once nothing speaks of them any more. */
function removePartial(here: string, before: number, size: number): void {
  const due = new Set([...tilesOf(size)].map(tilePath))
  for (const tile of tilesOf(before)) {
    const path = tilePath(tile)
    if (due.has(path)) continue
    rmSync(join(here, path), { force: true })
    const directory = dirname(join(here, path))
    if (existsSync(directory) && readdirSync(directory).length === 0) rmSync(directory, { recursive: true })
  }
}

/** What the platform shows is kept beside what it showed before: it signed both. */
function forked(here: string, head: Head): Refused {
  const path = join(here, `${exportFiles.checkpoint}.other`)
  write(path, utf8(head.text))
  return new Refused('ledger-forked', `${join(here, exportFiles.checkpoint)} and ${path}`)
}

function readHead(text: string): Head {
  const [, size = '', root = ''] = text.split('\n')
  if (!/^[1-9][0-9]{0,14}$/.test(size)) throw new Refused('bad-checkpoint', 'size')
  return { text, size: Number(size), root }
}

function write(path: string, bytes: Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileDurably(path, bytes, { mode: 0o644, replace: true })
}
