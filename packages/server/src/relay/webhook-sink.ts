import type { Relayed } from './relay.ts'
import type { Sink } from './sink-queue.ts'

const patience = 5_000

/** Posts each message to a URL. It proves itself by its envelope, so nothing else says that it is from here. */
export function webhookSink(url: URL): Sink {
  // Not in the URL of a request: fetch refuses that.
  const { username, password } = url
  const target = new URL(url)
  target.username = ''
  target.password = ''
  const credentials = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`)
  const authorization = username === '' ? {} : { authorization: `Basic ${credentials.toString('base64')}` }
  return {
    kind: 'webhook',
    isUp: true,
    onChange: () => undefined,
    async send({ fleet, from, to, index, message }: Relayed) {
      const headers = {
        ...authorization,
        'content-type': 'application/mint',
        'mintmark-entry': `${fleet}/${index}`,
        'mintmark-from': from,
        'mintmark-to': to,
      }
      const body = message as Uint8Array<ArrayBuffer>
      const signal = AbortSignal.timeout(patience)
      const response = await fetch(target, { method: 'POST', headers, body, redirect: 'error', signal })
      await response.body?.cancel()
      if (!response.ok) throw new Error(`the webhook answered ${response.status}`)
    },
    close: async () => undefined,
  }
}
