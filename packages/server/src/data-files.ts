import { join } from 'node:path'

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
