import { equal } from '../bytes/bytes.ts'
import { sha256 } from '../bytes/sha256.ts'
import { Refused } from '../errors/refused.ts'
import type { Verify } from '../keys/key.ts'
import { readSpiffeId } from '../names/spiffe.ts'
import { readCertificate } from '../signed/certificate.ts'
import { checkAuthority, checkLeaf } from './path.ts'

/**
 * What a client checks of the platform before it says anything: the chain ends in the pinned root, and the leaf is
 * `spiffe://platform.<domain>/server`. The host name is TLS's own affair and checked there.
 * @param chain leaf and server CA, as the server sent them
 * @param anchor the pinned root, DER
 * @returns the platform's domain
 * @throws Refused `server-not-proven`
 */
export async function proveServer(
  chain: readonly Uint8Array[],
  anchor: Uint8Array,
  at: number,
  verify: Verify,
): Promise<string> {
  try {
    const root = readCertificate(anchor)
    const [leaf, authority] = chain.map(readCertificate)
    if (!leaf || !authority) throw new Refused('bad-certificate', 'the server sent no chain')
    await checkAuthority(authority, root, at, verify)
    await checkLeaf(leaf, authority, verify)
    if (at < leaf.notBefore || at > leaf.notAfter + 999) throw new Refused('bad-certificate', 'outside its validity')
    const uri = leaf.altNames?.uris.length === 1 ? leaf.altNames.uris[0]! : ''
    const domain = /^spiffe:\/\/platform\.([^/]+)\/server$/.exec(uri)?.[1] ?? ''
    if (readSpiffeId(domain, uri).role !== 'server') throw new Refused('bad-certificate', 'not the platform')
    return domain
  } catch (cause) {
    if (!(cause instanceof Refused)) throw cause
    throw new Refused('server-not-proven', cause.detail ?? cause.code, { cause })
  }
}

/** Whether these are the bytes that a token names as its anchor. */
export const isAnchor = (der: Uint8Array, digest: Uint8Array): boolean => equal(sha256(der), digest)
