import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readJson } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { type Connection, connect, readHome } from '@mintmark/device'
import { fieldsOf } from './reply.ts'

/**
 * Asks the running platform of a data directory, as the operator whose home it keeps there. Whoever can read that home
 * is the operator: it is as private as the directory.
 */
export async function asOperator<T>(data: string, ask: (platform: Connection) => Promise<T>): Promise<T> {
  const hint = `start it with mintmark up --data ${data}`
  const url = readEndpoint(data, hint)
  const { anchor, certificate, keyFile } = readHome(join(data, 'operator'))
  const platform = connect({ url, anchor, identity: { certificate, key: keyFile }, now: Date.now })
  try {
    return await ask(platform)
  } catch (error) {
    if (!(error instanceof Refused) || error.code !== 'unreachable') throw error
    throw new Refused('unreachable', error.detail, { cause: error, hint })
  } finally {
    platform.close()
  }
}

function readEndpoint(data: string, hint: string): string {
  const path = join(data, 'endpoint.json')
  if (!existsSync(path)) {
    if (existsSync(join(data, 'platform.json'))) throw new Refused('unreachable', 'it never ran', { hint })
    throw new Refused('data-missing', data)
  }
  const { machine } = fieldsOf(readJson(readFileSync(path)))
  if (typeof machine !== 'string') throw new Error(`${path} does not say where the platform is`)
  return machine
}
