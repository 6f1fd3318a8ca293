// Why this exists: `npm test` makes each fault of packages/testing/src/faults/counts.ts a few times. Whoever wants to
// trust a platform with what cannot be made again, or has changed how it stores, has hours for it: this runs the same
// tests with the full counts, and its last lines say what was made and what was lost.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { chooseSeed, type Fault, faults, variableOf } from '../packages/testing/src/faults/counts.ts'
import type { Outcome } from '../packages/testing/src/faults/tally.ts'

export interface Wanted {
  readonly chosen: readonly (Fault & { readonly times: number })[]
  readonly scale: number
  readonly seed: number
  readonly isHelp: boolean
}

/** What was made of one fault, in all of its tests. */
export interface Line extends Omit<Outcome, 'fault' | 'passed'> {
  readonly fault: string
  readonly due: number
  readonly verdict: 'held' | 'not made' | 'FAILED'
}

const root = join(import.meta.dirname, '..')
const help = 'npm run torture -- --help'

const usage = `npm run torture -- [options]     every fault, as often as its full count says: many hours

  --only <name>       this fault alone; may be given again
  --scale <number>    times the full counts: 0.1 for a tenth (1)
  --seed <number>     choices as in a run that failed; when what happens is the machine's
  --help

${listed()}

  npm run torture -- --only 'power cuts' --only kills --scale 0.1
`

/** The command line makes no sense: exit code 2. */
export class WrongUse extends Error {}

/** @throws WrongUse */
export function readOptions(args: readonly string[]): Wanted {
  const { only, scale, seed, help: isHelp } = parse(args)
  const unknown = only.find(name => !faults.some(fault => fault.name === name))
  if (unknown !== undefined) throw new WrongUse(`no fault is called ${unknown}`)
  if (!/^\d+(\.\d+)?$/.test(scale) || !(Number(scale) > 0)) throw new WrongUse('--scale is a number above 0')
  if (seed !== undefined && !/^\d{1,9}$/.test(seed)) throw new WrongUse('--seed is a whole number')
  const chosen = only.length === 0 ? faults : faults.filter(({ name }) => only.includes(name))
  return {
    chosen: chosen.map(fault => ({ ...fault, times: timesOf(fault, Number(scale)) })),
    scale: Number(scale),
    seed: seed === undefined ? chooseSeed({}) : Number(seed),
    isHelp,
  }
}

const timesOf = ({ sample, full }: Fault, scale: number): number =>
  sample === full ? full : Math.max(1, Math.ceil(full * scale))

function parse(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        only: { type: 'string', multiple: true, default: [] },
        scale: { type: 'string', default: '1' },
        seed: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    })
    return values
  } catch (cause) {
    throw new WrongUse((cause as Error).message)
  }
}

/** What the tests of one file read: counts of the faults that were chosen, and none of the others. */
export function environmentOf(file: string, { chosen, seed }: Wanted): Record<string, string> {
  const counts = faults.flatMap(fault => {
    const times = chosen.find(({ name }) => name === fault.name)?.times ?? 0
    return fault.file === file ? [[variableOf(fault.name), String(times)]] : []
  })
  return { ...Object.fromEntries(counts), [variableOf('seed')]: String(seed) }
}

/**
 * One line a fault. What was made less often than it was asked for, is not held; where a file failed and no test of a
 * fault did, none of its faults is.
 */
export function linesOf({ chosen }: Wanted, outcomes: readonly Outcome[], failed: ReadonlySet<string>): Line[] {
  const isBroken = (name: string): boolean => outcomes.some(({ fault, passed }) => fault === name && !passed)
  const isTold = (file: string): boolean => chosen.some(each => each.file === file && isBroken(each.name))
  return chosen.map(({ name, file, times: due }) => {
    const own = outcomes.filter(({ fault }) => fault === name)
    const sum = (column: 'times' | 'acknowledged' | 'lost' | 'overspent' | 'unrecorded'): number =>
      own.reduce((total, outcome) => total + outcome[column], 0)
    const times = sum('times')
    const hasFailed = isBroken(name) || (failed.has(file) && !isTold(file) && times > 0)
    return {
      ...{ fault: name, due, times, acknowledged: sum('acknowledged') },
      ...{ lost: sum('lost'), overspent: sum('overspent'), unrecorded: sum('unrecorded') },
      slowest: Math.max(0, ...own.map(({ slowest }) => slowest)),
      verdict: hasFailed ? 'FAILED' : times < due ? 'not made' : 'held',
    }
  })
}

