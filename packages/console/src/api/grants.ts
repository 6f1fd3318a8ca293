import { type Act, mayAct, readGrants } from '@mintmark/core/rules'
import { session } from './session.ts'

/** Whether the operator of this tab may do this, to a fleet or to the platform. What he may not do is not offered. */
export const may = (act: Act, fleet?: string): boolean => mayAct(readGrants(session.value?.grants ?? ''), act, fleet)
