import { equal } from '../bytes/bytes.ts'
import { sha256 } from '../bytes/sha256.ts'
import { Refused } from '../errors/refused.ts'
import type { Verify } from '../keys/key.ts'
import { readDomain } from '../names/names.ts'
import { readCertificate } from '../signed/certificate.ts'
import { oid } from '../signed/oid.ts'
import { checkAuthority, checkLeaf, isInTime, readOnlyUri } from './path.ts'

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
    // What a server sends beyond these two is not read.
    const [first, second] = chain
    if (!first || !second) throw new Refused('bad-certificate', 'the server sent no chain')
    const [leaf, authority] = [readCertificate(first), readCertificate(second)]
    await checkAuthority(authority, readCertificate(anchor), at, verify)
    await checkLeaf(leaf, authority, verify)
    // Every CA of the platform is under this root: without it, a stolen people CA could pose as the platform.
    if (leaf.purposes?.[0] !== oid.serverAuth) throw new Refused('bad-certificate', 'not for servers')
    if (!isInTime(leaf, at)) throw new Refused('bad-certificate', 'outside its validity')
    const domain = /^spiffe:\/\/platform\.([^/]+)\/server$/.exec(readOnlyUri(leaf))?.[1]
    if (domain === undefined) throw new Refused('bad-certificate', 'not the platform')
    return readDomain(domain)
  } catch (cause) {
    if (!(cause instanceof Refused)) throw cause
    throw new Refused('server-not-proven', cause.detail ?? cause.code, { cause })
  }
}

/** Whether these are the bytes that a token names as its anchor. */
export const isAnchor = (der: Uint8Array, digest: Uint8Array): boolean => equal(sha256(der), digest)