export const isHeld = (lines: readonly Line[], failed: ReadonlySet<string>): boolean =>
  failed.size === 0 &&
  lines.every(line => line.verdict === 'held' && line.lost + line.overspent + line.unrecorded === 0)

/** Columns as wide as what is in them. */
export function tableOf(lines: readonly Line[]): string {
  const head = ['fault', 'times', 'acknowledged', 'lost', 'overspent', 'unrecorded', 'worst ready', '']
  const rows = lines.map(({ fault, times, due, acknowledged, lost, overspent, unrecorded, slowest, verdict }) => [
    ...[fault, times < due ? `${times} of ${due}` : String(times), String(acknowledged)],
    ...[lost, overspent, unrecorded].map(String),
    ...[slowest === 0 ? '-' : `${slowest} ms`, verdict],
  ])
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map(row => row[i]!.length)))
  const text = (row: readonly string[]): string =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ')
  return [head, ...rows].map(row => text(row).trimEnd()).join('\n')
}

function listed(): string {
  const rows = faults.map(fault => [
    fault.name,
    fault.sample,
    fault.full,
    'takes' in fault ? `takes ${fault.takes}` : '',
  ])
  const text = ([name, sample, full, takes]: readonly (string | number)[]): string =>
    `  ${String(name).padEnd(22)}${String(sample).padStart(10)}${String(full).padStart(8)}  ${takes}`.trimEnd()
  return [['fault', 'npm test', 'full', ''], ...rows].map(text).join('\n')
}

async function main(wanted: Wanted): Promise<number> {
  const { chosen, seed } = wanted
  const directory = mkdtempSync(join(tmpdir(), 'mintmark-torture-'))
  const report = join(directory, 'report.jsonl')
  const failed = new Set<string>()
  process.stdout.write(`seed ${seed}\n`)
  try {
    spawnSync(process.execPath, [join(root, 'scripts/services.ts')], { stdio: 'inherit' })
    for (const file of new Set(chosen.map(each => each.file))) {
      const own = chosen.filter(each => each.file === file)
      process.stdout.write(`\n== ${own.map(({ name, times }) => `${name}: ${times}`).join(', ')}\n`)
      const env = { ...process.env, ...environmentOf(file, wanted), MINTMARK_REPORT: report }
      if ((await run(file, env)) !== 0) failed.add(file)
    }
    const outcomes = existsSync(report) ? readFileSync(report, 'utf8').split('\n').filter(Boolean) : []
    const lines = linesOf(
      wanted,
      outcomes.map(line => JSON.parse(line) as Outcome),
      failed,
    )
    process.stdout.write(`\n${tableOf(lines)}\n\nseed ${seed}\n`)
    for (const file of failed) process.stdout.write(`failed: ${again(wanted, file)}\n`)
    return isHeld(lines, failed) ? 0 : 1
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** The command that makes the same choices again, for the faults of one file. */
function again({ chosen, scale, seed }: Wanted, file: string): string {
  const own = chosen.filter(each => each.file === file)
  return `npm run torture -- ${own.map(({ name }) => `--only '${name}'`).join(' ')} --scale ${scale} --seed ${seed}`
}

async function run(file: string, env: NodeJS.ProcessEnv): Promise<number> {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const args = [vitest, 'run', join('journeys/faults', file), '--reporter', 'verbose', '--maxWorkers', '1']
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] })
  return new Promise(resolve => child.once('exit', code => resolve(code ?? 1)))
}

if (import.meta.main) {
  try {
    const wanted = readOptions(process.argv.slice(2))
    if (wanted.isHelp) process.stdout.write(usage)
    else process.exitCode = await main(wanted)
  } catch (error) {
    if (!(error instanceof WrongUse)) throw error
    process.stderr.write(`${error.message}\n  ${help}\n`)
    process.exitCode = 2
  }
}
