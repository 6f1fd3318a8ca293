import { sha256 } from '../bytes/sha256.ts'
import { base64url, hex, readBase64url, readHex, readUtf8, utf8 } from '../bytes/text.ts'
import { Refused } from '../errors/refused.ts'
import type { Verify } from '../keys/key.ts'
import { readDomain, readFleetName } from '../names/names.ts'
import type { Charter } from '../signed/charter.ts'
import type { AuthorityRequest } from '../signed/profile.ts'
import { checkPossession, readSigningRequest } from '../signed/signing-request.ts'

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

export type CeremonyItem = AuthorityItem | CharterItem

/** A CA certificate under the root. */
export interface AuthorityItem {
  readonly kind: 'authority'
  readonly request: AuthorityRequest
  readonly fleet: string | undefined
  /** PKCS#10, the new CA key's proof of possession. */
  readonly possession: Uint8Array
}

/** A fleet's charter. */
export interface CharterItem {
  readonly kind: 'charter'
  readonly charter: Charter
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
    const file = record(JSON.parse(readUtf8(bytes)), ['mintmark', 'domain', 'created', 'anchor', 'items'])
    if (file.mintmark !== format || !Array.isArray(file.items) || file.items.length > 64) throw bad('not a request')
    const domain = readDomain(text(file.domain))
    const items: CeremonyItem[] = []
    for (const item of file.items) items.push(await readItem(item, domain, verify))
    const anchor = file.anchor === null ? undefined : hex(readHex(text(file.anchor)))
    return { domain, created: whole(file.created), anchor, items, digest: hex(sha256(bytes)), bytes }
  } catch (cause) {
    if (cause instanceof Refused && cause.code === 'bad-request-file') throw cause
    throw new Refused('bad-request-file', cause instanceof Error ? cause.message : undefined, { cause })
  }
}

/** What signing it would mean, a line an item, for the signer to read before anything is signed. */
export function describeRequest(request: CeremonyRequest): string[] {
  const day = (at: number): string => new Date(at).toISOString().slice(0, 10)
  return request.items.map(item => {
    if (item.kind === 'charter') {
      const { fleet, version, authority, releaseRoot } = item.charter
      const release = releaseRoot === undefined ? 'no release root yet' : `release root ${releaseRoot.slice(0, 16)}`
      return `charter: fleet "${fleet}", version ${version}, issued by CA key ${authority.slice(0, 16)}, ${release}`
    }
    const { use, host, notBefore, notAfter, publicKey } = item.request
    const may = {
      fleet: `client certificates under ${host} only`,
      server: 'server certificates',
      people: 'client certificates of operators and gateways',
    }
    return `CA certificate: may issue ${may[use]}, ${day(notBefore)} to ${day(notAfter)}, key ${publicKey.id.slice(0, 16)}`
  })
}

function writeItem(item: CeremonyItem): object {
  if (item.kind === 'charter') {
    const { charter } = item
    return {
      ...charter,
      kind: 'charter',
      ledgerKey: base64url(charter.ledgerKey),
      releaseRoot: charter.releaseRoot ?? null,
    }
  }
  const { title, use, serial, notBefore, notAfter } = item.request
  const possession = base64url(item.possession)
  return { kind: 'authority', use, fleet: item.fleet ?? null, title, serial, notBefore, notAfter, possession }
}

async function readItem(value: unknown, domain: string, verify: Verify): Promise<CeremonyItem> {
  const { kind } = value as { kind?: unknown }
  if (kind === 'charter') return readCharterItem(value, domain)
  if (kind !== 'authority') throw bad('unknown kind of item')
  const item = record(value, ['kind', 'use', 'fleet', 'title', 'serial', 'notBefore', 'notAfter', 'possession'])
  const use = text(item.use)
  if (use !== 'fleet' && use !== 'server' && use !== 'people') throw bad('unknown use')
  const fleet = use === 'fleet' ? readFleetName(text(item.fleet)) : undefined
  if (use !== 'fleet' && item.fleet !== null) throw bad('only a fleet CA has a fleet')
  const possession = readBase64url(text(item.possession))
  const signing = readSigningRequest(possession)
  await checkPossession(signing, verify)
  const serial = hex(readHex(text(item.serial)))
  const title = text(item.title)
  const expected = authorityTitle(domain, use, fleet)
  // The title is shown to people in certificate viewers: it says what the constraints say.
  if (title !== expected || serial.length !== 32 || Number.parseInt(serial[0]!, 16) > 7) throw bad('title or serial')
  const request: AuthorityRequest = {
    kind: 'authority',
    use,
    title,
    host: fleet === undefined ? undefined : `${fleet}.${domain}`,
    serial,
    publicKey: signing.publicKey,
    notBefore: whole(item.notBefore),
    notAfter: whole(item.notAfter),
  }
  return { kind: 'authority', request, fleet, possession }
}

/** The common name of an issuing CA. */
export const authorityTitle = (domain: string, use: AuthorityRequest['use'], fleet: string | undefined): string =>
  `Mintmark ${fleet === undefined ? use : `fleet ${fleet}`} CA, ${domain}`

function readCharterItem(value: unknown, domain: string): CharterItem {
  const fields = ['kind', 'domain', 'fleet', 'version', 'authority', 'ledgerKey', 'releaseRoot', 'issued']
  const item = record(value, fields)
  const charter: Charter = {
    domain: readDomain(text(item.domain)),
    fleet: readFleetName(text(item.fleet)),
    version: whole(item.version),
    authority: hex(readHex(text(item.authority))),
    ledgerKey: readBase64url(text(item.ledgerKey)),
    releaseRoot: item.releaseRoot === null ? undefined : hex(readHex(text(item.releaseRoot))),
    issued: whole(item.issued),
  }
  if (charter.domain !== domain || charter.version < 1 || charter.authority.length !== 64) throw bad('charter')
  if (charter.ledgerKey.length !== 32) throw bad('ledger key')
  return { kind: 'charter', charter }
}

/** An object with exactly these names. */
export function record(value: unknown, names: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad('not an object')
  const found = Object.keys(value)
  if (found.length !== names.length || !names.every(name => found.includes(name)))
    throw bad('unknown or missing fields')
  return value as Record<string, unknown>
}

export function text(value: unknown): string {
  if (typeof value !== 'string' || value.length > 10_000) throw bad('not text')
  return value
}

export function whole(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw bad('not a whole number')
  return value
}

const bad = (why: string): Refused => new Refused('bad-request-file', why)
