// For Node, Deno and Bun: what Web Crypto and fetch cannot do, or not as fast.

export { libsodiumVerify, nodeSha256, type Sodium } from '@mintmark/elements'
export { type DidWebOptions, DidWebTrustRegistry } from './did-web/registry.ts'
export { encryptionKeysIn } from './encryption-place.ts'
export { type AgentHome, openHome } from './home.ts'
export { type HttpServer, type HttpServerOptions, serveHttp } from './http-server.ts'
export { FileJournal, type FileJournalOptions } from './journal/journal.ts'
export { type JournalVerdict, type VerifyJournalOptions, verifyJournal } from './journal/verify.ts'
export { nodeListener } from './node-listener.ts'
export { FileReadingQueue } from './reading-files.ts'
