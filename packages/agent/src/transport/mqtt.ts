import { Refused } from '@mintmark/core/errors'
import type { Transport } from '../agent.ts'
import { longestMessage, type Recipient, take } from './recipient.ts'

/** What is used of a client of the package `mqtt`. */
export interface MqttClient {
  readonly connected: boolean
  /** Called for each message of the broker's, one at a time; the broker is told after `done`. */
  handleMessage(packet: MqttPacket, done: (error?: Error) => void): void
  publishAsync(topic: string, message: never, options: { readonly qos: 1; readonly retain: false }): Promise<unknown>
  subscribeAsync(topics: string[], options: { readonly qos: 1 }): Promise<unknown>
  unsubscribeAsync(topics: string[]): Promise<unknown>
}

export interface MqttPacket {
  readonly cmd?: string
  readonly topic?: string
  readonly payload?: unknown
  readonly retain?: boolean
}

export interface MqttOptions {
  /** First part of every topic. Not said: `mint`. */
  readonly prefix?: string
  /** Milliseconds until the broker says that it has a message. Not said: 10 seconds. */
  readonly timeout?: number
}

/** Where the messages to a DID, or to a short id, are published. @throws Refused `bad-did` */
export function topicOf(did: string, prefix = 'mint'): string {
  // Nothing that a topic reads as more than a name: no level, no wildcard, no NUL, and one spelling.
  if (!/^[A-Za-z0-9:%._-]{1,512}$/.test(did)) throw new Refused('bad-did', 'no name for a topic')
  return `${prefix}/${did}`
}

/**
 * Messages through a broker, which is trusted with nothing: what it changes, sends to another one or sends twice is
 * refused by who receives it. It says that it has a message, and nobody says to the sender what became of it.
 */
export class MqttTransport implements Transport {
  readonly #client: MqttClient
  readonly #prefix: string
  readonly #timeout: number

  /** @param client of the package `mqtt`, connected by whoever hands it in, who also ends it */
  constructor(client: MqttClient, { prefix = 'mint', timeout = 10_000 }: MqttOptions = {}) {
    if (!/^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/.test(prefix)) throw new Refused('bad-request', 'prefix of topics')
    this.#client = client
    this.#prefix = prefix
    this.#timeout = timeout
  }

  /** @throws Refused `unreachable` where the broker does not say in time that it has it; it may have it then */
  async deliver(message: Uint8Array, to: string): Promise<void> {
    const topic = topicOf(to, this.#prefix)
    if (message.length > longestMessage) throw new Refused('too-large', 'message')
    // The client would keep it until there is a connection, and by then its window may be over.
    if (!this.#client.connected) throw new Refused('unreachable', 'no connection to the broker')
    await inTime(
      this.#client.publishAsync(topic, Uint8Array.from(message) as never, { qos: 1, retain: false }),
      this.#timeout,
    )
  }

  /**
   * Receives under every DID of the agent, one message after another, and again after a connection was lost where the
   * client subscribes again. What the broker sends twice is dropped: that is its right with QoS 1, and no attack.
   * Retained messages are old ones, and dropped too.
   * @returns ends it
   */
  async listen(recipient: Recipient): Promise<() => Promise<void>> {
    const topics = [...recipient.agent.audiences].map(did => topicOf(did, this.#prefix))
    const quiet: Recipient = {
      ...recipient,
      refused: why => {
        if (why.code !== 'message-replayed') recipient.refused(why)
      },
    }
    const end = handle(this.#client, new Set(topics), async ({ payload, retain }) => {
      if (retain || !(payload instanceof Uint8Array)) return
      await take(quiet, payload)
    })
    try {
      await inTime(this.#client.subscribeAsync(topics, { qos: 1 }), this.#timeout)
    } catch (error) {
      end()
      throw error
    }
    return async () => {
      end()
      await this.#client.unsubscribeAsync(topics)
    }
  }
}

/** Has the packets of these topics taken, before the broker hears that they were. @returns ends it */
export function handle(
  client: MqttClient,
  topics: { has(topic: string): boolean },
  taken: (packet: MqttPacket) => Promise<void>,
): () => void {
  const others = client.handleMessage
  let isOver = false
  const ours: MqttClient['handleMessage'] = (packet, done) => {
    if (isOver || !topics.has(packet.topic ?? '')) return others.call(client, packet, done)
    taken(packet).then(
      () => done(),
      (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
    )
  }
  client.handleMessage = ours
  return () => {
    isOver = true
    // Whoever came later still goes through this one.
    if (client.handleMessage === ours) client.handleMessage = others
  }
}

/** @throws Refused `unreachable` */
export async function inTime(asked: Promise<unknown>, timeout: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the broker did not answer in time')), timeout)
  })
  try {
    await Promise.race([asked, late])
  } catch (cause) {
    throw new Refused('unreachable', cause instanceof Error ? cause.message : 'the broker', { cause })
  } finally {
    clearTimeout(timer)
  }
}
