import { equal, hex } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { type Certificate, type Charter, readCharter } from '@mintmark/core/signed'
import { nodeSha256 } from '@mintmark/elements'
import type { Platform } from '../platform.ts'

/** A fleet's charter as the Trust Center shows it. */
export interface CharterView {
  /** SHA-256 of the statement, lower-case hex. */
  readonly sha256: string
  /** The signed bytes, base64url. */
  readonly statement: string
  /** What it says; null where the root did not sign it. */
  readonly says: CharterFacts | null
  readonly mismatch: boolean
  readonly findings: readonly CharterFinding[]
}

export interface CharterFacts {
  readonly version: number
  readonly issued: string
  /** Key id of the fleet's issuing CA. */
  readonly authority: string
  /** SHA-256 of the fleet's first release root; null until it has one. */
  readonly releaseRoot: string | null
}

/** The root did not sign it; it is of another fleet; it is not the one that the running platform hands to devices. */
export type CharterFinding = 'not-proven' | 'other-fleet' | 'not-in-use'

/** @param statement as stored */
export async function charterView(
  platform: Platform,
  fleet: string,
  statement: Uint8Array,
  root: Certificate,
): Promise<{ charter: Charter | undefined; view: CharterView }> {
  const { trust } = platform
  const inUse = trust.charters.get(fleet)
  const findings: CharterFinding[] = []
  // Undefined for the moment in which a new fleet's trust is read again.
  if (inUse && !equal(inUse, statement)) findings.push('not-in-use')
  const charter = await readProven(platform, inUse && equal(inUse, statement) ? inUse : statement, root)
  if (!charter) findings.push('not-proven')
  else if (charter.fleet !== fleet || charter.domain !== trust.domain) findings.push('other-fleet')
  const view = {
    sha256: hex(nodeSha256(statement)),
    statement: Buffer.from(statement).toString('base64url'),
    says: charter ? facts(charter) : null,
    mismatch: findings.length > 0,
    findings,
  }
  return { charter, view }
}

// Whether the root signed these very bytes cannot change, and anyone may ask: the signature is checked once for as long
// as the platform holds them.
const proven = new WeakMap<Uint8Array, { root: Certificate; charter: Charter }>()

async function readProven({ verify }: Platform, bytes: Uint8Array, root: Certificate): Promise<Charter | undefined> {
  const known = proven.get(bytes)
  if (known?.root === root) return known.charter
  try {
    const charter = await readCharter(bytes, root.publicKey, verify)
    proven.set(bytes, { root, charter })
    return charter
  } catch (error) {
    if (error instanceof Refused) return undefined
    throw error
  }
}

const facts = ({ version, issued, authority, releaseRoot }: Charter): CharterFacts => ({
  version,
  issued: new Date(issued).toISOString(),
  authority,
  releaseRoot: releaseRoot ?? null,
})
