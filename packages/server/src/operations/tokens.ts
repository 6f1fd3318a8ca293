import { base64url } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { path, readName } from '@mintmark/core/names'
import type { Identity } from '@mintmark/core/proof'
import { type ChangeBody, change, readCovered, readReason, readTier, readTtl, readUses } from '@mintmark/core/rules'
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
  /** Name of a device that goes on with another key. */
  readonly replaces?: string | undefined
  readonly reason?: string | undefined
}

export interface TokenView {
  readonly id: string
  readonly uses: number
  readonly left: number
  readonly expires: string
  /** A name, a pattern, or null for any name. */
  readonly covers: string | null
  readonly tier: string
  /** Id of the key that it replaces, or null where it is for new names. */
  readonly replaces: string | null
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
  const { name, pattern, replaces } = input
  if (replaces !== undefined && (name !== undefined || pattern !== undefined)) {
    throw new Refused('bad-request', 'a token that replaces covers the name that it replaces')
  }
  if (replaces !== undefined && input.uses !== 1) throw new Refused('bad-number', 'a token that replaces has one use')
  const facts = {
    role: 'device',
    uses: readUses(input.uses),
    expires: platform.now() + readTtl(input.ttl),
    pattern: readCovered(replaces ?? name, pattern),
    tier: readTier(input.tier ?? 'software'),
    replaces: replaces === undefined ? undefined : await currentKey(platform, fleet, replaces),
    reason: input.reason === undefined ? undefined : readReason(input.reason),
  }
  const { permit, token } = await issueToken(platform, by, fleet, facts, url)
  return { ...tokenView(permit), fleet, token }
}

/** Makes the secret of a token, and the fact that there is one. */
export async function issueToken(
  { store, now, random, trust }: Platform,
  by: Identity,
  ledger: string,
  facts: Omit<ChangeBody<'token.created'>, 'token' | 'secretHash'>,
  url: string,
): Promise<{ readonly permit: Row<'permit'>; readonly token: string }> {
  const [id, secret] = [random(16), random(32)]
  const body = { ...facts, token: base64url(id), secretHash: nodeSha256(secret) }
  await store.commit(change({ kind: 'token.created', at: now(), by: by.path, ledger, body }))
  const token = writeToken({ id, secret, anchor: nodeSha256(trust.root.der), url })
  return { permit: (await store.permitRow(body.token))!, token }
}

/** The token is for this key, and for no other that the name may have by then. */
async function currentKey(platform: Platform, fleet: string, name: string): Promise<string> {
  const record = await platform.store.standing(path({ fleet, role: 'device', name: readName(name) }))
  if (record === undefined) throw new Refused('device-unknown')
  return record.key
}

export interface TokenQuestion {
  /** `good`: those that can still be used. */
  readonly state?: string | undefined
  readonly after?: string | undefined
  readonly limit?: number | undefined
}

const pageSize = { default: 100, most: 1_000 } as const

/** One page of a fleet's tokens, newest first. `next` leads on. */
export async function listTokens(
  platform: Platform,
  fleet: string,
  { state, after, ...page }: TokenQuestion = {},
): Promise<{ tokens: TokenView[]; next: string | null }> {
  if (!(await platform.store.fleet(fleet))) throw new Refused('fleet-unknown')
  if (state !== undefined && state !== 'good') throw new Refused('bad-request', 'state')
  const { rows, next } = await platform.store.permitPage(fleet, {
    after: after === undefined ? undefined : readPlace(after),
    limit: Math.min(page.limit ?? pageSize.default, pageSize.most),
    usableAt: state === undefined ? undefined : platform.now(),
  })
  return { tokens: rows.map(tokenView), next: next === undefined ? null : `${next.created}.${next.id}` }
}

/** Where a page ended: when that token was made, and its id. */
function readPlace(text: string): { readonly created: number; readonly id: string } {
  const [, created, id] = /^(0|[1-9][0-9]{0,14})\.([\w-]{1,64})$/.exec(text) ?? []
  if (created === undefined || id === undefined) throw new Refused('bad-request', 'after')
  return { created: Number(created), id }
}

export async function revokeToken(
  platform: Platform,
  by: Identity,
  fleet: string,
  id: string,
  reason?: string,
): Promise<TokenView> {
  const at = platform.now()
  const body = { token: id, ...(reason === undefined ? {} : { reason: readReason(reason) }) }
  await platform.store.commit(change({ kind: 'token.revoked', at, by: by.path, ledger: fleet, body }))
  return readTokenView(platform, fleet, id)
}

async function readTokenView(platform: Platform, fleet: string, id: string): Promise<TokenView> {
  const row = await platform.store.permitRow(id)
  if (row?.fleet !== fleet) throw new Refused('token-unknown')
  return tokenView(row)
}

const tokenView = (row: Row<'permit'>): TokenView => ({
  id: row.id,
  uses: row.uses,
  left: row.uses_left,
  expires: new Date(row.expires).toISOString(),
  covers: row.pattern,
  tier: row.tier,
  replaces: row.replaces,
  created: new Date(row.created).toISOString(),
  createdBy: row.created_by,
  revoked: row.revoked === null ? null : new Date(row.revoked).toISOString(),
})
