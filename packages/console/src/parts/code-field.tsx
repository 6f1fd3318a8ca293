import type { Signal } from '@preact/signals'
import type { RefObject } from 'preact'
import { useId } from 'preact/hooks'
import { findFault, type JsonFault } from '../words/json-text.ts'

interface CodeProps {
  readonly label: string
  readonly text: Signal<string>
  readonly place: RefObject<HTMLTextAreaElement | null>
  /** What is wrong with it; looked for again while it is mended. */
  readonly fault: Signal<JsonFault | undefined>
}

/** JSON with numbers beside its lines. */
export const CodeField = ({ label, text, place, fault }: CodeProps) => {
  const id = useId()
  const lines = text.value.split('\n')
  const goToFault = () => {
    const { at = 0 } = fault.value ?? {}
    place.current?.focus()
    place.current?.setSelectionRange(at, Math.min(at + 1, text.value.length))
  }
  return (
    <>
      <div class="code">
        <pre class="lines" aria-hidden="true">
          {lines.map((_, i) => i + 1).join('\n')}
        </pre>
        <textarea
          ref={place}
          aria-label={label}
          aria-invalid={fault.value ? true : undefined}
          aria-describedby={id}
          rows={Math.max(8, lines.length + 1)}
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
      <div id={id} role="alert">
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
    </>
  )
}
