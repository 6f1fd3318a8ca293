import { writeProofFile } from '@mintmark/core/evidence'
import { listDeviceEvents } from '../operations/devices.ts'
import { type EntryQuestion, listEntries, readEntry, readProof } from '../operations/entries.ts'
import { explainDevice } from '../operations/why.ts'
import type { OperationName } from './access.ts'
import { type Call, json, type Operation } from './call.ts'
import { readIndex, readLimit } from './input.ts'

/** What is read of the ledgers by whoever audits them. */
export const auditOperations = {
  'GET /v1/audit/:fleet': {
    summary: 'Entries of a ledger, newest first, a page at a time; of one kind or about one identity or token',
    query: ['about', 'kind', 'before', 'limit'],
    async run(call) {
      const { about, kind } = call.query
      return json(await listEntries(call.platform, call.params.fleet!, { about, kind, ...readPage(call) }))
    },
  },
  'GET /v1/audit/:fleet/:index': {
    summary: 'One entry of a ledger, in full',
    run: async ({ platform, params }) => json(await readEntry(platform, params.fleet!, readIndex(params.index!))),
  },
  'GET /v1/audit/:fleet/:index/proof': {
    summary: 'One entry with all that proves it without us, as a file',
    async run({ platform, params }) {
      const file = await readProof(platform, params.fleet!, readIndex(params.index!))
      return { status: 200, type: 'application/json', body: writeProofFile(file) }
    },
  },
  'GET /v1/fleets/:fleet/devices/:name/why': {
    summary: 'Why a device is or is not let in: standing, certificate, keys and its last refusals, explained',
    run: async ({ platform, params }) => json(await explainDevice(platform, params.fleet!, params.name!)),
  },
  'GET /v1/fleets/:fleet/devices/:name/events': {
    summary: 'What the ledger has about a device, newest first, a page at a time',
    query: ['before', 'limit'],
    run: async call =>
      json(await listDeviceEvents(call.platform, call.params.fleet!, call.params.name!, readPage(call))),
  },
} as const satisfies Partial<Record<OperationName, Operation>>

const readPage = ({ query: { before, limit } }: Call): Pick<EntryQuestion, 'before' | 'limit'> => ({
  before: before === undefined ? undefined : readIndex(before),
  limit: readLimit(limit),
})
