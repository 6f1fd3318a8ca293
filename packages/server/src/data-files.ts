import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { utf8 } from '@mintmark/core/bytes'
import { readDomain } from '@mintmark/core/names'
import { writeFileDurably } from '@mintmark/elements'

/** Where things are in a data directory. */
export const dataFiles = (data: string) => ({
  platform: join(data, 'platform.json'),
  endpoint: join(data, 'endpoint.json'),
  database: join(data, 'mintmark.db'),
  lastHead: join(data, 'mintmark.db-head'),
  /** What was the database until it was moved to PostgreSQL. */
  moved: join(data, 'mintmark.db-moved'),
  /** There while verifiers may have leases of a process that did not end by itself. */
  verifiers: join(data, 'verifiers'),
  keeper: join(data, 'keeper'),
  server: join(data, 'server'),
  operator: join(data, 'operator'),
  development: join(data, 'development-ceremony'),
})

/** What is fixed when a data directory is made. */
export interface Settings {
  readonly domain: string
  /** Of a PostgreSQL database, as it was given, with its password where it had one; absent where SQLite is inside. */
  readonly database?: string | undefined
}

/** Undefined where there is no platform yet. */
export function settingsOf(data: string): Settings | undefined {
  const { platform } = dataFiles(data)
  if (!existsSync(platform)) return undefined
  try {
    const { v, domain, database } = JSON.parse(readFileSync(platform, 'utf8')) as Record<string, unknown>
    const isText = database === undefined || typeof database === 'string'
    if (v === 1 && typeof domain === 'string' && isText) return { domain: readDomain(domain), database }
  } catch (cause) {
    throw new Error(`${platform} is damaged: take it from a backup`, { cause })
  }
  throw new Error(`${platform} is not of this version of Mintmark`)
}

/** On the disk when it returns; the old ones or the new ones, whatever happens. */
export function writeSettings(data: string, { domain, database }: Settings, options: { replace: boolean }): void {
  const text = `${JSON.stringify({ v: 1, domain: readDomain(domain), database })}\n`
  // A URL may have a password.
  const mode = database === undefined ? 0o644 : 0o600
  writeFileDurably(dataFiles(data).platform, utf8(text), { mode, ...options })
}

/** The domain that a data directory was made for; undefined where there is none yet. */
export const domainOf = (data: string): string | undefined => settingsOf(data)?.domain
