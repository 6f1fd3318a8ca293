import { base64url, hex, readBase64url, readHex } from '../bytes/text.ts'
import { admitRaw } from '../keys/admit.ts'
import type { Verify } from '../keys/key.ts'
import { readDomain, readFleetName } from '../names/names.ts'
import type { Charter } from '../signed/charter.ts'
import type { AuthorityRequest } from '../signed/profile.ts'
import { checkPossession, readSigningRequest } from '../signed/signing-request.ts'
import { bad, digest, moment, record, text, whole } from './fields.ts'

/** One thing to sign. */
export type CeremonyItem = AuthorityItem | CharterItem

/** A CA certificate under the root. */
export interface AuthorityItem {
  readonly kind: 'authority'
  readonly request: AuthorityRequest
  readonly fleet: string | undefined
  /** PKCS#10, the new CA key's proof of possession. */
  readonly possession: Uint8Array
}

/** A fleet's charter. */
export interface CharterItem {
  readonly kind: 'charter'
  readonly charter: Charter
}

/** The common name of an issuing CA. */
export const authorityTitle = (domain: string, use: AuthorityRequest['use'], fleet: string | undefined): string =>
  `Mintmark ${fleet === undefined ? use : `fleet ${fleet}`} CA, ${domain}`

/**
 * The host that a CA's names are held to. The people CA too: some TLS stacks (Java) do not ask what an issuer may issue
 * for, and would take a certificate of a stolen people CA for a server's. The server CA alone names any host.
 */
export const authorityHost = (
  domain: string,
  use: AuthorityRequest['use'],
  fleet: string | undefined,
): string | undefined => (use === 'server' ? undefined : `${fleet ?? 'platform'}.${domain}`)

// Name by name and never a spread: a request has one text, whatever order its maker's objects have.
export function writeItem(item: CeremonyItem): object {
  if (item.kind === 'charter') {
    const { domain, fleet, version, authority, ledgerKey, releaseRoot, issued } = item.charter
    const ledger = base64url(ledgerKey)
    const release = releaseRoot ?? null
    return { kind: 'charter', domain, fleet, version, authority, ledgerKey: ledger, releaseRoot: release, issued }
  }
  const { title, use, serial, notBefore, notAfter } = item.request
  const possession = base64url(item.possession)
  return { kind: 'authority', use, fleet: item.fleet ?? null, title, serial, notBefore, notAfter, possession }
}

export async function readItem(value: unknown, domain: string, verify: Verify): Promise<CeremonyItem> {
  const { kind } = value as { kind?: unknown }
  if (kind === 'charter') return readCharterItem(value, domain)
  if (kind === 'authority') return readAuthorityItem(value, domain, verify)
  throw bad('unknown kind of item')
}

async function readAuthorityItem(value: unknown, domain: string, verify: Verify): Promise<AuthorityItem> {
  const item = record(value, ['kind', 'use', 'fleet', 'title', 'serial', 'notBefore', 'notAfter', 'possession'])
  const use = text(item.use)
  if (use !== 'fleet' && use !== 'server' && use !== 'people') throw bad('unknown use')
  const fleet = use === 'fleet' ? readFleetName(text(item.fleet)) : undefined
  if (use !== 'fleet' && item.fleet !== null) throw bad('only a fleet CA has a fleet')
  const possession = readBase64url(text(item.possession))
  const signing = readSigningRequest(possession)
  await checkPossession(signing, verify)
  const serial = hex(readHex(text(item.serial)))
  const title = text(item.title)
  const expected = authorityTitle(domain, use, fleet)
  // The title is shown to people in certificate viewers: it says what the constraints say.
  if (title !== expected || serial.length !== 32 || Number.parseInt(serial[0]!, 16) > 7) throw bad('title or serial')
  const [notBefore, notAfter] = [moment(item.notBefore), moment(item.notAfter)]
  if (notBefore >= notAfter) throw bad('a CA that ends before it begins')
  const request: AuthorityRequest = {
    kind: 'authority',
    use,
    title,
    host: authorityHost(domain, use, fleet),
    serial,
    publicKey: signing.publicKey,
    notBefore,
    notAfter,
  }
  return { kind: 'authority', request, fleet, possession }
}

function readCharterItem(value: unknown, domain: string): CharterItem {
  const fields = ['kind', 'domain', 'fleet', 'version', 'authority', 'ledgerKey', 'releaseRoot', 'issued']
  const item = record(value, fields)
  const charter: Charter = {
    domain: readDomain(text(item.domain)),
    fleet: readFleetName(text(item.fleet)),
    version: whole(item.version),
    authority: digest(item.authority),
    ledgerKey: admitRaw('Ed25519', readBase64url(text(item.ledgerKey))).raw,
    releaseRoot: item.releaseRoot === null ? undefined : digest(item.releaseRoot),
    issued: moment(item.issued),
  }
  if (charter.domain !== domain || charter.version < 1) throw bad('charter')
  return { kind: 'charter', charter }
}
