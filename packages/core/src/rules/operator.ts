import { Refused } from '../errors/refused.ts'
import { readFleetName } from '../names/names.ts'

// What operators may do. The text of grants is canonical, one text for one meaning: `role:fleets`, each role once, in
// order of role; fleets are `*`, or a list in order, with a comma between.
//
//     admin:*
//     auditor:acme fleet-operator:acme,beta

const acts = {
  admin: ['view', 'operate', 'govern', 'audit'],
  auditor: ['view', 'audit'],
  factory: ['view'],
  'fleet-operator': ['view', 'operate', 'audit'],
  releaser: ['view'],
} as const satisfies Record<string, readonly string[]>

export type OperatorRole = keyof typeof acts

/**
 * - `view`: read a fleet, its devices, tokens, configuration and ledger
 * - `operate`: tokens, standing, configuration
 * - `govern`: operators, and what is decided for a fleet as a whole
 * - `audit`: what was done, by whom, and why
 */
export type Act = (typeof acts)[OperatorRole][number]

/** For each role the fleets it is held for. */
export type Grants = ReadonlyMap<OperatorRole, '*' | readonly string[]>

/** Every role, in order. */
export const operatorRoles = Object.keys(acts) as readonly OperatorRole[]

// A fact holds no longer text.
const maxText = 1_024

/** Reads what `writeGrants` wrote; empty text is no grants. @throws Refused `bad-grants` */
export function readGrants(text: string): Grants {
  if (text.length > maxText) throw new Refused('bad-grants', 'too many fleets')
  const grants = new Map<OperatorRole, '*' | readonly string[]>()
  for (const grant of text === '' ? [] : text.split(' ')) {
    const [role = '', fleets = '', ...more] = grant.split(':')
    if (more.length > 0 || !isRole(role) || grants.has(role)) throw new Refused('bad-grants', 'role')
    grants.set(role, fleets === '*' ? '*' : fleets.split(',').map(readFleet))
  }
  if (writeGrants(grants) !== text) throw new Refused('bad-grants', 'not in order')
  return grants
}

export const writeGrants = (grants: Grants): string =>
  [...grants]
    .filter(([, fleets]) => fleets.length > 0)
    .map(([role, fleets]) => `${role}:${fleets === '*' ? fleets : [...new Set(fleets)].sort().join()}`)
    .sort()
    .join(' ')

/** Whether someone may do this, to a fleet or, where none is named, to the platform. */
export function mayAct(grants: Grants, act: Act, fleet: string | undefined): boolean {
  for (const [role, fleets] of grants) {
    if (!(acts[role] as readonly string[]).includes(act)) continue
    if (fleets === '*' || (fleet !== undefined && fleets.includes(fleet))) return true
  }
  return false
}

/**
 * Whoever may not see a fleet is told what is told of a fleet that does not exist.
 * @throws Refused `fleet-unknown`, `forbidden`
 */
export function decideAct(grants: Grants, act: Act, fleet: string | undefined): void {
  if (mayAct(grants, act, fleet)) return
  throw new Refused(fleet === undefined || mayAct(grants, 'view', fleet) ? 'forbidden' : 'fleet-unknown')
}

/**
 * What someone holds once `giver` said `wanted`: that, and what they hold of fleets that the giver does not govern. So
 * nobody gives or takes what is not his to give.
 * @throws Refused `fleet-unknown`, `forbidden`
 */
export function decideGrants(giver: Grants, held: Grants, wanted: Grants): Grants {
  if (![...giver].some(([role]) => (acts[role] as readonly Act[]).includes('govern'))) throw new Refused('forbidden')
  const result = new Map<OperatorRole, '*' | readonly string[]>()
  const governed = (fleet: string): boolean => mayAct(giver, 'govern', fleet === '*' ? undefined : fleet)
  for (const [role, fleets] of wanted) {
    for (const fleet of listed(fleets)) decideAct(giver, 'govern', fleet === '*' ? undefined : fleet)
    result.set(role, fleets)
  }
  for (const [role, fleets] of held) {
    const kept = listed(fleets).filter(fleet => !governed(fleet))
    const given = listed(result.get(role) ?? [])
    const all = [...given, ...kept]
    if (all.length > 0) result.set(role, all.includes('*') ? '*' : all)
  }
  return readGrants(writeGrants(result))
}

/**
 * Whether `giver` may turn what someone holds into `next`: every difference is his to make. The store asks again inside
 * the transaction.
 * @throws Refused `fleet-unknown`, `forbidden`
 */
export function checkGiven(giver: Grants, held: Grants, next: Grants): void {
  for (const role of operatorRoles) {
    const [before, after] = [listed(held.get(role) ?? []), listed(next.get(role) ?? [])]
    const changed = [
      ...before.filter(fleet => !after.includes(fleet)),
      ...after.filter(fleet => !before.includes(fleet)),
    ]
    for (const fleet of changed) decideAct(giver, 'govern', fleet === '*' ? undefined : fleet)
  }
}

/** Of what someone holds, what is for fleets that `viewer` may see, or for all. */
export function visibleGrants(viewer: Grants, held: Grants): Grants {
  const seen = [...held].map(([role, fleets]): [OperatorRole, '*' | readonly string[]] => [
    role,
    fleets === '*' ? fleets : fleets.filter(fleet => mayAct(viewer, 'view', fleet)),
  ])
  return new Map(seen.filter(([, fleets]) => fleets.length > 0))
}

/** Whether someone may do everything: the platform keeps at least one such operator. */
export const mayDoEverything = (grants: Grants): boolean => grants.get('admin') === '*'

const listed = (fleets: '*' | readonly string[]): readonly string[] => (fleets === '*' ? ['*'] : fleets)

const isRole = (text: string): text is OperatorRole => Object.hasOwn(acts, text)

function readFleet(text: string): string {
  try {
    return readFleetName(text)
  } catch (cause) {
    throw new Refused('bad-grants', 'fleet', { cause })
  }
}
