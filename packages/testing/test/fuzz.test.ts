import { concat, equal, hex, readBase64, readHex } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { admitRaw, didKey, readDidKey } from '@mintmark/core/keys'
import { readSpiffeId, spiffeId } from '@mintmark/core/names'
import { provePeer, proveServer } from '@mintmark/core/proof'
import { change, readChange } from '@mintmark/core/rules'
import {
  commonName,
  readCertificate,
  readCharter,
  readDecommissionConfirmation,
  readDecommissionNotice,
  readRevocationList,
  readSigningRequest,
  readStatement,
  readToken,
  writeToken,
} from '@mintmark/core/signed'
import { nodeVerify } from '@mintmark/elements'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { odd, platform, unproven } from '../../core/test/vectors/certificates.ts'
import { confirmations, notices } from '../../core/test/vectors/decommission.ts'
import { goodLists } from '../../core/test/vectors/lists.ts'
import { publicKeys } from '../../core/test/vectors/public-keys.ts'
import { goodRequests } from '../../core/test/vectors/requests.ts'
import { charters } from '../../core/test/vectors/statements.ts'

// Whatever comes in, a reader reads it or refuses it: never another error, never something signed that was changed.
// A failure prints the seed and the smallest input that still fails; fast-check's `seed` and `path` repeat it.

const runs = { numRuns: 2_000 }
const domain = 'example.test'
const at = Date.UTC(2026, 0, 15)

const keyOf = (title: keyof typeof publicKeys) => admitRaw(publicKeys[title].algorithm, readHex(publicKeys[title].raw))
const root = keyOf('root')
const acme = { subject: commonName('Mintmark fleet acme CA, example.test'), publicKey: keyOf('acme') }
const all = (group: Readonly<Record<string, string>>): Uint8Array[] => Object.values(group).map(readBase64)

const authorities = [
  ['acmeCa', 'acme', 'fleet'],
  ['betaCa', 'beta', 'fleet'],
  ['peopleCa', 'platform', 'people'],
  ['serverCa', 'platform', 'server'],
] as const
const issuers = authorities.map(([title, fleet, use]) => {
  return { fleet, use, certificate: readCertificate(readBase64(platform[title])) }
})
const prove = (leaf: Uint8Array) =>
  provePeer(leaf, domain, id => issuers.find(({ certificate }) => equal(certificate.subjectKeyId!, id)), nodeVerify)

const someChanges: readonly Uint8Array[] = [
  change({ kind: 'token.revoked', at, by: 'platform', ledger: 'acme', body: { token: 'AAAA' } }),
  change({
    kind: 'config.set',
    at,
    by: 'platform',
    ledger: 'acme',
    body: { target: 'fleet', version: 1, digest: new Uint8Array(32) },
  }),
  change({
    kind: 'token.created',
    at,
    by: 'platform/operator/ann',
    ledger: 'acme',
    body: {
      token: 'AAAA',
      role: 'device',
      secretHash: new Uint8Array(32),
      uses: 3,
      expires: at,
      pattern: undefined,
      replaces: undefined,
      tier: 'software',
    },
  }),
].map(({ bytes }) => bytes)

/** The value, or undefined where it was refused; any other error is what these tests look for. */
async function readOrRefused<T>(run: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof Refused) return undefined
    throw error
  }
}

// Inputs

const junk = fc.uint8Array({ maxLength: 400 })

/** Bytes that keep a reader of DER going for longer: elements in elements, their lengths mostly right. */
const derLike: fc.Arbitrary<Uint8Array> = fc.letrec<{ element: Uint8Array }>(tie => ({
  element: fc
    .tuple(
      fc.constantFrom(
        0x30,
        0x31,
        0x02,
        0x03,
        0x04,
        0x05,
        0x06,
        0x0c,
        0x17,
        0x18,
        0x01,
        0x80,
        0x82,
        0x86,
        0xa0,
        0xa3,
        0x24,
      ),
      fc.oneof({ maxDepth: 6 }, fc.uint8Array({ maxLength: 24 }), fc.array(tie('element'), { maxLength: 5 })),
      fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 1, -1, 0x80),
    )
    .map(([tag, inside, wrong]) => {
      const body = inside instanceof Uint8Array ? inside : concat(...inside)
      const length = body.length < 0x80 ? [body.length] : [0x82, body.length >> 8, body.length & 0xff]
      length[length.length - 1] = (length.at(-1)! + wrong) & 0xff
      return concat(Uint8Array.of(tag, ...length), body)
    }),
})).element

