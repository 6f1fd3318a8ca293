import { useSignal } from '@preact/signals'
import { useId } from 'preact/hooks'
import { may } from '../api/grants.ts'
import { Dialog } from '../parts/dialog.tsx'
import { Choices, Field } from '../parts/field.tsx'
import { to } from '../place/address.ts'
import { go } from '../place/navigation.ts'
import type { Here } from '../place/page.ts'
import { targetWords } from '../words/target.ts'

interface TargetProps {
  readonly here: Here
  readonly target: string
  readonly known: readonly string[]
}

/** For whom the configuration below is. */
export const ConfigurationTarget = ({ here: { names, segments }, target, known }: TargetProps) => {
  const id = useId()
  const isAsked = useSignal(false)
  const targets = [...new Set(['fleet', target, ...known])].sort(
    (a, b) => Number(b === 'fleet') - Number(a === 'fleet') || a.localeCompare(b),
  )
  const show = (other: string) => go(to(segments, other === 'fleet' ? {} : { target: other }))
  return (
    <div class="filter">
      <label for={id}>For</label>
      <select id={id} value={target} onChange={event => show(event.currentTarget.value)}>
        {targets.map(each => (
          <option key={each} value={each}>
            {targetWords(each)}
          </option>
        ))}
      </select>
      {may('operate', names.fleet) && (
        <button type="button" onClick={() => (isAsked.value = true)}>
          For a label or a device…
        </button>
      )}
      {isAsked.value && (
        <OtherTarget
          onChoose={other => {
            isAsked.value = false
            show(other)
          }}
          onClose={() => (isAsked.value = false)}
        />
      )}
    </div>
  )
}

interface OtherProps {
  readonly onChoose: (target: string) => void
  readonly onClose: () => void
}

const OtherTarget = ({ onChoose, onClose }: OtherProps) => {
  const kind = useSignal('label')
  const name = useSignal('')
  const isTried = useSignal(false)
  const form =
    kind.value === 'label' ? /^[a-z][a-z0-9-]{0,31}=[a-z0-9][a-z0-9._-]{0,63}$/ : /^[a-z0-9][a-z0-9._-]{0,63}$/
  const isWrong = !form.test(name.value.trim())
  return (
    <Dialog title="For a label or a device" onClose={onClose}>
      <form
        noValidate
        onSubmit={event => {
          event.preventDefault()
          isTried.value = true
          if (!isWrong) onChoose(`${kind.value}:${name.value.trim()}`)
        }}
      >
        <p>
          A device reads one configuration: that of its fleet, then of its labels, then its own, each over those before.
          A null takes a name away.
        </p>
        <Choices
          legend="For"
          value={kind}
          choices={[
            { value: 'label', label: 'A label', hint: 'Every device that has it.' },
            { value: 'device', label: 'One device' },
          ]}
        />
        <Field
          label={kind.value === 'label' ? 'Label' : 'Name of the device'}
          value={name}
          isExact
          hint={kind.value === 'label' ? 'Such as site=berlin.' : undefined}
          wrong={
            isTried.value && isWrong ? (kind.value === 'label' ? 'This is no label.' : 'This is no name.') : undefined
          }
        />
        <div class="buttons">
          <button type="submit" class="primary">
            Open it
          </button>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  )
}
