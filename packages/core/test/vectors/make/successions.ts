import { type Cbor, cborMap, readHex } from '../../../src/bytes/index.ts'
import { type KeySuccession, signKeySuccession, signStatement } from '../../../src/signed/index.ts'
import type { Group } from './certificates.ts'
import { january, keys } from './world.ts'

export const someSuccession: KeySuccession = {
  domain: 'example.test',
  identity: 'acme/device/device-104',
  old: keys.device.publicKey.id,
  new: keys.device2.publicKey.id,
  at: january,
}

const fields: Readonly<Record<string, Cbor | undefined>> = {
  v: 1,
  ...someSuccession,
  old: readHex(someSuccession.old),
  new: readHex(someSuccession.new),
}
const succession = (change: Readonly<Record<string, Cbor | undefined>>): Promise<Uint8Array> =>
  signStatement(keys.device, 'key-succession', cborMap({ ...fields, ...change }))

export const successions: Group = {
  ed25519: signKeySuccession(keys.device, someSuccession),
  p256: signKeySuccession(keys.device2, { ...someSuccession, old: someSuccession.new, new: someSuccession.old }),
}

/** What `readKeySuccession` by the device's key refuses with `bad-statement`. */
export const badSuccessions: Group = {
  'of another kind': signStatement(keys.device, 'charter', cborMap(fields)),
  'by the new key': signStatement(keys.device2, 'key-succession', cborMap(fields)),
  'by a stranger that names itself': signStatement(keys.stranger, 'key-succession', cborMap(fields)),
  'about another old key': succession({ old: readHex(keys.stranger.publicKey.id) }),
  'of a key to itself': succession({ new: fields.old }),
  'version 2': succession({ v: 2 }),
  'no version': succession({ v: undefined }),
  'no domain': succession({ domain: undefined }),
  'no identity': succession({ identity: undefined }),
  'an identity as bytes': succession({ identity: new Uint8Array(4) }),
  'no old key': succession({ old: undefined }),
  'no new key': succession({ new: undefined }),
  'a new key of 31 bytes': succession({ new: new Uint8Array(31) }),
  'a new key as text': succession({ new: someSuccession.new }),
  'no time': succession({ at: undefined }),
  'a time before 1970': succession({ at: -1 }),
  'an unknown field': succession({ tier: 'tpm-attested' }),
}

/** The name inside has a code of its own. */
export const misnamedSuccessions: Group = {
  'bad-domain: upper case': succession({ domain: 'Example.test' }),
  'bad-identity: no path': succession({ identity: 'device-104' }),
  'bad-identity: a SPIFFE ID': succession({ identity: 'spiffe://acme.example.test/device/device-104' }),
}
