import { spiffeId } from '@mintmark/core/names'
import type { PeerProof } from '@mintmark/core/proof'
import { change, decideEntry } from '@mintmark/core/rules'
import type { Platform } from '../platform.ts'
import { type Session, sessionBounds } from './sessions.ts'

/**
 * A link that signs the operator in. The secret is in its fragment, which no browser sends to a server or to another
 * page.
 * @param console where the console is: `http://127.0.0.1:8080/`
 */
export function makeSignInLink(platform: Platform, proof: PeerProof, console: string) {
  const { link, expires } = platform.sessions.makeLink(proof)
  return { url: `${console}console/#link=${link}`, expires: new Date(expires).toISOString() }
}

/** Spends a link for a session of the operator who made it, if that operator would be let in now. */
export async function openSession(platform: Platform, link: string) {
  const { sessions, store, trust, now } = platform
  const { identity, ...proof } = sessions.readLink(link)
  decideEntry({ identity, ...proof }, await store.standing(identity.path), { roles: ['operator'] }, now())
  const { secret, session } = sessions.open(link)
  const by = identity.path
  const fact = change({ kind: 'session.opened', at: now(), by, ledger: 'platform', body: { identity: by } })
  try {
    await store.commit(fact)
  } catch (error) {
    sessions.end(session)
    throw error
  }
  return {
    session: secret,
    operator: identity.name,
    identity: spiffeId(trust.domain, identity),
    grants: (await store.grants(by)) ?? '',
    ...sessionView(session),
  }
}

/** When it ends at the latest, and after how many milliseconds without a request. */
export const sessionView = ({ expires }: Session) => ({
  expires: new Date(expires).toISOString(),
  idle: sessionBounds.idle,
})
