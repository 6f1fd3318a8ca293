import { Refused } from '../errors/refused.ts'
import { base64, readBase64 } from './text.ts'

export type PemLabel = 'CERTIFICATE' | 'CERTIFICATE REQUEST' | 'X509 CRL' | 'PRIVATE KEY' | 'PUBLIC KEY'

/** RFC 7468 strict form: 64 characters a line, a newline at the end, so that blocks can be joined. */
export function pem(label: PemLabel, der: Uint8Array): string {
  const lines = base64(der).match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

/**
 * The bytes of exactly one block with this label; nothing before it, nothing after it but line ends.
 * LF or CRLF. A private key sent where something public is expected gets a code of its own.
 */
export function readPem(label: PemLabel, text: string): Uint8Array {
  const blocks = readPemBlocks(label, text)
  if (blocks.length !== 1) throw new Refused('bad-pem', `${blocks.length} blocks`)
  return blocks[0]!
}

/** One or more blocks with this label, back to back. */
export function readPemBlocks(label: PemLabel, text: string): Uint8Array[] {
  if (label !== 'PRIVATE KEY' && text.includes('PRIVATE KEY-----')) throw new Refused('private-key-sent')
  const lines = text.split(/\r?\n/)
  while (lines.at(-1) === '') lines.pop()
  if (lines.length === 0) throw new Refused('bad-pem', 'no block')
  const blocks: Uint8Array[] = []
  for (let at = 0; at < lines.length; ) {
    if (lines[at] !== `-----BEGIN ${label}-----`) throw new Refused('bad-pem', 'no such label')
    const end = lines.indexOf(`-----END ${label}-----`, at)
    if (end < 0) throw new Refused('bad-pem', 'no end')
    blocks.push(readBody(lines.slice(at + 1, end)))
    at = end + 1
  }
  return blocks
}

function readBody(lines: readonly string[]): Uint8Array {
  if (lines.length === 0 || lines.some(line => line.length === 0 || line.length > 76)) {
    throw new Refused('bad-pem', 'line length')
  }
  try {
    return readBase64(lines.join(''))
  } catch (cause) {
    throw new Refused('bad-pem', 'not base64', { cause })
  }
}
