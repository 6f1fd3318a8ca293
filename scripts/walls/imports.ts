// What a file imports, in every form there is, and where that leads. Used by rooms.ts.
import { posix } from 'node:path'
import type { Token } from './tokens.ts'

/** Path of a source file or package file, relative to the checkout, and its text. */
export type Files = ReadonlyMap<string, string>

export interface Manifest {
  readonly name: string
  readonly exports?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

export type Target =
  | { readonly kind: 'file'; readonly path: string; readonly package?: string }
  | { readonly kind: 'node'; readonly name: string }
  | { readonly kind: 'npm'; readonly name: string }
  | { readonly kind: 'closed'; readonly why: string }

/** Every specifier, type imports and re-exports included; undefined for one that is computed. */
export function specifiers(tokens: readonly Token[]): (string | undefined)[] {
  const found: (string | undefined)[] = []
  for (const [at, token] of tokens.entries()) {
    if (token.kind !== 'word' || tokens[at - 1]?.text === '.') continue
    const after = tokens[at + 1]
    if (token.text === 'import') {
      if (after?.kind === 'string') found.push(literal(after))
      else if (after?.text === '(') found.push(literal(tokens[at + 2]))
      else if (after?.kind === 'word' || after?.text === '{' || after?.text === '*') found.push(origin(tokens, at))
    } else if (token.text === 'export') {
      const first = after?.text === 'type' ? tokens[at + 2] : after
      if (first?.text === '*' || (first?.text === '{' && isReExport(tokens, at))) found.push(origin(tokens, at))
    } else if (/^(require|createRequire|getBuiltinModule)$/.test(token.text)) {
      found.push(undefined)
    }
  }
  return found
}

const literal = (token: Token | undefined): string | undefined =>
  token?.kind === 'string' && !token.text.includes('\\') ? token.text : undefined

function origin(tokens: readonly Token[], from: number): string | undefined {
  for (let at = from; at + 1 < tokens.length; at++) {
    if (tokens[at]!.text === 'from' && tokens[at + 1]!.kind === 'string') return literal(tokens[at + 1])
  }
  return undefined
}

function isReExport(tokens: readonly Token[], from: number): boolean {
  const close = tokens.findIndex((token, at) => at > from && token.text === '}')
  return tokens[close + 1]?.text === 'from'
}

export function manifests(files: Files): Map<string, Manifest> {
  const out = new Map<string, Manifest>()
  for (const [path, text] of files) {
    const folder = /^(?:packages\/([^/]+)\/)?package\.json$/.exec(path)
    if (folder) out.set(folder[1] ?? '', JSON.parse(text) as Manifest)
  }
  return out
}

/** Follows one specifier: relative ones by path, our own packages through their `exports` only. */
export function resolve(packages: ReadonlyMap<string, Manifest>, from: string, specifier: string): Target {
  if (specifier.startsWith('node:')) return { kind: 'node', name: specifier }
  if (specifier.startsWith('.')) return { kind: 'file', path: posix.join(posix.dirname(from), specifier) }
  const segments = specifier.split('/')
  const name = segments.slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
  for (const [folder, manifest] of packages) {
    if (folder === '' || manifest.name !== name) continue
    const door = manifest.exports?.[`.${specifier.slice(name.length)}`]
    if (door === undefined) return { kind: 'closed', why: `${name} has no export for ${specifier}` }
    return { kind: 'file', path: posix.join('packages', folder, door), package: name }
  }
  return { kind: 'npm', name }
}
