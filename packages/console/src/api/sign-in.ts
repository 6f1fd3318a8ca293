import { link } from '../place/link.ts'
import { post, Refusal, read, remove } from './call.ts'
import { beginSession, endSession, type Session, session } from './session.ts'
import type { Me } from './shapes.ts'

/** Spends a sign-in link. */
export async function signIn(secret: string): Promise<void> {
  // Whoever opens a link means this one, not the session that the tab may still have.
  endSession()
  try {
    beginSession(await post<Session>('/console/session', { link: secret }))
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    endSession(error)
  } finally {
    link.value = undefined
  }
}

/** What the operator may do can have changed since the link was opened. */
export async function refreshSession(): Promise<void> {
  const before = session.value
  if (before === undefined) return
  try {
    const { grants } = await read<Me>('/v1/me')
    if (session.value === before && grants !== before.grants) beginSession({ ...before, grants })
  } catch (error) {
    // Where the session is over, the sign-in page says so; otherwise the next call will tell.
    if (!(error instanceof Refusal)) throw error
  }
}

export async function signOut(): Promise<void> {
  try {
    await remove('/console/session')
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
  }
  endSession({ message: 'You are signed out.' })
}
