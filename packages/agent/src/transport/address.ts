import { Refused } from '@mintmark/core/errors'

/**
 * A URL that messages may be sent to: with TLS, or on this computer. A body that is not sealed can be read on its way.
 * @throws Refused `bad-request`
 */
export function readAddress(text: string, scheme: 'http' | 'ws'): string {
  if (!URL.canParse(text)) throw new Refused('bad-request', 'not a URL')
  const { protocol, hostname, username, password, hash } = new URL(text)
  const isHere = /^(?:127\.0\.0\.1|\[::1\]|localhost)$/.test(hostname)
  if (protocol !== `${scheme}s:` && !(protocol === `${scheme}:` && isHere)) {
    throw new Refused('bad-request', `not ${scheme}s://, nor ${scheme}:// on this computer`)
  }
  if (username !== '' || password !== '' || hash !== '')
    throw new Refused('bad-request', 'a URL with more than a place')
  return text
}
