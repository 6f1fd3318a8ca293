import { changeKinds } from '@mintmark/core/rules'
import { useSignal } from '@preact/signals'
import { useId } from 'preact/hooks'
import { read } from '../api/call.ts'
import type { Entries } from '../api/shapes.ts'
import { Heading } from '../parts/text.tsx'
import { to } from '../place/address.ts'
import { go } from '../place/navigation.ts'
import { type Here, page } from '../place/page.ts'
import { kindWords } from '../words/facts.ts'
import { EntryList } from './entry-list.tsx'
import { FleetTop } from './fleet-top.tsx'

const pageSize = 100

const loadFrom = (ledger: string, { query }: Here, signal: AbortSignal): Promise<Entries> => {
  const { about, kind, before } = query
  const asked = new URLSearchParams({ limit: String(pageSize) })
  for (const [name, value] of Object.entries({ about, kind, before })) if (value) asked.set(name, value)
  return read<Entries>(`/v1/audit/${encodeURIComponent(ledger)}?${asked}`, signal)
}

export const fleetLedger = page<Entries>({
  pattern: 'fleets/:fleet/ledger',
  load: (here, signal) => loadFrom(here.names.fleet!, here, signal),
  title: (_, { names }) => `Ledger of ${names.fleet}`,
  View: ({ data, here }) => (
    <>
      <FleetTop fleet={here.names.fleet!} tab="ledger" />
      <Ledger ledger={here.names.fleet!} data={data} here={here} />
    </>
  ),
})

export const platformLedger = page<Entries>({
  pattern: 'ledger',
  load: (here, signal) => loadFrom('platform', here, signal),
  title: () => 'Platform ledger',
  View: ({ data, here }) => (
    <>
      <div class="top">
        <Heading>Platform ledger</Heading>
      </div>
      <p class="lead">
        What concerns no fleet alone: the founding, fleets, operators, and refusals of whom nobody knows.
      </p>
      <Ledger ledger="platform" data={data} here={here} />
    </>
  ),
})

const Ledger = ({
  ledger,
  data: { entries, next },
  here,
}: {
  readonly ledger: string
  readonly data: Entries
  readonly here: Here
}) => {
  const { segments, query } = here
  const isFiltered = Boolean(query.about || query.kind)
  return (
    <>
      <Filter key={`${query.about} ${query.kind}`} here={here} />
      {entries.length === 0 ? (
        <div class="empty">
          <p>
            <strong>{isFiltered ? 'No entry is so.' : 'Nothing yet.'}</strong>
          </p>
          {isFiltered && (
            <p>
              <a href={to(segments)}>Show every entry</a>
            </p>
          )}
        </div>
      ) : (
        <EntryList entries={entries} fleet={ledger} />
      )}
      {(next !== null || query.before) && (
        <p class="paging">
          {query.before && <a href={to(segments, { ...query, before: undefined })}>Newest</a>}
          {next !== null && <a href={to(segments, { ...query, before: String(next) })}>Older</a>}
        </p>
      )}
    </>
  )
}

const Filter = ({ here: { segments, query } }: { readonly here: Here }) => {
  const about = useSignal(query.about ?? '')
  const id = useId()
  const ask = (kind: string | undefined) => go(to(segments, { about: about.value.trim(), kind }))
  return (
    <search>
      <form
        class="filter"
        onSubmit={event => {
          event.preventDefault()
          ask(query.kind)
        }}
      >
        <input
          type="search"
          aria-label="About: a device as fleet/device/name, or the id of a token"
          placeholder="About: acme/device/name or token id"
          value={about.value}
          onInput={event => {
            about.value = event.currentTarget.value
            // The cross of a search field empties it, and means every entry.
            if (about.value === '' && query.about) ask(query.kind)
          }}
          autocomplete="off"
          spellcheck={false}
        />
        <label class="unseen" for={id}>
          Kind
        </label>
        <select id={id} value={query.kind ?? ''} onChange={event => ask(event.currentTarget.value)}>
          <option value="">Every kind</option>
          {changeKinds.map(kind => (
            <option key={kind} value={kind}>
              {kindWords(kind)}
            </option>
          ))}
        </select>
        <button type="submit">Search</button>
      </form>
    </search>
  )
}
