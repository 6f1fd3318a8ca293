import { readBase64 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { admitRaw } from '@mintmark/core/keys'
import { checkInclusion, readCheckpoint } from '@mintmark/core/ledger'
import type { Charter } from '@mintmark/core/signed'
import { nodeVerify } from '@mintmark/elements'

/** JSON `{origin, index, leaf, proof, checkpoint}` as it came: hashes in base64, the checkpoint a signed note. */
export type ReceiptText = Readonly<Record<string, unknown>>

/** The entry is in the ledger that the charter names, and the charter's key signed that ledger's head. */
export async function checkReceipt(receipt: ReceiptText, charter: Charter): Promise<void> {
  const { origin, index, leaf, proof, checkpoint } = receipt
  const expected = `${charter.fleet}.${charter.domain}/ledger`
  if (origin !== expected) throw new Refused('bad-checkpoint', 'a receipt of another ledger')
  if (typeof checkpoint !== 'string' || typeof index !== 'number') throw new Refused('bad-proof', 'not a receipt')
  const publicKey = admitRaw('Ed25519', charter.ledgerKey)
  const { size, root } = await readCheckpoint(checkpoint, { origin: expected, publicKey, verify: nodeVerify })
  checkInclusion({ leafHash: readHash(leaf), index, size, proof: readHashes(proof), root })
}

function readHashes(value: unknown): Uint8Array[] {
  // A ledger of 2^53 entries is 53 nodes deep.
  if (!Array.isArray(value) || value.length > 53) throw new Refused('bad-proof', 'not a list of hashes')
  return value.map(readHash)
}

function readHash(value: unknown): Uint8Array {
  if (typeof value !== 'string') throw new Refused('bad-proof', 'not a hash')
  return readBase64(value)
}
