import { useSignal } from '@preact/signals'
import { read } from '../api/call.ts'
import { refreshFleets } from '../api/fleets.ts'
import { may, mayGovern } from '../api/grants.ts'
import { session } from '../api/session.ts'
import type { Operator } from '../api/shapes.ts'
import { Copy } from '../parts/copy.tsx'
import { GrantList } from '../parts/grants.tsx'
import { Standing } from '../parts/standing.tsx'
import { Day, Foreign, Heading, Id, Moment } from '../parts/text.tsx'
import { to } from '../place/address.ts'
import { page } from '../place/page.ts'
import { short } from '../words/names.ts'
import { count } from '../words/number.ts'
import { Trail } from './fleet-top.tsx'
import { ChangeGrants, type OpenToken, RevokeOperator } from './operator-dialogs.tsx'

export const operator = page<Operator>({
  pattern: 'operators/:name',
  load: async ({ names }, signal) => {
    const [found] = await Promise.all([
      read<Operator>(`/v1/operators/${encodeURIComponent(names.name!)}`, signal),
      refreshFleets(),
    ])
    return found
  },
  title: ({ name }) => `Operator ${name}`,
  View: ({ data }) => {
    const asked = useSignal<'grants' | 'revoke' | undefined>(undefined)
    const left = useSignal<readonly OpenToken[]>([])
    const { name, standing } = data
    const isYou = session.value?.operator === name
    const close = () => {
      asked.value = undefined
    }
    return (
      <>
        <Trail>
          <a href={to(['operators'])}>Operators</a>
        </Trail>
        <div class="top">
          <Heading>
            <Foreign>{name}</Foreign>
          </Heading>
          {isYou && <span class="quiet">you</span>}
          <Standing {...data} />
          {standing === 'good' && mayGovern() && (
            <div class="acts">
              <button type="button" onClick={() => (asked.value = 'grants')}>
                Change grants…
              </button>
              {may('govern') && (
                <button type="button" class="danger-quiet" onClick={() => (asked.value = 'revoke')}>
                  Revoke…
                </button>
              )}
            </div>
          )}
        </div>
        {left.value.length > 0 && <OpenTokens name={name} tokens={left.value} />}
        <Facts operator={data} />
        {asked.value === 'grants' && <ChangeGrants operator={data} isYou={isYou} onClose={close} />}
        {asked.value === 'revoke' && (
          <RevokeOperator operator={data} isYou={isYou} onRevoked={tokens => (left.value = tokens)} onClose={close} />
        )}
      </>
    )
  },
})

/** What someone who is gone left behind that still enrolls. */
const OpenTokens = ({ name, tokens }: { readonly name: string; readonly tokens: readonly OpenToken[] }) => (
  <div class="banner warn">
    <div>
      <p>
        <strong>{count(tokens.length, 'token')}</strong> that <bdi>{name}</bdi> made still{' '}
        {tokens.length === 1 ? 'enrolls' : 'enroll'} devices. Revoke what is not to:
      </p>
      <ul class="notes">
        {tokens.map(({ fleet, id }) => (
          <li key={id}>
            <a href={to(['fleets', fleet, 'tokens'])}>
              {fleet}, <code class="short">{short(id)}</code>
            </a>
          </li>
        ))}
      </ul>
    </div>
  </div>
)

const Facts = ({
  operator: { name, identity, grants, standing, standingSince, reason, enrolled, notAfter },
}: {
  readonly operator: Operator
}) => (
  <section class="card" aria-label="The operator">
    <dl>
      <div>
        <dt>May do</dt>
        <dd>
          <GrantList grants={grants} />
        </dd>
      </div>
      <div>
        <dt>SPIFFE ID</dt>
        <dd class="with-copy">
          <Id>{identity}</Id>
          <Copy text={identity} what="SPIFFE ID" />
        </dd>
      </div>
      <div>
        <dt>Enrolled</dt>
        <dd>
          <Moment at={enrolled} /> UTC
        </dd>
      </div>
      {standing === 'good' ? (
        <div>
          <dt>Certificate</dt>
          <dd>
            ends <Day at={notAfter} />
          </dd>
        </div>
      ) : (
        <div>
          <dt>Revoked</dt>
          <dd>
            <Moment at={standingSince} /> UTC
            {reason && (
              <>
                : <Foreign>{reason}</Foreign>
              </>
            )}
          </dd>
        </div>
      )}
      {may('audit') && (
        <div>
          <dt>In the ledger</dt>
          <dd>
            <a href={to(['ledger'], { about: `platform/operator/${name}` })}>What was done about them</a>
          </dd>
        </div>
      )}
    </dl>
  </section>
)
