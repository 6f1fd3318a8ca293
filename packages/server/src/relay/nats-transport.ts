import type { ConnectionOptions, NatsConnection } from '@nats-io/transport-node'
import { NatsConnectionImpl, setTransportFactory } from '@nats-io/transport-node/lib/nats-base-client.js'
import { NodeTransport, nodeResolveHost } from '@nats-io/transport-node/lib/node_transport.js'

/** `connect` of the client, over a transport of which three things are otherwise. */
export function connectNats(options: ConnectionOptions): Promise<NatsConnection> {
  setTransportFactory({ factory: () => new Transport(), dnsResolveFn: nodeResolveHost })
  return NatsConnectionImpl.connect(options)
}

class Transport extends NodeTransport {
  /** NATS greets in clear. What comes with the greeting would be taken as said by the server that is proven after it. */
  override startTLS() {
    const greeting = Buffer.concat(this.yields)
    if (greeting.indexOf('\r\n') !== greeting.length - 2) throw new Error('there is more than a greeting before TLS')
    return super.startTLS()
  }

  /**
   * At the first line that it cannot read the client stops to read, tells standard output, and keeps all that comes
   * after. So it gets whole lines of what a server says to somebody who only publishes; of anything else this is the end.
   */
  override async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    let rest = ''
    for await (const bytes of super[Symbol.asyncIterator]()) {
      const text = rest + Buffer.from(bytes).toString('latin1')
      const end = text.lastIndexOf('\r\n') + 1
      const lines = text.slice(0, Math.max(end - 1, 0))
      rest = text.slice(end === 0 ? 0 : end + 1)
      if (rest.length > longestLine || !(end === 0 || lines.split('\r\n').every(isSaid))) {
        await this.close(new Error('a line that no server says'))
        return
      }
      if (end > 0) yield Buffer.from(`${lines}\r\n`, 'latin1')
    }
  }

  /** Its own leaves a connection open that was not greeted yet, so a silent server would get one after the other. */
  override async close(error?: Error): Promise<void> {
    if (!this.connected) this.discard()
    await super.close(error)
  }
}

/** INFO has the addresses of a cluster in it. */
const longestLine = 65_536

/** What a server says to a client that subscribes to nothing. */
function isSaid(line: string): boolean {
  if (line.length > longestLine) return false
  if (!line.startsWith('INFO ')) return /^(?:PING|PONG|\+OK|-ERR [\x20-\x7e]*)$/.test(line)
  try {
    JSON.parse(line.slice(5))
    return true
  } catch {
    return false
  }
}
