import { base64, compare, concat, hex, readBase64, readHex, type Sha256, sha256, utf8 } from '../src/bytes/index.ts'
import { admitRaw, webCryptoVerify } from '../src/keys/index.ts'
import {
  append,
  checkConsistency,
  checkInclusion,
  checkpointText,
  emptyFrontier,
  frontierAt,
  leafHash,
  longestEntry,
  noteKeyId,
  proveConsistency,
  proveInclusion,
  type ReadHashes,
  readBundle,
  readCheckpoint,
  readFrontier,
  readTile,
  readTilePath,
  readVerifierKey,
  root,
  signCheckpoint,
  type Tile,
  tilePath,
  tilesOf,
  tileWidth,
  verifierKey,
  writeBundle,
  writeFrontier,
  writeTile,
} from '../src/ledger/index.ts'
import { ok, refuses, same, suite } from './portable.ts'

export const ledger = suite('ledger')

// The eight entries of the tests of Certificate Transparency and the roots of the trees of 0 to 8 of them.
const entries = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
const roots = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]
const known = entries.map(entry => leafHash(readHex(entry)))

ledger.test('the roots are those of the Certificate Transparency vectors, appended at once or one by one', () => {
  let frontier = emptyFrontier
  for (const [size, expected] of roots.entries()) {
    same(hex(append(emptyFrontier, known.slice(0, size)).root), expected)
    same(hex(root(frontier)), expected)
    if (size < known.length) frontier = append(frontier, [known[size]!]).frontier
  }
})

