import { type DerReader, derOid, derSequence } from '../bytes/der.ts'
import { Refused } from '../errors/refused.ts'
import type { PublicKey } from '../keys/public-key.ts'
import { oid } from './oid.ts'

/** AlgorithmIdentifier without parameters, as RFC 5758 3.2 and RFC 8410 3 both want it. */
export const signatureAlgorithm: Readonly<Record<PublicKey['algorithm'], Uint8Array>> = {
  'P-256': derSequence(derOid(oid.ecdsaWithSha256)),
  Ed25519: derSequence(derOid(oid.ed25519)),
}

/** The algorithm named by an AlgorithmIdentifier; MD5, SHA-1, RSA and parameters are all outside the profile. */
export function readSignatureAlgorithm(reader: DerReader): PublicKey['algorithm'] {
  const inner = reader.sequence()
  const id = inner.oid()
  inner.end()
  if (id === oid.ecdsaWithSha256) return 'P-256'
  if (id === oid.ed25519) return 'Ed25519'
  throw new Refused('bad-der', `signature algorithm ${id}`)
}
