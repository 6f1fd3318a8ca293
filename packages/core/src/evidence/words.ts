import type { Change, ChangeBody, ChangeKind } from '../rules/index.ts'
import { messageView } from './message.ts'

/** A fact in one sentence, for people; what a person wrote is quoted as it is, and may be anything printable. */
export function factInWords(fact: Change): string {
  const words = sentences[fact.kind] as ((body: Change['body'], fact: Change) => string) | undefined
  return words?.(fact.body, fact) ?? `A fact of the kind ${fact.kind} was recorded.`
}

/** Of a kind without a sentence the name has to do. */
const sentences: { readonly [K in ChangeKind]?: (body: ChangeBody<K>, fact: Change) => string } = {
  'platform.founded': ({ domain, development }) =>
    `The platform of ${domain} was founded${development ? ' on a development root' : ''}.`,
  'server.certified': () => 'The platform certified its own listener.',
  'notice.certified': () => 'The platform certified the key that signs its decommission notices.',
  'fleet.created': ({ fleet, public: isPublic }) => `The fleet ${fleet} was made${isPublic ? ', a public one' : ''}.`,
  'fleet.activated': (_, { ledger }) => `The fleet ${ledger} was chartered by the root, and this ledger with it.`,
  'token.created': ({ token, uses, expires, pattern, grants }, { ledger }) =>
    grants !== undefined
      ? `The token ${token} was made: it makes ${pattern} an operator with ${grants} until ${date(expires)}.`
      : `The token ${token} was made: ${uses === 1 ? 'one use' : `${uses} uses`}${pattern === undefined ? '' : ` for ${pattern}`} in ${ledger} until ${date(expires)}.`,
  'token.revoked': ({ token }) => `The token ${token} was revoked.`,
  'identity.enrolled': ({ identity, serial, token, replaces }) =>
    `${identity} was enrolled${token === undefined ? '' : ` with the token ${token}`} and got the certificate ${serial}${replaces === undefined ? '' : `; its key ${replaces} ended`}.`,
  'identity.renewed': ({ identity, serial }) => `${identity} got another certificate, ${serial}.`,
  'fleet.policy': ({ lateRenewal: late, messagesPerMinute: pace }, { ledger }) => {
    const renews = late === 0 ? 'does not renew' : `renews for ${Number(late) / 86_400_000} days`
    const said = [
      ...(late === undefined ? [] : [`an expired certificate ${renews}`]),
      ...(pace === undefined ? [] : [`at most ${pace} messages a minute of one key are recorded`]),
    ]
    return `The policy of ${ledger} was set: ${said.join('; ')}.`
  },
  'key.introduced': ({ identity, serial }) =>
    `${identity} introduced another key by the word of its old one, with the certificate ${serial}.`,
  'key.promoted': ({ identity, key }) => `The key ${key} became the key of ${identity}, and the one before it ended.`,
  'message.accepted': (_, fact) => messageWords(fact as Change<'message.accepted'>),
  'operator.granted': ({ identity, grants, reason }) =>
    `${identity} may do this from now on: ${grants === '' ? 'nothing' : grants}. Reason: ${reason}`,
  'session.opened': ({ identity }) => `${identity} signed in to the console.`,
  'identity.revoked': ({ identity, reason }) => `${identity} was revoked: ${reason}`,
  'identity.decommissioned': ({ identity, reason }) => `${identity} was decommissioned: ${reason}`,
  'identity.wiped': ({ identity }) => `${identity} confirmed, by its last signature, that it wiped its key.`,
  'device.labelled': ({ identity, labels }) => `Labels of ${identity} were changed: ${labels}.`,
  'config.set': ({ target, version }, { ledger }) => `Configuration ${version} of ${ledger} was set, for ${target}.`,
  'config.unset': ({ target, version }, { ledger }) =>
    `Configuration ${version} of ${ledger}: none any more for ${target}.`,
  'scope.set': ({ identity, scopes, recipients, devices, counts }) =>
    `${identity} may send for ${scopes.length === 0 ? 'nothing' : scopes.join(', ')}${recipients === undefined ? '' : `, to ${recipients.join(', ')} alone`}${devices.length === 0 ? '' : `, also on behalf of ${devices.join(', ')}`}${counts ? ', and counts its messages' : ''}.`,
  'sealing.published': ({ identity, version }) =>
    `${identity} published the key that messages to it are sealed to, version ${version}.`,
  refused: ({ code, operation, count }, { by }) =>
    `${by} was refused as ${code} at ${operation}${count === 1 ? '' : `, ${count} times`}.`,
}

const date = (at: number): string => new Date(at).toISOString()

function messageWords(fact: Change<'message.accepted'>): string {
  const { from, to, scope, issued, sequence, onBehalfOf } = messageView(fact)
  const when = sequence === null ? `issued ${issued}` : `number ${sequence}`
  const whom = onBehalfOf === null ? '' : ` on behalf of ${onBehalfOf}`
  return `${from} sent a message${whom} to ${to} for ${scope}, ${when}.`
}
