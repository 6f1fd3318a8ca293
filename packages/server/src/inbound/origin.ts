import type { IncomingMessage } from 'node:http'
import { Refused } from '@mintmark/core/errors'
import { checkHead } from './head.ts'

/**
 * READ: the head of a call to the console's API. What a page of another site makes a browser send is told by its Host
 * (DNS rebinding), its Origin and its Sec-Fetch-Site, none of which a page can choose.
 * @throws Refused `bad-request`, `origin-refused`, `unsupported-media`
 */
export function checkOwnCall(request: IncomingMessage): void {
  checkHead(request)
  const host = readHost(request)
  const { origin, 'sec-fetch-site': site, 'content-type': type = '' } = request.headers
  const isRead = request.method === 'GET' || request.method === 'HEAD'
  // Fetch 3.2: with every method but these two a browser says where the request is from.
  const isOwn = origin === undefined ? isRead : origin === `http://${host}`
  // Fetch Metadata 2.3; `none` is what a person typed. Another port of this computer is `same-site`.
  const isNear = site === undefined || site === 'same-origin' || (site === 'none' && isRead)
  if (!isOwn || !isNear) throw new Refused('origin-refused', origin ?? site ?? 'no origin')
  // A form can send text and pairs to anywhere without asking first, JSON it cannot (Fetch 2.2.2).
  const { 'content-length': length = '0', 'transfer-encoding': coding } = request.headers
  const hasBody = length !== '0' || coding !== undefined
  if (hasBody && !/^application\/json *(?:;|$)/i.test(type)) throw new Refused('unsupported-media', 'JSON is due')
}

/** A page of another site that had its name point here would send its own name. @throws Refused `bad-request` */
export function readHost({ headers: { host = '' } }: Pick<IncomingMessage, 'headers'>): string {
  if (!/^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/.test(host)) throw new Refused('bad-request', 'host')
  return host
}
