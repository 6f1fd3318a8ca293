import { cborMap } from '../bytes/cbor.ts'
import { hex, readHex } from '../bytes/text.ts'
import { Refused } from '../errors/refused.ts'
import type { Verify } from '../keys/key.ts'
import type { PublicKey } from '../keys/public-key.ts'
import type { Key } from '../keys/sign.ts'
import { readDomain } from '../names/names.ts'
import { path, readPath } from '../names/spiffe.ts'
import { readStatement, signStatement } from './statement.ts'

/** A key's word that another one comes after it, under the same name. Nobody else can give a name another key. */
export interface KeySuccession {
  readonly domain: string
  /** Registry path: `acme/device/device-104`. */
  readonly identity: string
  /** Key id (SHA-256 of the SPKI, hex) of the key that signs this. */
  readonly old: string
  /** Key id of the key that comes after it. */
  readonly new: string
  /** Unix milliseconds, by the clock of whoever signs; nothing is decided by it. */
  readonly at: number
}

export const signKeySuccession = (key: Key, { domain, identity, old, new: next, at }: KeySuccession) =>
  signStatement(key, 'key-succession', cborMap({ v: 1, domain, identity, old: readHex(old), new: readHex(next), at }))

export async function readKeySuccession(bytes: Uint8Array, signer: PublicKey, verify: Verify): Promise<KeySuccession> {
  const payload = await readStatement(bytes, 'key-succession', signer, verify)
  const { v, domain, identity, old, new: next, at, ...unknown } = Object.fromEntries(payload)
  const digest = (value: unknown): value is Uint8Array => value instanceof Uint8Array && value.length === 32
  if (
    v !== 1 ||
    typeof domain !== 'string' ||
    typeof identity !== 'string' ||
    !digest(old) ||
    !digest(next) ||
    typeof at !== 'number' ||
    at < 0 ||
    Object.keys(unknown).length > 0
  ) {
    throw new Refused('bad-statement', 'key succession')
  }
  // A key speaks of what comes after itself, never of what comes after another.
  if (hex(old) !== signer.id) throw new Refused('bad-statement', 'the succession of another key')
  if (hex(next) === signer.id) throw new Refused('bad-statement', 'a key after itself')
  return { domain: readDomain(domain), identity: path(readPath(identity)), old: hex(old), new: hex(next), at }
}
