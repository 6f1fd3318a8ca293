import { useSignal } from '@preact/signals'
import { post } from '../api/call.ts'
import { may } from '../api/grants.ts'
import type { Device } from '../api/shapes.ts'
import { useDeed } from '../parts/deed.ts'
import { Dialog } from '../parts/dialog.tsx'
import { Field } from '../parts/field.tsx'
import { Labels } from '../parts/labels.tsx'
import { tell } from '../parts/live.tsx'
import { Refused } from '../parts/refused.tsx'
import { to } from '../place/address.ts'
import { load } from '../place/navigation.ts'
import { labelChange, readLabels } from '../words/labels.ts'

interface LabelsProps {
  readonly fleet: string
  readonly device: Device
}

/** The labels of a device, in its identity card. */
export const DeviceLabels = ({ fleet, device }: LabelsProps) => {
  const isEdited = useSignal(false)
  return (
    <span class="with-copy">
      <Labels labels={device.labels} addressOf={label => to(['fleets', fleet], { search: label })} />
      {may('operate', fleet) && (
        <button type="button" class="small" onClick={() => (isEdited.value = true)}>
          Change<span class="unseen"> labels</span>
        </button>
      )}
      {isEdited.value && <LabelDialog fleet={fleet} device={device} onClose={() => (isEdited.value = false)} />}
    </span>
  )
}

const LabelDialog = ({ fleet, device, onClose }: LabelsProps & { readonly onClose: () => void }) => {
  const text = useSignal(
    Object.entries(device.labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(' '),
  )
  const reason = useSignal('')
  const deed = useDeed(async () => {
    const labels = labelChange(device.labels, readLabels(text.value))
    const why = reason.value.trim() === '' ? {} : { reason: reason.value.trim() }
    const own = `/v1/fleets/${encodeURIComponent(fleet)}/devices/${encodeURIComponent(device.name)}`
    if (labels.length > 0) await post(`${own}/labels`, { labels, ...why })
    await load()
    onClose()
    tell(labels.length > 0 ? `Labels of ${device.name} are set.` : 'Nothing was changed.')
  })
  return (
    <Dialog title={`Labels of ${device.name}`} onClose={onClose}>
      <form
        noValidate
        onSubmit={event => {
          event.preventDefault()
          deed.run()
        }}
      >
        <Field
          label="Labels"
          value={text}
          isExact
          hint="Each a key and a value, such as site=berlin floor=3. What is left out is taken away. Configurations can be set for a label."
        />
        <Field label="Reason" value={reason} most={200} hint="You may leave it out. The ledger keeps it." />
        <Refused refusal={deed.refusal} />
        <div class="buttons">
          <button type="submit" class="primary" aria-disabled={deed.isRunning}>
            Set the labels
          </button>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  )
}
