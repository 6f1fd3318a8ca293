import { useSignal } from '@preact/signals'
import { readFleets } from '../api/fleets.ts'
import { may } from '../api/grants.ts'
import type { Fleet } from '../api/shapes.ts'
import { Cell, Row, RowHead, Table } from '../parts/table.tsx'
import { Chip, Day, Heading } from '../parts/text.tsx'
import { to } from '../place/address.ts'
import { page } from '../place/page.ts'
import { NewFleet } from './new-fleet.tsx'

export const overview = page<readonly Fleet[]>({
  pattern: '',
  load: (_, signal) => readFleets(signal),
  title: () => 'Overview',
  View: ({ data: fleets }) => {
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
        <section aria-labelledby="fleets">
          <div class="section-top">
            <h2 id="fleets">Fleets</h2>
            {fleets.length > 0 && button}
          </div>
          {fleets.length > 0 ? (
            <Fleets fleets={fleets} />
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

const Fleets = ({ fleets }: { readonly fleets: readonly Fleet[] }) => (
  <Table
    label="Fleets"
    heads={[{ text: 'Name' }, { text: 'State' }, { text: 'Trust Center' }, { text: 'Made', isWide: true }]}
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
        <Cell isWide>
          <Day at={created} />
        </Cell>
      </Row>
    ))}
  </Table>
)
