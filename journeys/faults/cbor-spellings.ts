import { concat, utf8 } from '@mintmark/core/bytes'

// CBOR as a tree whose nodes keep how they are spelled, so that each can be spelled otherwise.

/** One item. What it holds is in `children` (a map's keys and values in turn) or in `bytes`. */
export interface Item {
  major: number
  argument: number
  /** Bytes of the argument: 0, 1, 2, 4 or 8; the shortest where it is not said. */
  width?: number
  isIndefinite?: boolean
  bytes?: Uint8Array
  children?: Item[]
  /** A byte string that holds an item. */
  inner?: Item
  /** Instead of all this. */
  raw?: Uint8Array
}

export function parse(bytes: Uint8Array): { readonly item: Item; readonly end: number } {
  const major = bytes[0]! >> 5
  const info = bytes[0]! & 0x1f
  const width = info < 24 ? 0 : 1 << (info - 24)
  let argument = width === 0 ? info : 0
  for (let i = 0; i < width; i++) argument = argument * 256 + bytes[1 + i]!
  let end = 1 + width
  const item: Item = { major, argument }
  if (major === 2 || major === 3) {
    item.bytes = bytes.slice(end, end + argument)
    return { item, end: end + argument }
  }
  if (major >= 4 && major <= 6) {
    item.children = []
    for (let left = major === 6 ? 1 : argument * (major === 5 ? 2 : 1); left > 0; left--) {
      const child = parse(bytes.subarray(end))
      item.children.push(child.item)
      end += child.end
    }
  }
  return { item, end }
}

export function spell(item: Item): Uint8Array {
  const { major, width, raw, children, inner, isIndefinite } = item
  if (raw !== undefined) return raw
  if (isIndefinite === true) {
    const parts = children?.map(spell) ?? [spell({ major, argument: 0, bytes: item.bytes ?? new Uint8Array() })]
    return concat(Uint8Array.of((major << 5) | 31), ...parts, Uint8Array.of(0xff))
  }
  const bytes = inner === undefined ? item.bytes : spell(inner)
  if (bytes !== undefined) return concat(head(major, bytes.length, width), bytes)
  if (children === undefined || major === 6)
    return concat(head(major, item.argument, width), ...(children ?? []).map(spell))
  const count = major === 5 ? Math.floor(children.length / 2) : children.length
  return concat(head(major, count, width), ...children.map(spell))
}

function head(major: number, argument: number, width = shortest(argument)): Uint8Array {
  const out = new Uint8Array(1 + width)
  out[0] = (major << 5) | (width === 0 ? argument & 0x1f : 24 + Math.log2(width))
  for (let i = width, left = argument; i > 0; i--, left = Math.floor(left / 256)) out[i] = left % 256
  return out
}

const shortest = (argument: number): number =>
  argument < 24 ? 0 : argument < 0x100 ? 1 : argument < 0x10000 ? 2 : argument <= 0xffffffff ? 4 : 8

/** Every node, those inside byte strings too. */
export function nodes(item: Item): Item[] {
  const below = [...(item.children ?? []), ...(item.inner ? [item.inner] : [])]
  return [item, ...below.flatMap(nodes)]
}

/** What else could stand anywhere: simple values, floats, tags, empty things, numbers at the edges, what never ends. */
const oddities = [
  ...['f4', 'f5', 'f6', 'f7', 'f818', 'f90000', 'f97e00', 'fa3f800000', 'fb3ff0000000000000', 'c074', 'c11a6955b900'],
  ...['c24101', 'd9d9f700', '00', '17', '1818', '20', '26', '27', '28', '32', '2f', '39ffff', '40', '60', '80', 'a0'],
  ...['1a80000000', '1b001fffffffffffff', '1b0020000000000000', '1bffffffffffffffff', '3bffffffffffffffff', 'a10101'],
  ...['5f4100ff', '7f6161ff', '9fff', 'bfff', '1c', 'fc', 'ff', '61ff', '63eda080', '8181818181818181818100', '6161'],
  ...['5bffffffffffffffff', '9b000000ffffffffff', 'bb0000000000000001', '190001', '1700', '3a00011170', '8242000141'],
].map(text => Uint8Array.from(Buffer.from(text, 'hex')))

const labels = [
  1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 33, 258, 259, 260, -1, -65_537, -70_001, -70_002, -70_003, -70_004, -70_005,
]

export interface Edit {
  readonly where: number
  readonly how: number
  readonly pick: number
}

/** Changes one node, in place: another spelling of the same, or something else. */
export function edit(root: Item, { where, how, pick }: Edit): void {
  const all = nodes(root)
  const item = all[where % all.length]!
  const children = item.children
  switch (how % 12) {
    case 0:
      item.width = [1, 2, 4, 8][pick % 4]!
      return
    case 1:
      item.isIndefinite = true
      return
    case 2:
      if (children) children.splice(pick % (children.length + 1), item.major === 5 ? 2 : 1)
      else item.argument += pick % 2 === 0 ? 1 : -1
      return
    case 3:
      if (children) children.push(...children.slice(-2))
      else item.argument = Math.max(0, item.argument - 1)
      return
    case 4:
      if (children) children.push(...children.splice(0, 2))
      else item.argument = [0, 23, 24, 255, 256, 65_536, 2 ** 32, 2 ** 53 - 1, 2 ** 53][pick % 9]!
      return
    case 5:
      item.raw = oddities[pick % oddities.length]!
      return
    case 6:
    case 7:
      if (item.bytes) item.bytes = changed(item.bytes, how % 12 === 6, pick)
      else item.major = pick % 2
      return
    case 8:
      Object.assign(item, {
        major: 6,
        argument: pick % 40,
        children: [{ ...item }],
        bytes: undefined,
        inner: undefined,
      })
      return
    case 9:
      if (item.major === 6) Object.assign(item, { ...item.children?.[0] })
      else Object.assign(item, { major: 4, argument: 0, children: [{ ...item }], bytes: undefined, inner: undefined })
      return
    case 10:
      children?.push(label(labels[pick % labels.length]!), {
        major: 0,
        argument: 0,
        raw: oddities[pick % oddities.length]!,
      })
      return
    default:
      item.major = item.major === 2 ? 3 : item.major === 3 ? 2 : item.major
  }
}

const label = (number: number): Item =>
  number < 0 ? { major: 1, argument: -1 - number } : { major: 0, argument: number }

function changed(bytes: Uint8Array, isLonger: boolean, pick: number): Uint8Array {
  const at = pick % (bytes.length + 1)
  const more = [utf8('.'), Uint8Array.of(0), Uint8Array.of(0x80 + (pick % 64)), utf8('é'), utf8('%')][pick % 5]!
  return isLonger ? concat(bytes.subarray(0, at), more, bytes.subarray(at)) : bytes.slice(0, at)
}
