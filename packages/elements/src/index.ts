export {
  type DurableWrite,
  isCode,
  makeDirectoryDurably,
  removeFileDurably,
  removeTornWrites,
  renameDurably,
  writeFileDurably,
} from './atomic-file.ts'
export { createKeyFile, openKeyFile, wipeKeyFile } from './key-file.ts'
export { libsodiumVerify, type Sodium } from './libsodium.ts'
export { randomBytes } from './random.ts'
export {
  createSealedKeyFile,
  type NewSealedKey,
  openSealedKeyFile,
  readSealedKeyFileHeader,
  type SealedKey,
  type SealedKeyHeader,
} from './sealed-key-file.ts'
export { nodeSha256 } from './sha256.ts'
export { nodeVerify } from './verify.ts'
export { provideWrappingSecret, type WrappingSecret } from './wrapped-key.ts'
