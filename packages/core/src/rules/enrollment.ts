import { base32, readHex } from '../bytes/text.ts'
import { Refused } from '../errors/refused.ts'
import type { PublicKey } from '../keys/public-key.ts'
import { readName } from '../names/names.ts'
import { type FullName, path, readPath } from '../names/spiffe.ts'
import type { Identity } from '../proof/identity.ts'
import type { PermitHolder } from '../proof/permit-holder.ts'
import type { LeafRequest } from '../signed/profile.ts'
import type { KeySuccession } from '../signed/succession.ts'
import { type Change, change } from './change.ts'
import { checkReplay, checkSpend, type Permit } from './permit.ts'
import { checkStanding, type RegistryRecord, type Tier, weakerTier } from './standing.ts'

/** Operational certificates: 30 days, renewed at two thirds; backdated for devices whose clock is a little behind. */
export const lifetime = { leaf: 30 * 86_400_000, backdate: 300_000 } as const

let make: (name: FullName, request: LeafRequest, tier: Tier, permit?: Pick<Permit, 'id' | 'replaces'>) => Grant
export let isGrant: (value: unknown) => value is Grant

/** What may be issued, and why. Only `decide*` makes one; `issue` demands it. */
export class Grant {
  readonly #decided = true
  readonly name: FullName
  readonly request: LeafRequest
  readonly tier: Tier
  /** The permit that pays for it; undefined for a renewal and for what the platform issues to itself. */
  readonly permit: string | undefined
  /** Id of the key that this one replaces under its name. */
  readonly replaces: string | undefined

  private constructor(name: FullName, request: LeafRequest, tier: Tier, permit?: Pick<Permit, 'id' | 'replaces'>) {
    this.name = name
    this.request = request
    this.tier = tier
    this.permit = permit?.id
    this.replaces = permit?.replaces
  }

  static {
    make = (name, request, tier, permit) => new Grant(name, request, tier, permit)
    isGrant = value => typeof value === 'object' && value !== null && #decided in value
  }
}

/** What every certificate takes from the platform: its domain, the hour, randomness, and the issuer's last day. */
export interface Issuance {
  readonly domain: string
  readonly at: number
  /** 16 random bytes, hex, first bit clear. */
  readonly serial: string
  /** `notAfter` of the issuing CA: nothing outlives its issuer. */
  readonly until: number
}

/**
 * A new identity for the holder of a permit.
 * @param requested the name asked for; absent: `d-` and 16 base32 characters of the key id
 */
export function decideEnrollment(
  holder: PermitHolder,
  permit: Permit,
  publicKey: PublicKey,
  requested: string | undefined,
  issuance: Issuance,
): Grant {
  if (holder.permit !== permit.id) throw new Refused('refused', 'another permit')
  const name = readPath(`${permit.fleet}/${permit.role}/${decideName(permit, publicKey, requested)}`)
  const tier: Tier = 'software'
  checkSpend(permit, name.name, tier, issuance.at)
  return make(name, leaf(name, publicKey, issuance), tier, permit)
}

/** A token for exactly one name gives that name when none is asked for. */
function decideName(permit: Permit, publicKey: PublicKey, requested: string | undefined): string {
  if (requested !== undefined) return readName(requested)
  if (permit.pattern !== undefined && !permit.pattern.includes('*')) return permit.pattern
  return `d-${base32(readHex(publicKey.id)).slice(0, 16)}`
}

/**
 * The same key with the same permit again: the stored certificate is the answer, no use is spent.
 * @throws Refused `key-in-use` where the key is anyone else's
 */
export function decideReplay(
  holder: PermitHolder,
  permit: Permit,
  owner: { readonly permit: string | undefined; readonly current: boolean; readonly record: RegistryRecord },
  requested: string | undefined,
  at: number,
): void {
  const name = owner.record.identity.split('/').at(-1)
  if (owner.permit !== holder.permit || permit.id !== holder.permit) throw new Refused('key-in-use')
  if (requested !== undefined && readName(requested) !== name) throw new Refused('key-in-use', 'under another name')
  if (!owner.current) throw new Refused('key-superseded')
  checkStanding(owner.record)
  checkReplay(permit, at)
}

