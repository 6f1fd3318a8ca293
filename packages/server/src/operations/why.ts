import { adviceOn, type Code, codes, Refused } from '@mintmark/core/errors'
import { path, readName, spiffeId } from '@mintmark/core/names'
import { isOfKind, readChange } from '@mintmark/core/rules'
import type { Platform } from '../platform.ts'
import type { Row } from '../store/index.ts'
import { type KeyView, readDevice } from './devices.ts'

/** Why a device is, or is not, let in: for whoever was asked for help with it. */
export interface WhyView {
  /** `acme/device-104` */
  readonly device: string
  readonly identity: string
  readonly standing: string
  /** Since when the standing is so, by whom, and why; null of a name that never enrolled. */
  readonly since: string | null
  readonly by: string | null
  readonly reason: string | null
  readonly certificate: CertificateState | null
  readonly keys: readonly KeyView[]
  /** When its word came that it wiped its key. */
  readonly wiped: string | null
  /** Under its own name, latest first. */
  readonly refusals: readonly RefusalView[]
  /** Of a name that never enrolled: how tokens of its fleet were refused lately, one of which may have been its own. */
  readonly tokens: readonly RefusalView[]
  /** Platform-wide, of callers who proved nothing: a certificate that does not even prove has no name. */
  readonly anonymous: { readonly since: string; readonly refusals: readonly RefusalView[] }
}

export interface CertificateState {
  readonly serial: string
  readonly notAfter: string
  /** `late`: it has ended, and still renews until `renewsUntil`. */
  readonly state: 'valid' | 'late' | 'expired'
  readonly renewsUntil: string
}

/** Refusals of one code at one operation, added up. */
export interface RefusalView {
  /** A registry path, `token:<id>` or `anonymous`. */
  readonly who: string
  readonly code: string
  readonly operation: string
  readonly count: number
  readonly first: string
  readonly last: string
  /** What the code says. */
  readonly says: string
  readonly advice: string
}

const most = 20
const hour = 3_600_000
const day = 24 * hour

/** @param fleet one that is there: whoever asks may see it */
export async function explainDevice(platform: Platform, fleet: string, name: string): Promise<WhyView> {
  const { store, trust } = platform
  if (!(await store.fleet(fleet))) throw new Refused('fleet-unknown')
  const full = { fleet, role: 'device', name: readName(name) } as const
  const identity = path(full)
  const row = await store.record(identity)
  const refusals = await store.refusals(fleet, identity, most)
  const view = {
    device: `${fleet}/${name}`,
    identity: spiffeId(trust.domain, full),
    refusals: refusals.map(refusalView),
    anonymous: await lastHour(platform),
  }
  if (row === undefined) {
    const tokens = (await store.tokenRefusals(fleet, platform.now() - day, most)).map(refusalView)
    const nothing = { since: null, by: null, reason: null, certificate: null, keys: [], wiped: null }
    return { ...view, standing: 'unknown', ...nothing, tokens }
  }
  const { standing, standingSince: since, reason, keys, wiped } = await readDevice(platform, fleet, name)
  const [entry] = await store.entries(fleet, row.standing_idx, row.standing_idx + 1)
  const by = entry === undefined ? null : readChange(entry.change).by
  const certificate = await certificateState(platform, row)
  return { ...view, standing, since, by, reason, certificate, keys, wiped, tokens: [] }
}

async function certificateState(platform: Platform, row: Row<'registry'>): Promise<CertificateState> {
  const late = (await platform.store.fleet(row.fleet))?.late_renewal ?? 0
  const [now, renewsUntil] = [platform.now(), row.not_after + late]
  const state = now <= row.not_after ? 'valid' : now <= renewsUntil ? 'late' : 'expired'
  return { serial: row.serial, notAfter: iso(row.not_after), state, renewsUntil: iso(renewsUntil) }
}

// An hour has 60 facts for each code and operation, and both are few; more are a flood, of which this is enough.
const mostFacts = 2_000

/** From the ledger, as the table of refusals has no hours. */
async function lastHour({ store, now }: Platform): Promise<WhyView['anonymous']> {
  const since = now() - hour
  const sums = new Map<string, Row<'refusal'>>()
  for (const { change, idx } of await store.newest('platform', { ...everything, kind: 'refused' })) {
    const fact = readChange(change)
    if (fact.at < since) break
    if (fact.by !== 'anonymous' || !isOfKind(fact, 'refused')) continue
    const { code, operation, count } = fact.body
    const known = sums.get(`${code} ${operation}`)
    const row = { ledger: fact.ledger, who: fact.by, code, operation, count, first_at: fact.at, last_at: fact.at, idx }
    sums.set(
      `${code} ${operation}`,
      known ? { ...known, count: known.count + count, first_at: Math.min(known.first_at, fact.at) } : row,
    )
  }
  return { since: iso(since), refusals: [...sums.values()].slice(0, most).map(refusalView) }
}

const everything = { before: Number.MAX_SAFE_INTEGER, limit: mostFacts } as const

function refusalView({ who, code, operation, count, first_at, last_at }: Row<'refusal'>): RefusalView {
  // The ledger may be older, or newer, than the table of codes.
  const known = Object.hasOwn(codes, code) ? (code as Code) : undefined
  const [says, advice] = known ? [codes[known].message, adviceOn(known)] : ['', '']
  return { who, code, operation, count, first: iso(first_at), last: iso(last_at), says, advice }
}

const iso = (at: number): string => new Date(at).toISOString()
