// Why this exists: browsers run no TypeScript and no JSX, so the console has to be built. `npm ci` does it by the root's
// `prepare`; `npm start` and `npm test` do it again where a source has changed since. Plain JavaScript, and nothing in it
// is newer than Node 20: npm may run it under the machine's own Node.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { root } from './install.mjs'

const own = join(root, 'packages', 'console')
const stamp = join(own, '.built')

/** Where the pages are, once they are built. */
export const consolePages = join(own, 'dist')

/** Whether what is built is what the sources say; there is nothing to build where the console itself is not. */
export function isConsoleBuilt() {
  if (!existsSync(own)) return true
  return existsSync(join(consolePages, 'index.html')) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted()
}

/** Builds beside the place and moves it there, so that nobody is served half a page. */
export async function buildConsole() {
  const digest = wanted()
  const aside = join(own, `.building-${process.pid}`)
  const { build } = await import('vite')
  try {
    await build({ root: own, configFile: join(own, 'vite.config.mjs'), logLevel: 'warn', build: { outDir: aside } })
    replace(aside, consolePages)
    writeFileSync(`${aside}-stamp`, digest)
    renameSync(`${aside}-stamp`, stamp)
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
}

/** Two may build at once: the later one wins, and both have built the same. */
function replace(from, to) {
  const old = `${from}-old`
  for (let isDone = false; !isDone; rmSync(old, { recursive: true, force: true })) {
    move(to, old)
    isDone = move(from, to)
  }
}

function move(from, to) {
  try {
    renameSync(from, to)
    return true
  } catch (error) {
    if (['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(error.code)) return false
    throw error
  }
}

/** A digest of all that goes into the pages. */
function wanted() {
  const hash = createHash('sha256')
  const lock = join(root, 'package-lock.json')
  const page = ['index.html', 'vite.config.mjs'].map(name => join(own, name))
  for (const file of [lock, ...page, ...filesOf(join(own, 'src')), ...filesOf(join(root, 'packages/core/src'))]) {
    const content = readFileSync(file)
    hash.update(`${file.slice(root.length)} ${content.length}\n`).update(content)
  }
  return hash.digest('hex')
}

const filesOf = directory =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath ?? entry.path, entry.name))
    .sort()

// Run by itself: `npm run build -w @mintmark/console`, and `prepare`.
if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--always') || !isConsoleBuilt()) await buildConsole()
}
