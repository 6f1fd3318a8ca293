import { readBase64url } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { z } from 'zod'
import { readRegistryEntry } from '../operations/registry.ts'
import { readDeviceRights, setDeviceRights } from '../operations/rights.ts'
import { publishEncryptionKey } from '../operations/sealing.ts'
import type { OperationName } from './access.ts'
import { type Call, json, type Operation } from './call.ts'
import { identityOf, readIndex, readInput, sees, why } from './input.ts'

const list = z.array(z.string().max(255))
const newRights = z.strictObject({
  scopes: list.max(64),
  recipients: list.max(64).optional(),
  devices: list.max(1_024).optional(),
  counts: z.boolean().optional(),
  reason: why,
})

const announcement = z.strictObject({ statement: z.string().max(2_048) })

const eventStream = 'text/event-stream'

/** What devices may do with messages, and who asks. */
export const registryOperations = {
  'PUT /v1/encryption-key': {
    summary: 'Publish the key that messages to the caller are sealed to, by its own statement (base64url)',
    input: announcement,
    async run(call) {
      const { statement } = readInput(call, announcement)
      return json(await publishEncryptionKey(call.platform, identityOf(call), readBase64url(statement)))
    },
  },
  'GET /v1/registry/changes': {
    summary: 'What changed in the registry of a fleet, as a lease for whoever keeps what it told, or as it comes',
    query: ['after', 'client', 'fleet'],
    async run(call) {
      const { platform, query, accept } = call
      const fleet = await registryOf(call)
      const after = query.after === undefined ? undefined : readIndex(query.after)
      if (accept === eventStream) {
        return { status: 200, type: eventStream, body: '', stream: platform.changes.stream(fleet, after) }
      }
      const client = readClient(call)
      // Before the ledger is read: what is committed from here on is either in the answer or waits for this lease.
      const lease = platform.store.giveLease(fleet, identityOf(call).path, client, after ?? -1)
      return json({ lease, ...(await platform.changes.since(fleet, after)) })
    },
  },
  'DELETE /v1/registry/changes': {
    summary: 'Give a lease back: whoever had it has forgotten what it was told',
    query: ['client', 'fleet'],
    async run(call) {
      call.platform.store.endLease(await registryOf(call), identityOf(call).path, readClient(call))
      return json({ ended: true })
    },
  },
  'GET /v1/registry/:did': {
    summary: 'What a receiver of messages must know of a key or device: standing, scopes, recipients, encryption key',
    run: async call => json(await readRegistryEntry(call.platform, fleet => sees(call, fleet), call.params.did!)),
  },
  'GET /v1/fleets/:fleet/devices/:name/scope': {
    summary: 'What a device may do with messages: scopes, recipients, devices behind it',
    async run({ platform, params }) {
      return json(await readDeviceRights(platform, { fleet: params.fleet!, name: params.name! }))
    },
  },
  'PUT /v1/fleets/:fleet/devices/:name/scope': {
    summary: 'Say all that a device may do with messages from now on',
    input: newRights,
    async run(call) {
      const { fleet, name } = call.params
      const input = readInput(call, newRights)
      return json(await setDeviceRights(call.platform, identityOf(call), { fleet: fleet!, name: name! }, input))
    },
  },
} as const satisfies Partial<Record<OperationName, Operation>>

/** Which of the verifiers of one identity it is. */
function readClient({ query: { client = '' } }: Call): string {
  if (!/^[A-Za-z0-9_-]{22}$/.test(client)) throw new Refused('bad-request', 'client')
  return client
}

/** A device has the registry of its own fleet; an operator says which. */
async function registryOf(call: Call): Promise<string> {
  const { role, fleet } = identityOf(call)
  const asked = call.query.fleet ?? (role === 'operator' ? '' : fleet)
  const isThere = asked !== 'platform' && sees(call, asked) && (await call.platform.store.fleet(asked))
  if (!isThere) throw new Refused('fleet-unknown')
  return asked
}
