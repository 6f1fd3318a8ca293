import { useSignal } from '@preact/signals'
import { post, read } from '../api/call.ts'
import { mayGovern } from '../api/grants.ts'
import type { Invitation, Operator } from '../api/shapes.ts'
import { Confirm } from '../parts/confirm.tsx'
import { GrantList } from '../parts/grants.tsx'
import { tell } from '../parts/live.tsx'
import { Standing } from '../parts/standing.tsx'
import { Cell, Row, RowHead, Table } from '../parts/table.tsx'
import { Day, Foreign, Heading } from '../parts/text.tsx'
import { Who } from '../parts/who.tsx'
import { to } from '../place/address.ts'
import { load } from '../place/navigation.ts'
import { page } from '../place/page.ts'

interface Operators {
  readonly operators: readonly Operator[]
  readonly invitations: readonly Invitation[]
}

export const operators = page<Operators>({
  pattern: 'operators',
  load: (_, signal) => read<Operators>('/v1/operators', signal),
  title: () => 'Operators',
  View: ({ data: { operators, invitations } }) => {
    const chosen = useSignal<Invitation | undefined>(undefined)
    return (
      <>
        <div class="top">
          <Heading>Operators</Heading>
          {mayGovern() && (
            <a class="button primary" href={to(['invite'])}>
              Invite
            </a>
          )}
        </div>
        <OperatorTable operators={operators} />
        {invitations.length > 0 && (
          <section aria-labelledby="invitations">
            <h2 id="invitations">Open invitations</h2>
            <InvitationTable invitations={invitations} onTakeBack={each => (chosen.value = each)} />
          </section>
        )}
        {chosen.value && <TakeBack invitation={chosen.value} onClose={() => (chosen.value = undefined)} />}
      </>
    )
  },
})

const heads = [{ text: 'Name' }, { text: 'Standing' }, { text: 'May do' }, { text: 'Certificate ends' }]

const OperatorTable = ({ operators }: { readonly operators: readonly Operator[] }) => (
  <Table label="Operators" heads={heads}>
    {operators.map(operator => (
      <Row key={operator.name}>
        <RowHead>
          <a class="row" href={to(['operators', operator.name])}>
            <Foreign>{operator.name}</Foreign>
          </a>
        </RowHead>
        <Cell>
          <Standing {...operator} />
        </Cell>
        <Cell label="May do">
          <GrantList grants={operator.grants} />
        </Cell>
        <Cell label="Certificate ends" isWide={operator.standing !== 'good'}>
          {operator.standing === 'good' ? <Day at={operator.notAfter} /> : <span class="quiet">–</span>}
        </Cell>
      </Row>
    ))}
  </Table>
)

interface InvitationProps {
  readonly invitations: readonly Invitation[]
  readonly onTakeBack: (invitation: Invitation) => void
}

const invitationHeads = [
  { text: 'For' },
  { text: 'May do' },
  { text: 'Ends' },
  { text: 'Made by', isWide: true },
  { text: <span class="unseen">Take back</span> },
]

const InvitationTable = ({ invitations, onTakeBack }: InvitationProps) => (
  <Table label="Open invitations" heads={invitationHeads}>
    {invitations.map(invitation => (
      <Row key={invitation.id}>
        <RowHead>
          <Foreign>{invitation.name}</Foreign>
        </RowHead>
        <Cell label="May do">
          <GrantList grants={invitation.grants} />
        </Cell>
        <Cell label="Ends">
          <Day at={invitation.expires} />
        </Cell>
        <Cell isWide>
          <Who who={invitation.createdBy} />
        </Cell>
        <Cell kind="act">
          {mayGovern() && (
            <button type="button" class="small" onClick={() => onTakeBack(invitation)}>
              Take back<span class="unseen"> the invitation of {invitation.name}</span>
            </button>
          )}
        </Cell>
      </Row>
    ))}
  </Table>
)

const TakeBack = ({
  invitation: { id, name },
  onClose,
}: {
  readonly invitation: Invitation
  readonly onClose: () => void
}) => {
  const revoke = async (reason: string) => {
    await post(`/v1/invitations/${encodeURIComponent(id)}/revoke`, reason === '' ? {} : { reason })
    await load()
    onClose()
    tell(`The invitation of ${name} is taken back.`)
  }
  return (
    <Confirm
      title={`Take back the invitation of ${name}`}
      reason="welcome"
      action="Take it back"
      onConfirm={revoke}
      onClose={onClose}
    >
      <p>Its token makes nobody an operator from then on.</p>
    </Confirm>
  )
}
