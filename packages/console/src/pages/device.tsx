import { useSignal } from '@preact/signals'
import { Refusal, read } from '../api/call.ts'
import { may } from '../api/grants.ts'
import type { Device, Effective, Entries, Key, Rights, Why } from '../api/shapes.ts'
import { Standing } from '../parts/standing.tsx'
import { Foreign, Heading, Moment } from '../parts/text.tsx'
import { to } from '../place/address.ts'
import { type Here, page } from '../place/page.ts'
import { moment } from '../words/time.ts'
import { DeviceConfiguration } from './device-configuration.tsx'
import { DeviceFacts } from './device-facts.tsx'
import { DeviceKeys } from './device-keys.tsx'
import { DeviceMessages } from './device-messages.tsx'
import { EntryList } from './entry-list.tsx'
import { Trail } from './fleet-top.tsx'
import { LowerDialog, type Lowered } from './lower.tsx'
import { Refusals } from './refusals.tsx'
import { Stranger } from './stranger.tsx'

interface Unknown {
  readonly why: Why
  readonly device: undefined
}

interface Loaded {
  readonly device: Device & { readonly keys: readonly Key[] }
  readonly effective: Effective
  readonly rights: Rights
  readonly why: Why
  /** Undefined for whoever may not read ledgers. */
  readonly events: Entries | undefined
  /** When the current certificate was issued, as far as the ledger may be read. */
  readonly issued: string | undefined
}

const pageSize = 50
const issuing = ['identity.enrolled', 'identity.renewed', 'key.introduced']

export const device = page<Loaded | Unknown>({
  pattern: 'fleets/:fleet/devices/:name',
  load: async ({ names, query }, signal) => {
    const fleet = encodeURIComponent(names.fleet!)
    const own = `/v1/fleets/${fleet}/devices/${encodeURIComponent(names.name!)}`
    const asked = new URLSearchParams({ effective: names.name! })
    const [device, why] = await Promise.all([
      read<Loaded['device']>(own, signal).catch(unlessUnknown),
      read<Why>(`${own}/why`, signal),
    ])
    if (device === undefined) return { device, why }
    const [effective, rights] = await Promise.all([
      read<Effective>(`/v1/fleets/${fleet}/config?${asked}`, signal),
      read<Rights>(`${own}/scope`, signal),
    ])
    if (!may('audit', names.fleet)) return { device, effective, rights, why, events: undefined, issued: undefined }
    const about = encodeURIComponent(`${names.fleet}/device/${names.name}`)
    const before = query.before ? `&before=${encodeURIComponent(query.before)}` : ''
    const [events, ...issues] = await Promise.all([
      read<Entries>(`${own}/events?limit=${pageSize}${before}`, signal),
      ...issuing.map(kind => read<Entries>(`/v1/audit/${fleet}?about=${about}&kind=${kind}&limit=10`, signal)),
    ])
    const facts = issues.flatMap(({ entries }) => entries)
    return {
      device,
      effective,
      rights,
      why,
      events,
      issued: facts.find(({ body }) => body.serial === device.serial)?.at,
    }
  },
  title: (_, { names }) => `${names.name} of ${names.fleet}`,
  View: ({ data, here }) =>
    data.device === undefined ? (
      <Stranger fleet={here.names.fleet!} name={here.names.name!} why={data.why} />
    ) : (
      <KnownDevice data={data} here={here} />
    ),
})

/** A name that never enrolled is not nothing: there may be a device that tried. */
function unlessUnknown(error: unknown): undefined {
  if (!(error instanceof Refusal && error.code === 'device-unknown')) throw error
}

interface KnownProps {
  readonly data: Loaded
  readonly here: Here
}

const KnownDevice = ({
  data: { device, effective, rights, why, events, issued },
  here: { names, query },
}: KnownProps) => {
  const fleet = names.fleet!
  const asked = useSignal<Lowered | undefined>(undefined)
  const canLower = may('operate', fleet) && device.standing !== 'decommissioned'
  return (
    <>
      <Trail>
        <a href={to(['fleets', fleet])}>{fleet}</a>
        <a href={to(['fleets', fleet])}>Devices</a>
      </Trail>
      <div class="top">
        <Heading>
          <Foreign>{device.name}</Foreign>
        </Heading>
        <Standing {...device} />
        {canLower && (
          <div class="acts">
            {device.standing === 'good' && (
              <a class="button" href={to(['fleets', fleet, 'new-token'], { replaces: device.name })}>
                Replace key…
              </a>
            )}
            {device.standing === 'good' && (
              <button type="button" class="danger-quiet" onClick={() => (asked.value = 'revoked')}>
                Revoke…
              </button>
            )}
            <button type="button" class="danger-quiet" onClick={() => (asked.value = 'decommissioned')}>
              Decommission…
            </button>
          </div>
        )}
      </div>
      <Fallen device={device} />
      <DeviceFacts fleet={fleet} device={device} issued={issued} why={why} />
      {why.refusals.length > 0 && (
        <section aria-labelledby="refused">
          <h2 id="refused">Refused</h2>
          <Refusals label="Refused" refusals={why.refusals} fleet={fleet} />
        </section>
      )}
      <DeviceMessages {...rights} />
      <DeviceKeys keys={device.keys} />
      <DeviceConfiguration fleet={fleet} effective={effective} />
      {events && <Events fleet={fleet} name={device.name} events={events} isNewest={query.before === undefined} />}
      {asked.value && (
        <LowerDialog fleet={fleet} name={device.name} lowered={asked.value} onClose={() => (asked.value = undefined)} />
      )}
    </>
  )
}

/** Of a name that is not in good standing: since when, why, and whether its key is gone. */
const Fallen = ({ device: { standing, standingSince, reason, wiped } }: { readonly device: Device }) => {
  if (standing === 'good') return null
  return (
    <div class="banner bad">
      <p>
        <strong>{standing === 'revoked' ? 'Revoked' : 'Decommissioned'}</strong> on <Moment at={standingSince} /> UTC
        {reason && (
          <>
            : <Foreign>{reason}</Foreign>
          </>
        )}
        {standing === 'decommissioned' && (
          <span class="quiet">
            {' · '}
            {wiped === null
              ? 'It has not said yet that it wiped its key.'
              : `It said on ${moment(wiped)} UTC that it wiped its key.`}
          </span>
        )}
      </p>
    </div>
  )
}

interface EventsProps {
  readonly fleet: string
  readonly name: string
  readonly events: Entries
  readonly isNewest: boolean
}

const Events = ({ fleet, name, events: { entries, next }, isNewest }: EventsProps) => (
  <section aria-labelledby="events">
    <h2 id="events">Events</h2>
    <EntryList entries={entries} fleet={fleet} isAboutOne />
    {(next !== null || !isNewest) && (
      <p class="paging">
        {!isNewest && <a href={to(['fleets', fleet, 'devices', name])}>Newest</a>}
        {next !== null && <a href={to(['fleets', fleet, 'devices', name], { before: String(next) })}>Older</a>}
      </p>
    )}
  </section>
)
