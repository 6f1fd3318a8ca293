import { type Grants, type OperatorRole, operatorRoles, readGrants } from '@mintmark/core/rules'

/** What each role is for, to whoever gives it. */
export const roleWords: Readonly<Record<OperatorRole, string>> = {
  admin: 'everything, and who may do what',
  'fleet-operator': 'tokens, devices, configurations; reads the ledger',
  auditor: 'looks, and reads the ledger',
  factory: 'looks',
  releaser: 'looks',
}

/** Every role with the fleets it is held for; roles that are not held are left out. */
export function grantLines(text: string): readonly { readonly role: OperatorRole; readonly fleets: string }[] {
  const grants: Grants = readGrants(text)
  return operatorRoles.flatMap(role => {
    const fleets = grants.get(role)
    if (fleets === undefined) return []
    return [{ role, fleets: fleets === '*' ? 'all fleets' : fleets.join(', ') }]
  })
}
