import { type Cbor, type CborMap, cbor, cborMap, concat, readHex, Tagged } from '../../../src/bytes/index.ts'
import { type Charter, type StatementKind, signCharter, signStatement } from '../../../src/signed/index.ts'
import type { Group } from './certificates.ts'
import type { VectorKey } from './keys.ts'
import { january, keys } from './world.ts'

export const someCharter: Charter = {
  domain: 'example.test',
  fleet: 'acme',
  version: 1,
  authority: keys.acme.publicKey.id,
  ledgerKey: keys.ledger.publicKey.raw,
  releaseRoot: undefined,
  issued: january,
}
const released: Charter = { ...someCharter, version: 2, releaseRoot: '5a'.repeat(32) }

const fields: Readonly<Record<string, Cbor | undefined>> = {
  ...someCharter,
  authority: readHex(someCharter.authority),
  releaseRoot: undefined,
}
const charter = (change: Readonly<Record<string, Cbor | undefined>>): Promise<Uint8Array> =>
  signStatement(keys.root, 'charter', cborMap({ ...fields, ...change }))

/** Signs what is no map, or no CBOR at all, as if it were a payload. */
async function payload(bytes: Uint8Array): Promise<Uint8Array> {
  const protectedHeader = cbor(
    new Map<number, Cbor>([
      [1, -9],
      [4, readHex(keys.root.publicKey.id)],
      [16, 'application/mintmark-charter.v1'],
    ]),
  )
  const signature = keys.root.sign(cbor(['Signature1', protectedHeader, new Uint8Array(), bytes]))
  return cbor(new Tagged(18, [protectedHeader, new Map(), bytes, signature]))
}

/** Signed with another protected header than ours. */
async function header(entries: readonly (readonly [number, Cbor])[], key: VectorKey = keys.root): Promise<Uint8Array> {
  const protectedHeader = cbor(new Map(entries))
  const body = cbor(cborMap(fields))
  const signature = key.sign(cbor(['Signature1', protectedHeader, new Uint8Array(), body]))
  return cbor(new Tagged(18, [protectedHeader, new Map(), body, signature]))
}

const withEntry = (key: number | string, value: Cbor): CborMap =>
  new Map<number | string, Cbor>([...cborMap(fields).entries(), [key, value]])

const algorithm = [1, -9] as const
const keyId = [4, readHex(keys.root.publicKey.id)] as const
const type = [16, 'application/mintmark-charter.v1'] as const

export const charters: Group = {
  first: signCharter(keys.root, someCharter),
  released: signCharter(keys.root, released),
  ed25519: signCharter(keys.edRoot, someCharter),
}

/** What `readCharter` by the root's key refuses with `bad-statement`. */
export const badCharters: Group = {
  'of another kind': signStatement(keys.root, 'another-kind' as string as StatementKind, cborMap(fields)),
  'by another key that names itself': signStatement(keys.acme, 'charter', cborMap(fields)),
  'by another kind of key': signStatement(keys.edRoot, 'charter', cborMap(fields)),
  'header without a key id': header([algorithm, type]),
  'header without a type': header([algorithm, keyId]),
  'header without an algorithm': header([keyId, type]),
  'header with one entry more': header([algorithm, keyId, type, [5, 1]]),
  'header with crit': header([algorithm, [2, [99]], keyId, type]),
  'algorithm ES256, not fully specified': header([[1, -7], keyId, type]),
  'algorithm none': header([[1, 0], keyId, type]),
  'algorithm Ed25519 by a P-256 key': header([[1, -19], keyId, type]),
  'type of version 2': header([algorithm, keyId, [16, 'application/mintmark-charter.v2']]),
  'a payload that is a list': payload(cbor([1])),
  'a payload that is text': payload(cbor('charter')),
  'an empty map': payload(cbor(new Map())),
  'version 0': charter({ version: 0 }),
  'version as text': charter({ version: '1' }),
  'no version': charter({ version: undefined }),
  'no domain': charter({ domain: undefined }),
  'no fleet': charter({ fleet: undefined }),
  'fleet as bytes': charter({ fleet: readHex('61636d65') }),
  'no authority': charter({ authority: undefined }),
  'authority of 31 bytes': charter({ authority: new Uint8Array(31) }),
  'authority as text': charter({ authority: someCharter.authority }),
  'no ledger key': charter({ ledgerKey: undefined }),
  'ledger key of 33 bytes': charter({ ledgerKey: concat(someCharter.ledgerKey, new Uint8Array(1)) }),
  'release root of 20 bytes': charter({ releaseRoot: new Uint8Array(20) }),
  'release root null': charter({ releaseRoot: null }),
  'no time': charter({ issued: undefined }),
  'a time before 1970': charter({ issued: -1 }),
  'an unknown field': charter({ admin: true }),
  'a field __proto__': payload(cbor(withEntry('__proto__', new Map()))),
  'a field by number': payload(cbor(withEntry(0, 1))),
}

/** `bad-cbor` */
export const unreadableCharters: Group = {
  'a payload of two items': payload(concat(cbor(cborMap(fields)), cbor(cborMap(fields)))),
  'an empty payload': payload(new Uint8Array()),
  'a payload that is a float': payload(readHex('f93c00')),
  'a field twice': payload(concat(readHex('a2'), cbor('a'), cbor(1), cbor('a'), cbor(2))),
  'fields out of order': payload(concat(readHex('a2'), cbor('b'), cbor(1), cbor('a'), cbor(2))),
  'a map of indefinite length': payload(readHex('bfff')),
}

/** The name or key inside has a code of its own. */
export const misnamedCharters: Group = {
  'bad-domain: upper case': charter({ domain: 'Example.test' }),
  'bad-domain: one label': charter({ domain: 'test' }),
  'bad-fleet: platform': charter({ fleet: 'platform' }),
  'bad-fleet: an A-label': charter({ fleet: 'xn--cme-5cd' }),
  'key-refused: small order': charter({ ledgerKey: readHex('01'.padEnd(64, '0')) }),
  'key-refused: zeros': charter({ ledgerKey: new Uint8Array(32) }),
}
