import type { Entry } from '../api/shapes.ts'
import { grouped } from './number.ts'
import { targetWords } from './target.ts'

export interface FactWords {
  readonly what: string
  readonly detail?: string | undefined
  readonly tone?: 'bad' | undefined
}

/** What an entry of a ledger says, short enough for a row. A kind that is newer than this page has its name. */
export function factWords({ kind, body }: Pick<Entry, 'kind' | 'body'>): FactWords {
  const words = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined
  return words ? words(body) : { what: kind, detail: text(body.reason) }
}

type Body = Entry['body']

const kinds: Readonly<Record<string, (body: Body) => FactWords>> = {
  'platform.founded': ({ domain }) => ({ what: 'Platform founded', detail: text(domain) }),
  'server.certified': () => ({ what: 'Listener certified' }),
  'notice.certified': () => ({ what: 'Notice key certified' }),
  'fleet.created': ({ reason }) => ({ what: 'Fleet made', detail: text(reason) }),
  'fleet.activated': () => ({ what: 'Fleet chartered by the root' }),
  'fleet.policy': ({ reason, ...policy }) => ({
    what: 'Policy of the fleet set',
    detail: text(reason) ?? policyWords(policy),
  }),
  'token.created': ({ uses, pattern, grants }) => ({
    what: 'Token made',
    detail:
      grants === undefined
        ? `${uses === 1 ? 'one use' : `${grouped(Number(uses))} uses`}, ${pattern ?? 'any name'}`
        : `operator ${pattern}: ${grants}`,
  }),
  'token.revoked': ({ reason }) => ({ what: 'Token revoked', detail: text(reason), tone: 'bad' }),
  'identity.enrolled': ({ replaces }) => ({
    what: 'Enrolled',
    detail: replaces === undefined ? undefined : 'in place of its key before',
  }),
  'identity.renewed': () => ({ what: 'Certificate renewed' }),
  'key.introduced': () => ({ what: 'New key introduced', detail: 'current from its first use' }),
  'key.promoted': () => ({ what: 'New key in use' }),
  'identity.revoked': ({ reason }) => ({ what: 'Revoked', detail: text(reason), tone: 'bad' }),
  'identity.decommissioned': ({ reason }) => ({ what: 'Decommissioned', detail: text(reason), tone: 'bad' }),
  'identity.wiped': () => ({ what: 'Key wiped', detail: 'by the word of the device' }),
  'message.accepted': ({ to }) => ({ what: 'Message recorded', detail: `to ${to}` }),
  'operator.granted': ({ grants, reason }) => ({
    what: 'Grants set',
    detail: `${grants === '' ? 'none' : grants}${because(reason)}`,
  }),
  'session.opened': () => ({ what: 'Signed in to the console' }),
  'device.labelled': ({ labels, reason }) => ({
    what: 'Labels set',
    detail: `${labels}${because(reason)}`,
  }),
  'config.set': ({ target, version, reason }) => ({
    what: 'Configuration set',
    detail: `version ${version} for ${targetWords(String(target))}${because(reason)}`,
  }),
  'config.unset': ({ target, version, reason }) => ({
    what: 'Configuration taken away',
    detail: `version ${version} for ${targetWords(String(target))}${because(reason)}`,
  }),
  'scope.set': ({ scopes, reason }) => ({
    what: 'Scopes set',
    detail: `${String(scopes) === '' ? 'none' : String(scopes).replaceAll(',', ', ')}${because(reason)}`,
  }),
  'sealing.published': ({ version }) => ({ what: 'Encryption key published', detail: `version ${version}` }),
  refused: ({ code, operation, count }) => ({
    what: count === 1 ? 'Refused' : `Refused ${count} times`,
    detail: `${code} at ${operation}`,
    tone: 'bad',
  }),
}

function policyWords({ lateRenewal: late, messagesPerMinute: pace }: Body): string {
  const renewal =
    late === 0 ? 'no renewal after the end' : `renewal up to ${Number(late) / 86_400_000} days after the end`
  const messages = `${grouped(Number(pace))} messages a minute of one key`
  return [...(late === undefined ? [] : [renewal]), ...(pace === undefined ? [] : [messages])].join(', ')
}

/** Why, where somebody said it. */
const because = (reason: Body[string] | undefined): string => (reason === undefined ? '' : `: ${reason}`)

const text = (value: Body[string] | undefined): string | undefined => (value === undefined ? undefined : String(value))

/** What a list of kinds calls one. */
export const kindWords = (kind: string): string =>
  (Object.hasOwn(kinds, kind) ? kinds[kind]?.({ count: 1 }).what.trim() : undefined) ?? kind
