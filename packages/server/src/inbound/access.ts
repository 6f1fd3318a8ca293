import type { Access, Act } from '@mintmark/core/rules'

// Who may call what, in one table. An operation without a row is not served, and a row without an operation does not
// start: `makeRouter` compares them. The gate reads nothing else.

const anyone: Access = { roles: [], token: false, anyone: true, door: 'machine' }
const token: Access = { roles: [], token: true, anyone: false, door: 'machine' }
const device: Access = { roles: ['device'], token: false, anyone: false, door: 'machine' }
/** Any operator: the operation shows what the grants cover. */
const operator: Access = { roles: ['operator'], token: false, anyone: false, door: 'both' }
const member: Access = {
  roles: ['device', 'station', 'root', 'operator', 'gateway'],
  token: false,
  anyone: false,
  door: 'machine',
}
/** Operators, and devices that an operator has given the right to read the registry. */
const reader: Access = {
  roles: ['device', 'operator'],
  token: false,
  anyone: false,
  door: 'both',
  scope: 'registry:read',
}

/** Operators whose grants cover the fleet that the path names. */
const ofFleet = (act: Act): Access => ({ ...operator, grant: { act, over: 'fleet' } })
/** The same where the path names a ledger, which `platform` is too. */
const ofLedger = (act: Act): Access => ({ ...operator, grant: { act, over: 'ledger' } })
/** Operators whose grants cover everything. */
const ofPlatform = (act: Act): Access => ({ ...operator, grant: { act, over: 'platform' } })

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
  'PUT /v1/encryption-key': device,
  'GET /v1/messages': device,
  'POST /v1/messages': device,
  'GET /v1/registry/changes': { ...reader, door: 'machine' },
  'DELETE /v1/registry/changes': { ...reader, door: 'machine' },
  'GET /v1/registry/:did': reader,
  'GET /v1/trust': onBoth(anyone),
  'GET /trust/root.pem': anyone,
  'GET /fleets/:fleet/devices/:name/did.json': anyone,
  // Of a public fleet to anyone, of any other to its devices and to operators who may see it; of the platform itself the
  // head to anyone, the rest to operators who may see all: the operation looks.
  'GET /crl/:fleet': anyone,
  'GET /log/:fleet/checkpoint': anyone,
  'GET /log/:fleet/tile/:path{.+}': anyone,
  'GET /receipts/:fleet/:index': anyone,
  'GET /openapi.json': anyone,
  'GET /healthz': anyone,

  'POST /v1/console/links': byCertificate(operator),
  'POST /console/session': onConsole(anyone),
  'DELETE /console/session': onConsole(operator),

  'GET /v1/warnings': operator,
  'GET /v1/operators': operator,
  'POST /v1/operators': operator,
  'GET /v1/operators/:name': operator,
  'PUT /v1/operators/:name/grants': operator,
  // It is revoked everywhere, so for fleets that another operator may not even see.
  'POST /v1/operators/:name/revoke': ofPlatform('govern'),
  'POST /v1/invitations/:id/revoke': operator,

  'GET /v1/fleets': operator,
  'POST /v1/fleets': ofPlatform('govern'),
  'GET /v1/fleets/:fleet': ofFleet('view'),
  'PUT /v1/fleets/:fleet/policy': ofFleet('govern'),
  'GET /v1/fleets/:fleet/tokens': ofFleet('view'),
  'POST /v1/fleets/:fleet/tokens': ofFleet('operate'),
  'POST /v1/fleets/:fleet/tokens/:id/revoke': ofFleet('operate'),
  'GET /v1/fleets/:fleet/devices': ofFleet('view'),
  'GET /v1/fleets/:fleet/devices/:name': ofFleet('view'),
  'POST /v1/fleets/:fleet/devices/:name/revoke': ofFleet('operate'),
  'POST /v1/fleets/:fleet/devices/:name/decommission': ofFleet('operate'),
  'GET /v1/fleets/:fleet/config': ofFleet('view'),
  'PUT /v1/fleets/:fleet/config': ofFleet('operate'),
  'GET /v1/fleets/:fleet/config/history': ofFleet('view'),
  'POST /v1/fleets/:fleet/config/unset': ofFleet('operate'),
  'POST /v1/fleets/:fleet/devices/:name/labels': ofFleet('operate'),
  'GET /v1/fleets/:fleet/devices/:name/scope': ofFleet('view'),
  'PUT /v1/fleets/:fleet/devices/:name/scope': ofFleet('operate'),
  'GET /v1/fleets/:fleet/devices/:name/why': ofFleet('view'),
  'GET /v1/fleets/:fleet/devices/:name/events': ofFleet('audit'),
  // The fleet is a ledger here, so `platform` is one too.
  'GET /v1/audit/:fleet': ofLedger('audit'),
  'GET /v1/audit/:fleet/:index': ofLedger('audit'),
  'GET /v1/audit/:fleet/:index/proof': ofLedger('audit'),
  'GET /v1/ceremony': ofPlatform('govern'),
  'POST /v1/ceremony': ofPlatform('govern'),
} as const satisfies Record<string, Access>

export type OperationName = keyof typeof access
