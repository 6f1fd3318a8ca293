import { startPostgres } from '@mintmark/testing'
import { need } from '../scripts/services.ts'
import { makeDeviceKey } from './device-key.ts'
import { load, runCfssl, runPostgres, runSqlite } from './enroll-runs.ts'
import { measureFloor } from './floor.ts'
import { type Measured, measure, medianOf } from './measure.ts'
import { type Options, WrongUse } from './options.ts'
import { leaveFirstCore, useAllCores } from './pinned.ts'
import { openStepCa, type StepCa } from './step-ca.ts'

// Enrollment end to end: TLS 1.3 keep-alive, a token with a budget, proof of possession, a certificate, the ledger with
// its signed head, one fsync a group. Beside it `cfssl serve`, which signs over plain HTTP and keeps nothing, step-ca
// where there is one, and the floor: request check, signature and group commit alone, without network, ledger or
// validation. All run in turn, round after round, so that a machine that drifts drifts for all.

const counted = Number(process.env.BENCH_REQUESTS ?? 8_000)

type Run = (csrs: readonly string[]) => Promise<Measured>

interface Contest {
  readonly title: string
  readonly runs: Readonly<Record<string, Run>>
  /** Which is held against which, and what it should come to. */
  readonly ratios: readonly (readonly [of: string, to: string, budget?: string])[]
}

export async function benchEnroll({ rounds, postgres, stepCa }: Options): Promise<void> {
  if (postgres && stepCa) throw new WrongUse('--postgres and --step-ca are two comparisons', 'ask for one at a time')
  const peer = stepCa && (await openStepCa(stepCa))
  const missing = need(postgres ? 'initdb' : 'cfssl')
  if (missing) throw new WrongUse(missing, 'npm run bench -- --help')
  await (postgres ? benchPostgres(rounds) : compare(besidePeers(peer), rounds))
}

async function benchPostgres(rounds: number): Promise<void> {
  useAllCores()
  const database = await startPostgres({ shared_buffers: '128MB', max_wal_size: '1GB' })
  try {
    await compare(
      {
        title: 'enrollment on SQLite and PostgreSQL, every process wherever the system puts it',
        runs: {
          SQLite: csrs => runSqlite(csrs, 'any'),
          'PostgreSQL, one process': csrs => runPostgres(csrs, database, 1),
          'PostgreSQL, three processes': csrs => runPostgres(csrs, database, 3),
        },
        ratios: [
          ['PostgreSQL, one process', 'SQLite'],
          ['PostgreSQL, three processes', 'PostgreSQL, one process'],
        ],
      },
      rounds,
    )
  } finally {
    await database.remove()
    leaveFirstCore()
  }
}

/** Each server on the first core, the client on the others. */
const besidePeers = (stepCa: StepCa | undefined): Contest => ({
  title: 'enrollment beside peers',
  runs: {
    mintmark: csrs => runSqlite(csrs, 'first'),
    cfssl: runCfssl,
    ...(stepCa && { 'step-ca': csrs => measure(stepCa, stepCa.requests(csrs), load) }),
    floor: csrs => measureFloor(csrs, load.warmup),
  },
  ratios: [
    ['mintmark', 'cfssl', '>= 1x'],
    ...(stepCa ? ([['mintmark', 'step-ca', '>= 3x']] as const) : []),
    ['mintmark', 'floor'],
  ],
})

async function compare({ title, runs, ratios }: Contest, rounds: number): Promise<void> {
  const csrs = await makeRequests(load.warmup + counted)
  const results = new Map<string, Measured[]>(Object.keys(runs).map(name => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of Object.entries(runs)) results.get(name)!.push(await run(csrs))
  }
  const width = Math.max(...Object.keys(runs).map(({ length }) => length))
  console.log(`${title}; P-256, ${load.connections} connections, ${counted} a round, median of ${rounds} rounds`)
  for (const [name, measured] of results) {
    const { perSecond, cpuMicros } = medianOf(measured)
    const cpu = cpuMicros === undefined ? '' : `   ${cpuMicros.toFixed(0).padStart(5)} µs CPU each`
    console.log(`  ${name.padEnd(width)} ${perSecond.toFixed(0).padStart(6)}/s${cpu}`)
  }
  for (const [of, to, budget] of ratios) {
    const [a, b] = [medianOf(results.get(of)!), medianOf(results.get(to)!)]
    const byRate = `${(a.perSecond / b.perSecond).toFixed(2)}x by rate`
    const known = a.cpuMicros !== undefined && b.cpuMicros !== undefined
    const byCpu = known ? `, ${(b.cpuMicros / a.cpuMicros).toFixed(2)}x by CPU` : ''
    console.log(`  ${of} / ${to}  ${byRate}${byCpu}${budget === undefined ? '' : `   (budget: ${budget})`}`)
  }
}

/** Signing requests of fresh P-256 keys, PEM. */
async function makeRequests(count: number): Promise<string[]> {
  const csrs: string[] = []
  for (let i = 0; i < count; i++) csrs.push((await makeDeviceKey()).csr)
  return csrs
}
