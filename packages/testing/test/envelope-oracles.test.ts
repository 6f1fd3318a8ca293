import { execFile } from 'node:child_process'
import { createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ECDSAKey } from '@ldclabs/cose-ts/ecdsa'
import { Ed25519Key } from '@ldclabs/cose-ts/ed25519'
import { Sign1Message } from '@ldclabs/cose-ts/sign1'
import { base64url, readHex, readUtf8, sha256, utf8 } from '@mintmark/core/bytes'
import { admitSpki, checkSignature, didKey, webCryptoVerify } from '@mintmark/core/keys'
import { readEnvelope, saltLength } from '@mintmark/core/signed'
import { attached } from '@transmute/cose'
import { CompactSign, compactVerify, exportSPKI, generateKeyPair, type JWK, SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { need } from '../../../scripts/services.ts'
import { root } from './pages.ts'

// Software that is not ours reads what we write, and writes what we read.

interface Vector {
  readonly name: string
  readonly signer: string
  readonly envelope: string
  readonly message: string
  readonly body: string
}
const file = join(root, 'docs/spec/envelope-vectors.json')
const { valid } = JSON.parse(readFileSync(file, 'utf8')) as { valid: Vector[] }

const keyObject = ({ signer }: Vector) =>
  createPublicKey({ key: Buffer.from(signer, 'hex'), format: 'der', type: 'spki' })
const jwkOf = (vector: Vector): JWK => keyObject(vector).export({ format: 'jwk' }) as JWK
const isP256 = (vector: Vector): boolean => jwkOf(vector).crv === 'P-256'
/** With one bit of the signature turned. */
const forged = (bytes: Uint8Array): Uint8Array => bytes.with(-1, bytes.at(-1)! ^ 1)

const jws = valid.filter(({ name }) => name.includes('jws'))
const polymorphic = valid.filter(({ name }) => name.endsWith('cose, polymorphic'))

test('there are vectors of each kind', () => {
  expect([jws.length, polymorphic.length, polymorphic.filter(isP256).length]).toEqual([18, 9, 1])
})

describe('jose', () => {
  test.each(jws)('verifies $name', async vector => {
    const text = readUtf8(readHex(vector.envelope))
    const { payload, protectedHeader } = await compactVerify(text, keyObject(vector))
    expect(protectedHeader.typ).toBe('mint+jwt')
    expect(JSON.parse(readUtf8(payload))).toMatchObject({ digest: base64url(sha256(readHex(vector.body))) })
    // The last character has pad bits, so the one before it is changed.
    const other = text.at(-2) === 'A' ? 'B' : 'A'
    await expect(compactVerify(`${text.slice(0, -2)}${other}${text.at(-1)}`, keyObject(vector))).rejects.toThrow()
  })

  test.each(['Ed25519', 'EdDSA', 'ES256'])('writes an envelope with %s that is read here', async alg => {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
    const key = admitSpki(spkiOf(await exportSPKI(publicKey)))
    const body = new Uint8Array(saltLength + 4)
    const said = { scope: 'telemetry:write', digest: base64url(sha256(body)) }
    const text = await new SignJWT(said)
      .setProtectedHeader({ alg, typ: 'mint+jwt', kid: didKey(key) })
      .setAudience('did:web:example.test')
      .setIssuedAt(1_767_225_600)
      .setJti(base64url(new Uint8Array(16)))
      .sign(privateKey)
    const { claims, signed, signature } = readEnvelope(utf8(text))
    expect(claims).toMatchObject({ key: didKey(key), audience: 'did:web:example.test', scope: 'telemetry:write' })
    expect(await checkSignature(webCryptoVerify, key, signed, signature)).toBe(true)
  })

  test('a token that jose writes for something else is no envelope', async () => {
    const { privateKey } = await generateKeyPair('Ed25519')
    const token = await new CompactSign(utf8('{"sub":"x"}')).setProtectedHeader({ alg: 'Ed25519' }).sign(privateKey)
    expect(() => readEnvelope(utf8(token))).toThrow('bad-envelope')
  })
})

// Libraries for COSE know the polymorphic names of algorithms alone (RFC 9864 is younger than they are).
describe('@ldclabs/cose-ts', () => {
  test.each(polymorphic)('verifies $name', vector => {
    const raw = admitSpki(readHex(vector.signer)).raw
    const key = isP256(vector) ? ECDSAKey.fromPublic(compressed(raw)) : Ed25519Key.fromPublic(raw)
    const bytes = readHex(vector.envelope)
    expect(Sign1Message.fromBytes(key, bytes).payload).toEqual(sha256(readHex(vector.body)))
    expect(() => Sign1Message.fromBytes(key, forged(bytes))).toThrow()
  })
})

/** SEC 1 2.3.3. */
const compressed = (point: Uint8Array): Uint8Array => Uint8Array.of(2 | (point[64]! & 1), ...point.subarray(1, 33))

describe('@transmute/cose', () => {
  test.each(polymorphic.filter(isP256))('verifies $name', async vector => {
    const resolve = async () => ({ ...jwkOf(vector), alg: 'ES256' })
    const { verify } = attached.verifier({ resolver: { resolve } } as never)
    const coseSign1 = readHex(vector.envelope)
    const digest = new Uint8Array(await verify({ coseSign1 } as never))
    expect(digest).toEqual(sha256(readHex(vector.body)))
    await expect(verify({ coseSign1: forged(coseSign1) } as never)).rejects.toThrow()
  })
})

const missing = need('/usr/lib/python3/dist-packages/cryptography/__init__.py')
describe.skipIf(missing)(`Python${missing ? ` (skipped: ${missing})` : ''}`, () => {
  const program = join(root, 'examples/python/verify_envelope.py')
  const verify = (...args: string[]) => promisify(execFile)('/usr/bin/python3', [program, ...args])
  /** What it said when it was refused: one line, and no traceback. */
  const refusal = async (...args: string[]) => {
    const { code, stdout, stderr } = await verify(...args).then(
      () => expect.unreachable(),
      (error: { code: number; stdout: string; stderr: string }) => error,
    )
    expect([stdout, stderr.trimEnd().split('\n').length]).toEqual(['', 1])
    return `${code}: ${stderr.trimEnd()}`
  }
  const cose = valid.filter(({ name }) => name.endsWith(', cose'))

  test.each(cose)('verifies $name, with nothing of ours', async ({ message, signer }) => {
    const said = JSON.parse((await verify(message, signer)).stdout)
    expect(said).toMatchObject({ type: 'application/mint', scope: 'telemetry:write', content: '{"celsius":21.5}' })
    expect(said.checked).toBe('all')
  })

  test.each(cose)('verifies $name, by its envelope alone, and says so', async ({ envelope, signer }) => {
    const said = JSON.parse((await verify(envelope, signer)).stdout)
    expect(said).toMatchObject({ scope: 'telemetry:write', checked: 'the envelope alone' })
    expect(said).not.toHaveProperty('content')
  })

  test('refuses another signature and another body', async () => {
    const { message, envelope, signer } = cose[0]!
    const forged = `${envelope.slice(0, -2)}00`
    const body = message.slice(envelope.length)
    const unsigned = '1: not verified: InvalidSignature'
    expect(await refusal(`${forged}${body}`, signer)).toBe(unsigned)
    expect(await refusal(forged, signer)).toBe(unsigned)
    const otherBody = '1: not verified: the body is not the one that was signed'
    // Changed, cut short, something behind it, and nothing in its place.
    for (const other of [`${body.slice(0, -2)}00`, body.slice(0, -2), `${body}00`, '40']) {
      expect(await refusal(`${envelope}${other}`, signer)).toBe(otherBody)
    }
  })

  test('says in one line what it was not given, or cannot read', async () => {
    const { message, envelope, signer } = cose[0]!
    const usage = /^2: usage: /
    for (const args of [[], [message], [message, signer, signer], ['no hex', signer], [message, 'abc']]) {
      expect(await refusal(...args)).toMatch(usage)
    }
    const nested = '81'.repeat(20_000)
    const badMessages = [
      '',
      'd2',
      'd280',
      'd2f6',
      `d2${nested}`,
      envelope.slice(0, 90),
      `${envelope}f6`,
      jws[0]!.message,
    ]
    for (const bad of badMessages) expect(await refusal(bad, signer)).toMatch(/^1: not verified: \S/)
    for (const bad of ['', '00', signer.slice(0, -2)])
      expect(await refusal(message, bad)).toMatch(/^1: not verified: \S/)
  })
})

const spkiOf = (pem: string): Uint8Array =>
  Uint8Array.from(Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64'))
