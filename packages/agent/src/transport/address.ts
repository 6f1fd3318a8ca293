import { Refused } from '@mintmark/core/errors'

/**
 * A URL that messages may be sent to: with TLS, or on this computer. A body that is not sealed can be read on its way.
 * @throws Refused `bad-request`
 */
export function readAddress(text: string, scheme: 'http' | 'ws'): string {
  if (!URL.canParse(text)) throw refuse('not a URL', scheme)
  const { protocol, hostname, username, password, hash } = new URL(text)
  const isHere = /^(?:127\.0\.0\.1|\[::1\]|localhost)$/.test(hostname)
  if (protocol !== `${scheme}s:` && !(protocol === `${scheme}:` && isHere)) {
    throw refuse(`not ${scheme}s://, nor ${scheme}:// on this computer`, scheme)
  }
  if (username !== '' || password !== '' || hash !== '') throw refuse('a URL with more than a place', scheme)
  return text
}

const refuse = (why: string, scheme: string): Refused =>
  new Refused('bad-request', why, {
    hint: `say ${scheme}s://host/path, or ${scheme}:// on this computer, without a password`,
  })
