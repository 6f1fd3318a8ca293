import { useSignal } from '@preact/signals'
import { post } from '../api/call.ts'
import { readFleets } from '../api/fleets.ts'
import type { Fleet } from '../api/shapes.ts'
import { useDeed } from '../parts/deed.ts'
import { Dialog } from '../parts/dialog.tsx'
import { Choices, Field } from '../parts/field.tsx'
import { tell } from '../parts/live.tsx'
import { Refused } from '../parts/refused.tsx'
import { to } from '../place/address.ts'
import { go } from '../place/navigation.ts'

export const NewFleet = ({ onClose }: { readonly onClose: () => void }) => {
  const name = useSignal('')
  const shown = useSignal('private')
  const deed = useDeed(async () => {
    const { fleet, state } = await post<Fleet>('/v1/fleets', {
      name: name.value.trim(),
      public: shown.value === 'public',
    })
    await readFleets()
    onClose()
    tell(state === 'active' ? `Fleet ${fleet} is active.` : `Fleet ${fleet} waits for the root's ceremony.`)
    go(to(['fleets', fleet]))
  })
  return (
    <Dialog title="New fleet" onClose={onClose}>
      <form
        noValidate
        onSubmit={event => {
          event.preventDefault()
          deed.run()
        }}
      >
        <Field
          label="Name"
          value={name}
          isExact
          most={63}
          hint="Lower case letters, digits and hyphens. It is part of every identity, and never changes."
        />
        <Choices
          legend="Trust Center"
          value={shown}
          choices={[
            {
              value: 'private',
              label: 'Private',
              hint: 'Not its name, not its CA, not its ledger is shown to anyone outside.',
            },
            {
              value: 'public',
              label: 'Public',
              hint: 'Anyone can check its CA, its charter and its ledger. It stays so.',
            },
          ]}
        />
        <Refused refusal={deed.refusal} />
        <div class="buttons">
          <button type="submit" class="primary" aria-disabled={deed.isRunning}>
            Make the fleet
          </button>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  )
}
