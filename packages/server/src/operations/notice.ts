import { equal, hex } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { admitSpki } from '@mintmark/core/keys'
import { readPath, spiffeId } from '@mintmark/core/names'
import type { PeerProof } from '@mintmark/core/proof'
import { type Change, change, readChange, useOf } from '@mintmark/core/rules'
import {
  claimedSigner,
  type DecommissionConfirmation,
  readDecommissionConfirmation,
  signDecommissionNotice,
} from '@mintmark/core/signed'
import type { Platform } from '../platform.ts'
import type { Row } from '../store/index.ts'
import { readNoticeCertificate } from './own.ts'

// The end of a device: what it is told, and what it answers.

export interface Notice {
  /** A statement. */
  readonly notice: Uint8Array
  /** DER: the certificate of the key that signed it, and its CA's. */
  readonly chain: readonly Uint8Array[]
}

/** The fact that decommissioned the caller, signed for this question and this key alone. */
export async function giveNotice(
  platform: Platform,
  { identity, certificate }: PeerProof,
  nonce: Uint8Array,
): Promise<Notice> {
  if (nonce.length !== 32) throw new Refused('bad-request', 'a nonce is 32 bytes')
  const { store, keeper, trust } = platform
  const row = await store.record(identity.path)
  if (row?.standing !== 'decommissioned') throw new Refused('not-decommissioned')
  const own = await readNoticeCertificate(platform)
  const key = keeper.key('notice')
  const at = platform.now()
  const usable = own?.publicKey.equals(key.publicKey) && at >= own.notBefore && at <= own.notAfter
  if (!own || !usable) throw new Refused('unavailable', 'the notice key has no certificate')
  const notice = await signDecommissionNotice(key, {
    domain: trust.domain,
    identity: identity.path,
    spki: certificate.publicKey.id,
    nonce,
    ledger: identity.fleet,
    index: row.standing_idx,
    issued: at,
  })
  return { notice, chain: [own.der, trust.authorities.get(hex(own.authorityKeyId!))!.certificate.der] }
}

export interface WipeView {
  readonly identity: string
  readonly wiped: string
  /** Where the confirmation is. */
  readonly ledger: string
  readonly index: number
}

/**
 * Records, once, the word of a decommissioned device that it wiped its key. Who brings it proves nothing: the statement
 * is signed by the key that is gone. The same bytes again are answered the same and add no fact.
 */
export async function recordWipe(platform: Platform, confirmation: Uint8Array): Promise<WipeView> {
  const { row, said } = await proveConfirmation(platform, confirmation)
  if (row.standing === 'revoked') throw new Refused('revoked')
  if (row.standing !== 'decommissioned') throw new Refused('not-decommissioned')
  if (row.wiped !== null) return recorded(platform, row, confirmation)
  const { identity, fleet: ledger } = row
  const body = { identity, confirmation }
  try {
    await platform.store.commit(change({ kind: 'identity.wiped', at: platform.now(), by: said.identity, ledger, body }))
  } catch (error) {
    // Brought twice at once: the other one is recorded.
    if (!(error instanceof Refused) || error.code !== 'wipe-confirmed') throw error
  }
  return recorded(platform, (await platform.store.record(identity))!, confirmation)
}

/** Every reason why it proves nothing is one refusal: who brings it need not learn which names and keys there are. */
async function proveConfirmation(
  platform: Platform,
  bytes: Uint8Array,
): Promise<{ row: Row<'registry'>; said: DecommissionConfirmation }> {
  const { store, trust, verify } = platform
  const owner = await store.keyOwner(claimedSigner(bytes))
  const row = owner && (await store.record(owner.identity))
  if (!row) throw new Refused('refused', 'by a key of no device')
  try {
    const said = await readDecommissionConfirmation(bytes, admitSpki(owner.spki), verify)
    if (said.domain !== trust.domain || said.identity !== row.identity) throw new Refused('refused', 'about another')
    if (useOf(row, owner.id) === undefined) throw new Refused('key-superseded')
    return { row, said }
  } catch (cause) {
    if (!(cause instanceof Refused) || cause.code === 'key-superseded') throw cause
    throw new Refused('refused', cause.detail ?? cause.code, { cause })
  }
}

async function recorded(platform: Platform, row: Row<'registry'>, confirmation: Uint8Array): Promise<WipeView> {
  const [index, ledger] = [row.wiped_idx!, row.fleet]
  const [entry] = await platform.store.entries(ledger, index, index + 1)
  const { body } = readChange(entry!.change) as Change<'identity.wiped'>
  if (!equal(body.confirmation, confirmation)) throw new Refused('wipe-confirmed')
  const identity = spiffeId(platform.trust.domain, readPath(row.identity))
  return { identity, wiped: new Date(row.wiped!).toISOString(), ledger, index }
}
