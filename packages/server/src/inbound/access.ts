import type { Access } from '@mintmark/core/rules'

// Who may call what, in one table. An operation without a row is not served, and a row without an operation does not
// start: `makeRouter` compares them. The gate reads nothing else.

const anyone: Access = { roles: [], token: false, anyone: true, door: 'machine' }
const token: Access = { roles: [], token: true, anyone: false, door: 'machine' }
const device: Access = { roles: ['device'], token: false, anyone: false, door: 'machine' }
const operator: Access = { roles: ['operator'], token: false, anyone: false, door: 'both' }
const member: Access = {
  roles: ['device', 'station', 'root', 'operator', 'gateway'],
  token: false,
  anyone: false,
  door: 'machine',
}
const deviceOrOperator: Access = { roles: ['device', 'operator'], token: false, anyone: false, door: 'both' }

const onBoth = (row: Access): Access => ({ ...row, door: 'both' })
/** Of people in a browser, who show a session. */
const onConsole = (row: Access): Access => ({ ...row, door: 'console' })
/** Not through a session: it would make another of itself, and so outlive its end. */
const byCertificate = (row: Access): Access => ({ ...row, door: 'machine' })

export const access = {
  'POST /v1/enroll': token,
  // A sleeper comes back by this and by nothing else.
  'POST /v1/renew': { ...member, late: true },
  'POST /v1/notice': { ...member, standing: 'decommissioned' },
  // The key may be gone when its last word is brought, so whoever brings it need not be who it is about.
  'POST /v1/notice/confirmation': { ...anyone, standing: 'any' },
  'GET /v1/me': onBoth(member),
  'GET /v1/config': device,
  'GET /v1/registry/:did': deviceOrOperator,
  'GET /v1/trust': onBoth(anyone),
  'GET /trust/root.pem': anyone,
  'GET /fleets/:fleet/devices/:name/did.json': anyone,
  // Of a public fleet to anyone, of any other to its devices and to operators; of the platform itself the head to
  // anyone, the rest to operators: the operation looks.
  'GET /crl/:fleet': anyone,
  'GET /log/:fleet/checkpoint': anyone,
  'GET /log/:fleet/tile/:path{.+}': anyone,
  'GET /receipts/:fleet/:index': anyone,
  'GET /openapi.json': anyone,
  'GET /healthz': anyone,

  'POST /v1/console/links': byCertificate(operator),
  'POST /console/session': onConsole(anyone),
  'DELETE /console/session': onConsole(operator),

  'GET /v1/fleets': operator,
  'POST /v1/fleets': operator,
  'GET /v1/fleets/:fleet': operator,
  'PUT /v1/fleets/:fleet/policy': operator,
  'GET /v1/fleets/:fleet/tokens': operator,
  'POST /v1/fleets/:fleet/tokens': operator,
  'POST /v1/fleets/:fleet/tokens/:id/revoke': operator,
  'GET /v1/fleets/:fleet/devices': operator,
  'GET /v1/fleets/:fleet/devices/:name': operator,
  'POST /v1/fleets/:fleet/devices/:name/revoke': operator,
  'POST /v1/fleets/:fleet/devices/:name/decommission': operator,
  'GET /v1/fleets/:fleet/config': operator,
  'PUT /v1/fleets/:fleet/config': operator,
  'GET /v1/fleets/:fleet/devices/:name/events': operator,
  // The fleet is a ledger here, so `platform` is one too.
  'GET /v1/audit/:fleet': operator,
  'GET /v1/audit/:fleet/:index': operator,
  'GET /v1/audit/:fleet/:index/proof': operator,
  'GET /v1/ceremony': operator,
  'POST /v1/ceremony': operator,
} as const satisfies Record<string, Access>

export type OperationName = keyof typeof access
