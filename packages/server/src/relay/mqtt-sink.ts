import { topicOf } from '@mintmark/agent/transport'
import mqtt from 'mqtt'
import type { Sink } from './sink-queue.ts'
import { type SinkTrust, tlsTo } from './sink-tls.ts'

const patience = 5_000

/** Publishes to an MQTT broker where the SDK's receivers subscribe, each message once, with its acknowledgement (QoS 1). */
export function mqttSink(url: URL, trust: SinkTrust, log: (error: Error) => void): Sink {
  // The client would take them from the URL as they are written there.
  const [username, password] = [url.username, url.password].map(decodeURIComponent)
  const credentials = username === '' ? {} : { username: username!, password: password! }
  const tls = url.protocol === 'mqtts:' ? tlsTo(url, trust) : {}
  // A broker may refuse while what it asks about passwords is away; the client would then never try again.
  const again = { reconnectPeriod: 1_000, reconnectOnConnackError: true }
  const options = { ...tls, ...credentials, ...again, clean: true, connectTimeout: patience }
  const client = mqtt.connect(`${url.protocol}//${url.host}`, options)
  /** What gives up on each that was published and is not answered. */
  const pending = new Set<(error: Error) => void>()
  let changed = (): void => undefined
  client.on('connect', () => changed())
  client.on('close', () => {
    for (const giveUp of pending) giveUp(new Error('the connection to the broker was lost'))
  })
  // It connects again by itself, where the connection ends.
  client.on('error', error => {
    log(error)
    client.stream?.destroy()
  })
  // Nothing was subscribed to, and the client keeps what is published to it with QoS 2 until it is released.
  client.on('packetreceive', ({ cmd }) => {
    if (cmd === 'publish') client.stream.destroy()
  })
  return {
    kind: 'mqtt',
    get isUp() {
      return client.connected
    },
    onChange(listener) {
      changed = listener
    },
    send: ({ audience, message }) =>
      new Promise((resolve, reject) => {
        const done = (error?: Error | null): void => {
          clearTimeout(timer)
          pending.delete(giveUp)
          if (error) reject(error)
          else resolve()
        }
        const giveUp = (error: Error): void => {
          done(error)
          // The client would send it again by itself, and it may have arrived.
          client.removeOutgoingMessage(id)
        }
        const timer = setTimeout(() => giveUp(new Error('the broker is silent')), patience)
        pending.add(giveUp)
        client.publish(topicOf(audience), Buffer.from(message), { qos: 1, retain: false }, done)
        const id = client.getLastMessageId()
      }),
    close: () => client.endAsync(true),
  }
}
