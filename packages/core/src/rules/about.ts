import { type Change, isOfKind } from './change.ts'

/**
 * What a fact is about: a registry path, the id of a token, the name of a fleet, or '' where it is none of them. The
 * ledger's rows are found by it, and an audit compares them with this.
 */
export function aboutOf(fact: Change): string {
  if (isOfKind(fact, 'refused')) return refusedOne(fact.by)
  if (isOfKind(fact, 'server.certified')) return 'platform/server'
  if (isOfKind(fact, 'notice.certified')) return 'platform/notice'
  if (isOfKind(fact, 'fleet.activated') || isOfKind(fact, 'fleet.policy')) return fact.ledger
  if (isOfKind(fact, 'config.set') || isOfKind(fact, 'config.unset'))
    return configuredOne(fact.ledger, fact.body.target)
  const { body } = fact
  // In this order: an enrollment names its token too, and is about the identity.
  if ('identity' in body) return body.identity
  if ('token' in body) return body.token
  return 'fleet' in body ? body.fleet : ''
}

/** Of a configuration, the device or the fleet that it is for; a label is none of them. */
function configuredOne(fleet: string, target: string): string {
  if (target === 'fleet') return fleet
  return target.startsWith('device:') ? `${fleet}/device/${target.slice('device:'.length)}` : ''
}

/** Of a refusal, who was refused; nobody knows that of callers who proved nothing, or were counted together. */
function refusedOne(by: string): string {
  if (by.startsWith('token:')) return by.slice('token:'.length)
  return by.includes('/') ? by : ''
}
