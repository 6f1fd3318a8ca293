import { createPublicKey } from 'node:crypto'
import { Agent, type Entry, type NonceStore, type TrustRegistry } from '@mintmark/agent'
import { base64url, concat, hex, readBase58, readHex, readUtf8, utf8 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { didKey } from '@mintmark/core/keys'
import { type Claims, type Envelope, readEnvelope, writeMessage } from '@mintmark/core/signed'
import { nodeVerify } from '@mintmark/elements'
import { count } from '@mintmark/testing/faults'
import { decode, encode, rfc8949EncodeOptions } from 'cborg'
import fc from 'fast-check'
import { compactVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import vectors from '../../docs/spec/envelope-vectors.json' with { type: 'json' }
import { keys } from '../../packages/core/test/vectors/make/world.ts'
import * as cbor from './cbor-spellings.ts'
import * as jws from './jws-spellings.ts'
import { begin, expectMade, seeded } from './report.ts'

// Envelopes that were changed at one to three places, in what they say or in how they say it, and signed again by their
// sender, so that it is the reader who has to notice. What is accepted is canonical, and says to cborg and to jose what
// it says to us. Nothing is ever thrown but `Refused`.

const chance = seeded()
const half = Math.ceil(count('changed envelopes') / 2)
/** A run in full takes minutes. */
const limit = 3_600_000

const signers = [keys.device, keys.device2]
const signerOf = (spki: string) => signers.find(({ publicKey }) => hex(publicKey.spki) === spki)!
const valid = vectors.valid.map(({ envelope, body, signer, name }) => ({
  ...{ name, envelope: readHex(envelope), body: readHex(body), signer: signerOf(signer) },
}))
const [coseVectors, jwsVectors] = [
  valid.filter(({ envelope }) => envelope[0] === 0xd2),
  valid.filter(({ envelope }) => envelope[0] === 0x65),
]

/** A receiver that everything is for, from senders that may do anything: what is left is the reader and the signature. */
async function open(claims: Claims, signer: (typeof signers)[number]): Promise<Agent> {
  const entry: Entry = {
    ...{ did: didKey(signer.publicKey), key: signer.publicKey, covers: () => true },
    standing: 'good',
    ...{ recipients: undefined, isCounted: 'sequence' in claims.once, devices: { has: () => true } as never },
    ...{ madeAt: undefined, encryption: undefined },
  }
  const registry: TrustRegistry = { lookup: () => entry }
  const first = { isFirst: true, knowsSince: Number.NEGATIVE_INFINITY }
  const nonces: NonceStore = { spend: () => first, advance: () => first }
  const now = () => ('sequence' in claims.once ? 0 : claims.once.issued)
  return Agent.create({ registry, nonces, now, key: keys.stranger, verify: nodeVerify, audiences: [claims.audience] })
}

/** What it was read as, or undefined where it was refused; any other error is what this looks for. */
function readOrRefused(bytes: Uint8Array): Envelope | undefined {
  try {
    return readEnvelope(bytes)
  } catch (error) {
    if (error instanceof Refused) return undefined
    throw error
  }
}

async function isReceived(envelope: Envelope, { body, signer }: (typeof valid)[number]): Promise<boolean> {
  const agent = await open(envelope.claims, signer)
  try {
    await agent.receive(writeMessage(envelope.bytes, body))
    return true
  } catch (error) {
    if (error instanceof Refused) return false
    throw error
  }
}

const edits = fc.array(fc.record({ where: fc.nat(1 << 16), how: fc.nat(1 << 16), pick: fc.nat(1 << 16) }), {
  minLength: 1,
  maxLength: 3,
})
const parameters = { numRuns: half, seed: chance.seed }

describe('changed envelopes', () => {
  test('as COSE are refused, or canonical and to cborg what they are to us', { timeout: limit }, async () => {
    const tally = begin('changed envelopes', () => accepted)
    let accepted = 0
    await fc.assert(
      fc.asyncProperty(fc.nat(coseVectors.length - 1), edits, fc.boolean(), async (which, changes, isFlipped) => {
        tally.made()
        const vector = coseVectors[which]!
        const bytes = spellCose(vector, changes, isFlipped)
        const envelope = readOrRefused(bytes)
        if (envelope === undefined) return
        const shown = byCborg(bytes)
        expect(hex(shown.again)).toBe(hex(bytes))
        expect(said(envelope.claims)).toEqual(shown.claims)
        expect(hex(envelope.signed)).toBe(hex(shown.signed))
        if (await isReceived(envelope, vector)) accepted++
      }),
      parameters,
    )
    expect(accepted).toBeGreaterThan(half / 200)
  })

  test('as JWS are refused, or to jose what they are to us', { timeout: limit }, async () => {
    const tally = begin('changed envelopes', () => accepted)
    let accepted = 0
    await fc.assert(
      fc.asyncProperty(fc.nat(jwsVectors.length - 1), edits, async (which, changes) => {
        tally.made()
        const vector = jwsVectors[which]!
        const { bytes, mustRefuse } = spellJws(vector, changes)
        const envelope = readOrRefused(bytes)
        if (envelope === undefined) return
        expect(mustRefuse).toBe(false)
        const text = readUtf8(bytes)
        for (const part of text.split('.')) expect(Buffer.from(part, 'base64url').toString('base64url')).toBe(part)
        if (!(await isReceived(envelope, vector))) return
        const { payload, protectedHeader } = await compactVerify(text, publicKeyOf(vector.signer))
        expect(said(envelope.claims)).toEqual(byJose(protectedHeader, JSON.parse(readUtf8(payload))))
        accepted++
      }),
      parameters,
    )
    expect(accepted).toBeGreaterThan(half / 200)
  })

  test('were as many as the table says', () => expectMade('changed envelopes'))
})

const keyObjects = new Map<(typeof signers)[number], ReturnType<typeof createPublicKey>>()

function publicKeyOf(signer: (typeof signers)[number]) {
  const known = keyObjects.get(signer)
  if (known) return known
  const made = createPublicKey({ key: Buffer.from(signer.publicKey.spki), format: 'der', type: 'spki' })
  keyObjects.set(signer, made)
  return made
}

/** Changed, and signed again over what it says now, where it still has the shape for it. */
function spellCose({ envelope, signer }: (typeof valid)[number], changes: readonly cbor.Edit[], isFlipped: boolean) {
  const root = cbor.parse(envelope).item
  const [header, , digest, signature] = root.children![0]!.children!
  header!.inner = cbor.parse(header!.bytes!).item
  for (const change of changes) cbor.edit(root, change)
  if (header!.raw === undefined && header!.inner !== undefined) {
    const signed = concat(context, encode(cbor.spell(header!.inner)), Uint8Array.of(0x40), cbor.spell(digest!))
    if (signature!.bytes?.length === 64) signature!.bytes = signer.sign(signed)
  }
  const bytes = cbor.spell(root)
  if (isFlipped && changes[0]!.pick % 4 === 0) bytes[changes[0]!.where % bytes.length]! ^= 1 << (changes[0]!.how & 7)
  return bytes
}

const context = concat(Uint8Array.of(0x84), encode('Signature1'))

function spellJws({ envelope, signer }: (typeof valid)[number], changes: readonly jws.Edit[]) {
  const parts = jws.parse(readUtf8(envelope))
  for (const change of changes) jws.edit(parts, change)
  const sign = (text: string) => signer.sign(Uint8Array.from(Buffer.from(text)))
  return { bytes: jws.spell(parts, sign), mustRefuse: jws.isOdd(parts) }
}

const strict = { strict: true, useMaps: true, rejectDuplicateMapKeys: true, allowIndefinite: false } as const
type Entries = Map<number, unknown>

/** What cborg reads, and what it would write for that (RFC 8949 4.2.1). */
function byCborg(bytes: Uint8Array) {
  const [tag, rest] = [bytes.subarray(0, 1), bytes.subarray(1)]
  const [header, unprotected, digest, signature] = decode(rest, strict) as [Uint8Array, Entries, Uint8Array, Uint8Array]
  const fields = decode(header, strict) as Entries
  const rewritten = encode(fields, rfc8949EncodeOptions)
  const again = concat(tag, encode([rewritten, unprotected, digest, signature], rfc8949EncodeOptions))
  const claims = fields.get(15) as Entries
  const signed = encode(['Signature1', header, new Uint8Array(), digest])
  return {
    ...{ again, signed },
    claims: plain({
      ...{ key: fields.get(4), issuer: claims.get(1), audience: claims.get(3) },
      ...{
        seconds: claims.get(6),
        milliseconds: claims.get(-70_001),
        nonce: claims.get(7),
        sequence: claims.get(-70_002),
      },
      ...{ scope: claims.get(9), onBehalfOf: claims.get(-70_003), contentType: fields.get(259), digest },
      sealed: claims.get(-70_004),
    }),
  }
}

const kidOf = (key: string): Uint8Array =>
  key.startsWith(didPrefix) ? readBase58(key.slice(didPrefix.length)) : Uint8Array.from(Buffer.from(key, 'base64url'))
const didPrefix = 'did:key:z'

function byJose({ kid = '' }: { kid?: string }, payload: Readonly<Record<string, unknown>>) {
  const { iss, aud, scope, iat, jti, ms, seq, obo, cty, sealed, digest } = payload
  const { key, commitment } = (sealed ?? {}) as { key?: string; commitment?: string }
  return plain({
    ...{ key: kidOf(kid), issuer: iss, audience: aud, scope, seconds: iat, milliseconds: ms, sequence: seq },
    ...{ nonce: bytesOf(jti), onBehalfOf: obo, contentType: cty, digest: bytesOf(digest) },
    sealed: sealed && [bytesOf(key), bytesOf(commitment)],
  })
}

const bytesOf = (text: unknown): Uint8Array | undefined =>
  text === undefined ? undefined : Uint8Array.from(Buffer.from(text as string, 'base64url'))

function said({ once, sealed, key, ...rest }: Claims) {
  const time = 'sequence' in once ? once : { seconds: Math.floor(once.issued / 1_000), nonce: once.nonce }
  const milliseconds = 'sequence' in once ? undefined : once.issued % 1_000 || undefined
  return plain({ key: kidOf(key), ...rest, ...time, milliseconds, sealed: sealed && [sealed.key, sealed.commitment] })
}

/** Without what is not there, bytes as hex. */
const plain = (claims: Readonly<Record<string, unknown>>): unknown =>
  JSON.parse(JSON.stringify(claims, (_, value) => (value instanceof Uint8Array ? hex(value) : value)))

// What the others take and we refuse. docs/spec/envelope.md says so.

describe('refused here, and read by others', () => {
  const first = coseVectors[0]!
  const respelled = (change: (root: cbor.Item, header: cbor.Item) => void): Uint8Array => {
    const root = cbor.parse(first.envelope).item
    const header = root.children![0]!.children![0]!
    header.inner = cbor.parse(header.bytes!).item
    change(root, header.inner)
    return cbor.spell(root)
  }

  test.each<[string, Uint8Array]>([
    ['keys out of order', respelled((_, header) => header.children!.push(...header.children!.splice(0, 2)))],
    [
      'a float that is whole',
      respelled((_, { children }) =>
        Object.assign(children![5]!.children![3]!, { raw: readHex('fb41da557240000000') }),
      ),
    ],
    ['undefined', respelled((_, { children }) => Object.assign(children![5]!.children![1]!, { raw: readHex('f7') }))],
    [
      'a number beyond 2^53',
      respelled((_, { children }) =>
        Object.assign(children![5]!.children![3]!, { raw: readHex('1b0020000000000000') }),
      ),
    ],
    [
      'text that is not UTF-8',
      respelled((_, { children }) => Object.assign(children![5]!.children![7]!, { raw: readHex('61ff') })),
    ],
  ])('by cborg: %s', (_, bytes) => {
    expect(() => readEnvelope(bytes)).toThrow('bad-envelope')
    const [header] = decode(bytes.subarray(1), strict) as [Uint8Array]
    expect(decode(header, strict)).toBeInstanceOf(Map)
  })

  const token = jwsVectors[0]!
  const signed = (header: string, claims: string, respell = (text: string): string => text): Uint8Array => {
    const text = `${base64url(utf8(header))}.${base64url(utf8(claims))}`
    return utf8(respell(`${text}.${base64url(token.signer.sign(utf8(text)))}`))
  }
  const [header = '', claims = ''] = readUtf8(token.envelope)
    .split('.')
    .map(part => Buffer.from(part, 'base64url').toString())

  test.each<[string, Uint8Array]>([
    ['a claim twice', signed(header, claims.replace('{', '{"aud":"did:web:other.example.test",'))],
    ['a claim that is not known', signed(header, claims.replace('{', '{"exp":9999999999,'))],
    ['a header that is not known', signed(header.replace('{', '{"x":1,'), claims)],
    ['an embedded key', signed(header.replace('{', '{"jwk":{},'), claims)],
    ['no type', signed(header.replace(',"typ":"mint+jwt"', ''), claims)],
    [
      'pad bits',
      signed(
        header,
        claims,
        text =>
          text.slice(0, -1) + (text.endsWith('A') ? 'B' : String.fromCharCode(text.charCodeAt(text.length - 1) + 1)),
      ),
    ],
    ['a name that reaches the prototype', signed(header, claims.replace('{', '{"__proto__":{},'))],
  ])('by jose: %s', async (_, bytes) => {
    expect(() => readEnvelope(bytes)).toThrow('bad-envelope')
    await compactVerify(readUtf8(bytes), publicKeyOf(token.signer))
  })
})
