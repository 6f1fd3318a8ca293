import { type Code, codes } from '@mintmark/core/errors'
import { readPath, spiffeId } from '@mintmark/core/names'
import type { Platform } from '../platform.ts'
import type { Row } from '../store/index.ts'
import { type LedgerView, readTrustView, type TrustView } from './trust.ts'
import type { CertificateView } from './trust-certificates.ts'
import type { CharterView } from './trust-charters.ts'

/** What an operator should look at. `fleet` is null for what is the platform's own. */
export type Warning = { readonly fleet: string | null; readonly says: string } & (
  | {
      readonly kind: 'ends'
      readonly authority: string
      readonly notAfter: string
      /** Negative once it has ended. */
      readonly daysLeft: number
      /** The smallest of 90, 30 and 7 days that is not left any more. */
      readonly within: number
    }
  | { readonly kind: 'mismatch'; readonly part: string; readonly findings: readonly string[] }
  | {
      /** A device used a key that another one has taken the place of: it was copied, or its renewal was lost. */
      readonly kind: 'superseded-key' | 'refused'
      readonly identity: string
      readonly code: string
      readonly operation: string
      /** Since `first`. */
      readonly count: number
      readonly first: string
      readonly last: string
    }
)

const day = 86_400_000
/** Days before the end at which there is a warning, and at which it is another one. */
const steps = [7, 30, 90] as const
/** Of one ledger; more are a flood, of which this is enough. */
const mostRefusals = 100

/**
 * CAs that end, what is stored and is not what the platform signs with, and who was refused in the last day.
 * @param sees whether whoever asks may see a fleet; `platform` for who may see all
 */
export async function listWarnings(
  platform: Platform,
  sees: (fleet: string) => boolean,
): Promise<{ warnings: readonly Warning[] }> {
  const trust = await readTrustView(platform, ({ name }) => sees(name))
  const refusals: Warning[] = []
  const since = platform.now() - day
  for (const ledger of [...(sees('platform') ? ['platform'] : []), ...trust.fleets.map(({ fleet }) => fleet)]) {
    const rows = await platform.store.refusalsOfNames(ledger, since, mostRefusals)
    refusals.push(...rows.map(row => refusalWarning(platform, row)))
  }
  // Of a copied key first.
  refusals.sort((a, b) => (a.kind === b.kind ? 0 : a.kind === 'superseded-key' ? -1 : 1))
  return { warnings: [...mismatches(trust), ...endings(trust), ...refusals] }
}

function mismatches({ root, server, people, ledger, fleets }: TrustView): Warning[] {
  type Part = readonly [string, CertificateView | CharterView | LedgerView | null]
  const own: Part[] = [
    ['root', root],
    ['server', server],
    ['people', people],
    ['ledger', ledger],
  ]
  const all = [
    ...own.map(part => [null, part] as const),
    ...fleets.flatMap(({ fleet, authority, charter, ledger: its }) => {
      const parts: Part[] = [
        ['authority', authority],
        ['charter', charter],
        ['ledger', its],
      ]
      return parts.map(part => [fleet, part] as const)
    }),
  ]
  return all.flatMap(([fleet, [part, view]]): Warning[] => {
    if (view !== null && !view.mismatch) return []
    const findings = view?.findings ?? ['unreadable']
    const whose = fleet === null ? 'the platform' : `fleet ${fleet}`
    const says = `The stored ${part} of ${whose} is not what the running platform signs with (${findings.join(', ')}).`
    return [{ kind: 'mismatch', fleet, part, findings, says }]
  })
}

function endings({ root, server, people, fleets }: TrustView): Warning[] {
  const all = [
    { fleet: null, authority: 'root', view: root },
    { fleet: null, authority: 'server', view: server },
    { fleet: null, authority: 'people', view: people },
    ...fleets.map(({ fleet, authority: view }) => ({ fleet, authority: 'fleet', view })),
  ]
  const found = all.flatMap(({ fleet, authority, view }) => {
    const within = view === null ? undefined : steps.find(step => view.daysLeft < step)
    if (view === null || within === undefined) return []
    const { notAfter, daysLeft, title } = view
    const when = daysLeft < 0 ? 'has ended' : daysLeft === 0 ? 'ends today' : `ends in ${days(daysLeft)}`
    return [{ kind: 'ends' as const, fleet, authority, notAfter, daysLeft, within, says: `The CA "${title}" ${when}.` }]
  })
  return found.sort((a, b) => a.daysLeft - b.daysLeft)
}

const days = (count: number): string => (count === 1 ? 'one day' : `${count} days`)

function refusalWarning(
  { trust }: Platform,
  { ledger, who, code, operation, count, ...times }: Row<'refusal'>,
): Warning {
  const kind = code === 'key-superseded' ? 'superseded-key' : 'refused'
  const said = codes[code as Code]?.message ?? code
  return {
    kind,
    fleet: ledger === 'platform' ? null : ledger,
    identity: spiffeId(trust.domain, readPath(who)),
    code,
    operation,
    count,
    first: new Date(times.first_at).toISOString(),
    last: new Date(times.last_at).toISOString(),
    says: `${who} was refused as ${code}: ${said}`,
  }
}
