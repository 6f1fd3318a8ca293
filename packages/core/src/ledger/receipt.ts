import { base64, readBase64, type Sha256, sha256 } from '../bytes/index.ts'
import { Refused } from '../errors/index.ts'
import type { PublicKey, Verify } from '../keys/index.ts'
import { checkInclusion } from './check.ts'
import { type Checkpoint, readCheckpoint } from './checkpoint.ts'
import { isCount, leafHash } from './hash.ts'

/** That an entry is in its ledger: checked by anyone with the ledger's key, without us. */
export interface Receipt {
  readonly origin: string
  readonly index: number
  /** The exact bytes of the entry. */
  readonly entry: Uint8Array
  /** Inclusion proof, leaf upwards, in the tree that `checkpoint` signs. */
  readonly proof: readonly Uint8Array[]
  /** C2SP tlog-checkpoint. */
  readonly checkpoint: string
}

/** As JSON: bytes in base64. */
export interface ReceiptJson {
  readonly origin: string
  readonly index: number
  readonly entry: string
  readonly proof: readonly string[]
  readonly checkpoint: string
}

export const receiptJson = ({ origin, index, entry, proof, checkpoint }: Receipt): ReceiptJson => ({
  origin,
  index,
  entry: base64(entry),
  proof: proof.map(base64),
  checkpoint,
})

/** Reads the fields of a receipt; nothing of it is proven yet. */
export function readReceipt({ origin, index, entry, proof, checkpoint }: Readonly<Record<string, unknown>>): Receipt {
  if (typeof origin !== 'string' || typeof checkpoint !== 'string') throw new Refused('bad-proof', 'not a receipt')
  if (typeof index !== 'number' || !isCount(index)) throw new Refused('bad-proof', 'index')
  // A ledger of 2^53 entries is 53 nodes deep.
  if (!Array.isArray(proof) || proof.length > 53) throw new Refused('bad-proof', 'not a list of hashes')
  return { origin, index, entry: readBytes(entry), proof: proof.map(readBytes), checkpoint }
}

/** The entry is in the ledger of this origin, whose head this key signed. @returns the head */
export async function checkReceipt(
  receipt: Receipt,
  by: { readonly origin: string; readonly publicKey: PublicKey; readonly verify: Verify },
  hash: Sha256 = sha256,
): Promise<Checkpoint> {
  const { origin, index, entry, proof, checkpoint } = receipt
  if (origin !== by.origin) throw new Refused('bad-checkpoint', 'a receipt of another ledger')
  const head = await readCheckpoint(checkpoint, by)
  checkInclusion({ leafHash: leafHash(entry, hash), index, size: head.size, proof, root: head.root }, hash)
  return head
}

function readBytes(value: unknown): Uint8Array {
  if (typeof value !== 'string') throw new Refused('bad-proof', 'not bytes in base64')
  return readBase64(value)
}
