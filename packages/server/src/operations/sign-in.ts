import { spiffeId } from '@mintmark/core/names'
import type { PeerProof } from '@mintmark/core/proof'
import { decideEntry } from '@mintmark/core/rules'
import type { Platform } from '../platform.ts'
import { grantsOf } from './operators.ts'
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
  const session = sessions.open(link)
  return {
    session: session.secret,
    operator: identity.name,
    identity: spiffeId(trust.domain, identity),
    grants: grantsOf(),
    ...sessionView(session),
  }
}

/** When it ends at the latest, and after how many milliseconds without a request. */
export const sessionView = ({ expires }: Session) => ({
  expires: new Date(expires).toISOString(),
  idle: sessionBounds.idle,
})
