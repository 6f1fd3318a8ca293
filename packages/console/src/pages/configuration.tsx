import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { put, read } from '../api/call.ts'
import { may } from '../api/grants.ts'
import type { Configuration } from '../api/shapes.ts'
import { useDeed } from '../parts/deed.ts'
import { tell } from '../parts/live.tsx'
import { Refused } from '../parts/refused.tsx'
import { load } from '../place/navigation.ts'
import { page } from '../place/page.ts'
import { findFault, type JsonFault } from '../words/json-text.ts'
import { FleetTop } from './fleet-top.tsx'

const addressOf = (fleet: string): string => `/v1/fleets/${encodeURIComponent(fleet)}/config`

export const configuration = page<Configuration>({
  pattern: 'fleets/:fleet/config',
  load: ({ names }, signal) => read<Configuration>(addressOf(names.fleet!), signal),
  title: (_, { names }) => `Configuration of ${names.fleet}`,
  View: ({ data, here: { names } }) => (
    <>
      <FleetTop fleet={names.fleet!} tab="config" />
      <Editor fleet={names.fleet!} data={data} />
    </>
  ),
})

const Editor = ({ fleet, data }: { readonly fleet: string; readonly data: Configuration }) => {
  const begin = useRef(data)
  const text = useSignal(written(data))
  const fault = useSignal<JsonFault | undefined>(undefined)
  const field = useRef<HTMLTextAreaElement>(null)
  const isChanged = text.value !== written(begin.current)
  const isNewer = data.version !== begin.current.version
  const take = (from: Configuration) => {
    begin.current = from
    text.value = written(from)
    fault.value = undefined
  }
  // Someone else's newer one is shown at once, unless this one has been written in.
  if (isNewer && !isChanged) take(data)
  const deed = useDeed(async () => {
    const saved = await put<Configuration>(addressOf(fleet), { configuration: JSON.parse(text.value) })
    take(saved)
    await load()
    tell(`Configuration ${saved.version} of ${fleet} is set.`)
  })
  const save = (event: Event) => {
    event.preventDefault()
    fault.value = findFault(text.value) ?? noObject(text.value)
    if (fault.value) field.current?.focus()
    else deed.run()
  }
  const goToFault = () => {
    const { at = 0 } = fault.value ?? {}
    field.current?.focus()
    field.current?.setSelectionRange(at, Math.min(at + 1, text.value.length))
  }
  if (!may('operate', fleet)) return <pre class="whole">{written(data)}</pre>
  return (
    <form class="editor" onSubmit={save} noValidate>
      <p class="quiet">
        {data.version === 0 ? 'Nothing was ever set. ' : `Version ${data.version}. `}
        Every device of the fleet reads it at its next request. The ledger keeps who set it and its digest, never what
        is in it.
      </p>
      {isNewer && (
        <div class="banner warn" role="status">
          <p>Someone set version {data.version} while you were writing. Saving replaces it.</p>
          <button type="button" class="small" onClick={() => take(data)}>
            Drop mine and show theirs
          </button>
        </div>
      )}
      <div class="code">
        <pre class="lines" aria-hidden="true">
          {text.value
            .split('\n')
            .map((_, i) => i + 1)
            .join('\n')}
        </pre>
        <textarea
          ref={field}
          aria-label="Configuration, JSON"
          aria-invalid={fault.value ? true : undefined}
          aria-describedby="fault"
          rows={Math.max(12, text.value.split('\n').length + 1)}
          wrap="off"
          spellcheck={false}
          autocapitalize="off"
          value={text.value}
          onInput={event => {
            text.value = event.currentTarget.value
            if (fault.value) fault.value = findFault(text.value)
          }}
        />
      </div>
      <div id="fault" role="alert">
        {fault.value && (
          <div class="refused">
            <p>
              Line {fault.value.line}, column {fault.value.column}: {fault.value.why}
            </p>
            <button type="button" class="small" onClick={goToFault}>
              Go there
            </button>
          </div>
        )}
      </div>
      <Refused refusal={deed.refusal} />
      <div class="buttons">
        <button type="submit" class="primary" aria-disabled={deed.isRunning}>
          Set the configuration
        </button>
        {isChanged && (
          <button type="button" onClick={() => take(data)}>
            Undo changes
          </button>
        )}
      </div>
    </form>
  )
}

const written = ({ configuration }: Configuration): string => JSON.stringify(configuration ?? {}, undefined, 2)

const noObject = (text: string): JsonFault | undefined =>
  text.trimStart().startsWith('{')
    ? undefined
    : { at: 0, line: 1, column: 1, why: 'A configuration is an object: { … }.' }
