import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readJson } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { type Connection, connect, type Home, readHome } from '@mintmark/device'
import { fieldsOf } from './reply.ts'

/** As whom an operator's command acts; the options `--data` and `--operator` of each of them. */
export interface AsOperator {
  readonly data: string
  /** Home of an operator who was enrolled. */
  readonly operator?: string
}

/**
 * Asks a running platform as an operator: as the one whose home is named, at the address that he was enrolled at;
 * otherwise as the one whose home the platform keeps in its data directory. Whoever can read a home is its operator.
 */
export async function asOperator<T>(as: AsOperator, ask: (platform: Connection) => Promise<T>): Promise<T> {
  const { home, url, hint } = as.operator === undefined ? ownOperator(as.data) : enrolledOperator(as.operator)
  const { anchor, certificate, keyFile } = home
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

interface Found {
  readonly home: Home
  readonly url: string
  readonly hint: string
}

function ownOperator(data: string): Found {
  const hint = `start it with mintmark up --data ${data}`
  const url = readEndpoint(data, hint)
  return { home: readHome(join(data, 'operator')), url, hint }
}

function enrolledOperator(directory: string): Found {
  const home = readHome(directory)
  if (home.role !== 'operator') throw new Refused('forbidden', `${directory} is the home of ${home.identity}`)
  return { home, url: home.url, hint: `the platform of this home is at ${home.url}: does it run?` }
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
