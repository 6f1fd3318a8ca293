import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { concat, readUtf8, utf8 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import type { Key, KeyAlgorithm } from '@mintmark/core/keys'
import { readName } from '@mintmark/core/names'
import { isCode, writeFileDurably } from './atomic-file.ts'
import { keepHint } from './key-file.ts'
import { makePkcs8, SoftwareKey } from './private-key.ts'
import {
  authenticatedData,
  readCost,
  readSealedFile,
  type SealedFile,
  type SealedHeader,
  writeSealedFile,
} from './sealed-format.ts'

/** A key whose file opens only with a passphrase: a ceremony signer's, on a medium that may get lost. */
export interface SealedKey extends Key {
  readonly name: string
}

export interface NewSealedKey {
  readonly name: string
  readonly algorithm: KeyAlgorithm
  readonly passphrase: string
  /** scrypt's N, a power of two from 2^15 to 2^20. The default, 2^17, takes 128 MiB and about half a second. */
  readonly cost?: number
}

/** Who the file says it belongs to. Not authenticated before the passphrase opens it. */
export type SealedKeyHeader = Pick<SealedHeader, 'name' | 'publicKey'>

/** Makes a key pair and keeps it in a new file, sealed by the passphrase. Never replaces a file. */
export async function createSealedKeyFile(path: string, options: NewSealedKey): Promise<SealedKey> {
  const name = readName(options.name)
  if (options.passphrase === '') throw new Refused('wrong-passphrase', 'empty')
  const cost = readCost(options.cost ?? 2 ** 17)
  const pkcs8 = makePkcs8(options.algorithm)
  try {
    const key = new SoftwareKey(pkcs8)
    const header = { name, publicKey: key.publicKey, cost, salt: randomBytes(16), nonce: randomBytes(12) }
    const sealed = await seal(header, options.passphrase, pkcs8)
    writeNew(path, writeSealedFile({ header, sealed }))
    return named(name, key)
  } finally {
    pkcs8.fill(0)
  }
}

/** The key, or `wrong-passphrase`: which also means that the file was changed, for nobody can tell the two apart. */
export async function openSealedKeyFile(path: string, passphrase: string): Promise<SealedKey> {
  const file = readFile(path)
  const pkcs8 = await open(file, passphrase)
  try {
    const key = new SoftwareKey(pkcs8)
    if (!key.publicKey.equals(file.header.publicKey)) throw new Error(`${path} seals another key than it names`)
    return named(file.header.name, key)
  } finally {
    pkcs8.fill(0)
  }
}

export function readSealedKeyFileHeader(path: string): SealedKeyHeader {
  const { name, publicKey } = readFile(path).header
  return { name, publicKey }
}

const named = (name: string, key: SoftwareKey): SealedKey => ({
  name,
  publicKey: key.publicKey,
  sign: message => key.sign(message),
})

async function seal(header: SealedHeader, passphrase: string, pkcs8: Uint8Array): Promise<Uint8Array> {
  const key = await derive(passphrase, header)
  try {
    const cipher = createCipheriv('aes-256-gcm', key, header.nonce).setAAD(authenticatedData(header))
    return concat(cipher.update(pkcs8), cipher.final(), cipher.getAuthTag())
  } finally {
    key.fill(0)
  }
}

async function open({ header, sealed }: SealedFile, passphrase: string): Promise<Uint8Array> {
  const key = await derive(passphrase, header)
  const decipher = createDecipheriv('aes-256-gcm', key, header.nonce)
  const pkcs8 = decipher.setAAD(authenticatedData(header)).update(sealed.subarray(0, -16))
  try {
    decipher.setAuthTag(sealed.subarray(-16)).final()
    return pkcs8
  } catch (cause) {
    pkcs8.fill(0)
    throw new Refused('wrong-passphrase', undefined, { cause })
  } finally {
    key.fill(0)
  }
}

// NFKC, because two keyboards write one passphrase in different bytes.
function derive(passphrase: string, { cost, salt }: SealedHeader): Promise<Buffer> {
  const secret = utf8(passphrase.normalize('NFKC'))
  return new Promise((resolve, reject) => {
    scrypt(secret, salt, 32, { N: cost, r: 8, p: 1, maxmem: 2048 * cost }, (error, key) => {
      secret.fill(0)
      if (error) reject(error)
      else resolve(key)
    })
  })
}

function writeNew(path: string, text: string): void {
  try {
    writeFileDurably(path, utf8(text), { mode: 0o600, replace: false })
  } catch (cause) {
    if (isCode(cause, 'EEXIST')) throw new Refused('file-exists', path, { cause, hint: keepHint })
    throw cause
  }
}

function readFile(path: string): SealedFile {
  try {
    return readSealedFile(readUtf8(readFileSync(path)))
  } catch (cause) {
    if (isCode(cause, 'ENOENT')) throw new Refused('not-found', path, { cause })
    throw cause
  }
}
