import { equal } from '../bytes/bytes.ts'
import { sha256 } from '../bytes/sha256.ts'
import { hex, readUtf8, utf8 } from '../bytes/text.ts'
import { Refused } from '../errors/refused.ts'
import type { Verify } from '../keys/key.ts'
import { readDomain } from '../names/names.ts'
import { bad, digest, moment, record, text } from './fields.ts'
import { type CeremonyItem, readItem, writeItem } from './item.ts'

/**
 * What the online platform asks the offline root to sign: a JSON file carried to the air gap. Its items hold the few
 * facts that decide, never finished bytes; the signer builds what it signs from them and shows each as a line.
 */
export interface CeremonyRequest {
  readonly domain: string
  /** Unix milliseconds. */
  readonly created: number
  /** SHA-256 (hex) of the root certificate; undefined when the platform is being founded and has none yet. */
  readonly anchor: string | undefined
  readonly items: readonly CeremonyItem[]
  /** SHA-256 (hex) of the file. */
  readonly digest: string
  readonly bytes: Uint8Array
}

const format = 'ceremony-request.v1'
const maxSize = 1_000_000

export function writeCeremonyRequest(request: Omit<CeremonyRequest, 'digest' | 'bytes'>): Uint8Array {
  const { domain, created, anchor, items } = request
  const file = { mintmark: format, domain, created, anchor: anchor ?? null, items: items.map(writeItem) }
  return utf8(`${JSON.stringify(file, null, 2)}\n`)
}

export async function readCeremonyRequest(bytes: Uint8Array, verify: Verify): Promise<CeremonyRequest> {
  if (bytes.length > maxSize) throw new Refused('too-large', 'ceremony request')
  try {
    return await readStrictly(bytes, verify)
  } catch (cause) {
    if (cause instanceof Refused && cause.code === 'bad-request-file') throw cause
    throw new Refused('bad-request-file', cause instanceof Error ? cause.message : undefined, { cause })
  }
}

async function readStrictly(bytes: Uint8Array, verify: Verify): Promise<CeremonyRequest> {
  const file = record(JSON.parse(readUtf8(bytes)), ['mintmark', 'domain', 'created', 'anchor', 'items'])
  if (file.mintmark !== format || !Array.isArray(file.items)) throw bad('not a request')
  if (file.items.length < 1 || file.items.length > 64) throw bad('1 to 64 items')
  const domain = readDomain(text(file.domain))
  const items: CeremonyItem[] = []
  for (const item of file.items) items.push(await readItem(item, domain, verify))
  checkTogether(items)
  const anchor = file.anchor === null ? undefined : digest(file.anchor)
  const request = { domain, created: moment(file.created), anchor, items, digest: hex(sha256(bytes)), bytes }
  // A name given twice or another spelling would let an editor show a person something else than what is signed.
  if (!equal(writeCeremonyRequest(request), bytes)) throw bad('not as a request is written')
  return request
}

function checkTogether(items: readonly CeremonyItem[]): void {
  const fleets = new Map<string, string | undefined>()
  for (const item of items) {
    if (item.kind !== 'authority') continue
    // One key in two CAs would have the rights of both, and the name constraints of neither.
    if (fleets.has(item.request.publicKey.id)) throw bad('one key for two CAs')
    fleets.set(item.request.publicKey.id, item.fleet)
  }
  for (const item of items) {
    if (item.kind !== 'charter' || !fleets.has(item.charter.authority)) continue
    if (fleets.get(item.charter.authority) !== item.charter.fleet) throw bad('a charter with the CA of another fleet')
  }
}
