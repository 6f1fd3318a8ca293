import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { readUtf8 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'

const least = 12

/** @throws Refused `weak-passphrase` */
export function checkNewPassphrase(passphrase: string): void {
  const length = [...passphrase].length
  if (length < least) throw new Refused('weak-passphrase', `${length} characters`)
}

/** The one line of a file that only its owner can read. @throws Refused `passphrase-exposed` */
export function readPassphraseFile(path: string): string {
  const file = openSync(path, 'r')
  try {
    // Of the open file and not of the name, which might be another file by now.
    const { mode } = fstatSync(file)
    // Windows has access lists, and reports 0666 for every file.
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) throw new Refused('passphrase-exposed', path)
    const [line = '', ...rest] = readUtf8(readFileSync(file)).split(/\r?\n/)
    if (line === '' || rest.some(text => text !== '')) throw new Refused('wrong-passphrase', `${path} is not one line`)
    return line
  } finally {
    closeSync(file)
  }
}
