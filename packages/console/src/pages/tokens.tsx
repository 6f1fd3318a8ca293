import { useSignal } from '@preact/signals'
import { post, read } from '../api/call.ts'
import { may } from '../api/grants.ts'
import type { Token } from '../api/shapes.ts'
import { Confirm } from '../parts/confirm.tsx'
import { tell } from '../parts/live.tsx'
import { Paging } from '../parts/paging.tsx'
import { Cell, Row, RowHead, Table } from '../parts/table.tsx'
import { Chip, Day, Foreign } from '../parts/text.tsx'
import { Who } from '../parts/who.tsx'
import { to } from '../place/address.ts'
import { load } from '../place/navigation.ts'
import { page } from '../place/page.ts'
import { short } from '../words/names.ts'
import { count, grouped } from '../words/number.ts'
import { FleetTop } from './fleet-top.tsx'

interface Tokens {
  readonly tokens: readonly Token[]
  readonly next: string | null
}

const pageSize = 100

export const tokens = page<Tokens>({
  pattern: 'fleets/:fleet/tokens',
  load: ({ names, query: { all, after } }, signal) => {
    const asked = new URLSearchParams({ limit: String(pageSize), ...(all === 'yes' ? {} : { state: 'good' }) })
    if (after) asked.set('after', after)
    return read<Tokens>(`/v1/fleets/${encodeURIComponent(names.fleet!)}/tokens?${asked}`, signal)
  },
  title: (_, { names }) => `Tokens of ${names.fleet}`,
  View: ({ data: { tokens, next }, here: { names, segments, query } }) => {
    const fleet = names.fleet!
    const chosen = useSignal<Token | undefined>(undefined)
    const isAll = query.all === 'yes'
    return (
      <>
        <FleetTop fleet={fleet} tab="tokens">
          {may('operate', fleet) && (
            <a class="button primary" href={to(['fleets', fleet, 'new-token'])}>
              New token
            </a>
          )}
        </FleetTop>
        <p class="filter-line">
          {isAll ? (
            <a href={to(segments)}>Hide spent, expired and revoked tokens</a>
          ) : (
            <a href={to(segments, { all: 'yes' })}>Show spent, expired and revoked tokens too</a>
          )}
          <span class="quiet found">
            {count(tokens.length, 'token')}
            {next !== null && ', and more'}
          </span>
        </p>
        {tokens.length === 0 ? (
          <div class="empty">
            <p>
              <strong>{isAll ? 'No token yet.' : 'No token that can be used.'}</strong>
            </p>
            <p>
              A token lets a number of devices join, for a limited time. It carries the fingerprint of the root, so a
              device knows whom it joins.
            </p>
          </div>
        ) : (
          <TokenTable fleet={fleet} tokens={tokens} onRevoke={token => (chosen.value = token)} />
        )}
        <Paging next={next} here={{ segments, query }} />
        {chosen.value && <RevokeToken fleet={fleet} token={chosen.value} onClose={() => (chosen.value = undefined)} />}
      </>
    )
  },
})

interface TableProps {
  readonly fleet: string
  readonly tokens: readonly Token[]
  readonly onRevoke: (token: Token) => void
}

const heads = [
  { text: 'Token' },
  { text: 'Uses left' },
  { text: 'Ends' },
  { text: 'For' },
  { text: 'Made by', isWide: true },
  { text: <span class="unseen">Revoke</span> },
]

const TokenTable = ({ fleet, tokens, onRevoke }: TableProps) => (
  <Table label={`Tokens of ${fleet}`} heads={heads}>
    {tokens.map(token => (
      <Row key={token.id}>
        <RowHead>
          <a
            class="row"
            href={to(['fleets', fleet, 'ledger'], { about: token.id })}
            title="What the ledger has about it"
          >
            <code class="short">{short(token.id)}</code>
          </a>
        </RowHead>
        <Cell label="Uses left">
          <span class="whole-number">
            {grouped(token.left)}
            <span class="quiet"> of {grouped(token.uses)}</span>
          </span>
        </Cell>
        <Cell label={isUsable(token) ? 'Ends' : ''}>
          {isUsable(token) ? <Day at={token.expires} /> : <Chip tone="plain">{whyNot(token)}</Chip>}
        </Cell>
        <Cell label="For">
          {token.replaces && <span class="quiet">another key of </span>}
          {token.covers === null ? <span class="quiet">any name</span> : <Foreign>{token.covers}</Foreign>}
        </Cell>
        <Cell isWide>
          <Who who={token.createdBy} />
        </Cell>
        <Cell kind="act">
          {isUsable(token) && may('operate', fleet) && (
            <button type="button" class="small" onClick={() => onRevoke(token)}>
              Revoke<span class="unseen"> token {short(token.id)}</span>
            </button>
          )}
        </Cell>
      </Row>
    ))}
  </Table>
)

const RevokeToken = ({
  fleet,
  token,
  onClose,
}: {
  readonly fleet: string
  readonly token: Token
  readonly onClose: () => void
}) => {
  const revoke = async (reason: string) => {
    const why = reason === '' ? {} : { reason }
    await post(`/v1/fleets/${encodeURIComponent(fleet)}/tokens/${encodeURIComponent(token.id)}/revoke`, why)
    await load()
    onClose()
    tell(`Token ${short(token.id)} is revoked.`)
  }
  return (
    <Confirm title="Revoke this token" reason="welcome" action="Revoke the token" onConfirm={revoke} onClose={onClose}>
      <p>
        Nobody enrolls with <code>{short(token.id)}</code> from then on, nor asks again for what it enrolled. Devices
        that it enrolled stay as they are.
      </p>
    </Confirm>
  )
}

const isUsable = (token: Token): boolean => whyNot(token) === undefined

function whyNot({ revoked, left, expires }: Token): string | undefined {
  if (revoked !== null) return 'Revoked'
  if (left === 0) return 'Spent'
  return Date.parse(expires) <= Date.now() ? 'Expired' : undefined
}
