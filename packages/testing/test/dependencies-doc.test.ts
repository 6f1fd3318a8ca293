import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { tableRows } from './table.ts'

const root = join(import.meta.dirname, '../../..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const json = <T>(path: string): T => JSON.parse(read(path)) as T

interface Manifest {
  readonly name: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

interface LockFile {
  readonly packages: Readonly<Record<string, Locked>>
}

interface Locked {
  readonly resolved?: string
  readonly link?: true
  readonly integrity?: string
  readonly license?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const files = ['package.json', ...globSync('packages/*/package.json', { cwd: root })]
const manifests = files.map(path => ({ path, ...json<Manifest>(path) }))
const named = manifests.flatMap(({ path, ...manifest }) =>
  [manifest.dependencies, manifest.devDependencies, manifest.optionalDependencies, manifest.peerDependencies].flatMap(
    list => Object.entries(list ?? {}).map(([name, version]) => ({ path, name, version })),
  ),
)
const ours = new Set(manifests.map(({ name }) => name))
const foreign = named.filter(({ name }) => !ours.has(name))
const rows = tableRows(read('docs/dependencies.md'), 'Package')

test('docs/dependencies.md has every dependency once, with its version and who uses it', () => {
  const users = Map.groupBy(foreign, ({ name, version }) => `\`${name}\` | ${version}`)
  const real = [...users].map(([key, uses]) => `${key} | ${uses.map(({ path }) => userOf(path)).join(', ')}`)
  const documented = rows.map(([name, version, , usedBy]) => [name, version, usedBy].join(' | '))
  expect(documented.toSorted()).toEqual(real.toSorted())
})

test.each(rows)('docs/dependencies.md has the licence of %s, and the reason', (cell = '', _, licence, __, why) => {
  const name = cell.replaceAll('`', '')
  const installed = `node_modules/${name}/package.json`
  const known = existsSync(join(root, installed)) ? json<{ license?: string }>(installed).license : inLock(name)
  expect(licence).toBe(known ?? licence)
  expect(why).not.toBe('')
})

test.each(named)('$path names $name at an exact version', ({ version }) => {
  expect(version).toMatch(/^(npm:[a-z0-9-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/)
})

describe('package-lock.json', () => {
  const packages = Object.entries(json<LockFile>('package-lock.json').packages)

  test('names no host that packages were fetched from', () => {
    const hosts = packages.filter(([, { resolved, link }]) => resolved !== undefined && link !== true)
    expect(hosts).toEqual([])
  })

  test('has a digest for every package that is not ours', () => {
    const loose = packages.filter(([path, { integrity, link }]) => {
      return path.includes('node_modules/') && link !== true && integrity === undefined
    })
    expect(loose.map(([path]) => path)).toEqual([])
  })

  // `npm install` drops a platform's package that the registry lacks without a word, and then `npm ci` refuses.
  test('has every package that one of its packages names, for every platform', () => {
    const there = new Set(packages.map(([path]) => path.split('node_modules/').at(-1)))
    const missing = packages.flatMap(([path, { dependencies, devDependencies, optionalDependencies }]) => {
      const names = Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies })
      return names.filter(name => !there.has(name)).map(name => `${path} needs ${name}`)
    })
    expect(missing).toEqual([])
  })
})

function inLock(name: string): string | undefined {
  return json<LockFile>('package-lock.json').packages[`node_modules/${name}`]?.license
}

const userOf = (path: string): string => path.split('/').at(-2) ?? 'workspace'
