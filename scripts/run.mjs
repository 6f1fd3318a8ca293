// Why this exists: `npm start` and `npm test` have to work on a fresh machine. It installs what the lock file names,
// once, and then runs its arguments under the pinned Node. Plain JavaScript without a dependency, because nothing is
// installed yet, and nothing in it is newer than Node 20.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, join } from 'node:path'
import { isConsoleBuilt } from './build-console.mjs'
import { installed, root } from './install.mjs'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
const least = [24, 15]

try {
  await installed(follow)
  await built()
  process.exitCode = await follow({ file: pinnedNode(), args: process.argv.slice(2), env: env(), stdio: 'inherit' })
  // The dynamic loader's own code.
  if (process.exitCode === 127) throw new Error('if Node could not start: it needs libatomic1 on Debian')
} catch (error) {
  process.stderr.write(`mintmark: ${error.message}\n`)
  process.exitCode ||= 1
}

/** Runs a command, hands it the signals that we get, and gives its exit code. */
function follow({ file, args, env, stdio, started }) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd: root, env, stdio })
    if (child.pid !== undefined) started?.(child.pid)
    const forward = signal => {
      // A terminal sends its Ctrl-C to the child as well, and a second one would cut a clean end short.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
    }
    for (const signal of signals) process.on(signal, forward)
    const settle = () => {
      for (const signal of signals) process.off(signal, forward)
    }
    child.on('error', error => {
      settle()
      reject(error)
    })
    child.on('exit', (code, signal) => {
      settle()
      resolve(code ?? 128 + constants.signals[signal])
    })
  })
}

/** The console, where a source of it has changed since it was built. */
async function built() {
  if (isConsoleBuilt()) return
  const args = [join(root, 'scripts', 'build-console.mjs')]
  // Standard output belongs to the command that comes after.
  const code = await follow({ file: pinnedNode(), args, env: env(), stdio: ['ignore', 2, 2] })
  if (code !== 0) throw new Error(`the console was not built: code ${code}; vite says why above`)
}

function pinnedNode() {
  const pinned = join(root, 'node_modules', '.bin', 'node')
  if (existsSync(pinned)) return pinned
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > least[0] || (major === least[0] && minor >= least[1])) return process.execPath
  throw new Error(
    `no Node is pinned for ${process.platform} on ${process.arch}, and this one is ${process.version}: ` +
      `install Node ${least.join('.')} or newer`,
  )
}

function env() {
  const local = join(root, 'node_modules', '.bin')
  return { ...process.env, PATH: `${local}${delimiter}${process.env.PATH ?? ''}` }
}
