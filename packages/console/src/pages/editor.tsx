import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { post, putText } from '../api/call.ts'
import type { Configuration } from '../api/shapes.ts'
import { CodeField } from '../parts/code-field.tsx'
import { Confirm } from '../parts/confirm.tsx'
import { useDeed } from '../parts/deed.ts'
import { useDraft } from '../parts/draft.ts'
import { Field } from '../parts/field.tsx'
import { tell } from '../parts/live.tsx'
import { Refused } from '../parts/refused.tsx'
import { Moment } from '../parts/text.tsx'
import { to } from '../place/address.ts'
import { go, load } from '../place/navigation.ts'
import { findFault, type JsonFault } from '../words/json-text.ts'
import { targetWords } from '../words/target.ts'

interface EditorProps {
  readonly fleet: string
  readonly current: Configuration
  readonly earlier: Configuration | undefined
  readonly isReadOnly: boolean
}

export const Editor = ({ fleet, current, earlier, isReadOnly }: EditorProps) => {
  const shown = earlier ?? current
  const begin = useDraft('begin', shown)
  const text = useDraft('text', written(shown))
  const reason = useDraft('reason', '')
  const fault = useSignal<JsonFault | undefined>(undefined)
  const isUnset = useSignal(false)
  const field = useRef<HTMLTextAreaElement>(null)
  const isChanged = text.value !== written(begin.value)
  const isNewer = earlier === undefined && current.version !== begin.value.version
  const own = `/v1/fleets/${encodeURIComponent(fleet)}/config`
  const take = (from: Configuration) => {
    begin.value = from
    text.value = written(from)
    fault.value = undefined
  }
  // Someone else's newer one is shown at once, unless this one has been written in.
  if (isNewer && !isChanged) take(current)
  const deed = useDeed(async () => {
    const more = { target: current.target, ...(reason.value.trim() === '' ? {} : { reason: reason.value.trim() }) }
    // As it was written: a number that this browser cannot count exactly is for the platform to refuse.
    const body = `{"configuration":${text.value},${JSON.stringify(more).slice(1)}`
    const saved = await putText<Configuration>(own, body)
    take(saved)
    reason.value = ''
    if (earlier) go(placeOf(fleet, current.target))
    else await load()
    tell(`Version ${saved.version} is set for ${targetWords(saved.target)}.`)
  })
  const save = (event: Event) => {
    event.preventDefault()
    fault.value = findFault(text.value) ?? noObject(text.value)
    if (fault.value) field.current?.focus()
    else deed.run()
  }
  if (isReadOnly) return <pre class="whole">{written(shown)}</pre>
  return (
    <form class="editor" onSubmit={save} noValidate>
      <Intro current={current} earlier={earlier} fleet={fleet} />
      {isNewer && (
        <div class="banner warn" role="status">
          <p>Someone set version {current.version} while you were writing. Saving replaces it.</p>
          <button type="button" class="small" onClick={() => take(current)}>
            Drop mine and show theirs
          </button>
        </div>
      )}
      <CodeField label="Configuration, JSON" text={text} place={field} fault={fault} />
      <Field label="Reason" value={reason} most={200} hint="You may leave it out. The ledger keeps it." />
      <Refused refusal={deed.refusal} />
      <div class="buttons">
        <button type="submit" class="primary" aria-disabled={deed.isRunning}>
          {earlier ? 'Set it again' : 'Set the configuration'}
        </button>
        {isChanged && (
          <button type="button" onClick={() => take(shown)}>
            Undo changes
          </button>
        )}
        {current.digest !== null && !earlier && (
          <button type="button" onClick={() => (isUnset.value = true)}>
            Take it away…
          </button>
        )}
      </div>
      {isUnset.value && <Unset fleet={fleet} target={current.target} onClose={() => (isUnset.value = false)} />}
    </form>
  )
}

const Intro = ({ current, earlier, fleet }: Omit<EditorProps, 'isReadOnly'>) => {
  if (earlier) {
    return (
      <div class="banner warn">
        <p>
          You look at version {earlier.version}
          {earlier.set && (
            <>
              , set on <Moment at={earlier.set} /> UTC
            </>
          )}
          . It is not the newest for {targetWords(current.target)}; setting it again makes it so.
        </p>
        <a class="button small" href={placeOf(fleet, current.target)}>
          Show the newest
        </a>
      </div>
    )
  }
  return (
    <p class="quiet">
      {current.digest === null ? `There is none for ${targetWords(current.target)}. ` : `Version ${current.version}. `}
      Devices read it at their next request. The ledger keeps who set it, why, and its digest, never what is in it.
    </p>
  )
}

interface UnsetProps {
  readonly fleet: string
  readonly target: string
  readonly onClose: () => void
}

const Unset = ({ fleet, target, onClose }: UnsetProps) => {
  const unset = async (reason: string) => {
    const why = reason === '' ? {} : { reason }
    await post(`/v1/fleets/${encodeURIComponent(fleet)}/config/unset`, { target, ...why })
    await load()
    onClose()
    tell(`There is no configuration for ${targetWords(target)} any more.`)
  }
  return (
    <Confirm
      title={`No configuration for ${targetWords(target)}`}
      reason="welcome"
      action="Take it away"
      onConfirm={unset}
      onClose={onClose}
    >
      <p>Devices lose what comes from it at their next request. The history keeps it, and it can be set again.</p>
    </Confirm>
  )
}

const placeOf = (fleet: string, target: string): string =>
  to(['fleets', fleet, 'config'], { target: target === 'fleet' ? undefined : target })

const written = ({ configuration }: Configuration): string => JSON.stringify(configuration ?? {}, undefined, 2)

const noObject = (text: string): JsonFault | undefined =>
  text.trimStart().startsWith('{')
    ? undefined
    : { at: 0, line: 1, column: 1, why: 'A configuration is an object: { … }.' }
