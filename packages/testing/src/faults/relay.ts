import { connect, createServer, type Server, type Socket } from 'node:net'

/**
 * A TCP relay in front of one or more ports on loopback, in turn: a balancer, or a line that can be cut. It knows
 * nothing of what it carries. A port that does not take the connection is passed over for the next one.
 */
export class Relay {
  readonly port: number
  readonly #server: Server
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  #targets: readonly number[]
  #next = 0
  #isCut = false
  /** Connections that found no port to take them. */
  refused = 0

  private constructor(server: Server, targets: readonly number[]) {
    this.#server = server
    this.#targets = targets
    this.port = (server.address() as { port: number }).port
    server.on('connection', socket => this.#carry(socket))
  }

  static async start(...targets: readonly number[]): Promise<Relay> {
    // Half-open: the end of one direction is carried like everything else.
    const server = createServer({ allowHalfOpen: true })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    return new Relay(server, targets)
  }

  /** Carries new connections to these ports from now on; running ones stay where they are. */
  target(...ports: readonly number[]): void {
    this.#targets = ports
  }

  /** Nothing passes any more, and nobody is told: what a pulled cable looks like. */
  cut(): void {
    this.#isCut = true
    for (const pair of this.#pairs) for (const socket of pair) socket.pause()
  }

  /** What was cut is dead, as both ends find out now; new connections pass. */
  mend(): void {
    this.#isCut = false
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy()
  }

  async stop(): Promise<void> {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy()
    await new Promise(resolve => this.#server.close(resolve))
  }

  #carry(client: Socket): void {
    client.on('error', () => client.destroy())
    if (this.#isCut) {
      // Accepted by the kernel before we could know; nothing is ever answered.
      this.#pairs.add([client, client])
      client.pause()
      return
    }
    this.#dial(
      client,
      [...this.#targets.keys()].map(i => this.#targets[(this.#next + i) % this.#targets.length]!),
    )
    this.#next++
  }

  #dial(client: Socket, [port, ...others]: readonly number[]): void {
    if (port === undefined || client.destroyed) {
      this.refused++
      client.destroy()
      return
    }
    const server = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    const pair = [client, server] as const
    server.once('error', () => this.#dial(client, others))
    server.once('connect', () => {
      server.removeAllListeners('error')
      this.#pairs.add(pair)
      for (const [from, to] of [pair, [server, client]] as const) {
        from.on('error', () => to.destroy())
        from.on('close', () => {
          to.destroy()
          this.#pairs.delete(pair)
        })
        from.pipe(to)
      }
      if (this.#isCut) for (const socket of pair) socket.pause()
    })
  }
}
