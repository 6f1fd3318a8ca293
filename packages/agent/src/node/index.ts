// For Node, Deno and Bun: what Web Crypto and fetch cannot do, or not as fast.

export { nodeSha256 } from '@mintmark/elements'
export { type DidWebOptions, DidWebTrustRegistry } from './did-web/registry.ts'
export { libsodiumVerify, type Sodium } from './libsodium.ts'
