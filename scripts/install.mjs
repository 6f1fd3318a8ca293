// Why this exists: see run.mjs. The install happens once for each lock file, by one process at a time.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

const modules = join(root, 'node_modules')
const stamp = join(modules, '.mintmark-install')
const lock = join(root, '.bootstrap.lock')
const aside = `${lock}.${process.pid}`

/** Installs unless that is done; `run` runs one command and gives its exit code. */
export async function installed(run) {
  if (ready()) return
  // `npm start` and `npm test` may be given at the same moment.
  await acquire()
  try {
    if (ready()) return
    const code = await run(cleanInstall())
    if (code !== 0) throw new Error(`the install from package-lock.json failed with code ${code}; npm says why above`)
    writeFileSync(stamp, wanted())
  } finally {
    clear(holdersOf(lock))
  }
}

function ready() {
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted()) return true
  if (!installedByHand()) return false
  writeFileSync(stamp, wanted())
  return true
}

const wanted = () =>
  createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .update(`${process.platform} ${process.arch}`)
    .digest('hex')

/** Whether npm's own record of what it installed has all that the lock file asks for on this platform. */
function installedByHand() {
  const record = join(modules, '.package-lock.json')
  if (!existsSync(record)) return false
  const [have, want] = [record, join(root, 'package-lock.json')].map(file => JSON.parse(readFileSync(file, 'utf8')))
  return Object.entries(want.packages).every(([path, entry]) => {
    const there = have.packages[path]
    if (path === '' || !path.startsWith('node_modules/')) return true
    if (there !== undefined) return ['version', 'integrity', 'link'].every(field => there[field] === entry[field])
    return entry.optional === true && !isForHere(entry)
  })
}

/** An optional package says whom it is for; what only such packages of other platforms need does not. */
const isForHere = ({ os, cpu, libc }) =>
  libc === undefined && os?.includes(process.platform) === true && cpu?.includes(process.arch) === true

function cleanInstall() {
  const { NODE_ENV: _, ...env } = process.env
  const { npm_execpath: npm, npm_node_execpath: node } = process.env
  const known = npm?.endsWith('npm-cli.js') && node !== undefined && existsSync(node)
  // Whatever the environment or the user's own settings leave out, the checkout needs all of it.
  const args = ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error']
  process.stderr.write('mintmark: installing what package-lock.json names, once\n')
  return {
    file: known ? node : 'npm',
    args: known ? [npm, ...args] : args,
    env,
    // Standard output belongs to the command that comes after.
    stdio: ['ignore', 2, 2],
    started: pid => writeFileSync(join(lock, 'pids'), `${process.pid} ${pid}`),
  }
}

async function acquire() {
  for (let isTold = false; ; isTold = true) {
    if (take()) return
    const holders = holdersOf(lock)
    if (!holders.some(isAlive)) {
      clear(holders)
      continue
    }
    if (!isTold) process.stderr.write('mintmark: another process is installing, waiting for it\n')
    await sleep(250)
  }
}

/** Made beside its place and moved there in one step, so that a lock always says whose it is. */
function take() {
  mkdirSync(aside, { recursive: true })
  writeFileSync(join(aside, 'pids'), String(process.pid))
  if (move(aside, lock)) return true
  rmSync(aside, { recursive: true, force: true })
  return false
}

/** Removes what these left. Two may try at once: who finds that the lock has changed hands puts it back. */
function clear(holders) {
  if (!move(lock, aside)) return
  if (String(holdersOf(aside)) === String(holders) || !move(aside, lock)) {
    rmSync(aside, { recursive: true, force: true })
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

/** Process ids: the installer's, and npm's, which may outlive it. */
function holdersOf(directory) {
  try {
    return readFileSync(join(directory, 'pids'), 'utf8').split(' ').map(Number)
  } catch (error) {
    if (error.code === 'ENOENT') return []
    throw error
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}
