import { appendFileSync } from 'node:fs'
import { chooseSeed, count, type FaultName, Seeded, Tally, variableOf } from '@mintmark/testing/faults'
import { expect, onTestFinished } from 'vitest'

/** Where `npm run torture` wants every outcome, a line each. */
const file = process.env.MINTMARK_REPORT
const sometimes = 10_000
const made = new Map<FaultName, number>()
let said = performance.now()

/** The choices of this test file. The seed is said at once, so that it is known whatever happens. */
export function seeded(): Seeded {
  const chance = new Seeded(chooseSeed())
  process.stdout.write(`${variableOf('seed')}=${chance.seed} makes the same choices again\n`)
  return chance
}

/** Counts what the running test makes of a fault, and says what came of it when the test is over. */
export function begin(fault: FaultName, acknowledged: () => number = () => 0): Tally {
  const tally = new Tally({
    fault,
    acknowledged,
    made(times) {
      made.set(fault, (made.get(fault) ?? 0) + times)
      if (file === undefined || performance.now() - said < sometimes) return
      said = performance.now()
      process.stdout.write(`${fault}: ${made.get(fault)} of ${count(fault)}, ${acknowledged()} acknowledged\n`)
    },
  })
  onTestFinished(({ task }) => {
    const outcome = tally.outcome(task.result?.state === 'pass')
    const { times, lost, overspent, unrecorded } = outcome
    const rest = `${outcome.acknowledged} acknowledged, ${lost} lost, ${overspent} overspent, ${unrecorded} unrecorded`
    process.stdout.write(`${fault}: ${times} times, ${rest}\n`)
    if (file !== undefined) appendFileSync(file, `${JSON.stringify(outcome)}\n`)
  })
  return tally
}

/** For the last test of a file: its others made each fault as often as the table says. */
export function expectMade(...names: readonly FaultName[]): void {
  for (const name of names) expect(made.get(name) ?? 0, name).toBeGreaterThanOrEqual(count(name))
}