/** Another certificate for the identity that asks, with the key that it proved. */
export function decideRenewal(
  identity: Identity,
  record: RegistryRecord | undefined,
  proven: PublicKey,
  requested: PublicKey,
  issuance: Issuance,
): Grant {
  checkStanding(record)
  if (record!.identity !== identity.path) throw new Refused('renew-name')
  if (record!.key !== proven.id) throw new Refused('key-superseded')
  if (!requested.equals(proven)) throw new Refused('renew-key')
  return make(identity, leaf(identity, requested, issuance), record!.tier)
}

/**
 * A certificate for the key that comes after the current one. Whoever asks has proven the current key on the connection
 * and the new one by its request; that the one follows the other is in a statement, for whoever reads the ledger later.
 * Where the new key lives has not been proven, so the name's tier drops.
 */
export function decideSuccession(
  identity: Identity,
  record: RegistryRecord | undefined,
  proven: PublicKey,
  requested: PublicKey,
  succession: KeySuccession,
  issuance: Issuance,
): Grant {
  checkStanding(record)
  if (record!.identity !== identity.path) throw new Refused('renew-name')
  if (record!.key !== proven.id) throw new Refused('key-superseded')
  checkSuccession(succession, { domain: issuance.domain, identity: identity.path, old: proven.id, new: requested.id })
  return make(identity, leaf(identity, requested, issuance), weakerTier(record!.tier, 'software'), undefined)
}

/** That a statement, signed by the key that it calls old, is about this change of key and no other. */
export function checkSuccession(said: KeySuccession, due: Omit<KeySuccession, 'at'>): void {
  const same = said.domain === due.domain && said.identity === due.identity
  if (!same || said.old !== due.old || said.new !== due.new) throw new Refused('bad-statement', 'another succession')
}

/** What the platform issues to itself: its server certificate, and the operator home in its own data directory. */
export const decideOwn = (
  name: FullName & { readonly fleet: 'platform' },
  publicKey: PublicKey,
  issuance: Issuance,
  hosts: Pick<LeafRequest, 'dnsNames' | 'addresses'> = {},
): Grant => make(name, { ...leaf(name, publicKey, issuance), ...hosts }, 'software')

function leaf(name: FullName, publicKey: PublicKey, { domain, at, serial, until }: Issuance): LeafRequest {
  if (!(until > at)) throw new Refused('unavailable', 'the issuing CA has ended')
  const notAfter = Math.min(at + lifetime.leaf, until)
  return { kind: 'leaf', domain, name, publicKey, serial, notBefore: at - lifetime.backdate, notAfter }
}

/** The fact of a first certificate. */
export const enrolled = (grant: Grant, certificate: Uint8Array, at: number): Change<'identity.enrolled'> =>
  change({
    kind: 'identity.enrolled',
    at,
    by: grant.permit === undefined ? 'platform' : `token:${grant.permit}`,
    ledger: grant.name.fleet,
    body: {
      ...issued(grant, certificate),
      spki: grant.request.publicKey.spki,
      tier: grant.tier,
      token: grant.permit,
      replaces: grant.replaces,
    },
  })

/** The fact of a further certificate for the same key. */
export const renewed = (grant: Grant, certificate: Uint8Array, by: string, at: number): Change<'identity.renewed'> =>
  change({ kind: 'identity.renewed', at, by, ledger: grant.name.fleet, body: issued(grant, certificate) })

/** The fact of a key that comes after the current one, with its first certificate. */
export const introduced = (
  grant: Grant,
  certificate: Uint8Array,
  succession: Uint8Array,
  at: number,
): Change<'key.introduced'> => {
  const { publicKey } = grant.request
  const body = { ...issued(grant, certificate), spki: publicKey.spki, tier: grant.tier, succession }
  return change({ kind: 'key.introduced', at, by: body.identity, ledger: grant.name.fleet, body })
}

const issued = (grant: Grant, certificate: Uint8Array) => ({
  identity: path(grant.name),
  serial: grant.request.serial.replace(/^(?:00)+/, ''),
  notAfter: Math.floor(grant.request.notAfter / 1000) * 1000,
  certificate,
})
