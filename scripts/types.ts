// Why this exists: a compilation has one set of types, and there are four: Node's; core may use less (only the globals
// that its ambient file names); the agent has what every runtime has; and the console runs in browsers.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const compiler = join(root, 'node_modules/typescript/bin/tsc')

for (const project of [
  'tsconfig.json',
  'packages/core/tsconfig.json',
  'packages/agent/tsconfig.json',
  'packages/console/tsconfig.json',
]) {
  const { status } = spawnSync(process.execPath, [compiler, '--project', project], { cwd: root, stdio: 'inherit' })
  process.stdout.write(`${project}: ${status === 0 ? 'sound' : 'type errors'}\n`)
  if (status !== 0) process.exitCode = 1
}
