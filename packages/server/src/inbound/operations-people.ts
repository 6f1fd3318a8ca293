import { z } from 'zod'
import {
  grantOperator,
  inviteOperator,
  listOperators,
  readOperator,
  revokeInvitation,
  revokeOperator,
  type Viewer,
} from '../operations/operators.ts'
import { makeSignInLink, openSession } from '../operations/sign-in.ts'
import { listWarnings } from '../operations/warnings.ts'
import type { OperationName } from './access.ts'
import { type Call, json, type Operation } from './call.ts'
import { grantsOf, identityOf, proofOf, readInput, readOptionalInput, sees, sessionOf, why } from './input.ts'

const signIn = z.strictObject({ link: z.string().max(64) })
const invitation = z.strictObject({
  name: z.string().max(256),
  grants: z.string().max(2_048),
  ttl: z.number(),
  reason: why,
})
const aboutOne = { reason: z.string().max(256), yourself: z.boolean().optional() }
const newGrants = z.strictObject({ grants: z.string().max(2_048), ...aboutOne })
const because = z.strictObject(aboutOne)
const perhapsBecause = z.strictObject({ reason: why })

/** What operators do about operators, and how they sign in. */
export const peopleOperations = {
  'POST /v1/console/links': {
    summary: 'Make a link that signs the calling operator in to the console, once, within two minutes',
    status: 201,
    run: async call => json(makeSignInLink(call.platform, proofOf(call), call.addresses.console), 201),
  },
  'POST /console/session': {
    summary: 'Open a session with a sign-in link; it goes into `Authorization: Session ...`',
    input: signIn,
    status: 201,
    run: async call => json(await openSession(call.platform, readInput(call, signIn).link), 201),
  },
  'DELETE /console/session': {
    summary: 'End the session that calls',
    async run(call) {
      const session = sessionOf(call)
      if (session) call.platform.sessions.end(session)
      return json({ ended: true })
    },
  },
  'GET /v1/warnings': {
    summary: 'What to look at: CAs that end, what is stored and not signed with, who was refused in the last day',
    run: async call => json(await listWarnings(call.platform, fleet => sees(call, fleet))),
  },
  'GET /v1/operators': {
    summary: 'Operators and open invitations that have to do with what the caller may see',
    run: async call => json(await listOperators(call.platform, viewerOf(call))),
  },
  'POST /v1/operators': {
    summary: 'Make a token for one operator, with what he may do; `ttl` is in milliseconds',
    input: invitation,
    status: 201,
    async run(call) {
      const input = readInput(call, invitation)
      return json(await inviteOperator(call.platform, viewerOf(call), input, call.addresses.machine), 201)
    },
  },
  'GET /v1/operators/:name': {
    summary: 'One operator',
    run: async call => json(await readOperator(call.platform, viewerOf(call), call.params.name!)),
  },
  'PUT /v1/operators/:name/grants': {
    summary: 'Say what an operator may do from now on, for the fleets that the caller governs',
    input: newGrants,
    async run(call) {
      const { grants, reason, yourself = false } = readInput(call, newGrants)
      const said = { reason, yourself }
      return json(await grantOperator(call.platform, viewerOf(call), call.params.name!, grants, said))
    },
  },
  'POST /v1/operators/:name/revoke': {
    summary: 'Revoke an operator: refused everywhere, and signed out, once this answers',
    input: because,
    async run(call) {
      const { reason, yourself = false } = readInput(call, because)
      return json(await revokeOperator(call.platform, viewerOf(call), call.params.name!, { reason, yourself }))
    },
  },
  'POST /v1/invitations/:id/revoke': {
    summary: 'Take back an invitation that was not used yet',
    input: perhapsBecause,
    async run(call) {
      const { reason } = readOptionalInput(call, perhapsBecause)
      return json(await revokeInvitation(call.platform, viewerOf(call), call.params.id!, reason))
    },
  },
} as const satisfies Partial<Record<OperationName, Operation>>

const viewerOf = (call: Call): Viewer => ({ identity: identityOf(call), grants: grantsOf(call) })
