import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readDomain } from '@mintmark/core/names'

/** Where things are in a data directory. */
export const dataFiles = (data: string) => ({
  platform: join(data, 'platform.json'),
  endpoint: join(data, 'endpoint.json'),
  database: join(data, 'mintmark.db'),
  keeper: join(data, 'keeper'),
  server: join(data, 'server'),
  operator: join(data, 'operator'),
  development: join(data, 'development-ceremony'),
})

/** The domain that a data directory was made for; undefined where there is none yet. */
export function domainOf(data: string): string | undefined {
  const { platform } = dataFiles(data)
  if (!existsSync(platform)) return undefined
  try {
    const { v, domain } = JSON.parse(readFileSync(platform, 'utf8')) as { v?: unknown; domain?: unknown }
    if (v === 1 && typeof domain === 'string') return readDomain(domain)
  } catch (cause) {
    throw new Error(`${platform} is damaged: take it from a backup`, { cause })
  }
  throw new Error(`${platform} is not of this version of Mintmark`)
}
