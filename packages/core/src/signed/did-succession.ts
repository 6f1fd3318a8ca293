import { cborMap } from '../bytes/cbor.ts'
import { Refused } from '../errors/refused.ts'
import { didKey, readDidKey } from '../keys/did-key.ts'
import type { Verify } from '../keys/key.ts'
import type { PublicKey } from '../keys/public-key.ts'
import type { Key } from '../keys/sign.ts'
import { readStatement, signStatement } from './statement.ts'

/**
 * A key's word that another one comes after it, where there is no platform: names are the keys themselves. Both sign:
 * nobody takes a key for his successor that is not there for it. docs/spec/succession.md.
 */
export interface DidSuccession {
  /** did:key of the key that signs this. */
  readonly old: string
  /** did:key of the key that comes after it. */
  readonly new: PublicKey
  /** Unix milliseconds, by the clock of whoever signs; nothing is decided by it. */
  readonly at: number
}

export async function signDidSuccession(old: Key, next: Key, at: number): Promise<Uint8Array> {
  const names = { v: 1, old: didKey(old.publicKey), new: didKey(next.publicKey) }
  const accepted = await signStatement(next, 'did-succession-accepted', cborMap(names))
  return signStatement(old, 'did-succession', cborMap({ ...names, at, accepted }))
}

/** @throws Refused `bad-statement`, `statement-signature`, `bad-did`, `key-refused`, `too-large`, `bad-cbor` */
export async function readDidSuccession(bytes: Uint8Array, signer: PublicKey, verify: Verify): Promise<DidSuccession> {
  const payload = await readStatement(bytes, 'did-succession', signer, verify)
  const { v, old, new: next, at, accepted, ...unknown } = Object.fromEntries(payload)
  if (
    v !== 1 ||
    old !== didKey(signer) ||
    typeof next !== 'string' ||
    next === old ||
    typeof at !== 'number' ||
    at < 0 ||
    !(accepted instanceof Uint8Array) ||
    Object.keys(unknown).length > 0
  ) {
    throw new Refused('bad-statement', 'succession of a DID')
  }
  const successor = readDidKey(next)
  const word = Object.fromEntries(await readStatement(accepted, 'did-succession-accepted', successor, verify))
  const isSame = word.v === 1 && word.old === old && word.new === next && Object.keys(word).length === 3
  if (!isSame) throw new Refused('bad-statement', 'another succession was accepted')
  return { old, new: successor, at }
}
