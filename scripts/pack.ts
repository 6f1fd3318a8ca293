// Why this exists: the checkout runs its sources, and nobody else can: Node strips no types in node_modules. This makes
// of the SDK what npm publishes: JavaScript with declarations, one tarball a package. Nothing is built in the checkout.
import { spawnSync } from 'node:child_process'
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

interface Manifest {
  readonly name: string
  readonly version: string
  readonly description: string
  readonly license: string
  readonly type: 'module'
  readonly sideEffects?: boolean
  readonly exports: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
}

const root = join(import.meta.dirname, '..')
const scope = '@mintmark/'
/** What a program asks for; whatever of ours it needs comes along. */
const published = 'agent'

/** Packs the SDK into this directory. @returns the tarballs, those that need others last */
export function pack(to: string): string[] {
  const names = closureOf(published)
  const scratch = mkdtempSync(join(tmpdir(), 'mintmark-pack-'))
  try {
    emit(names, scratch)
    mkdirSync(to, { recursive: true })
    return names.map(name => {
      const directory = join(scratch, name)
      writePackage(name, directory)
      return join(to, packed(directory, to))
    })
  } finally {
    rmSync(scratch, { recursive: true })
  }
}

const manifestOf = (name: string): Manifest =>
  JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')) as Manifest

function closureOf(name: string, seen: readonly string[] = []): string[] {
  const ours = Object.keys(manifestOf(name).dependencies ?? {}).filter(each => each.startsWith(scope))
  const before = ours.reduce<readonly string[]>((list, each) => {
    const other = each.slice(scope.length)
    return list.includes(other) ? list : closureOf(other, list)
  }, seen)
  return [...before, name]
}

/** All in one compilation, as they import each other's sources. */
function emit(names: readonly string[], scratch: string): void {
  const project = join(scratch, 'tsconfig.json')
  const compilerOptions = {
    ...{ noEmit: false, declaration: true, rewriteRelativeImportExtensions: true, sourceMap: false },
    ...{ rootDir: join(root, 'packages'), outDir: scratch, typeRoots: [join(root, 'node_modules/@types')] },
  }
  const include = names.map(name => join(root, 'packages', name, 'src/**/*.ts'))
  const exclude = names.map(name => join(root, 'packages', name, 'src/ambient.d.ts'))
  writeFileSync(project, JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions, include, exclude }))
  const { status } = spawnSync(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), '--project', project],
    // What it says goes where it is not taken for the list of tarballs.
    { cwd: root, stdio: ['ignore', 2, 2] },
  )
  if (status !== 0) throw new Error('the SDK does not compile')
}

function writePackage(name: string, directory: string): void {
  const { version, description, license, type, sideEffects, exports, dependencies } = manifestOf(name)
  for (const file of globSync('src/**/*.d.ts', { cwd: directory })) {
    const path = join(directory, file)
    writeFileSync(
      path,
      readFileSync(path, 'utf8').replaceAll(/(?<=(?:from |import\()["']\.[^"']*)\.ts(?=["'])/g, '.js'),
    )
  }
  const entries = Object.entries(exports).map(([path, source]) => {
    const file = source.replace(/\.ts$/, '')
    return [path, { types: `${file}.d.ts`, default: `${file}.js` }]
  })
  const manifest = {
    ...{ name: `${scope}${name}`, version, description, license, type, sideEffects },
    ...{ engines: { node: '>=20' }, files: ['src'], exports: Object.fromEntries(entries), dependencies },
  }
  writeFileSync(join(directory, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`)
  writeFileSync(join(directory, 'README.md'), `# ${scope}${name}\n\n${description}.\n`)
  cpSync(join(root, 'LICENSE'), join(directory, 'LICENSE'))
}

function packed(directory: string, to: string): string {
  const { status, stdout, stderr } = spawnSync('npm', ['pack', '--json', '--pack-destination', to], {
    cwd: directory,
    encoding: 'utf8',
    // npm that runs this one would be asked for its own directory.
    env: { PATH: pathWithNode(), HOME: process.env.HOME ?? '', npm_config_ignore_scripts: 'true' },
  })
  if (status !== 0) throw new Error(`npm pack: ${stderr}`)
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }]
  return filename
}

const pathWithNode = (): string => `${dirname(process.execPath)}:${process.env.PATH ?? ''}`

if (import.meta.main) {
  const [to] = process.argv.slice(2)
  if (to === undefined) {
    process.stderr.write('npm run pack -- <directory>     the SDK as tarballs, with JavaScript and declarations\n')
    process.exitCode = 2
  } else for (const file of pack(resolve(to))) process.stdout.write(`${file}\n`)
}
