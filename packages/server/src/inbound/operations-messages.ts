import { Refused } from '@mintmark/core/errors'
import type { Identity } from '@mintmark/core/proof'
import { receiptJson } from '../operations/enroll.ts'
import { longestBody, recordMessage } from '../operations/messages.ts'
import type { Platform } from '../platform.ts'
import { type Stream, sseEvent } from '../stream.ts'
import type { OperationName } from './access.ts'
import { json, type Operation } from './call.ts'
import { identityOf } from './input.ts'

/** Both forms of a message are sent under either name: its first byte tells them apart. */
const messageTypes = ['application/mint', 'application/mint+jwt']

const eventStream = 'text/event-stream'
/** So that both sides notice a connection that is gone. */
const beat = 15_000
/** Bytes: a few of the largest messages at once are no sign of a reader who takes nothing. */
const mostWaiting = 1_048_576

/** An event for each, with its entry in the ledger as the id; nothing of what was before. */
function messagesTo({ relay }: Platform, { path }: Identity): Stream {
  return {
    waiting: mostWaiting,
    open(sink) {
      sink.write(': listening\n\n')
      const timer = setInterval(() => sink.write(': beat\n\n'), beat)
      const stop = relay.listen(path, ({ from, scope, index, message }) => {
        const data = { from, scope, message: Buffer.from(message).toString('base64url') }
        sink.write(sseEvent('message', JSON.stringify(data), index))
      })
      return () => {
        clearInterval(timer)
        stop()
      }
    },
  }
}

/** Messages between the devices of a fleet: recorded by their envelopes. */
export const messagesOperations = {
  'GET /v1/messages': {
    summary: 'Sealed messages to the caller, as they are recorded: a stream of events that goes on',
    async run(call) {
      if (call.accept !== eventStream) throw new Refused('unsupported-media', eventStream)
      return { status: 200, type: eventStream, body: '', stream: messagesTo(call.platform, identityOf(call)) }
    },
  },
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
