import { equal } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { admitRaw } from '@mintmark/core/keys'
import { checkReceipt as inLedger, readReceipt } from '@mintmark/core/ledger'
import type { Identity } from '@mintmark/core/proof'
import { type Change, readChange } from '@mintmark/core/rules'
import type { Charter } from '@mintmark/core/signed'
import { nodeVerify } from '@mintmark/elements'

/** JSON `{origin, index, entry, proof, checkpoint}` as it came: bytes in base64, the checkpoint a signed note. */
export type ReceiptText = Readonly<Record<string, unknown>>

/** The kinds of change that give an identity a certificate. */
export type IssuingKind = 'identity.enrolled' | 'identity.renewed' | 'key.introduced'

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
  const read = readReceipt(receipt)
  const origin = `${charter.fleet}.${charter.domain}/ledger`
  const publicKey = admitRaw('Ed25519', charter.ledgerKey)
  await inLedger(read, { origin, publicKey, verify: nodeVerify })
  checkEntry(readChange(read.entry), charter.fleet, issuance)
}

function checkEntry({ ledger, kind, body }: Change, fleet: string, issuance: Issuance): void {
  if (ledger !== fleet) throw new Refused('bad-proof', 'an entry for another ledger')
  if (kind !== issuance.kind) throw new Refused('bad-proof', 'an entry of another kind')
  const { identity, certificate } = body as Change<IssuingKind>['body']
  if (identity !== issuance.identity.path) throw new Refused('bad-proof', 'an entry about another identity')
  if (!equal(certificate, issuance.certificate)) throw new Refused('bad-proof', 'an entry about another certificate')
}
