import { type Cbor, type CborMap, cbor, readCbor } from '../bytes/cbor.ts'
import { Refused } from '../errors/refused.ts'
import { readFleetName } from '../names/names.ts'

let make: (facts: Facts<ChangeKind>, bytes: Uint8Array) => Change
/** True of what this room made, whatever the type checker was told. */
export let isChange: (value: unknown) => value is Change

/**
 * A change is a fact: what is committed, what the ledger holds and what the tables are replayed from, all the same
 * bytes. Deterministic CBOR `{v, kind, at, by, ledger, body}`, at most 65,535 bytes (C2SP entry bundles), in exactly
 * one ledger. Digests, names and public certificates; never a payload or a secret.
 */
export class Change<K extends ChangeKind = ChangeKind> {
  // Nominal: only `change` and `readChange` make one, so every change was shaped by the table below.
  readonly #made = true
  readonly kind: K
  /** Unix milliseconds. */
  readonly at: number
  /** Who did it: a registry path, `token:<id>`, `anonymous` or `platform`. */
  readonly by: string
  /** `platform` or a fleet. */
  readonly ledger: string
  readonly body: ChangeBody<K>
  readonly bytes: Uint8Array

  private constructor(facts: Facts<K>, bytes: Uint8Array) {
    this.kind = facts.kind
    this.at = facts.at
    this.by = facts.by
    this.ledger = facts.ledger
    this.body = facts.body
    this.bytes = bytes
  }

  static {
    make = (facts, bytes) => new Change(facts, bytes) as Change
    isChange = value => typeof value === 'object' && value !== null && #made in value
  }
}

type Facts<K extends ChangeKind> = Pick<Change<K>, 'kind' | 'at' | 'by' | 'ledger' | 'body'>

/** Fields of each kind's body. `?` marks one that may be absent; a list is of texts. */
const kinds = {
  'platform.founded': {
    domain: 'text',
    root: 'bytes',
    server: 'bytes',
    people: 'bytes',
    ledgerKey: 'bytes',
    development: 'flag',
  },
  'server.certified': { certificate: 'bytes' },
  'notice.certified': { certificate: 'bytes' },
  'fleet.created': { fleet: 'text', key: 'bytes', ledgerKey: 'bytes', public: 'flag', reason: 'text?' },
  'fleet.activated': { certificate: 'bytes', charter: 'bytes' },
  'fleet.policy': { lateRenewal: 'number?', messagesPerMinute: 'number?', reason: 'text?' },
  'token.created': {
    token: 'text',
    role: 'text',
    secretHash: 'bytes',
    uses: 'number',
    expires: 'number',
    pattern: 'text?',
    tier: 'text',
    replaces: 'text?',
    grants: 'text?',
    reason: 'text?',
  },
  'token.revoked': { token: 'text', reason: 'text?' },
  'identity.enrolled': {
    identity: 'text',
    token: 'text?',
    replaces: 'text?',
    spki: 'bytes',
    tier: 'text',
    serial: 'text',
    notAfter: 'number',
    certificate: 'bytes',
  },
  'identity.renewed': { identity: 'text', serial: 'text', notAfter: 'number', certificate: 'bytes' },
  'key.introduced': {
    identity: 'text',
    spki: 'bytes',
    tier: 'text',
    serial: 'text',
    notAfter: 'number',
    certificate: 'bytes',
    succession: 'bytes',
  },
  'key.promoted': { identity: 'text', key: 'text' },
  'identity.revoked': { identity: 'text', reason: 'text' },
  'identity.decommissioned': { identity: 'text', reason: 'text' },
  'identity.wiped': { identity: 'text', confirmation: 'bytes' },
  'message.accepted': { identity: 'text', to: 'text', spki: 'bytes', envelope: 'bytes' },
  'operator.granted': { identity: 'text', grants: 'text', reason: 'text' },
  'session.opened': { identity: 'text' },
  'device.labelled': { identity: 'text', labels: 'text', reason: 'text?' },
  'config.set': { target: 'text', version: 'number', digest: 'bytes', reason: 'text?' },
  'config.unset': { target: 'text', version: 'number', reason: 'text?' },
  'scope.set': {
    identity: 'text',
    scopes: 'list',
    recipients: 'list?',
    devices: 'list',
    counts: 'flag',
    reason: 'text?',
  },
  'sealing.published': { identity: 'text', version: 'number', statement: 'bytes' },
  refused: { code: 'text', operation: 'text', count: 'number' },
} as const satisfies Record<string, Record<string, FieldType>>

export type ChangeKind = keyof typeof kinds
type FieldType = 'text' | 'bytes' | 'number' | 'flag' | 'list' | Optional
type Optional = 'text?' | 'number?' | 'list?'
type FieldValue<T extends FieldType> = T extends 'bytes'
  ? Uint8Array
  : T extends 'number' | 'number?'
    ? number
    : T extends 'flag'
      ? boolean
      : T extends 'list' | 'list?'
        ? readonly string[]
        : string
