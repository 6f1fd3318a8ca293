import { randomBytes } from 'node:crypto'
import { Agent, type AgentOptions, MemoryNonceStore, MemoryTrustRegistry } from '@mintmark/agent'
import { libsodiumVerify, nodeSha256 } from '@mintmark/agent/node'
import { equal } from '@mintmark/core/bytes'
import { admitRaw, type Key } from '@mintmark/core/keys'
import { append, emptyFrontier, leafHash } from '@mintmark/core/ledger'
import sodium from 'sodium-native'

// Messages to receive, and a receiver as a service would open it.

export const scope = 'telemetry:write'
export const peer = 'did:web:bench.example.test'

export interface Load {
  readonly senders: number
  readonly bytes: number
  readonly count: number
}

/** Makes so many messages, and gives what receives the next one. */
export type Contestant = (load: Load) => Promise<() => unknown>

export interface Scene {
  readonly service: Agent
  /** Signs the next message. */
  readonly next: () => Promise<Uint8Array>
}

export async function open({ senders, bytes }: Omit<Load, 'count'>, options: AgentOptions = {}): Promise<Scene> {
  const registry = new MemoryTrustRegistry()
  // A minute old: these keys are brought along, so what they signed before the store began would be refused.
  const now = () => Date.now() - 60_000
  const nonces = new MemoryNonceStore({ most: 2_000_000, mostOfOne: 2_000_000, now })
  const fast: AgentOptions = { registry, nonces, verify: libsodiumVerify(sodium), sha256: nodeSha256 }
  const service = await Agent.create({ ...fast, longestBody: 100_000, audiences: [peer], ...options })
  const devices: Agent[] = []
  for (let i = 0; i < senders; i++) devices.push(await Agent.create({ key: makeKey() }))
  for (const { did } of devices) registry.register(did, { scopes: [scope] })
  const payload = randomBytes(bytes)
  let sent = 0
  return { service, next: () => devices[sent++ % senders]!.send({ to: peer, payload, scope }) }
}

/** By libsodium: the messages are made in the same process, and Web Crypto takes several times as long. */
export function makeKey(): Key {
  const [publicKey, secretKey] = [new Uint8Array(32), new Uint8Array(64)]
  sodium.crypto_sign_keypair(publicKey, secretKey)
  return {
    publicKey: admitRaw('Ed25519', publicKey),
    sign(message) {
      const signature = new Uint8Array(64)
      sodium.crypto_sign_detached(signature, message, secretKey)
      return signature
    },
  }
}

const receiving = (options: () => AgentOptions): Contestant => {
  return async ({ count, ...load }) => {
    const { service, next } = await open(load, options())
    return each(count, next, message => service.receive(message))
  }
}

export const mintmark = receiving(() => ({}))

/** And each one a leaf of a Merkle tree, whose root is made for 64 together, as a busy service has so many at once. */
export const mintmarkWithLedger = receiving(() => {
  let frontier = emptyFrontier
  let root: Uint8Array | undefined
  let leaves: Uint8Array[] = []
  const record = (envelope: Uint8Array): void => {
    leaves.push(leafHash(envelope, nodeSha256))
    if (leaves.length < 64) return
    const grown = append(frontier, leaves, nodeSha256)
    if (root && equal(grown.root, root)) throw new Error('the tree did not grow')
    frontier = grown.frontier
    root = grown.root
    leaves = []
  }
  return { journal: { append: ({ envelope }) => record(envelope) } }
})

export async function each<T>(count: number, write: (i: number) => Promise<T>, receive: (message: T) => unknown) {
  const messages: T[] = []
  for (let i = 0; i < count; i++) messages.push(await write(i))
  let at = 0
  return () => receive(messages[at++]!)
}

/** Receives so many before it counts, and then so many. @returns microseconds of CPU time for one */
export async function measure(receive: () => unknown, warmup: number, count: number): Promise<number> {
  globalThis.gc?.()
  for (let i = 0; i < warmup; i++) await receive()
  const before = process.cpuUsage()
  for (let i = 0; i < count; i++) await receive()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}
