import { read } from '../api/call.ts'
import { may } from '../api/grants.ts'
import type { Device } from '../api/shapes.ts'
import { Standing } from '../parts/standing.tsx'
import { Cell, Row, RowHead, Table } from '../parts/table.tsx'
import { Day, Foreign } from '../parts/text.tsx'
import { to } from '../place/address.ts'
import { page } from '../place/page.ts'
import { FleetTop } from './fleet-top.tsx'

interface Devices {
  readonly devices: readonly Device[]
  readonly next: string | null
}

const pageSize = 100

export const devices = page<Devices>({
  pattern: 'fleets/:fleet',
  load: ({ names, query }, signal) => {
    const asked = new URLSearchParams({ limit: String(pageSize), ...(query.after ? { after: query.after } : {}) })
    return read<Devices>(`/v1/fleets/${encodeURIComponent(names.fleet!)}/devices?${asked}`, signal)
  },
  title: (_, { names }) => `Devices of ${names.fleet}`,
  View: ({ data: { devices, next }, here: { names, query } }) => {
    const fleet = names.fleet!
    return (
      <>
        <FleetTop fleet={fleet} tab="">
          {may('operate', fleet) && (
            <a class="button primary" href={to(['fleets', fleet, 'new-token'])}>
              New token
            </a>
          )}
        </FleetTop>
        {devices.length === 0 ? <Empty fleet={fleet} /> : <DeviceTable fleet={fleet} devices={devices} />}
        {(next !== null || query.after) && (
          <p class="paging">
            {query.after && <a href={to(['fleets', fleet])}>First page</a>}
            {next !== null && <a href={to(['fleets', fleet], { after: next })}>Next page</a>}
          </p>
        )}
      </>
    )
  },
})

const heads = [
  { text: 'Device' },
  { text: 'Standing' },
  { text: 'Certificate ends' },
  { text: 'Key', isWide: true },
  { text: 'Enrolled', isWide: true },
]

const DeviceTable = ({ fleet, devices }: { readonly fleet: string; readonly devices: readonly Device[] }) => (
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
        <Cell label="Certificate ends">
          {device.standing === 'good' ? <Day at={device.notAfter} /> : <span class="quiet">–</span>}
        </Cell>
        <Cell isWide>{device.tier}</Cell>
        <Cell isWide>
          <Day at={device.enrolled} />
        </Cell>
      </Row>
    ))}
  </Table>
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
