export { type Disclosed, proveDisclosure } from './disclosure.ts'
export {
  type Announcement,
  EncryptionKeys,
  type EncryptionPlace,
  type KeptEncryptionKey,
} from './encryption-keys.ts'
