import { useSignal } from '@preact/signals'
import { readFleets } from '../api/fleets.ts'
import { may } from '../api/grants.ts'
import type { Fleet, Warnings } from '../api/shapes.ts'
import { tryWarnings, warningsOf } from '../api/warnings.ts'
import { Cell, Row, RowHead, Table } from '../parts/table.tsx'
import { Chip, Day, Foreign, Heading } from '../parts/text.tsx'
import { to } from '../place/address.ts'
import { page } from '../place/page.ts'
import { grouped } from '../words/number.ts'
import { isUrgent, summary } from '../words/warnings.ts'
import { NewFleet } from './new-fleet.tsx'

interface Loaded {
  readonly fleets: readonly Fleet[]
  /** Undefined where they could not be read. */
  readonly warnings: Warnings | undefined
}

export const overview = page<Loaded>({
  pattern: '',
  load: async (_, signal) => {
    const [fleets, warnings] = await Promise.all([readFleets(signal), tryWarnings(signal)])
    return { fleets, warnings }
  },
  title: () => 'Overview',
  View: ({ data: { fleets, warnings } }) => {
    const isMaking = useSignal(false)
    const make = () => {
      isMaking.value = true
    }
    const button = may('govern') && (
      <button type="button" class={fleets.length === 0 ? 'primary' : ''} onClick={make}>
        New fleet
      </button>
    )
    return (
      <>
        <div class="top">
          <Heading>Overview</Heading>
        </div>
        <LookAt warnings={warnings} />
        <section aria-labelledby="fleets">
          <div class="section-top">
            <h2 id="fleets">Fleets</h2>
            {fleets.length > 0 && button}
          </div>
          {fleets.length > 0 ? (
            <Fleets fleets={fleets} warnings={warnings} />
          ) : (
            <div class="empty">
              <p>
                <strong>No fleet yet.</strong>
              </p>
              <p>
                A fleet is a set of devices with a CA and a ledger of its own. Nothing of one fleet counts in another.
              </p>
              {button}
            </div>
          )}
        </section>
        {isMaking.value && (
          <NewFleet
            onClose={() => {
              isMaking.value = false
            }}
          />
        )}
      </>
    )
  },
})

/** What there is to look at, before anything else. */
const LookAt = ({ warnings: all }: Pick<Loaded, 'warnings'>) => {
  if (all?.warnings.length === 0) return <p class="lead">Nothing to look at: there are no warnings.</p>
  return (
    <section class={`banner ${all?.warnings.some(isUrgent) ? 'bad' : 'warn'}`} aria-label="Warnings">
      <p>
        {all === undefined ? (
          'The warnings could not be read.'
        ) : (
          <>
            <strong>{summary(all.warnings, all.more)}.</strong> <Foreign>{all.warnings[0]!.says}</Foreign>
          </>
        )}
      </p>
      <a class="button small" href={to(['warnings'])}>
        Show the warnings
      </a>
    </section>
  )
}

const Fleets = ({ fleets, warnings }: Loaded) => (
  <Table
    label="Fleets"
    heads={[
      { text: 'Name' },
      { text: 'State' },
      { text: 'Trust Center' },
      { text: 'Warnings' },
      { text: 'Made', isWide: true },
    ]}
  >
    {fleets.map(({ fleet, state, public: isPublic, created }) => (
      <Row key={fleet}>
        <RowHead>
          <a class="row" href={to(['fleets', fleet])}>
            {fleet}
          </a>
        </RowHead>
        <Cell>
          {state === 'active' ? <Chip tone="good">Active</Chip> : <Chip tone="warn">Waits for the root</Chip>}
        </Cell>
        <Cell label="Trust Center">{isPublic ? 'Public' : 'Private'}</Cell>
        <Cell label="Warnings" isWide={warningsOf(warnings, fleet).length === 0}>
          <FleetWarnings fleet={fleet} count={warningsOf(warnings, fleet).length} />
        </Cell>
        <Cell isWide>
          <Day at={created} />
        </Cell>
      </Row>
    ))}
  </Table>
)

const FleetWarnings = ({ fleet, count }: { readonly fleet: string; readonly count: number }) =>
  count === 0 ? (
    <span class="quiet">–</span>
  ) : (
    <a href={to(['warnings'], { of: fleet })}>
      {grouped(count)}
      <span class="unseen">
        {' '}
        {count === 1 ? 'warning' : 'warnings'} of {fleet}
      </span>
    </a>
  )
