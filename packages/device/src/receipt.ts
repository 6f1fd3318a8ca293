import { equal, readBase64 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { admitRaw } from '@mintmark/core/keys'
import { checkInclusion, leafHash, readCheckpoint } from '@mintmark/core/ledger'
import type { Identity } from '@mintmark/core/proof'
import { type Change, readChange } from '@mintmark/core/rules'
import type { Charter } from '@mintmark/core/signed'
import { nodeVerify } from '@mintmark/elements'

/** JSON `{origin, index, entry, proof, checkpoint}` as it came: bytes in base64, the checkpoint a signed note. */
export type ReceiptText = Readonly<Record<string, unknown>>

/** The kinds of change that give an identity a certificate. */
export type IssuingKind = 'identity.enrolled' | 'identity.renewed'

/** What the entry of a receipt must say. */
export interface Issuance {
  readonly kind: IssuingKind
  readonly identity: Identity
  /** DER. */
  readonly certificate: Uint8Array
}

/**
 * The entry is in the ledger that the charter names, the charter's key signed that ledger's head, and the entry is
 * about this issuance and no other: any entry of the same ledger has a receipt that is as good.
 */
export async function checkReceipt(receipt: ReceiptText, charter: Charter, issuance: Issuance): Promise<void> {
  const { origin, index, proof, checkpoint } = receipt
  const expected = `${charter.fleet}.${charter.domain}/ledger`
  if (origin !== expected) throw new Refused('bad-checkpoint', 'a receipt of another ledger')
  if (typeof checkpoint !== 'string' || typeof index !== 'number') throw new Refused('bad-proof', 'not a receipt')
  const entry = readBytes(receipt.entry)
  const publicKey = admitRaw('Ed25519', charter.ledgerKey)
  const { size, root } = await readCheckpoint(checkpoint, { origin: expected, publicKey, verify: nodeVerify })
  checkInclusion({ leafHash: leafHash(entry), index, size, proof: readHashes(proof), root })
  checkEntry(readChange(entry), charter.fleet, issuance)
}

function checkEntry({ ledger, kind, body }: Change, fleet: string, issuance: Issuance): void {
  if (ledger !== fleet) throw new Refused('bad-proof', 'an entry for another ledger')
  if (kind !== issuance.kind) throw new Refused('bad-proof', 'an entry of another kind')
  const { identity, certificate } = body as Change<IssuingKind>['body']
  if (identity !== issuance.identity.path) throw new Refused('bad-proof', 'an entry about another identity')
  if (!equal(certificate, issuance.certificate)) throw new Refused('bad-proof', 'an entry about another certificate')
}

function readHashes(value: unknown): Uint8Array[] {
  // A ledger of 2^53 entries is 53 nodes deep.
  if (!Array.isArray(value) || value.length > 53) throw new Refused('bad-proof', 'not a list of hashes')
  return value.map(readBytes)
}

function readBytes(value: unknown): Uint8Array {
  if (typeof value !== 'string') throw new Refused('bad-proof', 'not bytes in base64')
  return readBase64(value)
}
