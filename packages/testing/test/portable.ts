import { agent } from '../../agent/test/agent.cases.ts'
import { attacks } from '../../agent/test/attacks.cases.ts'
import { edgeSuite } from '../../agent/test/edges.cases.ts'
import { sealing } from '../../agent/test/seal.cases.ts'
import { transport } from '../../agent/test/transport.cases.ts'
import { suites as core } from '../../core/test/index.ts'

// The entry of the bundle that every runtime gets.

export const suites = [...core, agent, attacks, edgeSuite, sealing, transport]

export interface Result {
  readonly suite: string
  readonly name: string
  readonly error?: string
  /** What a case tells, where it tells something. */
  readonly says?: string
}

export async function run(): Promise<Result[]> {
  const results: Result[] = []
  for (const suite of suites) {
    for (const { name, run: runCase } of suite.cases) {
      try {
        const says = await runCase()
        results.push({ suite: suite.name, name, ...(typeof says === 'string' && { says }) })
      } catch (error) {
        results.push({
          suite: suite.name,
          name,
          error: error instanceof Error ? (error.stack ?? error.message) : `${error}`,
        })
      }
    }
  }
  return results
}
