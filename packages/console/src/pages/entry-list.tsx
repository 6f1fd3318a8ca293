import type { Entry } from '../api/shapes.ts'
import { Cell, Row, Table } from '../parts/table.tsx'
import { Foreign, Moment } from '../parts/text.tsx'
import { Who } from '../parts/who.tsx'
import { to } from '../place/address.ts'
import { factWords } from '../words/facts.ts'

interface ListProps {
  readonly entries: readonly Entry[]
  /** The ledger they are in. */
  readonly fleet: string
  /** Whether all of them are about one thing, which then needs no column. */
  readonly isAboutOne?: boolean
}

/** Entries of a ledger, a line each; the number leads to all of it. */
export const EntryList = ({ entries, fleet, isAboutOne = false }: ListProps) => (
  <Table label="Entries" heads={heads.filter(({ text }) => !isAboutOne || text !== 'About')}>
    {entries.map(entry => {
      const { what, detail, tone } = factWords(entry)
      return (
        <Row key={entry.index}>
          <Cell kind="number">
            <a class="row" href={addressOf(entry)}>
              {entry.index}
            </a>
          </Cell>
          <Cell kind="main">
            <span class={tone === 'bad' ? 'bad-text' : ''}>{what}</span>
            {detail && <span class="unseen">: </span>}
            {detail && (
              <span class="detail">
                <Foreign>{detail}</Foreign>
              </span>
            )}
          </Cell>
          {!isAboutOne && (
            <Cell label="About" isWide={entry.about === null}>
              <Who who={entry.about} fleet={fleet} />
            </Cell>
          )}
          <Cell isWide>
            <Who who={entry.by} fleet={fleet} />
          </Cell>
          <Cell>
            <Moment at={entry.at} />
          </Cell>
        </Row>
      )
    })}
  </Table>
)

const heads = [
  { text: 'No.', isNumber: true },
  { text: 'What' },
  { text: 'About' },
  { text: 'By', isWide: true },
  { text: 'When (UTC)' },
]

export const addressOf = ({ ledger, index }: Pick<Entry, 'ledger' | 'index'>): string =>
  ledger === 'platform' ? to(['ledger', index]) : to(['fleets', ledger, 'ledger', index])
