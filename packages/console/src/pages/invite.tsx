import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { post } from '../api/call.ts'
import { refreshFleets } from '../api/fleets.ts'
import type { Invitation } from '../api/shapes.ts'
import { CopyBlock } from '../parts/copy.tsx'
import { useDeed } from '../parts/deed.ts'
import { useDraft } from '../parts/draft.ts'
import { Choices, Field } from '../parts/field.tsx'
import { GrantsField } from '../parts/grants-field.tsx'
import { speak } from '../parts/live.tsx'
import { Refused } from '../parts/refused.tsx'
import { Heading } from '../parts/text.tsx'
import { to } from '../place/address.ts'
import { page } from '../place/page.ts'
import { grantLines } from '../words/grants.ts'
import { moment } from '../words/time.ts'
import { Trail } from './fleet-top.tsx'

type Made = Invitation & { readonly token: string }

const hour = 3_600_000
const lifetimes = [
  { value: String(hour), label: '1 hour' },
  { value: String(24 * hour), label: '1 day' },
  { value: String(7 * 24 * hour), label: '7 days' },
]

export const invite = page<undefined>({
  pattern: 'invite',
  load: async () => {
    await refreshFleets()
    return undefined
  },
  title: () => 'Invite an operator',
  View: () => {
    // Here and nowhere else: it is gone when the page is left.
    const made = useSignal<Made | undefined>(undefined)
    return (
      <div class="narrow">
        <Trail>
          <a href={to(['operators'])}>Operators</a>
        </Trail>
        {made.value ? <MadeInvitation made={made.value} /> : <InviteForm onMade={each => (made.value = each)} />}
      </div>
    )
  },
})

const InviteForm = ({ onMade }: { readonly onMade: (made: Made) => void }) => {
  const name = useDraft('name', '')
  const grants = useDraft('grants', '')
  const ttl = useDraft('ttl', lifetimes[0]!.value)
  const reason = useDraft('reason', '')
  const deed = useDeed(async () => {
    const why = reason.value.trim() === '' ? {} : { reason: reason.value.trim() }
    const asked = { name: name.value.trim(), grants: grants.value, ttl: Number(ttl.value), ...why }
    onMade(await post<Made>('/v1/operators', asked))
  })
  return (
    <>
      <Heading>Invite an operator</Heading>
      <p class="lead">
        It makes a token for one person. They make their own key with it, and nobody else ever has that key.
      </p>
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
          most={64}
          hint="Lower case letters, digits, dots, hyphens and underscores. It stands in the ledger beside all that they do."
        />
        <GrantsField value={grants} />
        <Choices legend="Ends after" value={ttl} choices={lifetimes} />
        <Field label="Reason" value={reason} most={200} hint="You may leave it out. The ledger keeps it." />
        <Refused refusal={deed.refusal} />
        <div class="buttons">
          <button type="submit" class="primary" aria-disabled={deed.isRunning}>
            Make the invitation
          </button>
          <a class="button" href={to(['operators'])}>
            Cancel
          </a>
        </div>
      </form>
    </>
  )
}

const MadeInvitation = ({ made: { name, token, grants, expires } }: { readonly made: Made }) => {
  const place = useRef<HTMLDivElement>(null)
  useEffect(() => {
    place.current?.querySelector('h1')?.focus()
    speak('The invitation is made. Its token is shown once.')
  }, [])
  return (
    <div ref={place} class="made">
      <Heading>The invitation is made</Heading>
      <div class="banner warn">
        <p>
          <strong>Its token is shown once.</strong> Whoever has it first is <bdi>{name}</bdi>: give it away over a
          channel that you trust.
        </p>
      </div>
      <h2>The token</h2>
      <CopyBlock text={token} what="token" />
      <h2>On the computer of the operator</h2>
      <p class="quiet">It asks for the token, so that it stands in no list of processes.</p>
      <CopyBlock text={`mintmark enroll - --home ./${name}`} what="command" />
      <p class="quiet after">
        Makes <bdi>{name}</bdi>{' '}
        {grantLines(grants)
          .map(({ role, fleets }) => `${role} of ${fleets}`)
          .join('; ')}
        , once, until {moment(expires)} UTC.
      </p>
      <div class="buttons">
        <a class="button" href={to(['operators'])}>
          Done
        </a>
      </div>
    </div>
  )
}
