import { createHash, hash, randomBytes } from 'node:crypto'
import { compileScopes, type ScopeMatcher } from '@mintmark/core/rules'
import { generateKeyPair, jwtVerify, SignJWT } from 'jose'
import sodium from 'sodium-native'
import { type Contestant, each, makeKey, measure, mintmark, mintmarkWithLedger, peer, scope } from './message-load.ts'
import { benchCores, benchJournal, benchRedis, soak } from './message-stores.ts'
import type { Options } from './options.ts'

// What it costs to receive a message: every check, nonces and registry in memory, on one core. Beside it the same checks
// by `jose` and a Map, and the signatures alone by libsodium, which is as little as they can cost. In turn, round after
// round, in this process; time is CPU time.

const cases = [
  { senders: 1, bytes: 90 },
  { senders: 10_000, bytes: 90 },
  { senders: 1, bytes: 1_000 },
  { senders: 1, bytes: 64_000 },
] as const
const counted = 20_000
/** So that each sender was seen twice, and what runs often is compiled. */
const warmup = 20_000

export async function benchMessages({ rounds, soak: long }: Pick<Options, 'rounds' | 'soak'>): Promise<void> {
  if (long !== undefined) return soak(long)
  const contestants: Readonly<Record<string, Contestant>> = {
    ...{ mintmark, 'with ledger': mintmarkWithLedger, 'jose + Map': joseAndMap },
    ...{ libsodium: bare(() => undefined), 'and SHA-256': bare(body => hash('sha256', body)) },
  }
  for (const { senders, bytes } of cases) {
    const results = new Map<string, number[]>(Object.keys(contestants).map(name => [name, []]))
    const [before, count] = bytes > 10_000 ? [1_000, 2_000] : [warmup, counted]
    for (let round = 0; round < rounds; round++) {
      for (const [name, make] of Object.entries(contestants)) {
        results.get(name)!.push(await measure(await make({ senders, bytes, count: before + count }), before, count))
      }
    }
    console.log(`messages of ${bytes} bytes from ${senders} senders, median of ${rounds} rounds`)
    const micros = (name: string): number => results.get(name)!.toSorted((a, b) => a - b)[rounds >> 1]!
    for (const name of results.keys()) {
      console.log(
        `  ${name.padEnd(11)} ${(1e6 / micros(name)).toFixed(0).padStart(6)}/s   ${micros(name).toFixed(1)} µs CPU each`,
      )
    }
    const ratio = (other: string): string => (micros(other) / micros('mintmark')).toFixed(2)
    console.log(
      `  mintmark / jose + Map ${ratio('jose + Map')}x (budget: >= 2x), / libsodium ${ratio('libsodium')}x, / libsodium and SHA-256 ${ratio('and SHA-256')}x`,
    )
    console.log(`  with ledger / mintmark ${(1 / Number(ratio('with ledger'))).toFixed(2)}x`)
  }
  await benchJournal(rounds)
  await benchRedis(rounds)
  await benchCores()
}

/** A JWT with the digest of the body, held against a Map of keys, a window, a scope and a Map of what was received. */
const joseAndMap: Contestant = async ({ senders, bytes, count }) => {
  const keys = new Map<string, { readonly key: CryptoKey; readonly covers: ScopeMatcher }>()
  const pairs: { readonly kid: string; readonly key: CryptoKey }[] = []
  for (let i = 0; i < senders; i++) {
    const pair = await generateKeyPair('Ed25519')
    const kid = `device-${i}`
    keys.set(kid, { key: pair.publicKey, covers: compileScopes([scope]) })
    pairs.push({ kid, key: pair.privateKey })
  }
  const body = randomBytes(bytes + 16)
  const received = new Map<string, number>()
  const write = async (i: number) => {
    const { kid, key } = pairs[i % senders]!
    const text = await new SignJWT({ scope, digest: createHash('sha256').update(body).digest('base64url') })
      .setProtectedHeader({ alg: 'Ed25519', kid, typ: 'mint+jwt' })
      .setAudience(peer)
      .setIssuedAt()
      .setJti(randomBytes(16).toString('base64url'))
      .sign(key)
    // Each message has a body of its own, which is nowhere near the processor when it comes.
    return { text, body: Buffer.from(body) }
  }
  return each(count, write, async ({ text, body }) => {
    const { payload, protectedHeader } = await jwtVerify(text, ({ kid }) => keys.get(kid!)!.key, {
      audience: peer,
      typ: 'mint+jwt',
      algorithms: ['Ed25519'],
      maxTokenAge: 30,
    })
    const { covers } = keys.get(protectedHeader.kid!)!
    const id = `${protectedHeader.kid} ${payload.jti}`
    const digest = createHash('sha256').update(body).digest('base64url')
    if (!covers(payload.scope as string) || payload.digest !== digest || received.has(id)) throw new Error('refused')
    received.set(id, payload.iat!)
  })
}

/** Nothing but the signatures, over as much as an envelope signs, each another one; and what is done with each body. */
const bare =
  (digest: (body: Buffer) => unknown): Contestant =>
  async ({ senders, bytes, count }) => {
    const keys = Array.from({ length: senders }, makeKey)
    const write = async (i: number) => {
      const { publicKey, sign } = keys[i % senders]!
      const message = randomBytes(260)
      return { key: publicKey.raw, message, body: randomBytes(bytes + 16), signature: await sign(message) }
    }
    return each(count, write, ({ key, message, body, signature }) => {
      digest(body)
      if (!sodium.crypto_sign_verify_detached(signature, message, key)) throw new Error('refused')
    })
  }
