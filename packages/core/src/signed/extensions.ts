import { context, contextConstructed, DerReader, type Element, readDer, readInteger, tag } from '../bytes/der.ts'
import { Refused } from '../errors/refused.ts'
import { oid } from './oid.ts'

/** KeyUsage bits by their number (RFC 5280 4.2.1.3). */
export const keyUsage = { digitalSignature: 0, keyCertSign: 5, crlSign: 6 } as const

export interface AltNames {
  readonly critical: boolean
  readonly uris: readonly string[]
  readonly dnsNames: readonly string[]
  /** 4 or 16 bytes each. */
  readonly addresses: readonly Uint8Array[]
}

export interface NameConstraints {
  readonly permittedUriHosts: readonly string[]
  readonly permittedDnsNames: readonly string[]
  /** Both 0.0.0.0/0 and ::/0 are excluded. */
  readonly noAddresses: boolean
}

export interface Extensions {
  readonly authority: boolean
  readonly pathLength: number | undefined
  readonly keyUsages: ReadonlySet<number>
  /** Purposes by OID; undefined where the extension is absent. */
  readonly purposes: readonly string[] | undefined
  readonly altNames: AltNames | undefined
  readonly nameConstraints: NameConstraints | undefined
  readonly subjectKeyId: Uint8Array | undefined
  readonly authorityKeyId: Uint8Array | undefined
}

const maxExtensions = 16

/** Reads `Extensions` of a certificate: no extension twice, none critical that we do not know, none malformed. */
export function readExtensions(element: Element): Extensions {
  const list = new DerReader(element.body)
  const found = new Map<string, { critical: boolean; value: Uint8Array }>()
  while (!list.done) {
    const extension = list.sequence()
    const id = extension.oid()
    const critical = extension.next === tag.boolean ? extension.boolean() : undefined
    // X.690 11.5: a default value is left out.
    if (critical === false) throw new Refused('bad-certificate', 'critical FALSE spelled out')
    const value = extension.expect(tag.octetString).body
    extension.end()
    if (found.has(id)) throw new Refused('bad-certificate', `extension ${id} twice`)
    if (found.size >= maxExtensions) throw new Refused('bad-certificate', 'too many extensions')
    if (critical && !understood.has(id)) throw new Refused('bad-certificate', `critical extension ${id}`)
    found.set(id, { critical: critical ?? false, value })
  }
  // RFC 5280 4.1: SIZE (1..MAX).
  if (found.size === 0) throw new Refused('bad-certificate', 'no extensions')
  const body = (id: string): Uint8Array | undefined => found.get(id)?.value
  const basic = readOr(body(oid.basicConstraints), readBasicConstraints)
  const altNames = readOr(body(oid.subjectAltName), readAltNames)
  return {
    authority: basic?.authority ?? false,
    pathLength: basic?.pathLength,
    keyUsages: readOr(body(oid.keyUsage), readKeyUsages) ?? new Set(),
    purposes: readOr(body(oid.extendedKeyUsage), readPurposes),
    altNames: altNames && { critical: found.get(oid.subjectAltName)!.critical, ...altNames },
    nameConstraints: readOr(body(oid.nameConstraints), readNameConstraints),
    subjectKeyId: readOr(body(oid.subjectKeyId), value => readDer(value, tag.octetString).body),
    authorityKeyId: readOr(body(oid.authorityKeyId), readAuthorityKeyId),
  }
}

/** What we act upon; any other extension may be there, but not as critical (RFC 5280 4.2). */
const understood: ReadonlySet<string> = new Set([
  oid.basicConstraints,
  oid.keyUsage,
  oid.extendedKeyUsage,
  oid.subjectAltName,
  oid.nameConstraints,
])

const readOr = <T>(value: Uint8Array | undefined, read: (value: Uint8Array) => T): T | undefined =>
  value === undefined ? undefined : read(value)

const inSequence = (value: Uint8Array): DerReader => new DerReader(readDer(value, tag.sequence).body)

function readBasicConstraints(value: Uint8Array): { authority: boolean; pathLength: number | undefined } {
  const reader = inSequence(value)
  const authority = reader.next === tag.boolean ? reader.boolean() : undefined
  if (authority === false) throw new Refused('bad-certificate', 'cA FALSE spelled out')
  const pathLength = authority && reader.next === tag.integer ? reader.smallInteger() : undefined
  reader.end()
  return { authority: authority ?? false, pathLength }
}

