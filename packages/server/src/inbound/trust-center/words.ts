import type { LedgerFinding } from '../../operations/trust.ts'
import type { CertificateFinding, CertificateView } from '../../operations/trust-certificates.ts'
import type { CharterFinding } from '../../operations/trust-charters.ts'

// What the Trust Center says about facts, in plain words and from the facts alone.

/** How near its end a certificate is; the styles are named after it. */
export type Nearness = 'good' | 'notice' | 'warning' | 'urgent' | 'over'

export function nearness({ validity, daysLeft }: CertificateView): Nearness {
  if (validity !== 'valid') return 'over'
  if (daysLeft < 7) return 'urgent'
  if (daysLeft < 30) return 'warning'
  return daysLeft < 90 ? 'notice' : 'good'
}

export function validityText(view: CertificateView): string {
  const { validity, daysLeft } = view
  if (validity === 'not-yet-valid') return 'Not valid yet'
  if (validity === 'expired') return `Expired ${daysLeft === -1 ? 'within the last day' : `${days(-daysLeft - 1)} ago`}`
  if (daysLeft === 0) return 'Ends within a day'
  return nearness(view) === 'good' ? `Valid, ${days(daysLeft)} left` : `Ends in ${days(daysLeft)}`
}

/** What the holder of the CA's key can make with it. */
export function purposeText({ purposes, pathLength, names }: CertificateView): string {
  const under = names ? ` under ${hostsOf(names).join(' and ')} only` : ''
  if (pathLength !== 0) return `May sign CAs${under}.`
  if (purposes.length === 0) return `May issue certificates for any purpose${under}.`
  return `May issue ${purposes.join(' and ')} certificates${under || ' only'}.`
}

/** What its certificate limits it to, each a sentence. */
export function limitTexts({ pathLength, names, noAddresses }: CertificateView): string[] {
  return [
    pathLength === 0 ? 'No CA below it.' : `CAs below it: ${pathLength === null ? 'any number' : levels(pathLength)}.`,
    ...(names
      ? [
          `URIs: ${names.uriHosts.length === 0 ? 'any' : `of ${names.uriHosts.join(', ')} only`}.`,
          `DNS names: ${names.dnsNames.length === 0 ? 'any' : `${names.dnsNames.join(', ')} and below only`}.`,
          `IP addresses: ${noAddresses ? 'none' : 'any'}.`,
        ]
      : ['Names: any.']),
  ]
}

export const certificateFindings: Readonly<Record<CertificateFinding, string>> = {
  'other-key': 'This platform signs with another key than the one in this certificate.',
  'not-proven': 'It does not prove: its signature, or its form, does not hold against the root.',
  'not-in-use': 'The running platform uses another certificate than this one, which is stored.',
  'not-chartered': 'The charter of the fleet names another CA.',
}

export const charterFindings: Readonly<Record<CharterFinding, string>> = {
  'not-proven': 'The root did not sign this charter.',
  'other-fleet': 'It is the charter of another fleet.',
  'not-in-use': 'The running platform hands out another charter than this one, which is stored.',
}

export const ledgerFindings: Readonly<Record<LedgerFinding, string>> = {
  'other-key': 'This platform signs checkpoints with another key than the one that is stored.',
  'not-chartered': 'The charter of the fleet names another ledger key.',
  'other-head': 'The checkpoint is not of this ledger at this size.',
}

/** `2027-04-30 08:15 UTC` */
export const timeText = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`

const levels = (count: number): string => (count === 1 ? 'one level' : `${count} levels`)

const days = (count: number): string => (count === 1 ? '1 day' : `${count.toLocaleString('en')} days`)

const hostsOf = ({ uriHosts, dnsNames }: NonNullable<CertificateView['names']>): string[] => [
  ...new Set([...uriHosts, ...dnsNames]),
]
