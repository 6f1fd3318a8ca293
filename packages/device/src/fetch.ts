import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { Readable } from 'node:stream'
import { createSecureContext } from 'node:tls'
import { pem } from '@mintmark/core/bytes'
import { type Reach, readOrigin } from './https.ts'
import { ProvenAgent } from './proven-agent.ts'

/** `fetch` to one platform, over connections that were proven before anything was sent. */
export interface ProvenFetch {
  /** To the platform alone; no redirect is followed. */
  fetch(url: string, init?: RequestInit): Promise<Response>
  /** Ends its connections. */
  close(): void
}

const idleLimit = 60_000

export function provenFetch({ url, anchor, identity, now }: Reach): ProvenFetch {
  const { origin } = readOrigin(url)
  const client = identity && {
    cert: identity.certificate,
    key: typeof identity.key === 'string' ? readFileSync(identity.key) : Buffer.from(identity.key),
  }
  const context = createSecureContext({ ca: pem('CERTIFICATE', anchor), minVersion: 'TLSv1.3', ...client })
  const agent = new ProvenAgent({ url: new URL(url), anchor, context, now }, { timeout: idleLimit })
  return {
    async fetch(text, init = {}) {
      const target = new URL(text)
      if (target.origin !== origin) throw new TypeError(`${target.origin} is not the platform`)
      const { method = 'GET', body, signal } = init
      const bytes =
        body === undefined || body === null ? undefined : Buffer.from(await new Response(body).arrayBuffer())
      const headers = Object.fromEntries(new Headers(init.headers))
      if (bytes) headers['content-length'] = String(bytes.length)
      return new Promise((resolve, reject) => {
        request(target, { agent, method, headers, ...(signal && { signal }) }, incoming => {
          const { statusCode: status = 0, rawHeaders } = incoming
          const named = new Headers()
          for (let i = 0; i + 1 < rawHeaders.length; i += 2) named.append(rawHeaders[i]!, rawHeaders[i + 1]!)
          const isEmpty = status === 204 || status === 304
          if (isEmpty) incoming.resume()
          // The types of Node's own streams and of the Web's differ, and the values do not.
          resolve(new Response(isEmpty ? null : (Readable.toWeb(incoming) as never), { status, headers: named }))
        })
          .on('error', reject)
          .end(bytes)
      })
    },
    close: () => agent.destroy(),
  }
}
