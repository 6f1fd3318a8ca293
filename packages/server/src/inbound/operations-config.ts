import type { Json } from '@mintmark/core/bytes'
import { z } from 'zod'
import {
  type Effective,
  listConfigurations,
  readConfiguration,
  readEffective,
  setConfiguration,
  unsetConfiguration,
} from '../operations/configuration.ts'
import { labelDevice, readDevice } from '../operations/devices.ts'
import type { OperationName } from './access.ts'
import { json, type Operation, type Reply } from './call.ts'
import { identityOf, readIndex, readInput, readLimit, why } from './input.ts'

const target = z.string().max(256).optional()
const newConfiguration = z.strictObject({ configuration: z.record(z.string(), z.unknown()), target, reason: why })
const noConfiguration = z.strictObject({ target, reason: why })
const newLabels = z.strictObject({ labels: z.array(z.string().max(256)).max(32), reason: why })

/** Labels and configurations: who sets them, and the device that reads. */
export const configOperations = {
  'GET /v1/config': {
    summary: 'The configuration of the calling device; of one that has the version still, only that',
    query: ['known'],
    async run(call) {
      const { fleet, name } = identityOf(call)
      const { known } = call.query
      const effective = await readEffective(
        call.platform,
        fleet,
        name,
        known === undefined ? undefined : readIndex(known),
      )
      return 'unchanged' in effective ? json(effective) : effectiveReply(effective)
    },
  },
  'GET /v1/fleets/:fleet/config': {
    summary: 'A configuration of a fleet, a label or a device as it was set; or what a device reads',
    query: ['target', 'version', 'effective'],
    async run({ platform, params, query }) {
      const fleet = params.fleet!
      if (query.effective !== undefined) {
        // A name that never enrolled has no labels, and reads nothing.
        const { name } = await readDevice(platform, fleet, query.effective)
        const effective = (await readEffective(platform, fleet, name)) as Effective
        return effectiveReply(effective, effective.from)
      }
      const version = query.version === undefined ? undefined : readIndex(query.version)
      return json(await readConfiguration(platform, fleet, { target: query.target, version }))
    },
  },
  'GET /v1/fleets/:fleet/config/history': {
    summary: 'What was set and unset, newest first, a page at a time',
    query: ['target', 'before', 'limit'],
    async run({ platform, params, query }) {
      const before = query.before === undefined ? undefined : readIndex(query.before)
      const page = { target: query.target, before, limit: readLimit(query.limit) }
      return json(await listConfigurations(platform, params.fleet!, page))
    },
  },
  'PUT /v1/fleets/:fleet/config': {
    summary: 'Set the configuration of a fleet, a label or a device',
    input: newConfiguration,
    async run(call) {
      const { configuration, ...input } = readInput(call, newConfiguration)
      const set = { ...input, configuration: configuration as Json }
      return json(await setConfiguration(call.platform, identityOf(call), call.params.fleet!, set))
    },
  },
  'POST /v1/fleets/:fleet/config/unset': {
    summary: 'Take the configuration of a fleet, a label or a device away',
    input: noConfiguration,
    async run(call) {
      const input = readInput(call, noConfiguration)
      return json(await unsetConfiguration(call.platform, identityOf(call), call.params.fleet!, input))
    },
  },
  'POST /v1/fleets/:fleet/devices/:name/labels': {
    summary: 'Set labels of a device (`site=berlin`) and take some away (`-site`)',
    input: newLabels,
    async run(call) {
      const { fleet, name } = call.params
      const input = readInput(call, newLabels)
      return json(await labelDevice(call.platform, identityOf(call), { fleet: fleet!, name: name! }, input))
    },
  },
} as const satisfies Partial<Record<OperationName, Operation>>

/** With the configuration's text as it is, so that its digest is of bytes that are in the reply. */
function effectiveReply({ version, digest, text }: Effective, from?: Effective['from']): Reply {
  const more = from === undefined ? '' : `,"from":${JSON.stringify(from)}`
  const body = `{"version":${version},"digest":"${digest}","configuration":${text}${more}}`
  return { status: 200, type: 'application/json', body }
}
