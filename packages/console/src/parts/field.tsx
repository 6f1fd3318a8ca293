import type { Signal } from '@preact/signals'
import type { ComponentChildren, RefObject } from 'preact'
import { useId } from 'preact/hooks'

interface FieldProps {
  readonly label: ComponentChildren
  readonly value: Signal<string>
  readonly hint?: ComponentChildren
  readonly wrong?: string | undefined
  readonly isNumber?: boolean
  readonly place?: RefObject<HTMLInputElement | null>
  readonly isExact?: boolean
  readonly most?: number
}

/** One line to write into, with its label, what it is for, and what is wrong with it. */
export const Field = ({ label, value, hint, wrong, isNumber = false, place, isExact, most }: FieldProps) => {
  const id = useId()
  const described = [hint && `${id}-hint`, wrong && `${id}-wrong`].filter(Boolean).join(' ')
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        ref={place ?? null}
        type="text"
        inputMode={isNumber ? 'numeric' : 'text'}
        class={isExact ? 'exact' : ''}
        value={value.value}
        onInput={event => {
          value.value = event.currentTarget.value
        }}
        maxLength={most ?? 1_000}
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        aria-describedby={described || undefined}
        aria-invalid={wrong ? true : undefined}
      />
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {wrong && (
        <p class="wrong" id={`${id}-wrong`}>
          {wrong}
        </p>
      )}
    </div>
  )
}

export interface Choice {
  readonly value: string
  readonly label: string
  readonly hint?: string
}

/** One of a few, all of them seen. */
export const Choices = ({
  legend,
  value,
  choices,
}: {
  readonly legend: string
  readonly value: Signal<string>
  readonly choices: readonly Choice[]
}) => {
  const name = useId()
  return (
    <fieldset class="field">
      <legend>{legend}</legend>
      <div class="choices">
        {choices.map(choice => (
          <label class="choice" key={choice.value}>
            <input
              type="radio"
              name={name}
              checked={value.value === choice.value}
              onChange={() => {
                value.value = choice.value
              }}
            />
            <span>
              {choice.label}
              {choice.hint && <span class="hint">{choice.hint}</span>}
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  )
}
