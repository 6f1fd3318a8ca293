import { dropDrafts, ownDrafts } from '../parts/draft.ts'
import { tell } from '../parts/live.tsx'
import { link } from '../place/link.ts'
import { post, Refusal, remove } from './call.ts'
import { beginSession, endSession, type Session } from './session.ts'

/** Spends a sign-in link. */
export async function signIn(secret: string): Promise<void> {
  // Whoever opens a link means this one, not the session that the tab may still have.
  endSession()
  try {
    const begun = await post<Session>('/console/session', { link: secret })
    ownDrafts(begun.identity)
    beginSession(begun)
    tell(`You are signed in as ${begun.operator}.`)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    endSession({ message: error.message })
  } finally {
    link.value = undefined
  }
}

export async function signOut(): Promise<void> {
  try {
    await remove('/console/session')
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
  }
  dropDrafts()
  endSession({ message: 'You are signed out.' })
}
