import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'

/** Serves a handler of requests with `node:http` or `node:https`. @param handler gets the address of the other side too */
export function nodeListener(handler: (request: Request, address: string) => Promise<Response>): RequestListener {
  return (incoming, outgoing) => {
    answer(handler, incoming, outgoing).catch(() => {
      // What the other side did to its connection is no fault, and what the handler threw has no words for it.
      if (!outgoing.headersSent) outgoing.writeHead(500)
      outgoing.end()
    })
  }
}

async function answer(
  handler: (request: Request, address: string) => Promise<Response>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const { method = 'GET', headers, rawHeaders, url = '/', socket } = incoming
  // Fetch 2.2.1: no Request has one of these.
  if (/^(?:CONNECT|TRACE|TRACK)$/i.test(method)) {
    outgoing.writeHead(405, { connection: 'close' }).end()
    return
  }
  const named = new Headers()
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) named.append(rawHeaders[i]!, rawHeaders[i + 1]!)
  const hasBody = method !== 'GET' && method !== 'HEAD'
  // The place is that of the request line; which host was named is for the handler to read in the header.
  const place = new URL(`http://here${url.startsWith('/') ? url : '/'}`)
  const request = new Request(place, {
    method,
    headers: named,
    ...(hasBody && { body: Readable.toWeb(incoming) as never, duplex: 'half' }),
  })
  const response = await handler(request, socket.remoteAddress ?? '')
  const body = new Uint8Array(await response.arrayBuffer())
  // A body that nobody read to its end would be taken for the next request.
  const isLeft = !incoming.complete && (headers['content-length'] ?? '0') !== '0'
  if (isLeft || headers['transfer-encoding'] !== undefined) outgoing.setHeader('connection', 'close')
  outgoing.writeHead(response.status, Object.fromEntries(response.headers))
  outgoing.end(body)
}
