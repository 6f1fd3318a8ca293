import { type Code, Refused } from '@mintmark/core/errors'
import { createClient } from 'redis'
import { RedisNonceStore } from '../../src/nonces/index.ts'
import type { NonceStore, Spent } from '../../src/nonces/nonce-store.ts'

export const start = Date.UTC(2026, 5, 1)
export const [alice, bob] = ['a'.repeat(64), 'b'.repeat(64)] as const
let made = 0

/** One that was never there. */
export function nonce(): Uint8Array {
  const bytes = new Uint8Array(16)
  new DataView(bytes.buffer).setUint32(0, ++made)
  return bytes
}

/** What came of it, in one word. What the store cannot know counts as not taken, as it does for a receiver. */
export async function outcome(asked: () => Spent | Promise<Spent>): Promise<'first' | 'spent' | Code> {
  try {
    return (await asked()).isFirst ? 'first' : 'spent'
  } catch (error) {
    if (error instanceof Refused) return error.code
    throw error
  }
}

/** As a receiver decides of a message: what was issued before the store knew all is refused. */
export async function receive(
  store: NonceStore,
  issued: number,
  now: number,
  once: Uint8Array,
): Promise<'first' | 'spent' | Code> {
  return outcome(async () => {
    const spent = await store.spend(alice, once, issued + 41_000, now)
    if (!(issued > spent.knowsSince + 5_000)) throw new Refused('message-fresh')
    return spent
  })
}

export async function connect(url: string) {
  const client = createClient({ url, disableOfflineQueue: true, socket: { reconnectStrategy: 20 } })
  // It says so of every connection that ends; what is asked then is refused.
  client.on('error', () => undefined)
  await client.connect()
  return client
}

export async function openRedis(url: string, options = {}) {
  const client = await connect(url)
  return { client, store: await RedisNonceStore.open(client, options) }
}
