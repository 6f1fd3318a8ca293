import { Refused } from '../errors/index.ts'
import { isCount } from './hash.ts'

/**
 * One file of C2SP tlog-tiles: up to 256 hashes of one level of the tree, or the entries under a tile of level 0.
 * Narrower than 256 it is partial: the right edge of the tree at some size.
 */
export interface Tile {
  readonly level: number | 'entries'
  readonly index: number
  readonly width: number
}

export const fullWidth = 256

/** Hashes of a tile, or entries of a bundle. */
export const isWidth = (count: number): boolean => Number.isInteger(count) && count > 0 && count <= fullWidth

/** `tile/<L>/<N>[.p/<W>]`, N in groups of three digits: 1234067 is `x001/x234/067`. */
export function tilePath({ level, index, width }: Tile): string {
  if (!isLevel(level)) throw new RangeError('level of a tile')
  if (!isCount(index)) throw new RangeError('index of a tile')
  if (!isWidth(width)) throw new RangeError('width of a tile')
  const digits = String(index)
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/[0-9]{3}/g)!
  const place = groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join('/')
  return `tile/${level}/${place}${width === fullWidth ? '' : `.p/${width}`}`
}

/** Only what `tilePath` writes; any other path names nothing. */
export function readTilePath(path: string): Tile {
  const parts = /^tile\/(entries|[0-9]{1,2})\/((?:x[0-9]{3}\/){0,5}[0-9]{3})(?:\.p\/([0-9]{1,3}))?$/.exec(path)
  if (parts === null) throw new Refused('not-found', 'path of a tile')
  const [, level, groups, width] = parts
  const tile: Tile = {
    level: level === 'entries' ? level : Number(level),
    index: Number(groups!.replaceAll(/[x/]/g, '')),
    width: width === undefined ? fullWidth : Number(width),
  }
  const exists = isLevel(tile.level) && isCount(tile.index) && isWidth(tile.width)
  // One tile, one path: no padding beyond the groups, no zeroes before a width, no width 256.
  if (!exists || tilePath(tile) !== path) throw new Refused('not-found', 'path of a tile')
  return tile
}

/**
 * How wide this tile is in a tree of this size, 0 where there is none. C2SP tlog-tiles: floor(size / 256^level)
 * hashes on a level. A narrower one of the same place was the tile of a smaller tree.
 */
export function tileWidth(level: Tile['level'], index: number, size: number): number {
  const hashes = Math.floor(size / fullWidth ** (level === 'entries' ? 0 : level))
  return Math.max(0, Math.min(fullWidth, hashes - index * fullWidth))
}

/** Every file of a tree of this size: entries, then the levels from the leaves up, each in order. */
export function* tilesOf(size: number): Generator<Tile> {
  if (!isCount(size)) throw new RangeError('size of a tree')
  yield* tilesOfLevel('entries', size)
  for (let level = 0; tileWidth(level, 0, size) > 0; level++) yield* tilesOfLevel(level, size)
}

function* tilesOfLevel(level: Tile['level'], size: number): Generator<Tile> {
  for (let index = 0; ; index++) {
    const width = tileWidth(level, index, size)
    if (width > 0) yield { level, index, width }
    if (width < fullWidth) return
  }
}

/** C2SP tlog-tiles: levels are 0 to 63. */
const isLevel = (level: Tile['level']): boolean => level === 'entries' || (isCount(level) && level < 64)
