import { useEffect } from 'preact/hooks'
import { refreshSession } from './api/call.ts'
import { refreshFleets } from './api/fleets.ts'
import { session } from './api/session.ts'
import { signIn } from './api/sign-in.ts'
import { forgetWarnings } from './api/warnings.ts'
import { Frame } from './frame/frame.tsx'
import { pages } from './pages/index.ts'
import { SignIn } from './pages/sign-in.tsx'
import { Live } from './parts/live.tsx'
import { link } from './place/link.ts'
import { forget, load, startNavigation } from './place/navigation.ts'

export const App = () => {
  const secret = link.value
  const who = session.value?.session
  useEffect(() => startNavigation(pages), [])
  useEffect(() => {
    if (secret !== undefined) signIn(secret)
  }, [secret])
  useEffect(() => {
    if (who === undefined) {
      forget()
      forgetWarnings()
      document.title = 'Sign in · Mintmark'
      return
    }
    refreshSession()
    refreshFleets()
    load()
  }, [who])
  return (
    <>
      {who === undefined ? <SignIn isOpening={secret !== undefined} /> : <Frame />}
      <Live />
    </>
  )
}
