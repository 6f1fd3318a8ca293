import type { ConfigurationFact } from '../api/shapes.ts'
import { Cell, Row, RowHead, Table } from '../parts/table.tsx'
import { Foreign, Moment } from '../parts/text.tsx'
import { Who } from '../parts/who.tsx'
import { to } from '../place/address.ts'
import type { Here } from '../place/page.ts'
import { targetWords } from '../words/target.ts'

interface HistoryProps {
  readonly here: Here
  readonly facts: readonly ConfigurationFact[]
  readonly next: number | null
}

const heads = [
  { text: 'Version' },
  { text: 'For' },
  { text: 'Reason' },
  { text: 'By', isWide: true },
  { text: 'When (UTC)' },
]

/** What was set and taken away in the fleet; each version can be looked at, and set again. */
export const ConfigurationHistory = ({ here: { names, segments, query }, facts, next }: HistoryProps) => {
  if (facts.length === 0) return null
  return (
    <section aria-labelledby="history">
      <h2 id="history">History</h2>
      <Table label="History" heads={heads}>
        {facts.map(({ target, version, digest, set, by, reason }) => (
          <Row key={version}>
            <RowHead label="Version">
              {digest === null ? (
                <>{version}, taken away</>
              ) : (
                <a
                  class="row"
                  href={to(segments, { target: target === 'fleet' ? undefined : target, version: String(version) })}
                >
                  {version}
                </a>
              )}
            </RowHead>
            <Cell label="For">{targetWords(target)}</Cell>
            <Cell isWide={reason === null} label="Reason">
              {reason === null ? <span class="quiet">–</span> : <Foreign>{reason}</Foreign>}
            </Cell>
            <Cell isWide>
              <Who who={by} fleet={names.fleet} />
            </Cell>
            <Cell>{set && <Moment at={set} />}</Cell>
          </Row>
        ))}
      </Table>
      {(next !== null || query.before) && (
        <p class="paging">
          {query.before && <a href={to(segments, { ...query, before: undefined })}>Newest</a>}
          {next !== null && <a href={to(segments, { ...query, before: String(next) })}>Older</a>}
        </p>
      )}
    </section>
  )
}