function readKeyUsages(value: Uint8Array): Set<number> {
  const { body } = readDer(value, tag.bitString)
  const unused = body[0] ?? 8
  const bits = body.subarray(1)
  if (unused > 7 || bits.length < 1 || bits.length > 2) throw new Refused('bad-certificate', 'key usage')
  // X.690 11.2.2: no trailing zero bits in a named bit list, and unused bits are zero.
  const last = bits.at(-1)!
  if ((last & ((1 << unused) - 1)) !== 0 || (last & (1 << unused)) === 0) {
    throw new Refused('bad-certificate', 'key usage bits')
  }
  const usages = new Set<number>()
  for (let bit = 0; bit < bits.length * 8; bit++) if (bits[bit >> 3]! & (0x80 >> (bit & 7))) usages.add(bit)
  return usages
}

function readPurposes(value: Uint8Array): string[] {
  const reader = inSequence(value)
  const purposes: string[] = []
  while (!reader.done) purposes.push(reader.oid())
  if (purposes.length === 0 || purposes.length > 8) throw new Refused('bad-certificate', 'extended key usage')
  return purposes
}

/** GeneralName (RFC 5280 4.2.1.6): URI [6], dNSName [2] and iPAddress [7]; any other kind is refused. */
function readAltNames(value: Uint8Array): Omit<AltNames, 'critical'> {
  const reader = inSequence(value)
  const names = { uris: [] as string[], dnsNames: [] as string[], addresses: [] as Uint8Array[] }
  let count = 0
  while (!reader.done) {
    if (++count > 32) throw new Refused('bad-certificate', 'too many names')
    const { tag: kind, body } = reader.element()
    if (kind === context(6)) names.uris.push(readIa5(body, 2_048))
    else if (kind === context(2)) names.dnsNames.push(readIa5(body, 253))
    else if (kind === context(7) && (body.length === 4 || body.length === 16)) names.addresses.push(body)
    else throw new Refused('bad-certificate', `alternative name of kind ${kind}`)
  }
  if (count === 0) throw new Refused('bad-certificate', 'no alternative name')
  return names
}

function readIa5(body: Uint8Array, most: number): string {
  if (body.length === 0 || body.length > most) throw new Refused('bad-certificate', 'name length')
  // Printable ASCII without space: NUL, CR, LF and quotes in names have split other parsers (CVE-2021-44531).
  if (body.some(byte => byte <= 0x20 || byte >= 0x7f)) throw new Refused('bad-certificate', 'name characters')
  return String.fromCharCode(...body)
}

/** RFC 5280 4.2.1.10, in the one form that we issue: permitted URI and DNS, all addresses excluded. */
function readNameConstraints(value: Uint8Array): NameConstraints {
  const reader = inSequence(value)
  const uris: string[] = []
  const dnsNames: string[] = []
  const permitted = reader.optional(contextConstructed(0))
  for (const { tag: kind, body } of subtrees(permitted)) {
    if (kind === context(6)) uris.push(readIa5(body, 253))
    else if (kind === context(2)) dnsNames.push(readIa5(body, 253))
    else throw new Refused('bad-certificate', 'permitted subtree')
  }
  const excluded = [...subtrees(reader.optional(contextConstructed(1)))]
  reader.end()
  for (const { tag: kind, body } of excluded) {
    if (kind !== context(7) || body.some(byte => byte !== 0)) throw new Refused('bad-certificate', 'excluded subtree')
  }
  // All addresses or none: with only one of the two kinds excluded, `noAddresses` would say too little.
  const lengths = excluded.map(({ body }) => body.length).join()
  if (!['', '8,32', '32,8'].includes(lengths)) throw new Refused('bad-certificate', 'excluded subtree')
  return { permittedUriHosts: uris, permittedDnsNames: dnsNames, noAddresses: lengths !== '' }
}

function* subtrees(list: Element | undefined): Generator<Element> {
  if (list === undefined) return
  const reader = new DerReader(list.body)
  while (!reader.done) {
    const subtree = reader.sequence()
    yield subtree.element()
    subtree.end()
  }
}

function readAuthorityKeyId(value: Uint8Array): Uint8Array {
  const reader = inSequence(value)
  const { body } = reader.expect(context(0))
  reader.end()
  return body
}

/** CRLNumber or any other INTEGER extension value. */
export const readIntegerValue = (value: Uint8Array): Uint8Array => readInteger(readDer(value, tag.integer).body)
