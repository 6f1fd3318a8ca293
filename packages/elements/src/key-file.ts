import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { pem, readPem, utf8 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import type { Key, KeyAlgorithm } from '@mintmark/core/keys'
import { isCode, removeFileDurably, tornWritesOf, writeFileDurably } from './atomic-file.ts'
import { makePkcs8, SoftwareKey } from './private-key.ts'

/**
 * Makes a key pair and keeps it in a new PKCS#8 file that only its owner can read. Never replaces a file.
 * @throws Refused `file-exists`
 */
export function createKeyFile(path: string, algorithm: KeyAlgorithm): Key {
  const pkcs8 = makePkcs8(algorithm)
  const text = utf8(pem('PRIVATE KEY', pkcs8))
  try {
    writeFileDurably(path, text, { mode: 0o600, replace: false })
  } catch (cause) {
    if (isCode(cause, 'EEXIST')) throw new Refused('file-exists', path, { cause, hint: keepHint })
    throw cause
  } finally {
    pkcs8.fill(0)
    text.fill(0)
  }
  return openKeyFile(path)
}

/**
 * The key in a PKCS#8 file that nobody but its owner can read.
 * @throws Refused `not-found`, `bad-pem`, `key-refused`
 */
export function openKeyFile(path: string): Key {
  const text = readPrivately(path)
  let pkcs8: Uint8Array | undefined
  try {
    pkcs8 = readPem('PRIVATE KEY', text)
    return new SoftwareKey(pkcs8)
  } catch (cause) {
    if (cause instanceof Refused) throw new Refused(cause.code, `${path}: ${cause.detail ?? 'damaged'}`, { cause })
    throw new Error(`${path}: ${cause instanceof Error ? cause.message : cause}`, { cause })
  } finally {
    pkcs8?.fill(0)
  }
}

/**
 * Wipes a private key: its bytes are overwritten where they are, made durable, and then the file goes, with every copy
 * that a crash in the middle of making it has left. Done again, it finishes what was cut short.
 *
 * What the disk keeps of what was overwritten (flash moves blocks about, file systems keep journals and snapshots), this
 * cannot reach.
 */
export function wipeKeyFile(path: string): void {
  for (const each of [path, ...tornWritesOf(path)]) {
    overwrite(each)
    removeFileDurably(each)
  }
}

function overwrite(path: string): void {
  let file: number
  try {
    file = openSync(path, 'r+')
  } catch (cause) {
    if (isCode(cause, 'ENOENT')) return
    throw cause
  }
  try {
    writeSync(file, new Uint8Array(fstatSync(file).size), 0, undefined, 0)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

// Whose key it is, a file cannot tell: a home's, a journal's or another's.
export const keepHint = 'a key file is never replaced: name another one'
export const missingHint =
  'there is no key file of this name: name the one that there is; a key that is new is made first, with createKeyFile'

function readPrivately(path: string): string {
  const file = open(path)
  try {
    // Of the open file and not of the name, which might be another file by now.
    const { mode } = fstatSync(file)
    // Windows has access lists, and reports 0666 for every file.
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      const bits = (mode & 0o777).toString(8).padStart(4, '0')
      throw new Error(`${path} has mode ${bits}: others may have read the private key. Make it 0600, or a new key.`)
    }
    return readFileSync(file, 'utf8')
  } finally {
    closeSync(file)
  }
}

function open(path: string): number {
  try {
    return openSync(path, 'r')
  } catch (cause) {
    if (isCode(cause, 'ENOENT')) throw new Refused('not-found', path, { cause, hint: missingHint })
    throw cause
  }
}
