import { request } from 'node:http'

// A program that asks a sidecar.

interface Asked {
  readonly method?: string
  readonly path?: string
  readonly headers?: Record<string, string>
  readonly body?: string | Uint8Array
}

/** One request to a Unix socket, or to an address. */
export function ask(where: string, { method = 'GET', path = '/whoami', headers = {}, body }: Asked = {}) {
  const place = where.startsWith('http')
    ? { host: new URL(where).hostname, port: new URL(where).port }
    : { socketPath: where }
  return new Promise<{ status: number; text: string; json: Record<string, unknown>; bytes: Buffer }>(
    (resolve, reject) => {
      const call = request({ ...place, method, path, headers, agent: false }, response => {
        const chunks: Buffer[] = []
        response.on('data', chunk => chunks.push(chunk))
        response.on('end', () => {
          const bytes = Buffer.concat(chunks)
          const text = bytes.toString()
          resolve({ status: response.statusCode!, text, json: text.startsWith('{') ? JSON.parse(text) : {}, bytes })
        })
        response.on('error', reject)
      })
      call.on('error', reject)
      call.end(body)
    },
  )
}

export const send = (where: string, fields: unknown, headers: Record<string, string> = {}) =>
  ask(where, {
    method: 'POST',
    path: '/send',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(fields),
  })

export const receive = (where: string, body: Uint8Array, headers: Record<string, string> = {}) =>
  ask(where, { method: 'POST', path: '/receive', headers: { 'content-type': 'application/mint', ...headers }, body })
