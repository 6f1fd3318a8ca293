import { Refused } from '@mintmark/core/errors'
import { TrieRouter } from 'hono/router/trie-router'
import { access, type OperationName } from './access.ts'
import type { Operation } from './call.ts'

export interface Route {
  readonly name: OperationName
  readonly operation: Operation
  readonly params: Readonly<Record<string, string>>
}

const methods = ['GET', 'POST', 'PUT'] as const

/** Finds the operation for a request. An operation without a row in the access table, or a row without one, does not start. */
export function makeRouter(operations: Readonly<Record<string, Operation>>): (method: string, path: string) => Route {
  const router = new TrieRouter<{ name: OperationName; operation: Operation }>()
  const [rows, served] = [Object.keys(access).sort().join(), Object.keys(operations).sort().join()]
  if (rows !== served) throw new Error('the access table and the operations differ')
  for (const [name, operation] of Object.entries(operations)) {
    const [method = '', path = ''] = name.split(' ')
    router.add(method, path, { name: name as OperationName, operation })
  }
  return (method, path) => {
    const [[found] = []] = router.match(method, path)
    if (found === undefined) {
      const elsewhere = methods.some(other => router.match(other, path)[0].length > 0)
      throw new Refused(elsewhere ? 'method-not-allowed' : 'not-found')
    }
    const [handler, params] = found
    return { ...handler, params: params as Readonly<Record<string, string>> }
  }
}

/**
 * READ: path and query of a request target. Only plain origin-form targets (RFC 9112 3.2.1) of characters that no hop
 * rewrites: no percent-encoding, dot segments, doubled slashes, semicolons or backslashes before the gate.
 */
export function readTarget(target: string): { path: string; query: Readonly<Record<string, string>> } {
  const [path = '', search = '', ...rest] = target.split('?')
  const plain = /^(?:\/[A-Za-z0-9_~:-][A-Za-z0-9._~:-]*)+$/.test(path) && !path.includes('..')
  if (!plain || target.length > 1_024 || rest.length > 0) throw new Refused('bad-request', 'request target')
  const query = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(search)) {
    if (query.has(name)) throw new Refused('bad-request', 'a query name twice')
    query.set(name, value)
  }
  return { path, query: Object.fromEntries(query) }
}
