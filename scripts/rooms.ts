// Why this exists: the import graph is the threat model. What a room does not import it cannot do: the heart sees no
// clock, the gateway cannot sign, the air-gapped laptop has no network. Every wrong import, and every name that would
// switch a check off, is printed as `file: why`.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Files, type Manifest, manifests, resolve, specifiers } from './walls/imports.ts'
import { impurities, networkGlobals } from './walls/pure.ts'
import { unsafeNames } from './walls/surface.ts'
import { mayLookInto, type Room, roomOf, ruleOf } from './walls/table.ts'
import { type Token, tokenize } from './walls/tokens.ts'

interface Checkout {
  readonly packages: ReadonlyMap<string, Manifest>
  readonly sources: ReadonlyMap<string, readonly Token[]>
}

const database = /^(node:sqlite|kysely|pg)$/
const network = /^node:(net|https?|http2|tls|dns(\/promises)?|dgram|child_process|worker_threads|cluster|inspector.*)$/

/** Every problem of these files: the sources under `packages/<name>/src`, and the package files. */
export function checkRooms(files: Files): string[] {
  const sources = new Map<string, Token[]>()
  for (const [path, text] of files) {
    if (/^packages\/[^/]+\/src\//.test(path)) sources.set(path, tokenize(text, { jsx: path.endsWith('.tsx') }))
  }
  const checkout = { packages: manifests(files), sources }

  const problems: string[] = []
  for (const [path, tokens] of sources) {
    const rule = ruleOf(roomOf(path))
    const why =
      rule === undefined
        ? [`${roomOf(path)} is in no room`]
        : specifiers(tokens).flatMap(specifier => wrongImport(checkout, path, rule, specifier) ?? [])
    if (path.startsWith('packages/core/')) why.push(...impurities(tokens))
    why.push(...unsafeNames(tokens))
    problems.push(...why.map(reason => `${path}: ${reason}`))
  }
  return [...problems, ...leaks(checkout, 'ceremony')]
}

function wrongImport(checkout: Checkout, path: string, rule: Room, specifier: string | undefined): string | undefined {
  const { packages, sources } = checkout
  if (specifier === undefined) return 'imports by a computed name, which no wall can see'
  const [room, folder] = [roomOf(path), path.split('/')[1]!]
  const target = resolve(packages, path, specifier)
  if (target.kind === 'closed') return target.why
  if (target.kind !== 'file' && database.test(target.name) && !path.startsWith('packages/server/src/store/')) {
    return `imports ${specifier}; only packages/server/src/store holds the database`
  }
  if (target.kind === 'node') {
    return rule.node === 'any' || rule.node.includes(target.name) ? undefined : `${room} may not import ${specifier}`
  }
  if (target.kind === 'npm') {
    if (!rule.npm) return `${room} may not import the package ${specifier}`
    return declares(packages, folder, target.name) ? undefined : `imports ${specifier}, not in its package.json`
  }
  if (target.package === undefined && !target.path.startsWith(`packages/${folder}/src/`)) {
    return `reaches out of its package to ${target.path}`
  }
  if (!sources.has(target.path)) return `imports ${specifier}, and there is no ${target.path}`
  const to = roomOf(target.path)
  if (to !== room && !mayLookInto(rule, to)) return `${room} may not look into ${to}`
  if (target.package !== undefined && !declares(packages, folder, target.package)) {
    return `imports ${specifier}, not in its package.json`
  }
  return undefined
}

function declares(packages: ReadonlyMap<string, Manifest>, folder: string, name: string): boolean {
  const own = packages.get(folder)
  if ([own?.dependencies, own?.optionalDependencies].some(list => list && Object.hasOwn(list, name))) return true
  // Never published, so it shares the development tools of the workspace.
  const tools = packages.get('')?.devDependencies
  return folder === 'testing' && tools !== undefined && Object.hasOwn(tools, name)
}

/** What the package reaches through all that it imports: no network, and nothing that is not ours. */
function leaks({ packages, sources }: Checkout, folder: string): string[] {
  const ways = new Map([...sources.keys()].filter(path => path.split('/')[1] === folder).map(path => [path, path]))
  const found: string[] = []
  for (const [path, way] of ways) {
    const tokens = sources.get(path) ?? []
    const why = networkGlobals(tokens)
    for (const specifier of specifiers(tokens)) {
      if (specifier === undefined) continue
      const target = resolve(packages, path, specifier)
      if (target.kind === 'node' && network.test(target.name)) why.push(`imports ${specifier}`)
      if (target.kind === 'npm') why.push(`imports the package ${specifier}`)
      if (target.kind === 'file' && !ways.has(target.path)) ways.set(target.path, `${way} -> ${target.path}`)
    }
    found.push(...why.map(reason => `${path}: in the closure of ${folder} and ${reason} (${way})`))
  }
  return found
}

if (import.meta.main) {
  const root = join(import.meta.dirname, '..')
  const paths = globSync(['package.json', 'packages/*/package.json', 'packages/*/src/**/*.{ts,tsx,js,mjs,cjs}'], {
    cwd: root,
  })
  const problems = checkRooms(new Map(paths.map(path => [path, readFileSync(join(root, path), 'utf8')])))
  for (const problem of problems) process.stderr.write(`${problem}\n`)
  process.stdout.write(problems.length === 0 ? `${paths.length} files, every import stays in its rooms\n` : '')
  process.exitCode = problems.length === 0 ? 0 : 1
}
