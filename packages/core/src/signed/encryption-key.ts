import { cborMap } from '../bytes/cbor.ts'
import { sha256 } from '../bytes/sha256.ts'
import { Refused } from '../errors/refused.ts'
import { didKey } from '../keys/did-key.ts'
import type { Verify } from '../keys/key.ts'
import type { PublicKey } from '../keys/public-key.ts'
import type { Key } from '../keys/sign.ts'
import { admitX25519 } from '../keys/x25519.ts'
import { readStatement, signStatement } from './statement.ts'

/** An identity's word that messages to it are sealed to this key. docs/spec/encryption-key.md. */
export interface EncryptionKey {
  /** The did:key of the identity key that signs this. */
  readonly did: string
  /** X25519 public key, 32 bytes. */
  readonly key: Uint8Array
  readonly suite: SealSuite
  /** From 1 on; the highest one holds. */
  readonly version: number
  /** Unix milliseconds. */
  readonly issued: number
  /** Unix milliseconds. From then on nothing is sealed to it. */
  readonly expires: number
}

/** HPKE (RFC 9180) in base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM. */
export type SealSuite = 'X25519-HKDF-SHA256-AES-128-GCM'

export const sealSuite: SealSuite = 'X25519-HKDF-SHA256-AES-128-GCM'

/** A key that is announced for longer is one that nobody renews. Milliseconds: 366 days. */
export const longestEncryptionKey = 366 * 86_400_000

/** What an envelope names an encryption key by: the first 8 bytes of its SHA-256. */
export const encryptionKeyId = (key: Uint8Array): Uint8Array => sha256(key).slice(0, 8)

/** @throws Refused `bad-statement`, `key-refused` */
export async function signEncryptionKey(key: Key, announced: EncryptionKey): Promise<Uint8Array> {
  const { did, suite, version, issued, expires } = check({ v: 1, ...announced }, key.publicKey)
  const payload = cborMap({ v: 1, did, key: announced.key, suite, version, issued, expires })
  return signStatement(key, 'encryption-key', payload)
}

/** @throws Refused `bad-statement`, `statement-signature`, `key-refused`, `too-large`, `bad-cbor` */
export async function readEncryptionKey(bytes: Uint8Array, signer: PublicKey, verify: Verify): Promise<EncryptionKey> {
  return check(Object.fromEntries(await readStatement(bytes, 'encryption-key', signer, verify)), signer)
}

/** Asked of what is signed too: whoever gets it would refuse it. */
function check(payload: Readonly<Record<string, unknown>>, signer: PublicKey): EncryptionKey {
  const { v, did, key, suite, version, issued, expires, ...unknown } = payload
  if (
    v !== 1 ||
    suite !== sealSuite ||
    !(key instanceof Uint8Array) ||
    !isWhole(version) ||
    version < 1 ||
    !isWhole(issued) ||
    !isWhole(expires) ||
    !(expires > issued && expires - issued <= longestEncryptionKey) ||
    Object.keys(unknown).length > 0
  ) {
    throw new Refused('bad-statement', 'encryption key')
  }
  if (did !== didKey(signer)) throw new Refused('bad-statement', 'the encryption key of another identity')
  return { did, key: admitX25519(key), suite, version, issued, expires }
}

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
