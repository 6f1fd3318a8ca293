import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { startMosquitto } from '@mintmark/testing'
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt'
import { type WebSocket as Peer, WebSocketServer } from 'ws'
import { need } from '../../../../scripts/services.ts'
import type { Transport } from '../../src/index.ts'
import { nodeListener } from '../../src/node/index.ts'
import {
  HttpTransport,
  Loopback,
  longestMessage,
  MqttTransport,
  messageHandler,
  type Recipient,
  type Socket,
  WebSocketLink,
  WebSocketTransport,
} from '../../src/transport/index.ts'

/** One way for messages, really open: over sockets where it has any. */
export interface Open {
  readonly transport: Transport
  /** The receiving side goes away. */
  end(): Promise<void>
  /** Everything ends. */
  close(): Promise<void>
}

export interface Way {
  readonly name: string
  /** Whether the sender hears what became of its message. */
  readonly answers: boolean
  /** Why it cannot be tried here. */
  readonly missing?: string | undefined
  open(recipient: Recipient, timeout?: number): Promise<Open>
}

const loopback: Way = {
  name: 'loopback',
  answers: true,
  open: async recipient => {
    const transport = new Loopback()
    const end = transport.listen(recipient)
    return { transport, end: async () => end(), close: async () => end() }
  },
}

const http: Way = {
  name: 'HTTP',
  answers: true,
  open: async (recipient, timeout = 10_000) => {
    const server = createServer(nodeListener(messageHandler(recipient)))
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const end = async () => {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    }
    return { transport: new HttpTransport({ url: `http://127.0.0.1:${port}/`, timeout }), end, close: end }
  },
}

/** A server that gives each connection away. */
export async function serveWebSockets(accept: (peer: Peer) => void, port = 0) {
  const server = new WebSocketServer({ host: '127.0.0.1', port, maxPayload: longestMessage, perMessageDeflate: false })
  server.on('connection', accept)
  await new Promise<void>(resolve => server.once('listening', resolve))
  return {
    server,
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    end: async () => {
      for (const client of server.clients) client.terminate()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

const webSocket: Way = {
  name: 'WebSocket',
  answers: true,
  open: async (recipient, timeout = 10_000) => {
    const { url, end } = await serveWebSockets(peer => {
      new WebSocketLink(peer as unknown as Socket, { recipient })
    })
    const transport = new WebSocketTransport({ url, timeout })
    const close = async () => {
      transport.close()
      await end()
    }
    return { transport, end, close }
  },
}

export const connectMqtt = (url: string, options: IClientOptions = {}): Promise<MqttClient> =>
  connectAsync(url, { reconnectPeriod: 50, ...options })

const mqtt: Way = {
  name: 'MQTT',
  answers: false,
  missing: need('mosquitto'),
  open: async (recipient, timeout = 10_000) => {
    const broker = await startMosquitto()
    const [from, to] = [await connectMqtt(broker.url), await connectMqtt(broker.url)]
    await new MqttTransport(to).listen(recipient)
    const transport = new MqttTransport(from, { timeout })
    const end = async () => {
      const lost = new Promise(resolve => from.once('close', () => resolve(undefined)))
      await broker.stop()
      await lost
    }
    const close = async () => {
      await from.endAsync(true)
      await to.endAsync(true)
      await broker.remove()
    }
    return { transport, end, close }
  },
}

export const ways: readonly Way[] = [loopback, http, webSocket, mqtt]
