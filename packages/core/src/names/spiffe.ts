import { Refused } from '../errors/refused.ts'
import { readFleetName, readName } from './names.ts'

/** Roles with a name of their own inside a fleet. */
const fleetRoles = ['device', 'station', 'root'] as const
/** Roles of the platform's own trust domain. */
const platformRoles = ['operator', 'gateway'] as const
/** Roles that exist once. */
const soleRoles = ['server', 'notice'] as const

export type Role = (typeof fleetRoles)[number] | (typeof platformRoles)[number] | (typeof soleRoles)[number]

/** A name in full. `fleet` is `platform` for the platform's own; `name` is empty for the roles that exist once. */
export interface FullName {
  readonly fleet: string
  readonly role: Role
  readonly name: string
}

/** `acme/device/device-104`, `platform/operator/ann`, `platform/server`: the key of the registry. */
export const path = (name: FullName): string => `${name.fleet}/${name.role}${name.name === '' ? '' : `/${name.name}`}`

/** `spiffe://acme.example.test/device/device-104` (SPIFFE ID 2). */
export const spiffeId = (domain: string, name: FullName): string =>
  `spiffe://${name.fleet}.${domain}/${name.role}${name.name === '' ? '' : `/${name.name}`}`

/** The name that a SPIFFE ID under this domain spells; one spelling for one name, everything else is refused. */
export function readSpiffeId(domain: string, text: string): FullName {
  // Percent encoding, userinfo, ports, queries and dot segments all fail the grammar of the parts below.
  const match = /^spiffe:\/\/([a-z0-9-]{1,63})\.([a-z0-9.-]{1,189})\/([a-z]{1,16})(?:\/([a-z0-9._-]{1,64}))?$/.exec(
    text,
  )
  if (!match || match[2] !== domain) throw new Refused('bad-identity')
  return readPath(`${match[1]}/${match[3]}${match[4] === undefined ? '' : `/${match[4]}`}`)
}

export function readPath(text: string): FullName {
  const [fleet = '', role = '', name = '', ...rest] = text.split('/')
  if (rest.length > 0) throw new Refused('bad-identity')
  if (fleet === 'platform' && isOne(soleRoles, role) && name === '' && !text.endsWith('/')) return { fleet, role, name }
  try {
    if (fleet === 'platform' && isOne(platformRoles, role)) return { fleet, role, name: readName(name) }
    if (isOne(fleetRoles, role)) return { fleet: readFleetName(fleet), role, name: readName(name) }
  } catch (cause) {
    throw new Refused('bad-identity', undefined, { cause })
  }
  throw new Refused('bad-identity')
}

function isOne<const T extends string>(list: readonly T[], text: string): text is T {
  return (list as readonly string[]).includes(text)
}
