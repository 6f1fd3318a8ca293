import { equal } from '../bytes/bytes.ts'
import { Refused } from '../errors/refused.ts'
import type { Verify } from '../keys/key.ts'
import type { PublicKey } from '../keys/public-key.ts'
import { type FullName, path, spiffeId } from '../names/spiffe.ts'
import { readCertificate } from '../signed/certificate.ts'
import { type DecommissionNotice, readDecommissionNotice } from '../signed/decommission.ts'
import { oid } from '../signed/oid.ts'
import { checkAuthority, checkLeaf, isInTime, readOnlyUri } from './path.ts'

/** What answered a device's question: the notice, and the certificate of the key that signed it with its CA's. */
export interface AnsweredNotice {
  readonly notice: Uint8Array
  /** DER: `spiffe://platform.<domain>/notice`, then the people CA. */
  readonly chain: readonly Uint8Array[]
}

/** Who asked, and how. */
export interface ExpectedNotice {
  /** The pinned root, DER. */
  readonly anchor: Uint8Array
  readonly domain: string
  readonly name: FullName
  readonly key: PublicKey
  /** The 32 random bytes of this question. */
  readonly nonce: Uint8Array
  /** Unix milliseconds. */
  readonly at: number
}

/**
 * What a device checks before it wipes its key: the notice is signed by the platform's notice key, and is about this
 * identity and this key, in answer to this question.
 *
 * That it is fresh, the nonce proves alone. `issued` is not held against the device's clock, which may be wrong by more
 * than any bound that would help; it must lie inside the certificate of the key that signed.
 * @throws Refused `notice-refused`
 */
export async function proveNotice(
  { notice: bytes, chain }: AnsweredNotice,
  expected: ExpectedNotice,
  verify: Verify,
): Promise<DecommissionNotice> {
  try {
    const signer = await proveSigner(chain, expected, verify)
    const notice = await readDecommissionNotice(bytes, signer.publicKey, verify)
    checkAnswer(notice, expected)
    if (!isInTime(signer, notice.issued)) throw new Refused('bad-statement', 'issued outside the certificate')
    return notice
  } catch (cause) {
    if (!(cause instanceof Refused)) throw cause
    throw new Refused('notice-refused', cause.detail ?? cause.code, { cause })
  }
}

async function proveSigner(chain: readonly Uint8Array[], { anchor, domain, at }: ExpectedNotice, verify: Verify) {
  const [first, second, ...more] = chain
  if (!first || !second || more.length > 0) throw new Refused('bad-certificate', 'not a certificate and its CA')
  const [leaf, authority] = [readCertificate(first), readCertificate(second)]
  await checkAuthority(authority, readCertificate(anchor), at, verify)
  // The people CA is held to the platform's own host. No fleet CA is, and the server CA is held to none.
  const hosts = authority.nameConstraints?.permittedUriHosts.join()
  if (hosts !== `platform.${domain}`) throw new Refused('bad-certificate', 'not the people CA')
  await checkLeaf(leaf, authority, verify)
  if (leaf.purposes?.[0] !== oid.clientAuth) throw new Refused('bad-certificate', 'not by the people CA')
  const { dnsNames = [], addresses = [] } = leaf.altNames ?? {}
  const named = readOnlyUri(leaf) === spiffeId(domain, { fleet: 'platform', role: 'notice', name: '' })
  if (!named || dnsNames.length + addresses.length > 0) throw new Refused('bad-certificate', 'not the notice key')
  if (!isInTime(leaf, at)) throw new Refused('bad-certificate', 'outside its validity')
  return leaf
}

function checkAnswer(notice: DecommissionNotice, { domain, name, key, nonce }: ExpectedNotice): void {
  if (!equal(notice.nonce, nonce)) throw new Refused('bad-statement', 'in answer to another question')
  if (notice.domain !== domain) throw new Refused('bad-statement', 'of another platform')
  if (notice.identity !== path(name)) throw new Refused('bad-statement', 'about another identity')
  if (notice.spki !== key.id) throw new Refused('bad-statement', 'about another key')
}
