import { base64url } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import type { Identity } from '@mintmark/core/proof'
import { change, readCovered, readTier, readTtl, readUses } from '@mintmark/core/rules'
import { writeToken } from '@mintmark/core/signed'
import { nodeSha256 } from '@mintmark/elements'
import type { Platform } from '../platform.ts'
import type { Row } from '../store/index.ts'

export interface TokenInput {
  readonly uses: number
  /** Milliseconds. */
  readonly ttl: number
  readonly name?: string | undefined
  readonly pattern?: string | undefined
  readonly tier?: string | undefined
}

export interface TokenView {
  readonly id: string
  readonly uses: number
  readonly left: number
  readonly expires: string
  /** A name, a pattern, or null for any name. */
  readonly covers: string | null
  readonly tier: string
  readonly created: string
  readonly createdBy: string
  readonly revoked: string | null
}

/**
 * A permit to enroll devices of one fleet. The token is in this reply and nowhere else: the platform keeps the hash of
 * its secret.
 * @param url where devices reach the platform
 */
export async function createToken(
  platform: Platform,
  by: Identity,
  fleet: string,
  input: TokenInput,
  url: string,
): Promise<TokenView & { readonly token: string; readonly fleet: string }> {
  const id = platform.random(16)
  const secret = platform.random(32)
  const at = platform.now()
  const body = {
    token: base64url(id),
    role: 'device',
    secretHash: nodeSha256(secret),
    uses: readUses(input.uses),
    expires: at + readTtl(input.ttl),
    pattern: readCovered(input.name, input.pattern),
    tier: readTier(input.tier ?? 'software'),
  }
  await platform.store.commit(change({ kind: 'token.created', at, by: by.path, ledger: fleet, body }))
  const token = writeToken({ id, secret, anchor: nodeSha256(platform.trust.root.der), url })
  return { ...(await readTokenView(platform, fleet, body.token)), fleet, token }
}

export async function listTokens(platform: Platform, fleet: string): Promise<{ tokens: TokenView[] }> {
  if (!(await platform.store.fleet(fleet))) throw new Refused('fleet-unknown')
  return { tokens: (await platform.store.permits(fleet)).map(tokenView) }
}

export async function revokeToken(platform: Platform, by: Identity, fleet: string, id: string): Promise<TokenView> {
  const at = platform.now()
  await platform.store.commit(change({ kind: 'token.revoked', at, by: by.path, ledger: fleet, body: { token: id } }))
  return readTokenView(platform, fleet, id)
}

async function readTokenView(platform: Platform, fleet: string, id: string): Promise<TokenView> {
  const row = (await platform.store.permits(fleet)).find(permit => permit.id === id)
  if (row === undefined) throw new Refused('token-unknown')
  return tokenView(row)
}

const tokenView = (row: Row<'permit'>): TokenView => ({
  id: row.id,
  uses: row.uses,
  left: row.uses_left,
  expires: new Date(row.expires).toISOString(),
  covers: row.pattern,
  tier: row.tier,
  created: new Date(row.created).toISOString(),
  createdBy: row.created_by,
  revoked: row.revoked === null ? null : new Date(row.revoked).toISOString(),
})
