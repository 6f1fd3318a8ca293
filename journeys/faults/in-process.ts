import { randomBytes } from 'node:crypto'
import { rehearsalSigner } from '@mintmark/ceremony'
import { dataFiles, type Running, startPlatform } from '@mintmark/server'

const domain = 'example.test'
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length))

/** A platform in this process, on a data directory that is there: for a fault that happens before it starts. */
export async function startAt(data: string, port: number, now: () => number = Date.now): Promise<Running> {
  const { development } = dataFiles(data)
  const { answer } = await rehearsalSigner(development, domain, { now, random })
  return startPlatform({
    data,
    domain,
    host: '127.0.0.1',
    hostnames: ['localhost', '127.0.0.1', '::1'],
    port,
    consolePort: 0,
    now,
    random,
    rehearse: answer,
  })
}
