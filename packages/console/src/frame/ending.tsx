import { useEffect } from 'preact/hooks'
import { refreshSession } from '../api/call.ts'
import { ending, session } from '../api/session.ts'
import { moment } from '../words/time.ts'

const wait = 300_000

/** Says that the session is about to end, while something can be done about it. */
export const Ending = () => {
  useEffect(() => {
    let asked = performance.now()
    // Who writes is there, though nothing is asked for.
    const onInput = () => {
      if (performance.now() - asked < wait && ending.value !== 'idle') return
      asked = performance.now()
      refreshSession()
    }
    addEventListener('input', onInput)
    return () => removeEventListener('input', onInput)
  }, [])
  const { expires = '' } = session.value ?? {}
  return (
    <div class="ending" role="alert">
      {ending.value === 'idle' && (
        <div class="banner warn">
          <p>
            <strong>You will be signed out in two minutes.</strong> Nothing was asked for a while.
          </p>
          <button type="button" class="small" onClick={refreshSession}>
            Stay signed in
          </button>
        </div>
      )}
      {ending.value === 'at-most' && (
        <div class="banner warn">
          <p>
            <strong>This session ends at {moment(expires).slice(11)} UTC</strong>, eight hours after it began. Finish
            what you are doing; then ask for another link.
          </p>
        </div>
      )}
    </div>
  )
}