type Fields<K extends ChangeKind> = (typeof kinds)[K]
export type ChangeBody<K extends ChangeKind> = K extends ChangeKind
  ? {
      readonly [F in keyof Fields<K> as Fields<K>[F] extends Optional ? never : F]: FieldValue<Fields<K>[F] & FieldType>
    } & {
      readonly [F in keyof Fields<K> as Fields<K>[F] extends Optional ? F : never]?:
        | FieldValue<Fields<K>[F] & FieldType>
        | undefined
    }
  : never

/** Every kind, in the order of the table. */
export const changeKinds = Object.keys(kinds) as readonly ChangeKind[]

export const isOfKind = <K extends ChangeKind>(fact: Change, kind: K): fact is Change<K> => fact.kind === kind

const maxSize = 65_535
const maxText = 1_024

export function change<K extends ChangeKind>(facts: Facts<K>): Change<K> {
  const body = new Map<string, Cbor>()
  for (const name of Object.keys(kinds[facts.kind])) {
    const value = (facts.body as Record<string, Cbor | undefined>)[name]
    if (value !== undefined) body.set(name, value)
  }
  const { kind, at, by, ledger } = facts
  const checked = { kind, at, by, ledger, body: checkFacts(facts, body) }
  const bytes = cbor(new Map<string, Cbor>(Object.entries({ v: 1, kind, at, by, ledger, body })))
  if (bytes.length > maxSize) throw new Refused('too-large', 'change')
  return make(checked, bytes) as Change<K>
}

/** What is committed is what the bytes say: a fact that could not be read again would end the ledger it is in. */
function checkFacts({ kind, at, by, ledger }: Omit<Facts<ChangeKind>, 'body'>, body: CborMap): ChangeBody<ChangeKind> {
  try {
    checkHead(at, by, ledger)
    return readBody(kind, body)
  } catch (cause) {
    throw new TypeError(`no such change: ${kind}`, { cause })
  }
}

/** Reads what `change` wrote; anything else is refused, so a ledger has one reading. */
export function readChange(bytes: Uint8Array): Change {
  if (bytes.length > maxSize) throw new Refused('too-large', 'change')
  const outer = readCbor(bytes)
  if (!(outer instanceof Map) || outer.size !== 6 || outer.get('v') !== 1) throw new Refused('bad-cbor', 'change')
  const { kind, at, by, ledger, body } = Object.fromEntries(outer as CborMap)
  if (typeof kind !== 'string' || !Object.hasOwn(kinds, kind)) throw new Refused('bad-cbor', 'kind of change')
  checkHead(at, by, ledger)
  if (!(body instanceof Map)) throw new Refused('bad-cbor', 'change body')
  const facts = { kind, at, by, ledger, body: readBody(kind as ChangeKind, body) } as Facts<ChangeKind>
  return make(facts, bytes)
}

function checkHead(at: Cbor | undefined, by: Cbor | undefined, ledger: Cbor | undefined): void {
  if (!isOf('number', at) || !isOf('text', by) || !isOf('text', ledger)) throw new Refused('bad-cbor', 'change')
  if (ledger !== 'platform') readFleetName(ledger as string)
}

function readBody(kind: ChangeKind, map: CborMap): ChangeBody<ChangeKind> {
  const fields: Record<string, FieldType> = kinds[kind]
  const body: Record<string, Cbor> = {}
  for (const [name, type] of Object.entries(fields)) {
    const value = map.get(name)
    if (value === undefined && type.endsWith('?')) continue
    if (!isOf(type, value)) throw new Refused('bad-cbor', `${kind} ${name}`)
    body[name] = value
  }
  if (map.size !== Object.keys(body).length) throw new Refused('bad-cbor', `${kind} has unknown fields`)
  return body as unknown as ChangeBody<ChangeKind>
}

function isOf(type: FieldType, value: Cbor | undefined): value is Cbor {
  if (type === 'bytes') return value instanceof Uint8Array
  // Times, counts and versions: none is below 0.
  if (type === 'number' || type === 'number?') return Number.isSafeInteger(value) && (value as number) >= 0
  if (type === 'flag') return typeof value === 'boolean'
  if (type === 'list' || type === 'list?') return Array.isArray(value) && value.every(each => isOf('text', each))
  return typeof value === 'string' && value.length <= maxText
}

/** A reason given by a person: one line of printable text, so that no log or page can be split by it. */
export function readReason(text: string): string {
  if (text.length === 0 || text.length > 200 || /[\p{C}\p{Zl}\p{Zp}]/u.test(text)) {
    throw new Refused('bad-request', 'a reason is one line of 1 to 200 characters')
  }
  return text
}
