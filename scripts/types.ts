// Why this exists: two compilations, because core may use less than the rest (no Node types, only the globals that its
// ambient file names) and one compilation has one set of types.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const compiler = join(root, 'node_modules/typescript/bin/tsc')

for (const project of ['tsconfig.json', 'packages/core/tsconfig.json']) {
  const { status } = spawnSync(process.execPath, [compiler, '--project', project], { cwd: root, stdio: 'inherit' })
  process.stdout.write(`${project}: ${status === 0 ? 'sound' : 'type errors'}\n`)
  if (status !== 0) process.exitCode = 1
}
