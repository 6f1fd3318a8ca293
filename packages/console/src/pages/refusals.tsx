import type { RefusedCalls } from '../api/shapes.ts'
import { Cell, Row, RowHead, Table } from '../parts/table.tsx'
import { Advice, Foreign, Moment } from '../parts/text.tsx'
import { Who } from '../parts/who.tsx'
import { grouped } from '../words/number.ts'

interface RefusalsProps {
  readonly label: string
  readonly refusals: readonly RefusedCalls[]
  readonly fleet: string
  /** Whether they are of more than one caller. */
  readonly isOfMany?: boolean
}

/** What was refused, what that means, and what to do about it. */
export const Refusals = ({ label, refusals, fleet, isOfMany = false }: RefusalsProps) => (
  <Table label={label} heads={heads.filter(({ text }) => isOfMany || text !== 'Who')}>
    {refusals.map(({ who, code, operation, count, last, says, advice }) => (
      <Row key={`${who} ${code} ${operation}`}>
        <RowHead>
          <code class="short">{code}</code>
        </RowHead>
        {isOfMany && (
          <Cell label="Who">
            <Who who={who} fleet={fleet} />
          </Cell>
        )}
        <Cell>
          <Foreign>{says}</Foreign>
          <Advice>{advice}</Advice>
        </Cell>
        <Cell isWide>
          <code class="short">{operation}</code>
        </Cell>
        <Cell label="Times">{grouped(count)}</Cell>
        <Cell label="Last">
          <Moment at={last} />
        </Cell>
      </Row>
    ))}
  </Table>
)

const heads = [
  { text: 'Refused as' },
  { text: 'Who' },
  { text: 'What to do' },
  { text: 'At', isWide: true },
  { text: 'Times' },
  { text: 'Last (UTC)' },
]
