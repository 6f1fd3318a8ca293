// A Worker that receives messages. Many of them run at once, and each message is to be accepted once: so one object,
// which is a Durable Object, receives them all and has all nonces.
import { Agent, MemoryTrustRegistry } from '@mintmark/agent'
import { type Handler, messageHandler } from '@mintmark/agent/transport'

interface Env {
  readonly INBOX: { getByName(name: string): { fetch(request: Request): Promise<Response> } }
  /** Under which DID this service receives. */
  readonly AUDIENCE: string
  /** Who may send, and for what. */
  readonly SENDERS: Readonly<Record<string, readonly string[]>>
}

export default {
  fetch: (request: Request, env: Env): Promise<Response> => env.INBOX.getByName('inbox').fetch(request),
}

export class Inbox {
  readonly #handler: Promise<Handler>
  #last: unknown = null

  constructor(_: unknown, env: Env) {
    this.#handler = this.#open(env)
  }

  /** Takes a message, or shows what the last one said. */
  async fetch(request: Request): Promise<Response> {
    if (request.method === 'GET') return Response.json(this.#last)
    return (await this.#handler)(request)
  }

  async #open({ AUDIENCE, SENDERS }: Env): Promise<Handler> {
    const registry = new MemoryTrustRegistry()
    for (const [did, scopes] of Object.entries(SENDERS)) registry.register(did, { scopes })
    const agent = await Agent.create({ registry, audiences: [AUDIENCE] })
    return messageHandler({
      agent,
      deliver: received => {
        this.#last = { from: received.from, reading: received.json() }
      },
      refused: ({ code }) => console.log(`refused: ${code}`),
    })
  }
}
