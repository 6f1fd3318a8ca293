import { readJson } from '@mintmark/core/bytes'
import { type Code, Refused } from '@mintmark/core/errors'
import type { Identity, PeerProof } from '@mintmark/core/proof'
import { type Grants, mayAct } from '@mintmark/core/rules'
import { z } from 'zod'
import type { Session } from '../operations/sessions.ts'
import type { Call } from './call.ts'

/** READ: the body as JSON of this shape; unknown fields, repeated names and other content types are refused. */
export function readInput<T>(call: Call, shape: z.ZodType<T>): T {
  if (call.contentType !== 'application/json') throw new Refused('unsupported-media', 'application/json is due')
  const parsed = shape.safeParse(readJson(call.body))
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  // Not the message: it repeats names that the sender chose, and the detail goes to the log.
  throw new Refused(codeOf(issue), `${issue?.path.join('.')}: ${issue?.code}`)
}

/** The same for an operation that also takes no body at all. */
export const readOptionalInput = <T>(call: Call, shape: z.ZodType<T>): T =>
  call.body.length === 0 ? shape.parse({}) : readInput(call, shape)

/** Why, where it may be left out: one line, which `readReason` reads. */
export const why = z.string().max(256).optional()

function codeOf(issue: z.core.$ZodIssue | undefined): Code {
  if (issue?.code === 'too_big' && (issue.origin === 'string' || issue.origin === 'array')) return 'too-large'
  return issue?.code === 'too_small' || issue?.code === 'too_big' || issue?.path.some(isNumberField)
    ? 'bad-number'
    : 'bad-request'
}

const isNumberField = (name: PropertyKey): boolean => name === 'uses' || name === 'ttl'

/** The identity that the gate let in; the access table has said which roles may come. */
export function proofOf({ caller }: Call): PeerProof {
  if (caller.kind !== 'identity') throw new Refused('certificate-required')
  return caller.proof
}

export const identityOf = (call: Call): Identity => proofOf(call).identity

/** How many of a list are asked for; undefined where it was not said. */
export function readLimit(text: string | undefined): number | undefined {
  const limit = text === undefined ? undefined : readIndex(text)
  if (limit === 0) throw new Refused('bad-number', 'limit')
  return limit
}

/** What the operator who calls may do; nothing, of anyone else. */
export const grantsOf = ({ caller }: Call): Grants => (caller.kind === 'identity' && caller.grants) || new Map()

/** Whether the caller belongs to a fleet, or is an operator who may see it; `platform` is for whoever may see all. */
export function sees(call: Call, fleet: string): boolean {
  if (call.caller.kind !== 'identity') return false
  const { identity } = call.caller.proof
  if (identity.role === 'operator') return mayAct(grantsOf(call), 'view', fleet === 'platform' ? undefined : fleet)
  return identity.fleet === fleet && fleet !== 'platform'
}

/** The session that it came through, where it came through one. */
export const sessionOf = ({ caller }: Call): Session | undefined =>
  caller.kind === 'identity' ? caller.session : undefined

/** A whole number in a path or a query. */
export function readIndex(text: string): number {
  if (!/^(?:0|[1-9][0-9]{0,14})$/.test(text)) throw new Refused('bad-number')
  return Number(text)
}
