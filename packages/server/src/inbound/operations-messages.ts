import { Refused } from '@mintmark/core/errors'
import { receiptJson } from '../operations/enroll.ts'
import { longestBody, recordMessage } from '../operations/messages.ts'
import type { OperationName } from './access.ts'
import { json, type Operation } from './call.ts'
import { identityOf } from './input.ts'

/** Both forms of a message are sent under either name: its first byte tells them apart. */
const messageTypes = ['application/mint', 'application/mint+jwt']

/** Messages between the devices of a fleet: recorded by their envelopes. */
export const messagesOperations = {
  'POST /v1/messages': {
    summary: 'Record a message of the fleet of the caller, by its envelope; a sealed body is relayed and not kept',
    accepts: messageTypes,
    // A JWS has its body in base64url.
    mostBytes: Math.ceil((longestBody * 4) / 3) + 8_192,
    status: 201,
    async run(call) {
      if (!messageTypes.includes(call.contentType)) throw new Refused('unsupported-media', messageTypes[0])
      const { from, to, receipt } = await recordMessage(call.platform, identityOf(call), call.body)
      return json({ from, to, receipt: receiptJson(receipt) }, 201)
    },
  },
} as const satisfies Partial<Record<OperationName, Operation>>
