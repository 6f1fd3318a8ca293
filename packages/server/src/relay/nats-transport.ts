import type { ConnectionOptions, NatsConnection } from '@nats-io/transport-node'
import { NatsConnectionImpl, setTransportFactory } from '@nats-io/transport-node/lib/nats-base-client.js'
import { NodeTransport, nodeResolveHost } from '@nats-io/transport-node/lib/node_transport.js'

/** `connect` of the client, over a transport of which two things are otherwise. */
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

  /** Its own leaves a connection open that was not greeted yet, so a silent server would get one after the other. */
  override async close(error?: Error): Promise<void> {
    if (!this.connected) this.discard()
    await super.close(error)
  }
}
