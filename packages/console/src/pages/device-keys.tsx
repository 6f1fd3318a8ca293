import type { Key } from '../api/shapes.ts'
import { Cell, Row, RowHead, Table } from '../parts/table.tsx'
import { Chip, Id, Moment } from '../parts/text.tsx'

export const DeviceKeys = ({ keys }: { readonly keys: readonly Key[] }) => (
  <section aria-labelledby="keys">
    <h2 id="keys">Keys</h2>
    <Table label="Keys" heads={[{ text: 'Key' }, { text: 'Use' }, { text: 'Since (UTC)' }, { text: 'Until (UTC)' }]}>
      {keys.map(({ id, did, since, until, state }) => (
        <Row key={id}>
          <RowHead>
            <Id>{did}</Id>
          </RowHead>
          <Cell>{words[state]}</Cell>
          <Cell label="Since">
            <Moment at={since} />
          </Cell>
          <Cell label="Until">{until ? <Moment at={until} /> : <span class="quiet">–</span>}</Cell>
        </Row>
      ))}
    </Table>
  </section>
)

const words: Readonly<Record<Key['state'], preact.ComponentChild>> = {
  current: <Chip tone="good">Current</Chip>,
  pending: <Chip tone="warn">Waits for its first use</Chip>,
  superseded: <Chip tone="plain">Superseded</Chip>,
}
