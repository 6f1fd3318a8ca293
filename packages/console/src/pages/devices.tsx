import { useSignal } from '@preact/signals'
import { useId, useLayoutEffect, useRef } from 'preact/hooks'
import { read } from '../api/call.ts'
import { may } from '../api/grants.ts'
import type { Device } from '../api/shapes.ts'
import { Labels } from '../parts/labels.tsx'
import { speak } from '../parts/live.tsx'
import { Paging } from '../parts/paging.tsx'
import { Standing } from '../parts/standing.tsx'
import { Cell, Row, RowHead, Table } from '../parts/table.tsx'
import { Day, Foreign } from '../parts/text.tsx'
import { to } from '../place/address.ts'
import { go } from '../place/navigation.ts'
import { type Here, page } from '../place/page.ts'
import { count } from '../words/number.ts'
import { readSought } from '../words/sought.ts'
import { FleetTop } from './fleet-top.tsx'

interface Devices {
  readonly devices: readonly Device[]
  readonly next: string | null
}

const pageSize = 100

export const devices = page<Devices>({
  pattern: 'fleets/:fleet',
  load: async ({ names, query: { search = '', standing, after } }, signal) => {
    const sought = readSought(search)
    // Nothing can be called so, and the platform would refuse the question.
    if (sought === 'none') return { devices: [], next: null }
    const asked = new URLSearchParams({ limit: String(pageSize), ...sought })
    for (const [name, value] of Object.entries({ standing, after })) if (value) asked.set(name, value)
    return read<Devices>(`/v1/fleets/${encodeURIComponent(names.fleet!)}/devices?${asked}`, signal)
  },
  title: (_, { names }) => `Devices of ${names.fleet}`,
  View: ({ data: { devices, next }, here }) => {
    const { names, query } = here
    const fleet = names.fleet!
    const isFiltered = Boolean(query.search || query.standing)
    const isEmpty = devices.length === 0 && !isFiltered && !query.after
    return (
      <>
        <FleetTop fleet={fleet} tab="">
          {may('operate', fleet) && !isEmpty && (
            <a class="button primary" href={to(['fleets', fleet, 'new-token'])}>
              New token
            </a>
          )}
        </FleetTop>
        {isEmpty ? (
          <Empty fleet={fleet} />
        ) : (
          <>
            <Filter here={here} found={`${count(devices.length, 'device')}${next === null ? '' : ', and more'}`} />
            {devices.length === 0 ? (
              <NoMatch fleet={fleet} />
            ) : (
              <DeviceTable here={here} fleet={fleet} devices={devices} />
            )}
          </>
        )}
        <Paging next={next} here={here} />
      </>
    )
  },
})

/** Searches while it is written in; the address says for what, so that it can be gone back to. */
const Filter = ({ here: { segments, query }, found }: { readonly here: Here; readonly found: string }) => {
  const search = useSignal(query.search ?? '')
  const id = useId()
  const clock = useRef<ReturnType<typeof setTimeout>>(undefined)
  const isFirst = useRef(true)
  /** What was asked for here last; anything else in the address is from elsewhere. */
  const own = useRef(query.search ?? '')
  const asked = `${query.search} ${query.standing} ${query.after}`
  // Before it is drawn: the rows and what was looked for are of one moment.
  useLayoutEffect(() => {
    const sought = query.search ?? ''
    // Someone went back, or followed a label; what is typed while an answer is on its way stays.
    if (sought !== own.current) search.value = sought
    own.current = sought
    if (!isFirst.current) speak(found)
    isFirst.current = false
  }, [asked])
  const ask = (standing = query.standing) => {
    own.current = search.value.trim().toLowerCase()
    go(to(segments, { search: own.current, standing }), { replace: true })
  }
  return (
    <search class="filter">
      <input
        type="search"
        aria-label="Search devices by a part of their name, or by a label such as site=berlin"
        placeholder="Search by name, or site=berlin"
        value={search.value}
        onInput={event => {
          search.value = event.currentTarget.value
          clearTimeout(clock.current)
          clock.current = setTimeout(ask, 150)
        }}
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
      />
      <label class="unseen" for={id}>
        Standing
      </label>
      <select id={id} value={query.standing ?? ''} onChange={event => ask(event.currentTarget.value)}>
        <option value="">Any standing</option>
        <option value="good">Good</option>
        <option value="revoked">Revoked</option>
        <option value="decommissioned">Decommissioned</option>
      </select>
      <span class="quiet found">{found}</span>
    </search>
  )
}

const heads = [
  { text: 'Device' },
  { text: 'Standing' },
  { text: 'Labels', isWide: true },
  { text: 'Certificate ends' },
  { text: 'Enrolled', isWide: true },
]

interface TableProps {
  readonly here: Here
  readonly fleet: string
  readonly devices: readonly Device[]
}

const DeviceTable = ({ here, fleet, devices }: TableProps) => (
  <Table label={`Devices of ${fleet}`} heads={heads}>
    {devices.map(device => (
      <Row key={device.name}>
        <RowHead>
          <a class="row" href={to(['fleets', fleet, 'devices', device.name])}>
            <Foreign>{device.name}</Foreign>
          </a>
        </RowHead>
        <Cell>
          <Standing {...device} />
        </Cell>
        <Cell isWide>
          <Labels labels={device.labels} addressOf={label => to(here.segments, { search: label })} />
        </Cell>
        <Cell label="Certificate ends" isWide={device.standing !== 'good'}>
          {device.standing === 'good' ? <Day at={device.notAfter} /> : <span class="quiet">–</span>}
        </Cell>
        <Cell isWide>
          <Day at={device.enrolled} />
        </Cell>
      </Row>
    ))}
  </Table>
)

const NoMatch = ({ fleet }: { readonly fleet: string }) => (
  <div class="empty">
    <p>
      <strong>No device is so.</strong>
    </p>
    <p>
      <a href={to(['fleets', fleet])}>Show every device</a>
    </p>
  </div>
)

const Empty = ({ fleet }: { readonly fleet: string }) => (
  <div class="empty">
    <p>
      <strong>No device yet.</strong>
    </p>
    <p>A device joins with a token: you make the token here, the device makes its own key and keeps it.</p>
    {may('operate', fleet) && (
      <a class="button primary" href={to(['fleets', fleet, 'new-token'])}>
        New token
      </a>
    )}
  </div>
)
