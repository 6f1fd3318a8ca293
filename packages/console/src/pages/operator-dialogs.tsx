import { useSignal } from '@preact/signals'
import { post, put, refreshSession } from '../api/call.ts'
import { governed } from '../api/grants.ts'
import { session } from '../api/session.ts'
import type { Operator } from '../api/shapes.ts'
import { Confirm } from '../parts/confirm.tsx'
import { useDeed } from '../parts/deed.ts'
import { Dialog } from '../parts/dialog.tsx'
import { Field } from '../parts/field.tsx'
import { GrantsField } from '../parts/grants-field.tsx'
import { tell } from '../parts/live.tsx'
import { Refused } from '../parts/refused.tsx'
import { load } from '../place/navigation.ts'

/** A token for devices that somebody made who is revoked. */
export interface OpenToken {
  readonly fleet: string
  readonly id: string
}

interface DialogProps {
  readonly operator: Operator
  readonly isYou: boolean
  readonly onClose: () => void
}

export const ChangeGrants = ({ operator: { name, grants: held }, isYou, onClose }: DialogProps) => {
  const own = governed(held)
  const grants = useSignal(own)
  const reason = useSignal('')
  const isTried = useSignal(false)
  const isWrong = reason.value.trim() === ''
  const deed = useDeed(async () => {
    const body = { grants: grants.value, reason: reason.value.trim(), ...(isYou ? { yourself: true } : {}) }
    await put(`/v1/operators/${encodeURIComponent(name)}/grants`, body)
    if (isYou) await refreshSession()
    await load()
    onClose()
    tell(`Grants of ${name} are set.`)
  })
  return (
    <Dialog title={`Grants of ${name}`} onClose={onClose}>
      <form
        noValidate
        onSubmit={event => {
          event.preventDefault()
          isTried.value = true
          if (!isWrong) deed.run()
        }}
      >
        {isYou && (
          <div class="banner warn">
            <p>
              <strong>This is you.</strong> What you take away here you cannot give back to yourself.
            </p>
          </div>
        )}
        <GrantsField value={grants} />
        {own !== held && <p class="quiet">What they hold of fleets that are not yours to govern stays as it is.</p>}
        <Field
          label="Reason"
          value={reason}
          most={200}
          hint="Kept in the ledger for good."
          wrong={isTried.value && isWrong ? 'Say why, in a few words.' : undefined}
        />
        <Refused refusal={deed.refusal} />
        <div class="buttons">
          <button type="submit" class="primary" aria-disabled={deed.isRunning}>
            Set the grants
          </button>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  )
}

interface RevokeProps extends DialogProps {
  readonly onRevoked: (tokens: readonly OpenToken[]) => void
}

export const RevokeOperator = ({ operator: { name }, isYou, onRevoked, onClose }: RevokeProps) => {
  const revoke = async (reason: string) => {
    const body = { reason, ...(isYou ? { yourself: true } : {}) }
    const { openTokens } = await post<{ openTokens: OpenToken[] }>(
      `/v1/operators/${encodeURIComponent(name)}/revoke`,
      body,
    )
    if (session.value === undefined) return
    onRevoked(openTokens)
    await load()
    onClose()
    tell(`${name} is revoked.`)
  }
  return (
    <Confirm title={`Revoke ${name}`} name={name} reason="due" action="Revoke" onConfirm={revoke} onClose={onClose}>
      <p>
        {isYou && <strong>This is you: you are signed out with it. </strong>}
        Refused everywhere and signed out once this is done. Invitations that they made end; tokens for devices that
        they made do not. <strong>This is final:</strong> the name does not come back.
      </p>
    </Confirm>
  )
}
