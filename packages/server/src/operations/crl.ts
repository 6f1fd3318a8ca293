import { Refused } from '@mintmark/core/errors'
import { crlReason, type Revocation, signRevocationList } from '@mintmark/core/signed'
import { issuerOf, issuingAuthority, type Platform } from '../platform.ts'

/** How long a third party may rely on a list. Our own doors ask the registry and never read one. */
const validity = 86_400_000

/**
 * A fleet's certificate revocation list, made from the registry as it is. Its number is the size of the fleet's
 * ledger, so it grows with every fact and needs no counter of its own.
 */
export async function makeRevocationList(platform: Platform, fleet: string): Promise<Uint8Array> {
  const { store, trust, keeper } = platform
  if (!trust.charters.has(fleet)) throw new Refused('not-found')
  const authority = issuingAuthority(trust, fleet, 'fleet')
  const head = await store.head(fleet)
  const at = platform.now()
  // RFC 5280 3.3: an entry stays until it was on a list that was issued after its certificate's end.
  const since = at - validity
  // By serial number: what was superseded first stays so when its name is revoked later.
  const revocations = new Map<string, Revocation>()
  for (const { serial, standing, standing_at } of await store.revokedCertificates(fleet, since)) {
    const reason = standing === 'decommissioned' ? crlReason.cessationOfOperation : crlReason.unspecified
    revocations.set(serial, { serial, at: standing_at, reason })
  }
  for (const { serial, until } of await store.supersededCertificates(fleet, since)) {
    revocations.set(serial, { serial, at: until!, reason: crlReason.superseded })
  }
  return signRevocationList(issuerOf(keeper, authority), {
    number: head!.size,
    thisUpdate: at,
    nextUpdate: at + validity,
    revocations: [...revocations.values()],
  })
}
