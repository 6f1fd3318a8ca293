import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useRef } from 'preact/hooks'
import { useDeed } from './deed.ts'
import { Dialog } from './dialog.tsx'
import { Field } from './field.tsx'
import { Refused } from './refused.tsx'

interface ConfirmProps {
  readonly title: string
  /** What will happen, and what will not come back. */
  readonly children: ComponentChildren
  /** What the operator types, to show which one is meant; none where it can be undone or costs little. */
  readonly name?: string
  /** Whether the ledger keeps why, and whether it has to. */
  readonly reason?: 'due' | 'welcome'
  readonly action: string
  readonly onConfirm: (reason: string) => Promise<void>
  readonly onClose: () => void
}

/** Asks before what cannot be undone. Nothing is greyed out: what is missing is said when it is asked for. */
export const Confirm = ({ title, children, name, reason: asked, action, onConfirm, onClose }: ConfirmProps) => {
  const typed = useSignal('')
  const reason = useSignal('')
  const isTried = useSignal(false)
  const nameField = useRef<HTMLInputElement>(null)
  const reasonField = useRef<HTMLInputElement>(null)
  const deed = useDeed(() => onConfirm(reason.value.trim()))
  const wrongName = name !== undefined && typed.value !== name
  const wrongReason = asked === 'due' && reason.value.trim() === ''
  const submit = (event: Event) => {
    event.preventDefault()
    isTried.value = true
    if (wrongName) nameField.current?.focus()
    else if (wrongReason) reasonField.current?.focus()
    else deed.run()
  }
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit} noValidate>
        {children}
        {name !== undefined && (
          <Field
            label={
              <>
                Type <bdi class="typed">{name}</bdi> to say which one
              </>
            }
            value={typed}
            place={nameField}
            isExact
            wrong={isTried.value && wrongName ? 'This is not its name.' : undefined}
          />
        )}
        {asked && (
          <Field
            label="Reason"
            value={reason}
            place={reasonField}
            most={200}
            hint={`${asked === 'welcome' ? 'You may leave it out. ' : ''}Kept in the ledger for good, and shown to whoever asks why.`}
            wrong={isTried.value && wrongReason ? 'Say why, in a few words.' : undefined}
          />
        )}
        <Refused refusal={deed.refusal} />
        <div class="buttons">
          <button type="submit" class="danger" aria-disabled={deed.isRunning}>
            {action}
          </button>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  )
}
