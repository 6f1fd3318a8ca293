import { base58, concat, readBase58 } from '../bytes/index.ts'
import { Refused } from '../errors/index.ts'
import { admitRaw } from './admit.ts'
import * as ed25519 from './ed25519.ts'
import * as p256 from './p256.ts'
import type { KeyAlgorithm, PublicKey } from './public-key.ts'

//     did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH
//     did:key:z base58btc( multicodec varint || key )
//
// One key has exactly one DID here, so that a revoked DID cannot come back in other clothes.

/** ed25519-pub is 0xed and p256-pub is 0x1200, as varints of their minimal length (multicodec table). */
const codecs = { Ed25519: Uint8Array.of(0xed, 0x01), 'P-256': Uint8Array.of(0x80, 0x24) }

/** The DID of a key (did:key 2.1): Ed25519 as its 32 bytes, P-256 as its compressed point. */
export function didKey(key: PublicKey): string {
  const known = dids.get(key)
  if (known !== undefined) return known
  const bytes = key.algorithm === 'Ed25519' ? key.raw : p256.compress(key.raw)
  const did = prefix + base58(concat(codecs[key.algorithm], bytes))
  dids.set(key, did)
  return did
}

/** Base58 takes longer than most that is done with a DID. Lives as long as the key. */
const dids = new WeakMap<PublicKey, string>()

/**
 * The key that a DID names: `bad-did` for any text that `didKey` does not write, `key-refused` where the text is of
 * that form but the key is not admitted.
 */
export function readDidKey(text: string): PublicKey {
  if (!text.startsWith(prefix)) throw new Refused('bad-did', 'not did:key with base58btc')
  const bytes = readMultibase(text.slice(prefix.length))
  const algorithm = algorithmOf(bytes)
  const raw = bytes.subarray(2)
  if (!isCanonical(algorithm, raw)) throw new Refused('bad-did', 'not the canonical form of a key')
  return admitRaw(algorithm, raw)
}

const prefix = 'did:key:z'

/** `did:<method>:<id>` of any method (DID Core 3.1), without path, query and fragment; at most 255 characters. */
export const isDid = (text: string): boolean => text.length <= 255 && /^did:[a-z0-9]+:[A-Za-z0-9._:%-]+$/.test(text)

function readMultibase(text: string): Uint8Array {
  try {
    return readBase58(text)
  } catch (cause) {
    throw new Refused('bad-did', 'not base58btc', { cause })
  }
}

function algorithmOf(bytes: Uint8Array): KeyAlgorithm {
  for (const algorithm of ['Ed25519', 'P-256'] as const) {
    const [first, second] = codecs[algorithm]
    if (bytes[0] === first && bytes[1] === second) return algorithm
  }
  throw new Refused('bad-did', 'multicodec')
}

function isCanonical(algorithm: KeyAlgorithm, raw: Uint8Array): boolean {
  return algorithm === 'Ed25519' ? raw.length === 32 && ed25519.isCanonical(raw) : p256.isCompressed(raw)
}
