import { Refused } from '@mintmark/core/errors'

/** Where sealed messages are handed on to, as an operator says it. */
export type SinkKind = 'webhook' | 'mqtt' | 'nats'

const kinds: Readonly<Record<string, SinkKind>> = {
  'https:': 'webhook',
  'http:': 'webhook',
  'mqtt:': 'mqtt',
  'mqtts:': 'mqtt',
  'nats:': 'nats',
  'tls:': 'nats',
}

/** Protocols in which everybody on the way reads who sends to whom. */
const inClear = ['http:', 'mqtt:', 'nats:']

export interface SinkAddress {
  readonly kind: SinkKind
  readonly url: URL
  readonly isInClear: boolean
}

/** @throws Refused `bad-request` */
export function readSinkUrl(text: string): SinkAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const kind = url && kinds[url.protocol]
  if (url === undefined || kind === undefined || url.hostname === '') throw refused('no URL of a sink')
  const isHere = isLoopback(url.hostname)
  if (url.protocol === 'http:' && !isHere) throw refused('http:// is for this computer; say https://')
  if (url.hash !== '' || (kind !== 'webhook' && (url.search !== '' || !['', '/'].includes(url.pathname)))) {
    throw refused('a broker has no path')
  }
  for (const part of [url.username, url.password]) {
    if (!isDecodable(part)) throw refused('a % in the name or the password stands as %25')
  }
  return { kind, url, isInClear: inClear.includes(url.protocol) && !isHere }
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

/** Of a URL that was read, where each address has one spelling. A name such as 127.example.com is no address. */
const isLoopback = (host: string): boolean => /^(?:localhost|\[::1\]|127(?:\.\d{1,3}){3})$/.test(host)

const refused = (why: string): Refused =>
  new Refused('bad-request', why, {
    hint: 'say https://host/path, http:// on this computer, mqtt(s)://host:port, or nats:// or tls://host:port',
  })
