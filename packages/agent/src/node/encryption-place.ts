import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { pem, readPem, utf8 } from '@mintmark/core/bytes'
import { makeDirectoryDurably, removeTornWrites, wipeKeyFile, writeFileDurably } from '@mintmark/elements'
import type { EncryptionPlace, KeptEncryptionKey } from '../seal/encryption-keys.ts'

// One file a key, 0000000001-1767225600000.pem: its number, the current one has the highest, and until when it is kept.

const fileName = /^(\d{10})-(\d{1,16})\.pem$/

/**
 * Encryption keys in a directory of their own, each in a PKCS#8 file that only its owner can read. One process at a time.
 * A key that is over is overwritten where it is, and then removed.
 */
export function encryptionKeysIn(directory: string): EncryptionPlace {
  return {
    isExporting: true,
    load: () => {
      makeDirectoryDurably(directory, 0o700)
      removeTornWrites(directory)
      const files = filesIn(directory)
      // A crash while one was announced for longer leaves it under two names, the longer one first.
      return Promise.all(
        files.filter(({ number }, i) => files[i - 1]?.number !== number).map(each => read(directory, each)),
      )
    },
    keep: async keys => {
      const known = filesIn(directory)
      const kept = await Promise.all(
        known.map(async file => ({ file, spki: await publicOf(await read(directory, file)) })),
      )
      const wanted = await Promise.all(keys.map(async key => ({ ...key, spki: await publicOf(key) })))
      let next = 1 + Math.max(0, ...known.map(({ number }) => number))
      const stay = new Set<string>()
      // From the oldest on, so that at every moment the newest that is there is the current one.
      for (const { pair, until, spki } of wanted.toReversed()) {
        const same = kept.find(each => each.spki === spki)?.file
        const name = nameOf(same?.number ?? next++, until)
        stay.add(name)
        if (same?.name === name) continue
        const pkcs8 = new Uint8Array(await crypto.subtle.exportKey('pkcs8', pair.privateKey))
        writeFileDurably(join(directory, name), utf8(pem('PRIVATE KEY', pkcs8)), { mode: 0o600, replace: true })
        pkcs8.fill(0)
      }
      for (const { name } of known) if (!stay.has(name)) wipeKeyFile(join(directory, name))
    },
  }
}

interface File {
  readonly name: string
  readonly number: number
  readonly until: number
}

const nameOf = (number: number, until: number): string => `${String(number).padStart(10, '0')}-${until}.pem`

/** The current one first. */
function filesIn(directory: string): File[] {
  const files = readdirSync(directory).flatMap(name => {
    const [, number, until] = fileName.exec(name) ?? []
    if (number === undefined || isWiped(join(directory, name))) return []
    return [{ name, number: Number(number), until: Number(until) }]
  })
  return files.toSorted((a, b) => b.number - a.number || b.until - a.until)
}

/** A wipe that was cut short is finished. */
function isWiped(path: string): boolean {
  const isZero = readFileSync(path).every(byte => byte === 0)
  if (isZero) wipeKeyFile(path)
  return isZero
}

async function read(directory: string, { name, until }: File): Promise<KeptEncryptionKey> {
  const path = join(directory, name)
  const { mode } = statSync(path)
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    throw new Error(`${path}: others may have read the private key. Make it 0600, or a new key.`)
  }
  const pkcs8 = Uint8Array.from(readPem('PRIVATE KEY', readFileSync(path, 'utf8')))
  const privateKey = await crypto.subtle.importKey('pkcs8', pkcs8, x25519, true, ['deriveBits'])
  pkcs8.fill(0)
  const { x } = await crypto.subtle.exportKey('jwk', privateKey)
  const raw = Uint8Array.from(Buffer.from(x!, 'base64url'))
  return { pair: { publicKey: await crypto.subtle.importKey('raw', raw, x25519, true, []), privateKey }, until }
}

const publicOf = async ({ pair }: KeptEncryptionKey): Promise<string> =>
  Buffer.from(await crypto.subtle.exportKey('raw', pair.publicKey)).toString('hex')

const x25519 = { name: 'X25519' } as const
