export { Refused } from '@mintmark/core/errors'
export {
  Agent,
  type AgentOptions,
  type Journal,
  type Outgoing,
  type SendOptions,
  type Transport,
  type Written,
} from './agent.ts'
export type { Alarm } from './alarm.ts'
export { type MemoryNonceOptions, MemoryNonceStore } from './nonces/memory.ts'
export { keptUntil, type NonceStore, type Spent, window } from './nonces/nonce-store.ts'
export type { Payload } from './payload.ts'
export type { Received } from './received.ts'
export { MemoryTrustRegistry, type Registration } from './registry/memory.ts'
export type { Entry, TrustRegistry } from './registry/registry.ts'
export { makeKey, webCryptoKey } from './web-crypto-key.ts'