ledger.test('the proofs are those of the Certificate Transparency vectors', async () => {
  const read = storeOf(known)
  same((await proveInclusion(0, 8, read)).map(hex), [
    '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
    '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
    '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
  ])
  same((await proveInclusion(2, 3, read)).map(hex), [roots[2]])
  same((await proveConsistency(6, 8, read)).map(hex), [
    '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
    'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  ])
  same((await proveConsistency(2, 5, read)).map(hex), [
    '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
    'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
  ])
})

ledger.test('every inclusion proof up to 70 entries is that of RFC 9162 and checks', async () => {
  const leaves = leavesOf(70)
  const tree = new Definition(leaves, sha256)
  const read = storeOf(leaves)
  for (let size = 1; size <= leaves.length; size++) {
    const treeRoot = root(await frontierAt(size, read))
    same(treeRoot, tree.mth(0, size))
    for (let index = 0; index < size; index++) {
      const proof = await proveInclusion(index, size, read)
      same(proof, tree.path(index, 0, size))
      checkInclusion({ leafHash: leaves[index]!, index, size, proof, root: treeRoot })
    }
  }
})

ledger.test('every consistency proof up to 40 entries is that of RFC 9162 and checks', async () => {
  const leaves = leavesOf(40)
  const tree = new Definition(leaves, sha256)
  const read = storeOf(leaves)
  for (let to = 0; to <= leaves.length; to++) {
    for (let from = 0; from <= to; from++) {
      const proof = await proveConsistency(from, to, read)
      same(proof, from === 0 ? [] : tree.subproof(from, 0, to, true))
      checkConsistency({ from, fromRoot: tree.mth(0, from), to, toRoot: tree.mth(0, to), proof })
    }
  }
})

ledger.test('a batch proves its own entries without reading, from every size to every size up to 40', async () => {
  const leaves = leavesOf(40)
  const read = storeOf(leaves)
  for (let to = 0; to <= leaves.length; to++) {
    const expected = await Promise.all(leaves.slice(0, to).map((_, index) => proveInclusion(index, to, read)))
    for (let from = 0; from <= to; from++) {
      const appended = append(await frontierAt(from, read), leaves.slice(from, to))
      same(appended.frontier, await frontierAt(to, read))
      same(appended.root, root(appended.frontier))
      for (let index = from; index < to; index++) same(appended.prove(index), expected[index])
      for (const index of [from - 1, to, 0.5, Number.NaN]) await throws(() => appended.prove(index))
    }
  }
})

ledger.test('around the widths of tiles, what is stored suffices and proofs lead to the root', async () => {
  const leaves = manyLeaves()
  const read = storeOf(leaves, cheap)
  const tree = new Definition(leaves, cheap)
  const sizes = [1, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 65_800]
  for (const size of sizes) {
    const frontier = await frontierAt(size, read, cheap)
    const treeRoot = root(frontier, cheap)
    same(treeRoot, tree.mth(0, size))
    for (const index of new Set([0, 1, 255, 256, 257, 511, 65_279, 65_280, 65_535, 65_536, size - 2, size - 1])) {
      if (index < 0 || index >= size) continue
      const proof = await proveInclusion(index, size, read, cheap)
      same(proof, tree.path(index, 0, size))
      checkInclusion({ leafHash: leaves[index]!, index, size, proof, root: treeRoot }, cheap)
    }
    for (const from of sizes.filter(other => other <= size)) {
      const proof = await proveConsistency(from, size, read, cheap)
      same(proof, tree.subproof(from, 0, size, true))
      checkConsistency({ from, fromRoot: tree.mth(0, from), to: size, toRoot: treeRoot, proof }, cheap)
    }
  }
})

ledger.test('a full tile is read as the one hash it has on the level above', async () => {
  const leaves = manyLeaves()
  const read = storeOf(leaves, cheap)
  const asked: string[] = []
  const counting: ReadHashes = (...args) => {
    asked.push(args.join())
    return read(...args)
  }
  await frontierAt(65_536 + 256 + 3, counting, cheap)
  same(asked.splice(0), ['2,0,1', '1,256,1', '0,65792,3'])
  await proveInclusion(300, 65_536, counting, cheap)
  same(asked, ['0,256,256', '1,0,256'])
})

ledger.test('a batch gives the hash of each tile it fills, once and in its place', () => {
  const leaves = manyLeaves()
  const tree = new Definition(leaves, cheap)
  for (const step of [1000, 65_800]) {
    const seen = new Map<string, Uint8Array>()
    let frontier = emptyFrontier
    while (frontier.size < leaves.length) {
      const appended = append(frontier, leaves.slice(frontier.size, frontier.size + step), cheap)
      for (const { level, index, hash } of appended.tiles) {
        ok(!seen.has(`${level}/${index}`), 'a tile twice')
        seen.set(`${level}/${index}`, hash)
      }
      frontier = appended.frontier
    }
    same(seen.size, 258)
    same(seen.get('2/0'), tree.mth(0, 65_536))
    for (let i = 0; i < 257; i++) same(seen.get(`1/${i}`), tree.mth(256 * i, 256 * (i + 1)))
  }
})

ledger.test('sizes beyond 32 bits are counted exactly', () => {
  const size = 2 ** 53 - 2
  const hashes = Array.from({ length: 52 }, (_, i) => new Uint8Array(32).fill(i))
  const [leaf] = known
  const appended = append({ size, hashes }, [leaf!], cheap)
  same(appended.frontier.size, Number.MAX_SAFE_INTEGER)
  const proof = appended.prove(size)
  same(proof, hashes.toReversed())
  const claim = { leafHash: leaf!, index: size, size: size + 1, proof, root: appended.root }
  checkInclusion(claim, cheap)
  same(readFrontier(writeFrontier(appended.frontier)), appended.frontier)
  return refuses('bad-proof', () => checkInclusion({ ...claim, index: size + 1, size: size + 2 }, cheap))
})

ledger.test('refuses an inclusion proof that is changed anywhere', async () => {
  const leaves = leavesOf(21)
  const read = storeOf(leaves)
  for (const size of [1, 2, 7, 8, 21]) {
    const treeRoot = root(await frontierAt(size, read))
    for (const index of [0, size >> 1, size - 1]) {
      const proof = await proveInclusion(index, size, read)
      const claim = { leafHash: leaves[index]!, index, size, proof, root: treeRoot }
      checkInclusion(claim)
      const refused = (change: object) => refuses('bad-proof', () => checkInclusion({ ...claim, ...change }))
      for (const changed of bitFlips(proof)) await refused({ proof: changed })
      for (const changed of reshaped(proof)) await refused({ proof: changed })
      for (const [changed] of bitFlips([claim.leafHash])) await refused({ leafHash: changed })
      for (const [changed] of bitFlips([claim.root])) await refused({ root: changed })
      for (let other = 0; other < size; other++) if (other !== index) await refused({ index: other })
      for (const other of [-1, size, index + 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY]) {
        await refused({ index: other })
      }
      for (const other of [-1, 0, index, size + 0.5, size * 2 + 2, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY]) {
        await refused({ size: other })
      }
      await refused({ leafHash: claim.leafHash.slice(1) })
      await refused({ root: concat(claim.root, claim.root) })
    }
  }
})

ledger.test('refuses a consistency proof that is changed anywhere', async () => {
  const leaves = leavesOf(21)
  const read = storeOf(leaves)
  for (const [from, to] of [
    [1, 2],
    [3, 7],
    [4, 8],
    [6, 8],
    [8, 21],
    [20, 21],
  ] as const) {
    const [fromRoot, toRoot] = [root(await frontierAt(from, read)), root(await frontierAt(to, read))]
    const proof = await proveConsistency(from, to, read)
    const claim = { from, fromRoot, to, toRoot, proof }
    checkConsistency(claim)
    const refused = (change: object) => refuses('bad-proof', () => checkConsistency({ ...claim, ...change }))
    for (const changed of bitFlips(proof)) await refused({ proof: changed })
    for (const changed of reshaped(proof)) await refused({ proof: changed })
    for (const [changed] of bitFlips([fromRoot])) await refused({ fromRoot: changed })
    for (const [changed] of bitFlips([toRoot])) await refused({ toRoot: changed })
    for (const other of [-1, 0, to, to + 1, from + 0.5, 2 ** 53, Number.NaN]) await refused({ from: other })
    for (const other of [-1, 0, from, from - 1, to + 0.5, 2 ** 53, Number.NaN]) await refused({ to: other })
    await refused({ fromRoot: fromRoot.slice(1) })
    await refused({ toRoot: concat(toRoot, toRoot) })
  }
})

ledger.test('takes a proof for another index and size only where the climb is the very same', async () => {
  const leaves = leavesOf(16)
  const tree = new Definition(leaves, sha256)
  for (const [index, size] of [
    [0, 1],
    [1, 2],
    [4, 5],
    [7, 8],
    [8, 9],
    [5, 13],
    [15, 16],
  ] as const) {
    const claim = { leafHash: leaves[index]!, proof: tree.path(index, 0, size), root: tree.mth(0, size) }
    for (let otherSize = 0; otherSize <= 33; otherSize++) {
      for (let other = 0; other <= otherSize; other++) {
        const check = () => checkInclusion({ ...claim, index: other, size: otherSize })
        if (other < otherSize && tree.climb(other, 0, otherSize) === tree.climb(index, 0, size)) check()
        else await refuses('bad-proof', check)
      }
    }
  }
})

ledger.test('takes a proof for two other sizes only where the climb is the very same', async () => {
  const leaves = leavesOf(32)
  const tree = new Definition(leaves, sha256)
  for (const [from, to] of [
    [1, 2],
    [2, 3],
    [3, 4],
    [6, 8],
    [7, 16],
    [8, 13],
    [12, 16],
    [28, 32],
  ] as const) {
    const proof = tree.subproof(from, 0, to, true)
    const claim = { fromRoot: tree.mth(0, from), toRoot: tree.mth(0, to), proof }
    for (let otherTo = 0; otherTo <= 33; otherTo++) {
      for (let other = 0; other <= otherTo + 1; other++) {
        const check = () => checkConsistency({ ...claim, from: other, to: otherTo })
        const fits = other > 0 && other <= otherTo
        if (fits && tree.growth(other, 0, otherTo, true) === tree.growth(from, 0, to, true)) check()
        else await refuses('bad-proof', check)
      }
    }
  }
})

ledger.test('the empty tree and the tree itself take an empty proof and nothing else', async () => {
  const empty = root(emptyFrontier)
  const full = append(emptyFrontier, known).root
  checkConsistency({ from: 0, fromRoot: empty, to: 0, toRoot: empty, proof: [] })
  checkConsistency({ from: 0, fromRoot: empty, to: 8, toRoot: full, proof: [] })
  checkConsistency({ from: 8, fromRoot: full, to: 8, toRoot: full, proof: [] })
  for (const claim of [
    { from: 0, fromRoot: full, to: 8, toRoot: full, proof: [] },
    { from: 0, fromRoot: empty, to: 8, toRoot: full, proof: [full] },
    { from: 0, fromRoot: empty, to: 0, toRoot: full, proof: [] },
    { from: 8, fromRoot: full, to: 8, toRoot: empty, proof: [] },
    { from: 8, fromRoot: full, to: 8, toRoot: full, proof: [full] },
    { from: 4, fromRoot: readHex(roots[4]!), to: 8, toRoot: full, proof: [] },
  ]) {
    await refuses('bad-proof', () => checkConsistency(claim))
  }
})

ledger.test('a frontier is read back from its bytes and from no others', async () => {
  for (const size of [0, 1, 2, 3, 255, 256, 300]) {
    const { frontier } = append(emptyFrontier, leavesOf(size))
    const bytes = writeFrontier(frontier)
    same(readFrontier(bytes), frontier)
    for (const wrong of [bytes.slice(1), bytes.slice(0, -1), concat(bytes, Uint8Array.of(0)), new Uint8Array(0)]) {
      await refuses('ledger-broken', () => readFrontier(wrong))
    }
  }
  await refuses('ledger-broken', () => readFrontier(concat(Uint8Array.of(0, 0x20), new Uint8Array(38))))
})

ledger.test(
  'a store that gives other hashes than asked for is found out, as is a caller who asks nonsense',
  async () => {
    await refuses('ledger-broken', () => proveInclusion(1, 8, () => []))
    await refuses('ledger-broken', () => proveInclusion(1, 8, (_, _first, count) => Array(count).fill(utf8('short'))))
    const read = storeOf(known)
    for (const [index, size] of [
      [8, 8],
      [0, 0],
      [-1, 8],
      [0.5, 8],
      [0, 2 ** 53],
    ] as const) {
      await throws(() => proveInclusion(index, size, read))
      await throws(() => proveConsistency(size + 1, size, read))
    }
    await throws(() => append({ size: 3, hashes: [known[0]!] }, known))
    await throws(() => append({ size: 1, hashes: [utf8('not a hash')] }, known))
    await throws(() => append(emptyFrontier, [utf8('not a hash')]))
    await throws(() => append({ size: 2 ** 53, hashes: [known[0]!] }, []))
    await throws(() => root({ size: -1, hashes: [] }))
  },
)

// The key is Ed25519 with the private key SHA-256('mintmark ledger test key'), the signature made elsewhere.
const origin = 'acme.example.test/ledger'
const publicKey = admitRaw('Ed25519', readHex('80ac51bc54346a1089b8cccb5a0c1cf666399de1aa4448e7f6f5f103737398a1'))
const text = `${origin}\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n`
const line = `— ${origin} QdZ1p8Z9DQ4oCGNfFoWcl44G5Gq1LN0hnMxeEUQR21cVF6RCPGkyk7XgMhaI6a4LV1hK429Gr64IPi6QAFUO0HJRzAs=\n`
const others = [
  // Another key of the same name.
  `— ${origin} yoV3YUEjIrvOOkKje8jZtqG8ohXoohpuyM0i5/RQFXwiSaMOzidAoIeZ0974m2AveU3Fp5lBibMmMesQ1MQv/NsvGAI=\n`,
  // A timestamped cosignature, longer.
  '— witness.example/w1 K4MuwwAAAABnAAAAdtp8Kt/HEi+6dyXx+WBSjeI4GpUzgKhgD+nhbuehvdT9UGW06Qa5LPZImwSA1MlaLwN3AdV4txw6iseAZDDgBA==\n',
  // The id of our key under another name.
  '— wïtness.example/w2 QdZ1p0EjIrvOOkKje8jZtqG8ohXoohpuyM0i5/RQFXwiSaMOzidAoIeZ0974m2AveU3Fp5lBibMmMesQ1MQv/NsvGAI=\n',
]
const by = { origin, publicKey, verify: webCryptoVerify }
const anything = { ...by, verify: () => true }
const head = { origin, size: 8, root: readHex(roots[8]!) }

ledger.test('writes the checkpoint that it reads, with the key named by the origin', async () => {
  same(checkpointText(origin, 8, head.root), text)
  const key = {
    publicKey,
    sign(message: Uint8Array) {
      same(message, utf8(text))
      return readBase64(line.split(' ')[2]!.trim()).slice(4)
    },
  }
  same(await signCheckpoint(key, origin, 8, head.root), `${text}\n${line}`)
  same(await readCheckpoint(`${text}\n${line}`, by), { ...head, others: [] })
  await throws(() => signCheckpoint(key, origin, 0, head.root))
  await throws(() => signCheckpoint(key, origin, -1, head.root))
  await throws(() => signCheckpoint(key, origin, 8, head.root.slice(1)))
  for (const name of ['', 'two words', 'a+b', 'a\nb', 'é', 'a'.repeat(321)]) {
    await throws(() => signCheckpoint(key, name, 8, head.root))
  }
})

ledger.test('reads a checkpoint among the signatures of others, which it keeps', async () => {
  for (const lines of [
    [line, ...others],
    [...others, line],
    [others[0], line, others[1], others[2]],
  ]) {
    const checkpoint = await readCheckpoint(`${text}\n${lines.join('')}`, by)
    same(checkpoint.size, 8)
    same(
      checkpoint.others.map(({ name }) => name),
      [origin, 'witness.example/w1', 'wïtness.example/w2'],
    )
    same(hex(checkpoint.others[1]!.keyId), '2b832ec3')
    same(checkpoint.others[1]!.signature.length, 72)
  }
  const fifteen = Array(15).fill(others[1]).join('')
  same((await readCheckpoint(`${text}\n${fifteen}${line}`, by)).others.length, 15)
  await refuses('bad-checkpoint', () => readCheckpoint(`${text}\n${fifteen}${others[1]}${line}`, anything))
})

ledger.test('refuses a checkpoint with any character changed, or cut anywhere', async () => {
  const note = `${text}\n${line}`
  for (let at = 0; at < note.length; at++) {
    const changed = note[at] === 'A' ? 'B' : 'A'
    await refuses('bad-checkpoint', () => readCheckpoint(note.slice(0, at) + changed + note.slice(at + 1), by))
    await refuses('bad-checkpoint', () => readCheckpoint(note.slice(0, at), anything))
  }
})

ledger.test('refuses a checkpoint of another form, whoever signed it', async () => {
  const empty = base64(readHex(roots[0]!))
  const rootLine = text.split('\n')[2]!
  const body = (size: string, hash = rootLine) => `${origin}\n${size}\n${hash}\n\n${line}`
  const [encoded = ''] = line.split(' ').slice(2)
  same((await readCheckpoint(body('9007199254740991'), anything)).size, Number.MAX_SAFE_INTEGER)
  same((await readCheckpoint(body('0', empty), anything)).size, 0)
  for (const note of [
    '',
    body('08'),
    body('+8'),
    body('-1'),
    body(''),
    body('8e0'),
    body('8.0'),
    body('0x8'),
    body(' 8'),
    body('8\t'),
    body('８'),
    body('9007199254740992'),
    body('10000000000000000'),
    body('0'),
    body('8', ''),
    body('8', base64(head.root.slice(1))),
    body('8', base64(concat(head.root, Uint8Array.of(0)))),
    body('8', rootLine.slice(0, -1)),
    body('8', `${rootLine} `),
    // Pad bits: another text of the same bytes.
    body('8', rootLine.replace('Qyg=', 'Qyh=')),
    body('8', hex(head.root)),
    body('8').replaceAll('\n', '\r\n'),
    body('8').replace('\n8', '\r\n8'),
    body('8').replaceAll('\n', '\r'),
    `${text}extension\n\n${line}`,
    `${text}extension\n${line}`,
    `${text}\nextension\n\n${line}`,
    `${text}${line}`,
    `${text}\n`,
    `${text}\n\n${line}`,
    `\n${text}\n${line}`,
    `\uFEFF${text}\n${line}`,
    `${text}\n${line}\n`,
    `${text}\n${line.trimEnd()}`,
    `${text}\n${line}trailing`,
    `${text}\n${line}${line}`,
    `${text}\n${others.join('')}`,
    `${text}\n${line.replace('—', '-')}`,
    `${text}\n${line.replace('— ', '—')}`,
    `${text}\n${line.replace('— ', '—  ')}`,
    `${text}\n${line.replace('\n', ' \n')}`,
    `${text}\n${line.replace(encoded, base64(readBase64(encoded.trim()).slice(0, -1)))}\n`,
    `${text}\n${line}— witness.example/w1 \n`,
    `${text}\n${line}— witness.example/w1 AAAAAA==\n`,
    `${text}\n${line}— witness+w1 AAAAAAA=\n`,
    `${text}\n${line}— witness\u00a0w1 AAAAAAA=\n`,
    `${text}\n${line}— witness\u0007w1 AAAAAAA=\n`,
    `${text}\n${line}— witness\ud800w1 AAAAAAA=\n`,
    `${text}\n${line}— witness.example/w1 ${'A'.repeat(0x20000)}\n`,
    body('8').replace('acme', 'acme '),
  ]) {
    await refuses('bad-checkpoint', () => readCheckpoint(note, anything))
  }
  await refuses('bad-checkpoint', () => readCheckpoint(`${text}\n${line}`, { ...anything, origin: 'evil.example' }))
  await refuses('bad-checkpoint', () => readCheckpoint(`${text}\n${line}`, { ...by, verify: () => false }))
  // Well signed, but by the other key of the same name.
  await refuses('bad-checkpoint', () => readCheckpoint(`${text}\n${others[0]}`, by))
})

ledger.test('note keys are those of C2SP signed-note, both ways', async () => {
  const vkey = `${origin}+41d675a7+AYCsUbxUNGoQibjMy1oMHPZmOZ3hqkRI5/b18QNzc5ih`
  same(hex(noteKeyId(origin, publicKey)), '41d675a7')
  same(verifierKey(origin, publicKey), vkey)
  const foreign = [
    'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
    'EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop',
    // Base64 with a plus of its own.
    'TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6',
  ]
  for (const key of [vkey, ...foreign]) {
    const { name, publicKey: read } = readVerifierKey(key)
    same(verifierKey(name, read), key)
    for (let at = 0; at < key.length; at++) {
      await refuses('key-refused', () => readVerifierKey(key.slice(0, at)))
      await refuses('key-refused', () => readVerifierKey(`${key.slice(0, at)}!${key.slice(at + 1)}`))
    }
    await refuses('key-refused', () => readVerifierKey(key.replace('+', '+0')))
    await refuses('key-refused', () => readVerifierKey(`${key}\n`))
    await refuses('key-refused', () => readVerifierKey(`${key}AAAA`))
  }
  // A witness's key (type 0x04) is not a key of a ledger.
  const witness = 'remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2'
  await refuses('key-refused', () => readVerifierKey(witness))
  const retyped = base64(concat(Uint8Array.of(4), publicKey.raw))
  await refuses('key-refused', () => readVerifierKey(`${origin}+41d675a7+${retyped}`))
  for (const name of ['', 'two words', 'two\nlines', 'two\u0085lines', '\ufeffmark']) {
    const named = `${name}+${hex(noteKeyId(name, publicKey))}+${vkey.split('+')[2]}`
    await refuses('key-refused', () => readVerifierKey(named))
    await throws(() => verifierKey(name, publicKey))
  }
  await refuses('key-refused', () => readVerifierKey(vkey.replace('41d675a7', '41D675A7')))
})

const paths: [string, Tile][] = [
  ['tile/0/000', { level: 0, index: 0, width: 256 }],
  ['tile/0/000.p/1', { level: 0, index: 0, width: 1 }],
  ['tile/3/x001/x234/067', { level: 3, index: 1234067, width: 256 }],
  ['tile/3/x001/x234/067.p/255', { level: 3, index: 1234067, width: 255 }],
  ['tile/63/999', { level: 63, index: 999, width: 256 }],
  ['tile/10/x001/000.p/10', { level: 10, index: 1000, width: 10 }],
  ['tile/entries/x999/999', { level: 'entries', index: 999_999, width: 256 }],
  ['tile/entries/x001/x000/000.p/100', { level: 'entries', index: 1_000_000, width: 100 }],
  ['tile/0/x009/x007/x199/x254/x740/991', { level: 0, index: Number.MAX_SAFE_INTEGER, width: 256 }],
]

ledger.test('a tile has one path and a path one tile', async () => {
  for (const [path, tile] of paths) {
    same(tilePath(tile), path)
    same(readTilePath(path), tile)
  }
  const wrong = `
    tile/0 tile/0/ tile/0/0 tile/0/00 tile/0/0000 tile/0/1234 tile/0/x000 tile/0/x000/000 tile/0/x000/001 tile/0/001/000
    tile/0/x1/000 tile/0/x0001/000 tile/0/x001/ tile/0/x001/x000 tile/0/X001/000 tile/0/x001/x234/67 tile/0/-01
    tile/00/000 tile/01/000 tile/64/000 tile/100/000 tile/-1/000 tile//000 tile/a/000 tile/Entries/000 tile/data/000
    tile/0/000.p tile/0/000.p/ tile/0/000.p/0 tile/0/000.p/00 tile/0/000.p/01 tile/0/000.p/256 tile/0/000.p/1000
    tile/0/000.p/1/ tile/0/000.P/1 tile/0/000/p/1 tile/0/000.p/+1 /tile/0/000 tile/0/000/ tile/0/000?x tile/0/%30%30%30
    tile/0/../000 tiles/0/000 tile/0/x009/x007/x199/x254/x740/992 tile/0/x001/x000/x000/x000/x000/x000/000 tile/0/٠٠٠`
  for (const path of ['', ' tile/0/000', 'tile/0/000\n', ...wrong.trim().split(/\s+/)]) {
    await refuses('not-found', () => readTilePath(path))
  }
  const tile: Tile = { level: 0, index: 0, width: 256 }
  for (const change of [{ level: 64 }, { level: -1 }, { level: 0.5 }, { index: -1 }, { index: 2 ** 53 }]) {
    await throws(() => tilePath({ ...tile, ...change }))
  }
  for (const width of [0, 257, -1, 1.5, Number.NaN]) await throws(() => tilePath({ ...tile, width }))
})

ledger.test('a tree of 70,000 has the tiles of the example in C2SP tlog-tiles', () => {
  const all = [...tilesOf(70_000)]
  const at = (level: Tile['level']) => all.filter(tile => tile.level === level).map(({ width }) => width)
  for (const level of [0, 'entries'] as const) same(at(level), [...Array(273).fill(256), 112])
  same(at(1), [256, 17])
  same(at(2), [1])
  same(all.length, 274 * 2 + 3)
  same([...tilesOf(256)].map(tilePath), ['tile/entries/000', 'tile/0/000', 'tile/1/000.p/1'])
  same([...tilesOf(1)].map(tilePath), ['tile/entries/000.p/1', 'tile/0/000.p/1'])
  same([...tilesOf(0)], [])
  same(tileWidth(0, 273, 70_000), 112)
  same(tileWidth(0, 274, 70_000), 0)
  same(tileWidth(6, 0, Number.MAX_SAFE_INTEGER), 31)
  same(tileWidth(7, 0, Number.MAX_SAFE_INTEGER), 0)
})

ledger.test('the stored hashes of a tree are exactly its tiles', () => {
  for (const size of [1, 255, 256, 257, 65_536, 65_800]) {
    const counts = [size]
    for (const { level } of append(emptyFrontier, manyLeaves().slice(0, size), cheap).tiles) {
      counts[level] = (counts[level] ?? 0) + 1
    }
    const widths: number[] = []
    for (const { level, width } of tilesOf(size)) if (level !== 'entries') widths[level] = (widths[level] ?? 0) + width
    same(widths, counts)
  }
})

ledger.test('a bundle gives back its entries, and refuses a byte more or less', async () => {
  const longest = new Uint8Array(longestEntry).fill(7)
  for (const bundle of [[utf8('one')], [new Uint8Array(0)], [utf8('a'), longest, utf8('b')], leavesOf(256)]) {
    const bytes = writeBundle(bundle)
    same(readBundle(bytes, bundle.length), bundle)
    for (const wrong of [bytes.slice(0, -1), concat(bytes, Uint8Array.of(0)), new Uint8Array(0)]) {
      await refuses('ledger-broken', () => readBundle(wrong, bundle.length))
    }
    if (bundle.length > 1) await refuses('ledger-broken', () => readBundle(bytes, bundle.length - 1))
    if (bundle.length < 256) await refuses('ledger-broken', () => readBundle(bytes, bundle.length + 1))
  }
  same(hex(writeBundle([utf8('one'), utf8('')])), '00036f6e650000')
  await throws(() => writeBundle([]))
  await throws(() => writeBundle(leavesOf(257)))
  await throws(() => writeBundle([new Uint8Array(longestEntry + 1)]))
  await throws(() => readBundle(new Uint8Array(0), 0))
})

ledger.test('a tile gives back its hashes, and refuses a byte more or less', async () => {
  for (const width of [1, 2, 255, 256]) {
    const bytes = writeTile(leavesOf(width))
    same(bytes.length, 32 * width)
    same(readTile(bytes, width), leavesOf(width))
    for (const wrong of [bytes.slice(1), concat(bytes, Uint8Array.of(0)), bytes.slice(32)]) {
      await refuses('ledger-broken', () => readTile(wrong, width))
    }
  }
  await throws(() => writeTile([]))
  await throws(() => writeTile(leavesOf(257)))
  await throws(() => writeTile([utf8('short')]))
  await throws(() => readTile(new Uint8Array(0), 0))
})

/** RFC 9162 2.1, word for word: recursion over the list of leaves. */
class Definition {
  readonly #leaves: readonly Uint8Array[]
  readonly #hash: Sha256
  readonly #known = new Map<string, Uint8Array>()

  constructor(leaves: readonly Uint8Array[], hash: Sha256) {
    this.#leaves = leaves
    this.#hash = hash
  }

  /** RFC 9162 2.1.1. */
  mth(start: number, end: number): Uint8Array {
    if (start === end) return this.#hash(new Uint8Array(0))
    if (end - start === 1) return this.#leaves[start]!
    const name = `${start}-${end}`
    const middle = this.#middle(start, end)
    const result =
      this.#known.get(name) ?? this.#hash(concat(Uint8Array.of(1), this.mth(start, middle), this.mth(middle, end)))
    this.#known.set(name, result)
    return result
  }

  /** RFC 9162 2.1.3.1. */
  path(index: number, start: number, end: number): Uint8Array[] {
    if (end - start === 1) return []
    const middle = this.#middle(start, end)
    if (index < middle) return [...this.path(index, start, middle), this.mth(middle, end)]
    return [...this.path(index, middle, end), this.mth(start, middle)]
  }

  /** RFC 9162 2.1.4.1. */
  subproof(from: number, start: number, end: number, known: boolean): Uint8Array[] {
    if (from === end) return known ? [] : [this.mth(start, end)]
    const middle = this.#middle(start, end)
    if (from <= middle) return [...this.subproof(from, start, middle, known), this.mth(middle, end)]
    return [...this.subproof(from, middle, end, false), this.mth(start, middle)]
  }

  /** On which side each hash of the path stands. */
  climb(index: number, start: number, end: number): string {
    if (end - start === 1) return ''
    const middle = this.#middle(start, end)
    return index < middle ? `${this.climb(index, start, middle)}r` : `${this.climb(index, middle, end)}l`
  }

  /** On which side each hash of the subproof stands, and whether the first of them is sent. */
  growth(from: number, start: number, end: number, known: boolean): string {
    if (from === end) return known ? 'known ' : 'sent '
    const middle = this.#middle(start, end)
    if (from <= middle) return `${this.growth(from, start, middle, known)}r`
    return `${this.growth(from, middle, end, false)}l`
  }

  #middle(start: number, end: number): number {
    let power = 1
    while (power * 2 < end - start) power *= 2
    return start + power
  }
}

/** Keeps what a store keeps: leaf hashes and the hash of each full tile. Asking for anything else fails. */
function storeOf(leaves: readonly Uint8Array[], hash: Sha256 = sha256): ReadHashes {
  const levels: Uint8Array[][] = [[...leaves]]
  for (const tile of append(emptyFrontier, leaves, hash).tiles) {
    levels[tile.level] ??= []
    same(levels[tile.level]!.length, tile.index)
    levels[tile.level]!.push(tile.hash)
  }
  return (level, first, count) => {
    const stored = levels[level] ?? []
    ok(count > 0 && first + count <= stored.length, 'asked for more than there is')
    ok(Math.floor(first / 256) === Math.floor((first + count - 1) / 256), 'asked across tiles')
    return stored.slice(first, first + count)
  }
}

let many: Uint8Array[] | undefined
function manyLeaves(): Uint8Array[] {
  many ??= leavesOf(65_800, cheap)
  return many
}

function leavesOf(count: number, hash: Sha256 = sha256): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => leafHash(Uint8Array.of(i >> 16, i >> 8, i), hash))
}

