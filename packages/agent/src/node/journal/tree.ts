import { equal, type Sha256 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import {
  append,
  type Frontier,
  frontierAt,
  fullWidth,
  leafHash,
  type ReadHashes,
  readBundle,
  readTile,
  root,
  type Tile,
  tilePath,
  tileWidth,
  writeBundle,
  writeTile,
} from '@mintmark/core/ledger'

/** Reads a file of the tree; undefined where it is not there. */
export type ReadFile = (path: string) => Uint8Array | undefined

/** A tree with the items of its right edge, level by level: what appending to its files needs. */
export interface Tree {
  readonly frontier: Frontier
  /** Of each level the hashes of the tile that is not full, of `entries` the entries. */
  readonly edges: ReadonlyMap<Tile['level'], readonly Uint8Array[]>
}

export const emptyTree: Tree = { frontier: { size: 0, hashes: [] }, edges: new Map() }

export interface Grown {
  readonly tree: Tree
  readonly root: Uint8Array
  readonly files: readonly { readonly path: string; readonly bytes: Uint8Array }[]
}

/** The tree with these entries behind it, and the files that make it so. */
export function grow({ frontier, edges }: Tree, entries: readonly Uint8Array[], hash: Sha256): Grown {
  const leaves = entries.map(entry => leafHash(entry, hash))
  const appended = append(frontier, leaves, hash)
  const added = new Map<Tile['level'], Uint8Array[]>([
    ['entries', [...entries]],
    [0, leaves],
  ])
  for (const { level, hash: one } of appended.tiles) added.set(level, [...(added.get(level) ?? []), one])
  const grown = new Map(edges)
  const files = [...added].flatMap(([level, items]) => {
    const edge = [...(edges.get(level) ?? []), ...items]
    const unit = level === 'entries' ? 1 : fullWidth ** level
    const first = Math.floor(Math.floor(frontier.size / unit) / fullWidth)
    const made = []
    for (let at = 0; at < edge.length; at += fullWidth) {
      const some = edge.slice(at, at + fullWidth)
      const path = tilePath({ level, index: first + at / fullWidth, width: some.length })
      made.push({ path, bytes: level === 'entries' ? writeBundle(some) : writeTile(some) })
    }
    grown.set(level, edge.slice(edge.length - (edge.length % fullWidth)))
    return made
  })
  return { tree: { frontier: appended.frontier, edges: grown }, root: appended.root, files }
}

/**
 * The tree of this size as its files have it. Its hashes must lead to this root, and its last entries to its hashes.
 * @throws Refused `ledger-broken`
 */
export async function loadTree(size: number, head: Uint8Array, read: ReadFile, hash: Sha256): Promise<Tree> {
  const frontier = await frontierAt(size, hashesIn(size, read), hash)
  if (!equal(root(frontier, hash), head)) throw new Refused('ledger-broken', `the files are not those of size ${size}`)
  const edges = new Map<Tile['level'], readonly Uint8Array[]>()
  for (const level of ['entries', ...levelsOf(size)] as const) {
    const count = Math.floor(size / (level === 'entries' ? 1 : fullWidth ** level))
    const width = count % fullWidth
    edges.set(level, width === 0 ? [] : readItems({ level, index: Math.floor(count / fullWidth), width }, read))
  }
  const [entries, leaves] = [edges.get('entries') ?? [], edges.get(0) ?? []]
  if (!entries.every((entry, i) => equal(leafHash(entry, hash), leaves[i]!))) {
    throw new Refused('ledger-broken', 'the last entries are others than their hashes')
  }
  return { frontier, edges }
}

/** Levels that have a hash, in a tree of this size. */
function levelsOf(size: number): number[] {
  const levels: number[] = []
  for (let level = 0; Math.floor(size / fullWidth ** level) > 0; level++) levels.push(level)
  return levels
}

/** Hashes out of the tiles of a tree of this size. */
export function hashesIn(size: number, read: ReadFile): ReadHashes {
  return (level, first, count) => {
    const index = Math.floor(first / fullWidth)
    const hashes = readItems({ level, index, width: tileWidth(level, index, size) }, read)
    const at = first - index * fullWidth
    return hashes.slice(at, at + count)
  }
}

export function readItems(tile: Tile, read: ReadFile): Uint8Array[] {
  const path = tilePath(tile)
  const bytes = read(path)
  if (bytes === undefined) throw new Refused('ledger-broken', `${path} is not there`)
  return tile.level === 'entries' ? readBundle(bytes, tile.width) : readTile(bytes, tile.width)
}
