import { post } from '../api/call.ts'
import { Confirm } from '../parts/confirm.tsx'
import { tell } from '../parts/live.tsx'
import { load } from '../place/navigation.ts'

export type Lowered = 'revoked' | 'decommissioned'

interface LowerProps {
  readonly fleet: string
  readonly name: string
  readonly lowered: Lowered
  readonly onClose: () => void
}

const words = {
  revoked: { verb: 'revoke', title: 'Revoke', done: 'is revoked' },
  decommissioned: { verb: 'decommission', title: 'Decommission', done: 'is decommissioned' },
} as const

export const LowerDialog = ({ fleet, name, lowered, onClose }: LowerProps) => {
  const { verb, title, done } = words[lowered]
  const lower = async (reason: string) => {
    await post(`/v1/fleets/${encodeURIComponent(fleet)}/devices/${encodeURIComponent(name)}/${verb}`, { reason })
    await load()
    onClose()
    tell(`${name} ${done}.`)
  }
  return (
    <Confirm title={`${title} ${name}`} name={name} reason="due" action={title} onConfirm={lower} onClose={onClose}>
      {lowered === 'revoked' ? (
        <p>
          It is refused everywhere once this is done, and its open connections are cut. <strong>This is final:</strong>{' '}
          the name does not come back. A device whose key alone is to go needs a token that replaces it instead.
        </p>
      ) : (
        <p>
          For a device at the end of its life. It is refused everywhere, and told to wipe its key when it asks next.{' '}
          <strong>This is final:</strong> neither the name nor the key comes back.
        </p>
      )}
    </Confirm>
  )
}
