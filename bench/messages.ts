import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { Agent, type AgentOptions, MemoryNonceStore, MemoryTrustRegistry } from '@mintmark/agent'
import { libsodiumVerify, nodeSha256 } from '@mintmark/agent/node'
import { compileScopes, type ScopeMatcher } from '@mintmark/core/rules'
import { generateKeyPair, jwtVerify, SignJWT } from 'jose'
import sodium from 'sodium-native'
import type { Options } from './options.ts'

// What it costs to receive a message: every check, nonces and registry in memory, on one core. Beside it the same checks
// by `jose` and a Map, and a bare verification by libsodium, which is as little as a signature can cost. In turn, round
// after round, in this process; time is CPU time.

const cases = [
  { senders: 1, bytes: 90 },
  { senders: 10_000, bytes: 90 },
  { senders: 1, bytes: 1_000 },
  { senders: 1, bytes: 64_000 },
] as const
const scope = 'telemetry:write'
const counted = 10_000
/** So that each sender was seen once. */
const warmupOf = (senders: number): number => Math.max(2_000, senders)
const peer = 'did:web:bench.example.test'

type Load = { readonly senders: number; readonly bytes: number; readonly count: number }
/** Makes so many messages, and gives what receives the next one. */
type Contestant = (load: Load) => Promise<() => unknown>

export async function benchMessages({ rounds }: Pick<Options, 'rounds'>): Promise<void> {
  const contestants: Readonly<Record<string, Contestant>> = { mintmark, 'jose + Map': joseAndMap, libsodium: bare }
  for (const { senders, bytes } of cases) {
    const results = new Map<string, number[]>(Object.keys(contestants).map(name => [name, []]))
    const count = bytes > 10_000 ? 2_000 : counted
    const warmup = warmupOf(senders)
    for (let round = 0; round < rounds; round++) {
      for (const [name, make] of Object.entries(contestants)) {
        results.get(name)!.push(await measure(await make({ senders, bytes, count: count + warmup }), warmup, count))
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
    console.log(`  mintmark / jose + Map ${ratio('jose + Map')}x (budget: >= 2x), / libsodium ${ratio('libsodium')}x`)
  }
}

async function measure(receive: () => unknown, warmup: number, count: number): Promise<number> {
  for (let i = 0; i < warmup; i++) await receive()
  const before = process.cpuUsage()
  for (let i = 0; i < count; i++) await receive()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}

const mintmark: Contestant = async ({ senders, bytes, count }) => {
  const registry = new MemoryTrustRegistry()
  const nonces = new MemoryNonceStore({ mostOfOne: 1_000_000 })
  const options: AgentOptions = { registry, nonces, verify: libsodiumVerify(sodium), sha256: nodeSha256 }
  const service = await Agent.create({ ...options, longestBody: 100_000, audiences: [peer] })
  const devices: Agent[] = []
  for (let i = 0; i < senders; i++) devices.push(await Agent.create())
  for (const { did } of devices) registry.register(did, { scopes: [scope] })
  const payload = randomBytes(bytes)
  return each(
    count,
    i => devices[i % senders]!.send({ to: peer, payload, scope }),
    message => service.receive(message),
  )
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
  const write = (i: number) => {
    const { kid, key } = pairs[i % senders]!
    return new SignJWT({ scope, digest: createHash('sha256').update(body).digest('base64url') })
      .setProtectedHeader({ alg: 'Ed25519', kid, typ: 'mint+jwt' })
      .setAudience(peer)
      .setIssuedAt()
      .setJti(randomBytes(16).toString('base64url'))
      .sign(key)
  }
  return each(count, write, async text => {
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

/** One signature over what an envelope signs, again and again. */
const bare: Contestant = async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const key = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
  const message = randomBytes(260)
  const signature = sign(null, message, privateKey)
  return () => sodium.crypto_sign_verify_detached(signature, message, key)
}

async function each<T>(count: number, write: (i: number) => Promise<T>, receive: (message: T) => unknown) {
  const messages: T[] = []
  for (let i = 0; i < count; i++) messages.push(await write(i))
  let at = 0
  return () => receive(messages[at++]!)
}
