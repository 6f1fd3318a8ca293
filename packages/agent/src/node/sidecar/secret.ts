import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { base64url, utf8 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { randomBytes, writeFileDurably } from '@mintmark/elements'

/**
 * The secret in this file, which its owner alone can read; where there is no file, one is made.
 * @throws Refused `secret-exposed`, `home-damaged`
 */
export function provideSecret(path: string): string {
  if (!existsSync(path)) {
    const made = base64url(randomBytes(32))
    writeFileDurably(path, utf8(`${made}\n`), { mode: 0o600, replace: false })
    return made
  }
  const text = readPrivate(path)
  if (!/^[A-Za-z0-9_-]{43}\n$/.test(text)) throw new Refused('home-damaged', path)
  return text.trimEnd()
}

function readPrivate(path: string): string {
  // Of the file that was opened, so that another one cannot take its place after the check.
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const { mode, uid } = fstatSync(file)
    const isOurs = process.getuid === undefined || uid === process.getuid()
    if (!isOurs || (process.platform !== 'win32' && (mode & 0o077) !== 0)) throw new Refused('secret-exposed', path)
    return readFileSync(file, 'latin1')
  } finally {
    closeSync(file)
  }
}
