import { Refused } from '@mintmark/core/errors'
import type { Access } from '@mintmark/core/rules'
import { RegExpRouter } from 'hono/router/reg-exp-router'
import { access, type OperationName } from './access.ts'
import type { Operation } from './call.ts'

export interface Route {
  readonly name: OperationName
  readonly operation: Operation
  readonly params: Readonly<Record<string, string>>
}

const methods = ['GET', 'POST', 'PUT', 'DELETE'] as const

/**
 * Finds the operation for a request to one of the listeners. An operation without a row in the access table, or a row
 * without one, does not start.
 */
export function makeRouter(
  operations: Readonly<Record<string, Operation>>,
  door: Exclude<Access['door'], 'both'>,
): (method: string, path: string) => Route {
  const router = new RegExpRouter<Omit<Route, 'params'>>()
  // Apart, and asked first: the other takes no path that one of its own with a parameter covers.
  const plain = new Map<string, Omit<Route, 'params'> | undefined>()
  const [rows, served] = [Object.keys(access).sort().join(), Object.keys(operations).sort().join()]
  if (rows !== served) throw new Error('the access table and the operations differ')
  for (const [name, operation] of Object.entries(operations)) {
    const row: Access = access[name as OperationName]
    const isHere = row.door === door || row.door === 'both'
    const [method = '', path = ''] = name.split(' ')
    const route = { name: name as OperationName, operation }
    if (!path.includes(':')) plain.set(name, isHere ? route : undefined)
    else if (isHere) router.add(method, path, route)
  }
  const find = (method: string, path: string): Route | undefined => {
    const exact = `${method} ${path}`
    if (plain.has(exact)) return plain.get(exact) && { ...plain.get(exact)!, params: {} }
    const [[found], values = []] = router.match(method, path)
    if (found === undefined) return undefined
    // Parameters by name, each with the place of its value.
    const [route, places] = found as [Omit<Route, 'params'>, Readonly<Record<string, number>>]
    const params = Object.fromEntries(Object.entries(places).map(([name, place]) => [name, values[place]!]))
    return { ...route, params }
  }
  return (method, path) => {
    const route = find(method, path)
    if (route) return route
    throw new Refused(methods.some(other => find(other, path)) ? 'method-not-allowed' : 'not-found')
  }
}

/**
 * READ: path and query of a request target. Only plain origin-form targets (RFC 9112 3.2.1) of characters that no hop
 * rewrites: no percent-encoding, dot segments, doubled slashes, semicolons or backslashes before the gate.
 */
export function readTarget(target: string): { path: string; query: Readonly<Record<string, string>> } {
  const [path = '', search, ...rest] = target.split('?')
  const plain = /^(?:\/[A-Za-z0-9_~:-][A-Za-z0-9._~:-]*)+$/.test(path) && !path.includes('..')
  if (!plain || target.length > 1_024 || rest.length > 0) throw new Refused('bad-request', 'request target')
  if (search === undefined) return { path, query: {} }
  const query = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(search)) {
    if (query.has(name)) throw new Refused('bad-request', 'a query name twice')
    query.set(name, value)
  }
  return { path, query: Object.fromEntries(query) }
}
