// The platform as a place where messages are recorded, and from which sealed ones are heard.

export { type Handed, handedMessages, type ListenOptions } from './listening.ts'
export { publishEncryptionKey } from './publishing.ts'
export { type LedgerName, PlatformJournal, type PlatformOptions, PlatformTransport } from './recording.ts'
