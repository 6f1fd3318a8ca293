import { hex } from '../bytes/text.ts'
import type { Charter } from '../signed/charter.ts'
import type { AuthorityRequest } from '../signed/profile.ts'
import type { CeremonyRequest } from './request.ts'

/** What signing it would mean, a line an item, for the signer to read before anything is signed. */
export function describeRequest(request: CeremonyRequest): string[] {
  const keys = request.items.flatMap(item => (item.kind === 'authority' ? [item.request.publicKey.id] : []))
  return request.items.map(item =>
    item.kind === 'charter' ? charterLine(item.charter, keys.includes(item.charter.authority)) : caLine(item.request),
  )
}

function caLine({ use, host, notBefore, notAfter, publicKey }: AuthorityRequest): string {
  const may = {
    fleet: `client certificates under ${host} only`,
    server: 'server certificates',
    people: 'client certificates of operators and gateways',
  }
  return `CA certificate: may issue ${may[use]}, ${day(notBefore)} to ${day(notAfter)}, key ${short(publicKey.id)}`
}

function charterLine({ fleet, version, authority, ledgerKey, releaseRoot, issued }: Charter, here: boolean): string {
  const parts = [
    `charter: fleet "${fleet}"`,
    `version ${version} of ${day(issued)}`,
    `issued by the CA with key ${short(authority)} (${here ? 'in this request' : 'signed earlier'})`,
    `ledger key ${short(hex(ledgerKey))}`,
    releaseRoot === undefined ? 'no release root yet' : `release root ${short(releaseRoot)}`,
  ]
  return parts.join(', ')
}

const day = (at: number): string => new Date(at).toISOString().slice(0, 10)
const short = (digits: string): string => digits.slice(0, 16)
