import { type Act, mayAct, type OperatorRole, readGrants, writeGrants } from '@mintmark/core/rules'
import { fleets } from './fleets.ts'
import { session } from './session.ts'

/** Whether the operator of this tab may do this, to a fleet or to the platform. What he may not do is not offered. */
export const may = (act: Act, fleet?: string): boolean => mayAct(readGrants(session.value?.grants ?? ''), act, fleet)

/** Whether there is any fleet, or all, that the operator of this tab governs. */
export const mayGovern = (): boolean => may('govern') || fleets.value.some(({ fleet }) => may('govern', fleet))

/** Of what someone holds, what is this operator's to give or take. */
export function governed(held: string): string {
  const own = new Map<OperatorRole, '*' | readonly string[]>()
  for (const [role, fleets] of readGrants(held)) {
    if (fleets !== '*')
      own.set(
        role,
        fleets.filter(fleet => may('govern', fleet)),
      )
    else if (may('govern')) own.set(role, fleets)
  }
  return writeGrants(own)
}
