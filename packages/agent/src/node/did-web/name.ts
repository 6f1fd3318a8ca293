import { Refused } from '@mintmark/core/errors'
import { readDomain } from '@mintmark/core/names'

// did:web:<domain>[%3A<port>][:<segment>...], one spelling for each document. What a URL parser could read in another
// way (addresses, encodings, dots, users) is no name here, and none is ever given to a URL parser.

/** Where the document of a did:web is. */
export interface DidWeb {
  readonly did: string
  readonly host: string
  /** undefined for that of https. */
  readonly port: number | undefined
  /** `/fleets/acme/devices/device-104/did.json` */
  readonly path: string
}

const longest = { did: 255, segments: 16 } as const

/** @throws Refused `bad-did` */
export function readDidWeb(did: string): DidWeb {
  const [scheme, method, authority = '', ...segments] = did.split(':')
  if (did.length > longest.did || scheme !== 'did' || method !== 'web') throw bad('not did:web')
  const [host = '', port, ...rest] = authority.split('%3A')
  if (rest.length > 0) throw bad('port')
  if (segments.length > longest.segments || !segments.every(isSegment)) throw bad('path')
  const folder = segments.length === 0 ? '.well-known' : segments.join('/')
  return {
    did,
    host: readHost(host),
    port: port === undefined ? undefined : readPort(port),
    path: `/${folder}/did.json`,
  }
}

/** A domain name whose last label is no number: `0x7f.1` and `127.0.0.1` are addresses to some. */
function readHost(host: string): string {
  try {
    readDomain(host)
  } catch (cause) {
    throw new Refused('bad-did', 'not a domain', { cause })
  }
  if (!/\.[a-z][a-z0-9-]*$/.test(host)) throw bad('an address')
  return host
}

function readPort(text: string): number {
  const port = Number(text)
  // 443 is said by saying nothing.
  if (!/^[1-9][0-9]{0,4}$/.test(text) || port > 65_535 || port === 443) throw bad('port')
  return port
}

/** It begins with no dot, so none is `.` or `..`, and has no `%`. */
const isSegment = (text: string): boolean => /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/.test(text)

const bad = (what: string): Refused => new Refused('bad-did', what)
