import { expect, onTestFinished, test } from 'vitest'
import type { Relayed } from '../src/relay/relay.ts'
import { NotSent, type Outcome, type SinkLimits, SinkQueue } from '../src/relay/sink-queue.ts'

// What waits for a sink, with a sink and a clock that the test has in its hands.

function scene(limits: Partial<SinkLimits> = {}) {
  const clock = { at: 0 }
  const outcomes: Outcome[] = []
  const sent: number[] = []
  const sink: { up: boolean; changed: () => void; closed: boolean } = { up: true, changed: Boolean, closed: false }
  const open: PromiseWithResolvers<void>[] = []
  const queue = new SinkQueue(
    {
      kind: 'webhook',
      get isUp() {
        return sink.up
      },
      onChange(changed) {
        sink.changed = changed
      },
      send({ index }) {
        sent.push(index)
        open.push(Promise.withResolvers())
        return open.at(-1)!.promise
      },
      async close() {
        sink.closed = true
      },
    },
    outcome => outcomes.push(outcome),
    () => clock.at,
    limits,
  )
  const offer = (index: number, length = 1): void => {
    const names = { fleet: 'acme', from: 'acme/device/a', to: 'acme/device/b', audience: 'did:key:z6Mk', scope: 'a' }
    queue.offer({ ...names, index, message: new Uint8Array(length) } satisfies Relayed)
  }
  const settle = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
  onTestFinished(() => {
    for (const each of open) each.resolve()
    return queue.close()
  })
  return { clock, outcomes, sent, sink, open, queue, offer, settle }
}

test('each is sent once and in order, so many at once, whatever comes of it', async () => {
  const { offer, open, outcomes, sent, settle } = scene({ atOnce: 2 })
  for (let i = 0; i < 5; i++) offer(i)
  expect(sent).toEqual([0, 1])
  open[0]!.reject(new Error('no'))
  await settle()
  open[1]!.resolve()
  await settle()
  expect(sent).toEqual([0, 1, 2, 3])
  expect(outcomes).toEqual(['failed', 'sent'])
})

test('J119 so many wait, and so many bytes, and what comes then is dropped and counted', async () => {
  const { offer, outcomes, queue, sink } = scene({ messages: 3, bytes: 10 })
  sink.up = false
  offer(0, 4)
  offer(1, 4)
  offer(2, 4)
  expect([queue.size, outcomes]).toEqual([2, ['full']])
  offer(3, 1)
  offer(4, 1)
  expect([queue.size, outcomes]).toEqual([3, ['full', 'full']])
})

test('what no receiver would take any more is dropped, and the rest goes when the sink is back', async () => {
  const { clock, offer, outcomes, sent, sink } = scene({ longest: 30_000 })
  sink.up = false
  offer(0)
  clock.at = 10_000
  offer(1)
  clock.at = 30_000
  sink.up = true
  sink.changed()
  expect([sent, outcomes]).toEqual([[1], ['late']])
})

test('at the end what is being sent is waited for, and what waits is dropped', async () => {
  const { offer, open, outcomes, queue, sent, sink } = scene({ atOnce: 1 })
  offer(0)
  offer(1)
  const closed = queue.close()
  expect(sink.closed).toBe(false)
  open[0]!.resolve()
  await closed
  expect([sent, outcomes, sink.closed]).toEqual([[0], ['late', 'sent'], true])
})

test('what has not left keeps its place, and goes when the sink is back', async () => {
  const { offer, open, outcomes, queue, sent, settle, sink } = scene({ atOnce: 2 })
  for (let i = 0; i < 4; i++) offer(i)
  sink.up = false
  open[1]!.reject(new NotSent())
  open[0]!.reject(new NotSent())
  await settle()
  expect([sent, queue.size, outcomes]).toEqual([[0, 1], 4, []])
  sink.up = true
  sink.changed()
  for (const each of open) each.resolve()
  await settle()
  for (const each of open) each.resolve()
  await settle()
  expect(sent).toEqual([0, 1, 0, 1, 2, 3])
  expect([queue.size, outcomes]).toEqual([0, ['sent', 'sent', 'sent', 'sent']])
})

test('what has not left when it ends is dropped', async () => {
  const { offer, open, outcomes, queue, sink } = scene({ atOnce: 1 })
  offer(0)
  const closed = queue.close()
  sink.up = false
  open[0]!.reject(new NotSent())
  await closed
  expect([outcomes, queue.size]).toEqual([['late'], 0])
})
