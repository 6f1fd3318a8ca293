import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { concat, hex, pem, readHex, readPem, utf8 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { isCode, writeFileDurably } from './atomic-file.ts'
import { SoftwareKey } from './private-key.ts'

//     nonce (12) || AES-256-GCM of the PKCS#8 || tag (16)
//
// Authenticated beside it: what the key is for, so that no wrapped key can be taken for another.

/** A secret in a file, under which copies of a data directory pass keys to each other. It signs nothing. */
export interface WrappingSecret {
  /** The private key of a key file, for whoever has this secret too. */
  wrap(keyFile: string, purpose: string): Uint8Array
  /** Writes the key file again. @throws Refused `key-refused` where it was wrapped under another secret or purpose */
  unwrap(wrapped: Uint8Array, purpose: string, keyFile: string): void
}

/** The secret of this file; a new one where there is none yet. */
export function provideWrappingSecret(path: string): WrappingSecret {
  if (!existsSync(path)) create(path)
  const secret = readSecret(path)
  return {
    wrap(keyFile, purpose) {
      const pkcs8 = readPem('PRIVATE KEY', readFileSync(keyFile, 'utf8'))
      const nonce = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', secret, nonce).setAAD(about(purpose))
      try {
        return concat(nonce, cipher.update(pkcs8), cipher.final(), cipher.getAuthTag())
      } finally {
        pkcs8.fill(0)
      }
    },
    unwrap(wrapped, purpose, keyFile) {
      const pkcs8 = open(secret, wrapped, purpose)
      try {
        // Before it takes a name: a file that cannot be opened would be in the way for ever.
        new SoftwareKey(pkcs8)
        writeFileDurably(keyFile, utf8(pem('PRIVATE KEY', pkcs8)), { mode: 0o600, replace: true })
      } finally {
        pkcs8.fill(0)
      }
    },
  }
}

function readSecret(path: string): Uint8Array {
  const text = readFileSync(path, 'utf8').trim()
  if (/^[0-9a-f]{64}$/.test(text)) return readHex(text)
  throw new Error(`${path} is damaged: take it from a backup`)
}

function create(path: string): void {
  const secret = randomBytes(32)
  try {
    writeFileDurably(path, utf8(`${hex(secret)}\n`), { mode: 0o600, replace: false })
  } catch (error) {
    // Another process was quicker: there is one secret, and it is the file's.
    if (!isCode(error, 'EEXIST')) throw error
  } finally {
    secret.fill(0)
  }
}

function open(secret: Uint8Array, wrapped: Uint8Array, purpose: string): Uint8Array {
  const [nonce, sealed, tag] = [wrapped.subarray(0, 12), wrapped.subarray(12, -16), wrapped.subarray(-16)]
  if (nonce.length !== 12 || tag.length !== 16 || wrapped.length < 28) throw new Refused('key-refused', 'wrapped key')
  const decipher = createDecipheriv('aes-256-gcm', secret, nonce).setAAD(about(purpose))
  const pkcs8 = decipher.update(sealed)
  try {
    decipher.setAuthTag(tag).final()
    return pkcs8
  } catch (cause) {
    pkcs8.fill(0)
    throw new Refused('key-refused', `${purpose} was wrapped under another secret`, { cause })
  }
}

const about = (purpose: string): Uint8Array => utf8(`mintmark wrapped key v1\0${purpose}`)
