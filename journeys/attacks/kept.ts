import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** All bytes of all files under a directory: tables, ledgers, the log of the database, keys. */
export function bytesUnder(directory: string): Buffer {
  const files = readdirSync(directory, { recursive: true }).map(name => join(directory, String(name)))
  return Buffer.concat(files.filter(file => statSync(file).isFile()).map(file => readFileSync(file)))
}
