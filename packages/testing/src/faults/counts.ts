/** One fault, where it is made, and how often. */
export interface Fault {
  readonly name: string
  /** The test file; its last test holds what it made against the count. */
  readonly file: string
  /** In every run of the tests. */
  readonly sample: number
  /** Where someone takes hours for it: `npm run torture`. The same where it is one story, told once. */
  readonly full: number
  /** What it takes, where that is more than the packages of scripts/services.ts. */
  readonly takes?: 'root'
}

/**
 * The one table of how often each fault is made, for the tests and for `npm run torture` alike. A count is the least: what
 * is made in rounds is made in whole ones.
 */
export const faults = [
  { name: 'kills', file: 'kill.test.ts', sample: 200, full: 2_000 },
  { name: 'kills on postgres', file: 'kill-postgres.test.ts', sample: 200, full: 2_000 },
  { name: 'kills at a step', file: 'points.test.ts', sample: 53, full: 530 },
  { name: 'power cuts', file: 'power-cut.test.ts', sample: 20, full: 500, takes: 'root' },
  { name: 'full disks', file: 'full.test.ts', sample: 20, full: 500, takes: 'root' },
  { name: 'io errors', file: 'io.test.ts', sample: 20, full: 500 },
  { name: 'damaged files', file: 'files.test.ts', sample: 90, full: 900 },
  { name: 'flipped bits', file: 'tamper.test.ts', sample: 40, full: 2_000 },
  { name: 'changed envelopes', file: 'envelopes.test.ts', sample: 10_000, full: 1_000_000 },
  { name: 'clock steps', file: 'clock.test.ts', sample: 12, full: 12 },
  { name: 'postgres killed', file: 'postgres.test.ts', sample: 2, full: 200 },
  { name: 'postgres stopped', file: 'postgres.test.ts', sample: 2, full: 200 },
  { name: 'postgres paused', file: 'postgres.test.ts', sample: 2, full: 100 },
  { name: 'postgres full', file: 'postgres.test.ts', sample: 2, full: 100, takes: 'root' },
  { name: 'postgres crowded', file: 'postgres.test.ts', sample: 2, full: 50 },
  { name: 'postgres read-only', file: 'postgres.test.ts', sample: 1, full: 50 },
  { name: 'postgres standby', file: 'postgres.test.ts', sample: 1, full: 50 },
  { name: 'postgres deadlocked', file: 'postgres.test.ts', sample: 2, full: 50 },
] as const satisfies readonly Fault[]

export type FaultName = (typeof faults)[number]['name']

/** The environment's name for a count: `MINTMARK_POWER_CUTS`. */
export const variableOf = (name: FaultName | 'seed'): string =>
  `MINTMARK_${name.toUpperCase().replaceAll(/[ -]/g, '_')}`

/** How often a fault is made: what the environment says, or the sample. @throws where that is no count */
export function count(name: FaultName, env: NodeJS.ProcessEnv = process.env): number {
  const { sample } = faults.find(fault => fault.name === name)!
  return readCount(name, env) ?? sample
}

/** What the environment says, or any. */
export function chooseSeed(env: NodeJS.ProcessEnv = process.env): number {
  return readCount('seed', env) ?? Date.now() % 1_000_000
}

function readCount(name: FaultName | 'seed', env: NodeJS.ProcessEnv): number | undefined {
  const text = env[variableOf(name)]
  if (text === undefined) return undefined
  if (!/^\d{1,9}$/.test(text)) throw new Error(`${variableOf(name)}: ${text} is no count`)
  return Number(text)
}