type Edit = (bytes: Uint8Array) => Uint8Array

const edit: fc.Arbitrary<Edit> = fc
  .tuple(fc.nat(), fc.nat(40), fc.nat(255), fc.uint8Array({ maxLength: 8 }), fc.nat(5))
  .map(([where, length, byte, more, kind]) => bytes => {
    const start = where % (bytes.length + 1)
    const end = Math.min(bytes.length, start + length)
    const [before, after] = [bytes.subarray(0, start), bytes.subarray(end)]
    if (kind === 0) return bytes.map((value, i) => (i === start ? value ^ (1 << (byte & 7)) : value))
    if (kind === 1) return bytes.map((value, i) => (i === start ? byte : value))
    if (kind === 2) return concat(before, after)
    if (kind === 3) return concat(before, more, bytes.subarray(start))
    if (kind === 4) return concat(bytes.subarray(0, end), bytes.subarray(start))
    return before
  })

/** One of these, changed at one to four places, and still different from all of them. */
const changed = (originals: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> =>
  fc
    .tuple(fc.constantFrom(...originals), fc.array(edit, { minLength: 1, maxLength: 4 }))
    .map(([bytes, edits]) => edits.reduce((value, change) => change(value), bytes))
    .filter(bytes => !originals.some(original => equal(original, bytes)))

const certificates = [...all(platform), ...all(odd), ...all(unproven)]

interface Reader {
  readonly read: (bytes: Uint8Array) => unknown
  readonly originals: readonly Uint8Array[]
  /** Whether what is changed may still be read: what is not signed as a whole, or is not asked for a signature. */
  readonly signed: boolean
}

const readers: Readonly<Record<string, Reader>> = {
  readCertificate: { read: readCertificate, originals: certificates, signed: false },
  readSigningRequest: { read: readSigningRequest, originals: all(goodRequests), signed: false },
  readRevocationList: {
    read: bytes => readRevocationList(bytes, acme, nodeVerify),
    originals: all(goodLists),
    signed: true,
  },
  readStatement: {
    read: bytes => readStatement(bytes, 'charter', root, nodeVerify),
    originals: [charters.first, charters.released].map(readBase64),
    signed: true,
  },
  readCharter: {
    read: bytes => readCharter(bytes, root, nodeVerify),
    originals: [charters.first, charters.released].map(readBase64),
    signed: true,
  },
  readDecommissionNotice: {
    read: bytes => readDecommissionNotice(bytes, keyOf('notice'), nodeVerify),
    originals: [notices.first, notices['another key']].map(readBase64),
    signed: true,
  },
  readDecommissionConfirmation: {
    read: bytes => readDecommissionConfirmation(bytes, keyOf('device'), nodeVerify),
    originals: [readBase64(confirmations.first)],
    signed: true,
  },
  readChange: { read: readChange, originals: someChanges, signed: false },
}

describe.each(Object.entries(readers))('%s', (_, { read, originals, signed }) => {
  test('reads what is good', async () => {
    for (const bytes of originals) expect(await readOrRefused(() => read(bytes)), hex(bytes)).toBeDefined()
  })

  test('reads or refuses any bytes', () =>
    fc.assert(
      fc.asyncProperty(fc.oneof(junk, derLike), async bytes => void (await readOrRefused(() => read(bytes)))),
      runs,
    ))

  test(`reads or refuses what was changed${signed ? ': it refuses' : ''}`, () =>
    fc.assert(
      fc.asyncProperty(changed(originals), async bytes => {
        const found = await readOrRefused(() => read(bytes))
        if (signed) expect(found).toBeUndefined()
      }),
      runs,
    ))
})

describe('a proof', () => {
  test('is never made of a changed certificate', () =>
    fc.assert(
      fc.asyncProperty(changed(certificates), async leaf => {
        expect(await readOrRefused(() => prove(leaf))).toBeUndefined()
      }),
      runs,
    ))

  test('is never made of any bytes', () =>
    fc.assert(
      fc.asyncProperty(fc.oneof(junk, derLike), async leaf => {
        expect(await readOrRefused(() => prove(leaf))).toBeUndefined()
      }),
      runs,
    ))

  test('is never made of a server by a changed leaf, CA or root', () => {
    const good = [platform.server, platform.serverCa, platform.root].map(readBase64)
    return fc.assert(
      fc.asyncProperty(fc.nat(2), changed(good), async (which, bytes) => {
        const [leaf, authority, anchor] = good.map((original, i) => (i === which ? bytes : original))
        const found = await readOrRefused(() => proveServer([leaf!, authority!], anchor!, at, nodeVerify))
        expect(found).toBeUndefined()
      }),
      runs,
    )
  })
})

describe('one value has one spelling', () => {
  const token = writeToken({
    id: new Uint8Array(16).fill(1),
    secret: new Uint8Array(32).fill(2),
    anchor: new Uint8Array(32).fill(3),
    url: 'https://mint.example.test:8443',
  })
  const character = fc.oneof(
    fc.constantFrom(...'azAZ09._-/:@?#%\\*[]=+ \0\n\r', 'é', 'е', 'ｄ', '\u202e', '\ud800', '😀'),
    fc.string({ minLength: 1, maxLength: 1 }),
  )

  /** Any text, or one of these with some characters changed. */
  const textLike = (...originals: readonly string[]): fc.Arbitrary<string> =>
    fc.oneof(
      fc.string(),
      fc
        .tuple(
          fc.constantFrom(...originals),
          fc.array(fc.tuple(fc.nat(), fc.nat(2), fc.oneof(fc.constant(''), character)), { maxLength: 3 }),
        )
        .map(([text, edits]) =>
          edits.reduce((value, [where, length, more]) => {
            const start = where % (value.length + 1)
            return value.slice(0, start) + more + value.slice(start + length)
          }, text),
        ),
    )

  const rewrites = async (text: string, read: (text: string) => string): Promise<void> => {
    const again = await readOrRefused(() => read(text))
    if (again !== undefined) expect(again).toBe(text)
  }

  test('of a SPIFFE ID', () =>
    fc.assert(
      fc.asyncProperty(
        textLike(
          'spiffe://acme.example.test/device/device-104',
          'spiffe://platform.example.test/server',
          'spiffe://platform.example.test/operator/ann',
        ),
        text => rewrites(text, value => spiffeId(domain, readSpiffeId(domain, value))),
      ),
      runs,
    ))

  test('of a DID', () =>
    fc.assert(
      fc.asyncProperty(textLike(didKey(keyOf('device')), didKey(keyOf('device2'))), text =>
        rewrites(text, value => didKey(readDidKey(value))),
      ),
      runs,
    ))

  test('of a token', () =>
    fc.assert(
      fc.asyncProperty(textLike(token, token.slice(0, 130)), text =>
        rewrites(text, value => writeToken(readToken(value))),
      ),
      runs,
    ))

  test('of a token, whose URL any library reads as it is spelled', () =>
    fc.assert(
      fc.asyncProperty(
        textLike('https://mint.example.test:8443', 'https://127.0.0.1', 'https://[2001:db8::1]'),
        async url => {
          const given = await readOrRefused(() => readToken(writeToken({ ...readToken(token), url })))
          if (given === undefined) return
          const { protocol, username, password, pathname, search, hash } = new URL(given.url)
          expect({ protocol, username, password, pathname, search, hash }).toEqual({
            ...{ protocol: 'https:', username: '', password: '', pathname: '/', search: '', hash: '' },
          })
          const named = given.url.replace(/:443$/, '')
          // An address of version 6 may be spelled at length; its one reading is the address.
          if (!named.includes('[')) expect(new URL(given.url).origin).toBe(named)
        },
      ),
      runs,
    ))

  test('of a change', () =>
    fc.assert(
      fc.asyncProperty(changed(someChanges), async bytes => {
        const found = await readOrRefused(() => readChange(bytes))
        if (found !== undefined) expect(hex(change(found).bytes)).toBe(hex(bytes))
      }),
      runs,
    ))
})
