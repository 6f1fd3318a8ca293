// Why this exists: one command does all that has to hold before a change is taken, on a desk as in CI, and its last
// line says how much was looked at. With arguments it runs only the suites they name.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { parseCLI, startVitest, type TestCase, type Vitest } from 'vitest/node'

interface Tally {
  passed: number
  failed: number
  skipped: number
}

const root = join(import.meta.dirname, '..')
const isCi = process.env.CI === 'true'
const tally: Tally = { passed: 0, failed: 0, skipped: 0 }

const chosen = process.argv.slice(2)
if (chosen.length === 0) {
  step('lint', ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.'])
  step('types', ['scripts/types.ts'])
  step('rooms', ['scripts/rooms.ts'])
  step('services', ['scripts/services.ts'])
}
await suites(chosen)

process.stdout.write(`\n${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped\n`)
process.exit(tally.failed === 0 && tally.passed > 0 ? 0 : 1)

function step(name: string, args: readonly string[]): void {
  process.stdout.write(`\n== ${name}\n`)
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' })
  if (status === 0) tally.passed++
  else tally.failed++
  process.stdout.write(`${name}: ${status === 0 ? 'passed' : 'FAILED'}\n`)
}

async function suites(args: readonly string[]): Promise<void> {
  process.stdout.write('\n== suites\n')
  try {
    const { filter, options } = parseCLI(['vitest', 'run', ...args])
    const vitest = await startVitest(filter, { ...options, root, watch: false })
    await vitest.close()
    count(vitest)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.stack : error}\n`)
    tally.failed++
  }
}

function count(vitest: Vitest): void {
  for (const module of vitest.state.getTestModules()) {
    const cases = [...module.children.allTests()]
    for (const each of cases) countCase(each)
    // A file or suite that broke outside its tests.
    const isBroken = module.state() === 'failed' && !cases.some(each => each.result().state === 'failed')
    if (isBroken) tally.failed++
  }
  tally.failed += vitest.state.getUnhandledErrors().length
}

function countCase(each: TestCase): void {
  const { state } = each.result()
  if (state === 'passed') tally.passed++
  else if (state === 'failed') tally.failed++
  else if (isCi) {
    process.stdout.write(`skipped, which CI counts as failed: ${each.module.relativeModuleId} > ${each.fullName}\n`)
    tally.failed++
  } else tally.skipped++
}
