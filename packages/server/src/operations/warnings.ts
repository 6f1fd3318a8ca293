import { adviceOn, type Code, codes } from '@mintmark/core/errors'
import { readPath, spiffeId } from '@mintmark/core/names'
import type { Platform } from '../platform.ts'
import type { Row } from '../store/index.ts'
import { type LedgerView, readTrustView, type TrustView, UnreadableTrust } from './trust.ts'
import type { CertificateView } from './trust-certificates.ts'
import type { CharterView } from './trust-charters.ts'

/** What an operator should look at. */
export type Warning = {
  /** Null for what is the platform's own. */
  readonly fleet: string | null
  readonly says: string
  /** Null where nobody can tell. */
  readonly since: string | null
  /** What to do. */
  readonly advice: string
} & (
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
      readonly kind: 'superseded-key' | 'refused' | 'token-refused'
      /** A registry path, or `token:<id>`. */
      readonly who: string
      /** SPIFFE ID; null of whoever holds a token. */
      readonly identity: string | null
      readonly code: string
      readonly operation: string
      /** Since `since`. */
      readonly count: number
      readonly last: string
    }
)

const day = 86_400_000
/** Days before the end at which there is a warning, and at which it is another one. */
const steps = [7, 30, 90] as const
/** Of one ledger, of each sort; more are a flood, of which this is enough. */
const mostShown = 100
const mostRead = 1_000

/**
 * CAs that end, what is stored and is not what the platform signs with, and who was refused in the last day.
 * @param sees whether whoever asks may see a fleet; `platform` for who may see all
 * @returns `more` where there are more than are listed
 */
export async function listWarnings(
  platform: Platform,
  sees: (fleet: string) => boolean,
): Promise<{ warnings: readonly Warning[]; more: boolean }> {
  const trust = await readTrustView(platform, ({ name }) => sees(name)).catch(unlessUnreadable)
  const { refusals, more } = await listRefusals(platform, sees)
  const ofTrust =
    trust === undefined ? [mismatchOf(null, 'root', ['unreadable'])] : [...mismatches(trust), ...endings(trust)]
  return { warnings: [...ofTrust, ...refusals], more }
}

/** That it cannot be read is the warning. */
function unlessUnreadable(error: unknown): undefined {
  if (!(error instanceof UnreadableTrust)) throw error
}

async function listRefusals(platform: Platform, sees: (fleet: string) => boolean) {
  const { store, now } = platform
  const fleets = (await store.fleets()).map(({ name }) => name)
  const since = now() - day
  // Of a copied key first, and names before tokens.
  const [superseded, names, tokens]: Row<'refusal'>[][] = [[], [], []]
  let more = false
  for (const ledger of ['platform', ...fleets].filter(sees)) {
    const read = async (
      into: Row<'refusal'>[],
      rows: Promise<Row<'refusal'>[]>,
      isShown: (row: Row<'refusal'>) => boolean = () => true,
    ) => {
      const found = await rows
      const shown = found.filter(isShown)
      more ||= found.length === mostRead || shown.length > mostShown
      into.push(...shown.slice(0, mostShown))
    }
    await read(superseded!, store.supersededRefusals(ledger, since, mostRead))
    await read(names!, store.refusalsOfNames(ledger, since, mostRead), isOfStanding)
    await read(tokens!, store.tokenRefusals(ledger, since, mostRead))
  }
  return { refusals: [...superseded!, ...names!, ...tokens!].map(row => refusalWarning(platform, row)), more }
}

/** Refused for who it is, or for what it may; a question that was mistyped is nothing to look at. */
function isOfStanding({ code }: Row<'refusal'>): boolean {
  const status = Object.hasOwn(codes, code) ? codes[code as Code].status : 0
  return code !== 'key-superseded' && (code === 'fleet-unknown' || [401, 403, 410, 429].includes(status))
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
    return [mismatchOf(fleet, part, view?.findings ?? ['unreadable'])]
  })
}

function mismatchOf(fleet: string | null, part: string, findings: readonly string[]): Warning {
  const whose = fleet === null ? 'the platform' : `fleet ${fleet}`
  const says = `The stored ${part} of ${whose} is not what the running platform signs with (${findings.join(', ')}).`
  return { kind: 'mismatch', fleet, part, findings, says, since: null, advice: adviceOnMismatch }
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
    const since = new Date(Date.parse(notAfter) - within * day).toISOString()
    const says = `The CA "${title}" ${when}.`
    const advice = fleet === null ? adviceOnOwnEnd : adviceOnFleetEnd
    return [{ kind: 'ends' as const, fleet, authority, notAfter, daysLeft, within, says, since, advice }]
  })
  return found.sort((a, b) => a.daysLeft - b.daysLeft)
}

const days = (count: number): string => (count === 1 ? 'one day' : `${count} days`)

function refusalWarning(
  { trust }: Platform,
  { ledger, who, code, operation, count, first_at, last_at }: Row<'refusal'>,
): Warning {
  const isToken = who.startsWith('token:')
  const known = Object.hasOwn(codes, code) ? (code as Code) : undefined
  return {
    kind: code === 'key-superseded' ? 'superseded-key' : isToken ? 'token-refused' : 'refused',
    fleet: ledger === 'platform' ? null : ledger,
    who,
    identity: isToken ? null : spiffeId(trust.domain, readPath(who)),
    code,
    operation,
    count,
    since: new Date(first_at).toISOString(),
    last: new Date(last_at).toISOString(),
    says: `${who} was refused as ${code}: ${known ? codes[known].message : code}`,
    advice: known === undefined ? '' : (refusalAdvice[known] ?? adviceOn(known)),
  }
}

const adviceOnMismatch =
  'trust nothing that it signed; keep a copy of this, stop the platform, and compare with `mintmark audit verify` and a backup'
const adviceOnFleetEnd =
  'make another fleet and enroll its devices there before then: no certificate of this CA lasts longer than it'
const adviceOnOwnEnd =
  'found another platform and enroll the devices there before then: this CA cannot be changed for another one'

/** To the operator, where the advice on the code is for whoever was refused. */
const refusalAdvice: { readonly [C in Code]?: string } = {
  'key-superseded':
    'the key was copied, or a change of it was lost on the way: where you cannot tell, give the device a token that replaces its key',
  revoked: 'it is refused as it should be; find out who still has it',
  decommissioned: 'it is refused as it should be; it still has to wipe its key',
  forbidden: 'it asked for what is not its to do: find out what it wanted',
  unknown:
    'it proves an identity that is not in the registry: a restored platform is older than its certificate, or a CA signed without the platform',
  'fleet-unknown': 'a name that is mistyped, or somebody looking for what is not theirs to see',
  'token-spent': 'somebody else has the token: compare what it enrolled with what should be there',
  'token-expired': 'make another token for whoever still has to enroll',
  'token-revoked': 'it is refused as it should be; find out who still has it',
}
