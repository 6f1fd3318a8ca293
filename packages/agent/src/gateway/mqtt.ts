import { Refused } from '@mintmark/core/errors'
import { handle, inTime, type MqttClient } from '../transport/mqtt.ts'
import type { GatewayTransport } from './gateway-transport.ts'

export interface ReadingTopics {
  readonly gateway: GatewayTransport
  /** Where devices publish, with one level that is the name of the device: `sensors/{device}/reading`. */
  readonly topic: string
  /** Media type of what they publish. */
  readonly contentType?: string
  /** Told of each reading that was not taken. */
  readonly refused: (why: Refused) => void
}

/**
 * Takes readings from an MQTT broker: the level of the topic says which device, and whoever may publish there is
 * believed. Retained ones are old, and dropped.
 * @param client of the package `mqtt`, connected by whoever hands it in
 * @returns ends it
 */
export async function listenForReadings(client: MqttClient, options: ReadingTopics): Promise<() => Promise<void>> {
  const { gateway, topic, contentType, refused } = options
  const [filter, deviceOf] = readTopic(topic)
  const has = (given: string) => deviceOf(given) !== undefined
  const end = handle(client, { has }, async ({ topic: given = '', payload, retain }) => {
    const device = deviceOf(given)
    if (retain || device === undefined || !(payload instanceof Uint8Array)) return
    try {
      await gateway.take(device, payload, contentType === undefined ? {} : { contentType })
    } catch (error) {
      refused(error instanceof Refused ? error : new Refused('broken', undefined, { cause: error }))
    }
  })
  try {
    await inTime(client.subscribeAsync([filter], { qos: 1 }), patience)
  } catch (error) {
    end()
    throw error
  }
  return async () => {
    end()
    await client.unsubscribeAsync([filter])
  }
}

const patience = 10_000

/** @throws Refused `bad-request` */
function readTopic(topic: string): [filter: string, deviceOf: (given: string) => string | undefined] {
  const levels = topic.split('/')
  const isPlain = levels.every(level => level === place || /^[A-Za-z0-9:%._-]+$/.test(level))
  if (!isPlain || levels.filter(level => level === place).length !== 1) {
    throw new Refused('bad-request', 'a topic has one level {device}, and no other wildcard')
  }
  const at = levels.indexOf(place)
  const deviceOf = (given: string) => {
    const parts = given.split('/')
    const isOne = parts.length === levels.length && levels.every((level, i) => i === at || level === parts[i])
    return isOne ? parts[at] : undefined
  }
  return [topic.replace(place, '+'), deviceOf]
}

const place = '{device}'
