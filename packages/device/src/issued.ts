import { equal, readBase64url, readPem } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { didKey, type PublicKey } from '@mintmark/core/keys'
import { spiffeId } from '@mintmark/core/names'
import { checkAuthority, type Identity, type IssuingAuthority, type PeerProof, provePeer } from '@mintmark/core/proof'
import { readTier, type Tier } from '@mintmark/core/rules'
import { type Certificate, type Charter, readCertificate, readCharter } from '@mintmark/core/signed'
import { nodeVerify } from '@mintmark/elements'
import { checkReceipt, type IssuingKind, type ReceiptText } from './receipt.ts'
import { fields } from './reply.ts'

// What the platform answers to enroll and renew:
//
//     {certificate, chain, anchor, charter, identity, did, tier, receipt}
//
// 1. The issuing CA leads to the pinned root, and the reply's own root is that root.
// 2. The charter is the root's word: this fleet has this CA, and this ledger. Operators have none: their CA is the
//    people CA, which issues for the platform itself and for no fleet.
// 3. The certificate is a client's under that CA, for our key and with the name that was asked for.
// 4. The receipt proves that the fleet's ledger, with the charter's key, holds the fact that this name was given this
//    very certificate.

export interface Expected {
  readonly publicKey: PublicKey
  /** The pinned root, DER. */
  readonly anchor: Uint8Array
  /** What the platform proved on the connection. */
  readonly domain: string
  /** The name asked for, if one was. */
  readonly name: string | undefined
  /** What was asked for, as the ledger calls it. */
  readonly kind: IssuingKind
  readonly at: number
}

export interface Issued {
  readonly identity: Identity
  readonly spiffeId: string
  readonly did: string
  readonly tier: Tier
  readonly certificate: Certificate
  /** DER: the leaf and its CA. */
  readonly chain: readonly Uint8Array[]
  readonly charter: { readonly bytes: Uint8Array; readonly version: number } | undefined
  readonly receipt: ReceiptText
}

/** Proves every part of a reply before any of it is kept. @throws Refused `reply-refused`, with the reason in `detail` */
export async function proveIssued(body: unknown, expected: Expected): Promise<Issued> {
  try {
    return await prove(readReply(body), expected)
  } catch (cause) {
    if (!(cause instanceof Refused)) throw cause
    throw new Refused('reply-refused', cause.detail ?? cause.code, { cause })
  }
}

async function prove(reply: ReplyText, expected: Expected): Promise<Issued> {
  const { anchor, domain, kind, at } = expected
  const root = readCertificate(anchor)
  if (!equal(readPem('CERTIFICATE', reply.anchor), anchor)) throw new Refused('bad-certificate', 'another root')
  const authority = readCertificate(readPem('CERTIFICATE', reply.chain))
  await checkAuthority(authority, root, at, nodeVerify)
  const charterBytes = reply.charter === null ? undefined : readBase64url(reply.charter)
  const charter = charterBytes && (await readCharter(charterBytes, root.publicKey, nodeVerify))
  if (charter) checkCharter(charter, authority, domain)

  const issuer: IssuingAuthority = charter
    ? { fleet: charter.fleet, use: 'fleet', certificate: authority }
    : { fleet: 'platform', use: 'people', certificate: authority }
  const leaf = readPem('CERTIFICATE', reply.certificate)
  // Its time is not judged: a reply that was lost for a month may bring an expired certificate, which still renews.
  const proof = await provePeer(leaf, domain, () => issuer, nodeVerify)
  checkOurs(proof, reply, expected)
  if (charter) await checkReceipt(reply.receipt, charter, { kind, identity: proof.identity, certificate: leaf })
  return {
    identity: proof.identity,
    spiffeId: reply.identity,
    did: reply.did,
    tier: readTier(reply.tier),
    certificate: proof.certificate,
    chain: [leaf, authority.der],
    charter: charter && charterBytes && { bytes: charterBytes, version: charter.version },
    receipt: reply.receipt,
  }
}

function checkCharter(charter: Charter, authority: Certificate, domain: string): void {
  if (charter.domain !== domain) throw new Refused('bad-statement', 'a charter of another platform')
  if (charter.authority !== authority.publicKey.id) throw new Refused('bad-statement', 'a charter of another CA')
}

function checkOurs(
  { identity, certificate }: PeerProof,
  reply: ReplyText,
  { publicKey, domain, name }: Expected,
): void {
  if (!certificate.publicKey.equals(publicKey)) throw new Refused('bad-certificate', 'for another key')
  if (reply.identity !== spiffeId(domain, identity)) throw new Refused('bad-identity', 'not the one certified')
  if (reply.did !== didKey(publicKey)) throw new Refused('bad-did', 'not the DID of this key')
  if (name !== undefined && identity.name !== name) throw new Refused('bad-name', 'not the name asked for')
}

interface ReplyText {
  readonly certificate: string
  readonly chain: string
  readonly anchor: string
  /** base64url. */
  readonly charter: string | null
  readonly identity: string
  readonly did: string
  readonly tier: string
  readonly receipt: ReceiptText
}

function readReply(body: unknown): ReplyText {
  const all = fields(body)
  const text = (name: string): string => {
    const value = all[name]
    if (typeof value !== 'string') throw new Refused('bad-json', name)
    return value
  }
  return {
    certificate: text('certificate'),
    chain: text('chain'),
    anchor: text('anchor'),
    charter: all.charter === null ? null : text('charter'),
    identity: text('identity'),
    did: text('did'),
    tier: text('tier'),
    receipt: fields(all.receipt),
  }
}
