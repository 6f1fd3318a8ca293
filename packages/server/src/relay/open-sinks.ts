import type { Logger } from 'pino'
import type { Metrics } from '../inbound/metrics.ts'
import { mqttSink } from './mqtt-sink.ts'
import { natsSink } from './nats-sink.ts'
import type { Relay } from './relay.ts'
import { type Sink, SinkQueue } from './sink-queue.ts'
import { readSinkTrust, type SinkTrust } from './sink-tls.ts'
import { readSinkUrl, type SinkAddress } from './sink-url.ts'
import { webhookSink } from './webhook-sink.ts'

/**
 * Opens the sinks of a platform, in the order in which they were named. One that is away is tried again and again, and
 * holds up neither the start nor anything else.
 * @param ca file with the certificates of CAs of the operator's, whom sinks are proven by too
 * @returns ends them
 */
export function openSinks(
  relay: Relay,
  urls: readonly string[],
  { ca, log, metrics }: { readonly ca?: string | undefined; readonly log: Logger; readonly metrics: Metrics },
): () => Promise<void> {
  const addresses = urls.map(readSinkUrl)
  const trust = readSinkTrust(ca)
  const queues = addresses.map((address, i) => {
    const sink = `${i + 1}-${address.kind}`
    if (address.isInClear)
      log.warn({ sink }, 'the connection to the sink is not encrypted: who sends to whom can be read')
    const queue = new SinkQueue(
      open(address, trust, log, sink),
      metrics.relayed(sink, () => queue.size),
      () => performance.now(),
    )
    relay.add(queue)
    return queue
  })
  return async () => {
    await Promise.all(queues.map(queue => queue.close()))
  }
}

/** Milliseconds between two lines of the log about one sink. */
const quiet = 60_000

function open({ kind, url }: SinkAddress, trust: SinkTrust, log: Logger, sink: string): Sink {
  let told = Number.NEGATIVE_INFINITY
  const failed = (error: Error): void => {
    // It is tried again each second.
    if (performance.now() - told < quiet) return
    told = performance.now()
    log.warn({ sink, code: codeOf(error) }, 'the sink is away')
  }
  if (kind === 'webhook') return webhookSink(url, trust, failed)
  return kind === 'mqtt' ? mqttSink(url, trust, failed) : natsSink(url, trust, failed)
}

/** Why, in a word. Not the error itself: it may have the URL with its password. */
const codeOf = (error: Error & { code?: unknown }): unknown =>
  error.code ?? (error.cause as { code?: unknown } | undefined)?.code ?? error.name
