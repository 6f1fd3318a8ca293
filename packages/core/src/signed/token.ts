import { concat } from '../bytes/bytes.ts'
import { base64url, readBase64url, readUtf8, utf8 } from '../bytes/text.ts'
import { Refused } from '../errors/refused.ts'

/**
 * An enrollment token as text: `mmt1_` and base64url of id(16) || secret(32) || SHA-256(root DER)(32) || UTF-8 URL.
 * It carries the trust anchor's digest, so whoever mints the token picks the anchor.
 */
export interface EnrollmentToken {
  /** 16 bytes. */
  readonly id: Uint8Array
  /** 32 bytes; the platform stores only its SHA-256. */
  readonly secret: Uint8Array
  /** SHA-256 of the root certificate's DER. */
  readonly anchor: Uint8Array
  /** Where the platform is: an https URL without path. */
  readonly url: string
}

const prefix = 'mmt1_'
const fixed = 16 + 32 + 32

export const writeToken = ({ id, secret, anchor, url }: EnrollmentToken): string =>
  prefix + base64url(concat(id, secret, anchor, utf8(url)))

export function readToken(text: string): EnrollmentToken {
  if (!text.startsWith(prefix) || text.length > 512) throw new Refused('bad-token')
  try {
    const bytes = readBase64url(text.slice(prefix.length))
    const url = readUtf8(bytes.subarray(fixed))
    if (bytes.length <= fixed || !isOrigin(url)) throw new Refused('bad-token', 'length or URL')
    return { id: bytes.subarray(0, 16), secret: bytes.subarray(16, 48), anchor: bytes.subarray(48, fixed), url }
  } catch (cause) {
    if (!(cause instanceof Refused)) throw cause
    throw new Refused('bad-token', cause.detail, { cause })
  }
}

/** `https://host[:port]`, spelled plainly: what follows the token's holder everywhere must have one reading. */
function isOrigin(url: string): boolean {
  const [, name, address, port] =
    /^https:\/\/(?:([a-z0-9.-]{1,253})|\[([0-9a-f:]{2,39})\])(?::(\d{1,5}))?$/.exec(url) ?? []
  if (port !== undefined && (port.startsWith('0') || Number(port) > 65_535)) return false
  return name === undefined ? address !== undefined && isIpv6(address) : isHostName(name)
}

/** DNS labels. A last one that is a number makes it an IPv4 address, as every URL library sees it: four plain ones. */
function isHostName(name: string): boolean {
  const labels = name.split('.')
  if (/^(?:\d+|0x[0-9a-f]*)$/.test(labels.at(-1)!)) {
    return labels.length === 4 && labels.every(part => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)
  }
  return labels.every(label => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(label))
}

/** Eight groups, or fewer around one `::`. */
function isIpv6(address: string): boolean {
  const halves = address.split('::').map(half => (half === '' ? [] : half.split(':')))
  const groups = halves.flat()
  const count = halves.length === 1 ? groups.length === 8 : halves.length === 2 && groups.length < 8
  return count && groups.every(group => /^[0-9a-f]{1,4}$/.test(group))
}
