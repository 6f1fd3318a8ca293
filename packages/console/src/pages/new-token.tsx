import { type Signal, useSignal } from '@preact/signals'
import { post } from '../api/call.ts'
import type { NewToken } from '../api/shapes.ts'
import { useDeed } from '../parts/deed.ts'
import { useDraft } from '../parts/draft.ts'
import { Choices, Field } from '../parts/field.tsx'
import { Refused } from '../parts/refused.tsx'
import { Foreign, Heading } from '../parts/text.tsx'
import { to } from '../place/address.ts'
import { page } from '../place/page.ts'
import { Trail } from './fleet-top.tsx'
import { MadeToken } from './made-token.tsx'

const hour = 3_600_000
const lifetimes = [
  { value: String(hour), label: '1 hour' },
  { value: String(24 * hour), label: '1 day' },
  { value: String(7 * 24 * hour), label: '7 days' },
  { value: String(30 * 24 * hour), label: '30 days' },
  { value: String(90 * 24 * hour), label: '90 days' },
]

export const newToken = page<undefined>({
  pattern: 'fleets/:fleet/new-token',
  load: async () => undefined,
  title: (_, { names }) => `New token of ${names.fleet}`,
  View: ({ here: { names, query } }) => {
    const fleet = names.fleet!
    // Here and nowhere else: it is gone when the page is left.
    const made = useSignal<NewToken | undefined>(undefined)
    return (
      <div class="narrow">
        <Trail>
          <a href={to(['fleets', fleet])}>{fleet}</a>
          <a href={to(['fleets', fleet, 'tokens'])}>Tokens</a>
        </Trail>
        {made.value ? (
          <MadeToken fleet={fleet} made={made.value} />
        ) : (
          <TokenForm fleet={fleet} replaces={query.replaces} onMade={token => (made.value = token)} />
        )}
      </div>
    )
  },
})

interface FormProps {
  readonly fleet: string
  /** The device whose key it replaces; then it is for one use and one name. */
  readonly replaces: string | undefined
  readonly onMade: (made: NewToken) => void
}

const TokenForm = ({ fleet, replaces, onMade }: FormProps) => {
  const ttl = useDraft('ttl', lifetimes[0]!.value)
  const uses = useDraft('uses', '1')
  const covers = useDraft('covers', 'any')
  const name = useDraft('name', '')
  const reason = useDraft('reason', '')
  const deed = useDeed(async () => {
    const named = covers.value === 'any' ? {} : { [covers.value]: name.value.trim() }
    const limits = replaces === undefined ? { uses: Number(uses.value), ...named } : { uses: 1, replaces }
    const why = reason.value.trim() === '' ? {} : { reason: reason.value.trim() }
    const asked = { ttl: Number(ttl.value), ...limits, ...why }
    onMade(await post<NewToken>(`/v1/fleets/${encodeURIComponent(fleet)}/tokens`, asked))
  })
  return (
    <>
      <Heading>{replaces === undefined ? 'New token' : 'Token for another key'}</Heading>
      {replaces === undefined ? (
        <p class="lead">
          It lets devices join <Foreign>{fleet}</Foreign>. Make it as small as the job is: the fewer uses and the
          shorter its time, the less it is worth to a thief.
        </p>
      ) : (
        <p class="lead">
          For <Foreign>{replaces}</Foreign> after a factory reset, or where its key may be known to others. With it the
          name goes on under a new key, once; the key of today ends in that moment.
        </p>
      )}
      <form
        noValidate
        onSubmit={event => {
          event.preventDefault()
          deed.run()
        }}
      >
        {replaces === undefined && (
          <Field label="Uses" value={uses} isNumber hint="How many devices join with it: 1 to 1 000 000." />
        )}
        <Choices legend="Ends after" value={ttl} choices={lifetimes} />
        {replaces === undefined && <Names covers={covers} name={name} />}
        <Field label="Reason" value={reason} most={200} hint="You may leave it out. The ledger keeps it." />
        <Refused refusal={deed.refusal} />
        <div class="buttons">
          <button type="submit" class="primary" aria-disabled={deed.isRunning}>
            Make the token
          </button>
          <a class="button" href={to(['fleets', fleet, 'tokens'])}>
            Cancel
          </a>
        </div>
      </form>
    </>
  )
}

/** Which names devices may ask for with it. */
const Names = ({ covers, name }: { readonly covers: Signal<string>; readonly name: Signal<string> }) => (
  <>
    <Choices
      legend="Names"
      value={covers}
      choices={[
        { value: 'any', label: 'Any name', hint: 'A device that asks for none is named after its key.' },
        { value: 'name', label: 'One name' },
        { value: 'pattern', label: 'A pattern', hint: 'One * stands for one or more characters: sensor-*' },
      ]}
    />
    {covers.value !== 'any' && (
      <Field
        label={covers.value === 'name' ? 'Name' : 'Pattern'}
        value={name}
        isExact
        most={64}
        hint="Lower case letters, digits, dots, hyphens and underscores."
      />
    )}
  </>
)