/** Spreads bytes over 32 of them in a tenth of the time, for trees whose size is the point. */
function cheap(...parts: readonly Uint8Array[]): Uint8Array {
  const state = Uint32Array.of(1, 2, 3, 4, 5, 6, 7, 8)
  let at = 0
  for (const part of parts) {
    for (const byte of part) {
      state[at & 7] = Math.imul(state[at & 7]! ^ state[(at + 7) & 7]! ^ byte, 0x9e3779b1) ^ (state[at & 7]! >>> 15)
      at++
    }
  }
  return new Uint8Array(state.buffer)
}

/** Every byte of every hash with one bit changed. */
function* bitFlips(hashes: readonly Uint8Array[]): Generator<Uint8Array[]> {
  for (const [i, hash] of hashes.entries()) {
    for (let at = 0; at < hash.length; at++) {
      const changed = hash.slice()
      changed[at]! ^= 1 << (at & 7)
      yield hashes.with(i, changed)
    }
  }
}

/** Left out, doubled, swapped, lengthened or shortened hashes. */
function* reshaped(hashes: readonly Uint8Array[]): Generator<Uint8Array[]> {
  const extra = new Uint8Array(32)
  yield [...hashes, extra]
  yield [extra, ...hashes]
  if (hashes.length > 0) yield []
  yield [...hashes, ...Array<Uint8Array>(100).fill(extra)]
  for (const [i, hash] of hashes.entries()) {
    yield hashes.toSpliced(i, 1)
    yield hashes.toSpliced(i, 0, hash)
    yield hashes.with(i, hash.slice(1))
    yield hashes.with(i, concat(hash, Uint8Array.of(0)))
    const next = hashes[i + 1]
    if (next !== undefined && compare(hash, next) !== 0) yield hashes.toSpliced(i, 2, next, hash)
  }
}

/** A fault of the caller, so not a refusal. */
async function throws(run: () => unknown): Promise<void> {
  try {
    await run()
  } catch (error) {
    if (error instanceof RangeError) return
    throw error
  }
  throw new Error('expected a RangeError')
}
