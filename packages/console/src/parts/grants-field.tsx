import { type OperatorRole, operatorRoles, readGrants, writeGrants } from '@mintmark/core/rules'
import type { Signal } from '@preact/signals'
import { fleets } from '../api/fleets.ts'
import { may } from '../api/grants.ts'
import { roleWords } from '../words/grants.ts'

/** Roles and their fleets, as far as they are this operator's to give. The value is the text of the grants. */
export const GrantsField = ({ value }: { readonly value: Signal<string> }) => (
  <fieldset class="field">
    <legend>May do</legend>
    <div class="choices">
      {operatorRoles.map(role => (
        <Role key={role} role={role} value={value} />
      ))}
    </div>
  </fieldset>
)

const Role = ({ role, value }: { readonly role: OperatorRole; readonly value: Signal<string> }) => {
  const grants = readGrants(value.value)
  const held = grants.get(role)
  const governed = fleets.value.map(({ fleet }) => fleet).filter(fleet => may('govern', fleet))
  const set = (next: '*' | readonly string[]) => {
    value.value = writeGrants(new Map([...grants, [role, next]]))
  }
  const some = held === undefined || held === '*' ? [] : held
  return (
    <fieldset class="role">
      <legend>
        {role} <span class="hint">{roleWords[role]}</span>
      </legend>
      <div class="fleet-list">
        {may('govern') && <Box label="all fleets" isChecked={held === '*'} onChange={isOn => set(isOn ? '*' : [])} />}
        {held !== '*' &&
          governed.map(fleet => (
            <Box
              key={fleet}
              label={fleet}
              isChecked={some.includes(fleet)}
              onChange={isOn => set(isOn ? [...some, fleet] : some.filter(each => each !== fleet))}
            />
          ))}
      </div>
    </fieldset>
  )
}

interface BoxProps {
  readonly label: string
  readonly isChecked: boolean
  readonly onChange: (isOn: boolean) => void
}

const Box = ({ label, isChecked, onChange }: BoxProps) => (
  <label class="box">
    <input type="checkbox" checked={isChecked} onChange={event => onChange(event.currentTarget.checked)} />
    {label}
  </label>
)
