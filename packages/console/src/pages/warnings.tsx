import { fleets } from '../api/fleets.ts'
import type { Warning, Warnings } from '../api/shapes.ts'
import { readWarnings, warningsOf } from '../api/warnings.ts'
import { Cell, Row, RowHead, Table } from '../parts/table.tsx'
import { Advice, Chip, Day, Foreign, Heading, Moment } from '../parts/text.tsx'
import { Who } from '../parts/who.tsx'
import { to } from '../place/address.ts'
import { page } from '../place/page.ts'
import { count, grouped } from '../words/number.ts'
import { isUrgent, saysWords, summary, trustPlace } from '../words/warnings.ts'

const most = 100

export const warnings = page<Warnings>({
  pattern: 'warnings',
  load: (_, signal) => readWarnings(signal),
  title: () => 'Warnings',
  View: ({ data, here: { query } }) => {
    const of = query.of
    const found = of === undefined ? data.warnings : warningsOf(data, of)
    const listed = query.all === 'yes' ? found : found.slice(0, most)
    return (
      <>
        <div class="top">
          <Heading>Warnings</Heading>
        </div>
        <p class="lead">
          {found.length > 0 ? `${summary(found, data.more && of === undefined)}. ` : ''}CAs that end within 90 days,
          what is stored and is not what the platform signs with, and who was refused in the last day.
        </p>
        {of !== undefined && (
          <p class="filter-line">
            Of {of === 'platform' ? 'the platform itself' : <bdi>{of}</bdi>} alone.{' '}
            <a href={to(['warnings'])}>Show all</a>
          </p>
        )}
        {listed.length === 0 ? <Nothing /> : <WarningTable warnings={listed} />}
        {listed.length < found.length && (
          <p class="paging">
            <a href={to(['warnings'], { ...query, all: 'yes' })}>
              Show {count(found.length - listed.length, 'more warning')}
            </a>
          </p>
        )}
      </>
    )
  },
})

const Nothing = () => (
  <div class="empty">
    <p>
      <strong>Nothing to look at.</strong>
    </p>
    <p>
      No CA ends soon, what is stored is what the platform signs with, and nobody with a name or a token was refused in
      the last day.
    </p>
  </div>
)

const heads = [{ text: 'Weight' }, { text: 'What, and what to do' }, { text: 'Where' }, { text: 'Since (UTC)' }]

const WarningTable = ({ warnings }: { readonly warnings: readonly Warning[] }) => (
  <Table label="Warnings" heads={heads}>
    {warnings.map((warning, i) => (
      <Row key={i}>
        <Cell>{isUrgent(warning) ? <Chip tone="bad">Urgent</Chip> : <Chip tone="warn">To look at</Chip>}</Cell>
        <RowHead kind="says">
          <Foreign>{saysWords(warning)}</Foreign>
          <Advice>{warning.advice}</Advice>
        </RowHead>
        <Cell label="Where">
          <Where warning={warning} />
        </Cell>
        <Cell label="Since">
          <Since warning={warning} />
        </Cell>
      </Row>
    ))}
  </Table>
)

/** What it is about, as a link where there is a page about it; and its fleet. */
const Where = ({ warning }: { readonly warning: Warning }) => {
  const { fleet } = warning
  const isShown = fleet === null || fleets.value.find(each => each.fleet === fleet)?.public === true
  const part = warning.kind === 'ends' ? warning.authority : warning.kind === 'mismatch' ? warning.part : undefined
  return (
    <>
      {'who' in warning && warning.who.startsWith('platform/operator/') && <span class="quiet">operator </span>}
      {'who' in warning && <Who who={warning.who} fleet={fleet ?? 'platform'} />}
      {part !== undefined && isShown && <a href={trustPlace(fleet, part)}>{partWords.get(part) ?? part}</a>}
      {part !== undefined && !isShown && <span>{partWords.get(part) ?? part}</span>}
      {fleet === null ? (
        part !== undefined && <span class="quiet"> of the platform</span>
      ) : (
        <>
          <span class="quiet"> of{'\u00a0'}</span>
          <a href={to(['fleets', fleet])}>{fleet}</a>
        </>
      )}
    </>
  )
}

const partWords: ReadonlyMap<string, string> = new Map([
  ['root', 'Root'],
  ['server', 'Server CA'],
  ['people', 'People CA'],
  ['fleet', 'Fleet CA'],
  ['authority', 'Fleet CA'],
  ['charter', 'Charter'],
  ['ledger', 'Ledger'],
])

const Since = ({ warning }: { readonly warning: Warning }) => (
  <>
    {warning.since === null ? <span class="quiet">nobody can tell</span> : <Moment at={warning.since} />}
    {'count' in warning && warning.count > 1 && (
      <span class="advice">
        {grouped(warning.count)} times, last <Moment at={warning.last} />
      </span>
    )}
    {warning.kind === 'ends' && (
      <span class="advice">
        ends <Day at={warning.notAfter} isOver />
      </span>
    )}
  </>
)
