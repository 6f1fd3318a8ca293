import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fresh } from '../../device/test/listening.ts'
import { operated, ran } from './operated.ts'

const device = {
  name: 'device-104',
  identity: 'spiffe://acme.example.test/device/device-104',
  did: 'did:key:z6Mk',
  standing: 'good',
  tier: 'software',
  enrolled: '2026-11-30T12:00:00.000Z',
  serial: '4f',
  notAfter: '2026-12-30T12:00:00.000Z',
}
const rights = { scopes: ['floor3.*:read', 'telemetry:write'], recipients: null, devices: [], counts: false }
const fleet = { fleet: 'acme', state: 'active', public: false, created: '2026-11-30T12:00:00.000Z' }
const refusal = {
  identity: device.identity,
  operation: 'GET /v1/me',
  count: 1,
  code: 'revoked',
  since: device.enrolled,
  last: '2026-11-30T18:00:00.000Z',
  says: 'It was refused.',
}
const token = { id: 'AQEB', uses: 2, left: 1, expires: '2999-01-01T00:00:00.000Z', covers: null, tier: 'software' }

interface Case {
  readonly args: readonly string[]
  readonly call: string
  readonly sent?: object
  readonly answer: object
  readonly says: string
}

const cases: readonly Case[] = [
  {
    args: ['fleet', 'create', 'acme', '--public'],
    call: 'POST /v1/fleets',
    sent: { name: 'acme', public: true },
    answer: fleet,
    says: 'Fleet acme is active.\nNext: mintmark token create --fleet acme --data /',
  },
  {
    args: ['fleet', 'create', 'acme'],
    call: 'POST /v1/fleets',
    sent: { name: 'acme', public: false },
    answer: { ...fleet, state: 'pending' },
    says: 'Fleet acme is pending.\nIt waits for its ceremony. Next: mintmark ceremony request --data /',
  },
  {
    args: ['fleet', 'set', 'acme', '--late-renewal', '90d', '--reason', 'boxed for the winter'],
    call: 'PUT /v1/fleets/acme/policy',
    sent: { lateRenewal: 7_776_000_000, reason: 'boxed for the winter' },
    answer: { ...fleet, lateRenewal: 7_776_000_000 },
    says: 'Devices of acme may renew for 90d after the end of their certificate.\n',
  },
  {
    args: ['fleet', 'set', 'acme', '--late-renewal', '0d', '--reason', 'over'],
    call: 'PUT /v1/fleets/acme/policy',
    sent: { lateRenewal: 0, reason: 'over' },
    answer: { ...fleet, lateRenewal: 0 },
    says: 'A certificate of acme that has ended does not renew.\n',
  },
  {
    args: ['fleet', 'set', 'acme', '--messages-per-minute', '600', '--reason', 'one ran wild'],
    call: 'PUT /v1/fleets/acme/policy',
    sent: { messagesPerMinute: 600, reason: 'one ran wild' },
    answer: { ...fleet, messagesPerMinute: 600 },
    says: 'Of one key of acme 600 messages a minute are recorded.\n',
  },
  {
    args: ['fleet', 'list'],
    call: 'GET /v1/fleets',
    answer: { fleets: [fleet, { ...fleet, fleet: 'globex-industries', public: true }] },
    says: [
      'FLEET              STATE   PUBLIC  CREATED',
      'acme               active  no      2026-11-30 12:00 UTC',
      'globex-industries  active  yes     2026-11-30 12:00 UTC\n',
    ].join('\n'),
  },
  { args: ['fleet', 'list'], call: 'GET /v1/fleets', answer: { fleets: [] }, says: 'No fleets yet.\n' },
  {
    args: ['token', 'create', '--fleet', 'acme'],
    call: 'POST /v1/fleets/acme/tokens',
    sent: { uses: 1, ttl: 3_600_000 },
    answer: { ...token, token: 'mmt1_AAAA' },
    says: [
      'mmt1_AAAA',
      '',
      'Enrolls one device of acme (any name) until 2999-01-01 00:00 UTC.',
      'It is not shown again. On the device, so that it stands in no list of processes:',
      '  mintmark enroll -    (and paste the token)\n',
    ].join('\n'),
  },
  {
    args: ['token', 'create', '--fleet=acme', '--uses=5', '--ttl=90s', '--name-pattern=s-*', '--key-tier=tpm-attested'],
    call: 'POST /v1/fleets/acme/tokens',
    sent: { uses: 5, ttl: 90_000, pattern: 's-*', tier: 'tpm-attested' },
    answer: { ...token, token: 'mmt1_AAAA' },
    says: 'Enrolls 5 devices of acme (s-*) until',
  },
  {
    args: ['token', 'create', '--fleet', 'acme', '--name', 'device-104'],
    call: 'POST /v1/fleets/acme/tokens',
    sent: { uses: 1, ttl: 3_600_000, name: 'device-104' },
    answer: { ...token, token: 'mmt1_AAAA' },
    says: '  mintmark enroll - --name device-104    (and paste the token)\n',
  },
  {
    args: ['token', 'list', '--fleet', 'acme'],
    call: 'GET /v1/fleets/acme/tokens?limit=1000',
    answer: {
      tokens: [
        { ...token, revoked: null },
        { ...token, left: 0, covers: 'sensor-*', revoked: null },
        { ...token, revoked: '2026-11-30T12:00:00.000Z' },
        { ...token, expires: '2020-01-01T00:00:00.000Z', revoked: null },
      ],
    },
    says: [
      'TOKEN  STATE    LEFT    COVERS    KEY       EXPIRES',
      'AQEB   good     1 of 2  any name  software  2999-01-01 00:00 UTC',
      'AQEB   spent    0 of 2  sensor-*  software  2999-01-01 00:00 UTC',
      'AQEB   revoked  1 of 2  any name  software  2999-01-01 00:00 UTC',
      'AQEB   expired  1 of 2  any name  software  2020-01-01 00:00 UTC\n',
    ].join('\n'),
  },
  {
    args: ['token', 'list', '--fleet', 'acme', '--good'],
    call: 'GET /v1/fleets/acme/tokens?limit=1000&state=good',
    answer: { tokens: [] },
    says: 'No tokens of acme that can be used.\n',
  },
  {
    args: ['token', 'revoke', 'AQ/../x', '--fleet', 'acme'],
    call: 'POST /v1/fleets/acme/tokens/AQ%2F..%2Fx/revoke',
    sent: {},
    answer: { id: 'AQ', revoked: '2026-11-30T12:00:00.000Z' },
    says: 'is revoked.',
  },
  {
    args: ['token', 'revoke', '-hAQEBAQEBAQEBAQEBAQEB', '--fleet', 'acme'],
    call: 'POST /v1/fleets/acme/tokens/-hAQEBAQEBAQEBAQEBAQEB/revoke',
    sent: {},
    answer: { id: 'AQEB', revoked: '2026-11-30T12:00:00.000Z' },
    says: 'Token -hAQEBAQEBAQEBAQEBAQEB is revoked.\n',
  },
  {
    args: ['token', 'create', '--fleet', 'acme', '--replaces', 'acme/device-104', '--ttl', '1d'],
    call: 'POST /v1/fleets/acme/tokens',
    sent: { uses: 1, ttl: 86_400_000, replaces: 'device-104' },
    answer: { ...token, token: 'mmt1_AAAA' },
    says: [
      'mmt1_AAAA',
      '',
      'Gives acme/device-104 a new key, once, until 2999-01-01 00:00 UTC. The one that it has is refused when that is done.',
      'It is not shown again. On the device, so that it stands in no list of processes:',
      '  mintmark enroll -    (and paste the token)\n',
    ].join('\n'),
  },
  {
    args: ['device', 'show', 'acme/device-104'],
    call: 'GET /v1/fleets/acme/devices/device-104',
    answer: {
      ...device,
      standing: 'decommissioned',
      rights: { ...rights, scopes: [] },
      wiped: '2026-12-01T12:00:00.000Z',
      keys: [
        { state: 'superseded', since: device.enrolled, until: '2026-11-30T18:00:00.000Z', did: 'did:key:z6Mj' },
        { state: 'current', since: '2026-11-30T18:00:00.000Z', until: null, did: device.did },
      ],
    },
    says: [
      '  certificate  4f, until 2026-12-30 12:00 UTC',
      '  wiped        2026-12-01 12:00 UTC',
      '',
      'KEY         SINCE                 UNTIL                 DID',
      'superseded  2026-11-30 12:00 UTC  2026-11-30 18:00 UTC  did:key:z6Mj',
      'current     2026-11-30 18:00 UTC  -                     did:key:z6Mk\n',
    ].join('\n'),
  },
  {
    args: ['device', 'show', 'acme/device-104'],
    call: 'GET /v1/fleets/acme/devices/device-104',
    answer: { ...device, standing: 'revoked', reason: 'stolen \u001b[2J', rights, wiped: null, keys: [] },
    says: [
      '  device       acme/device-104',
      '  standing     revoked (stolen \ufffd[2J)',
      '  identity     spiffe://acme.example.test/device/device-104',
      '  did          did:key:z6Mk',
      '  labels       -',
      '  key          software',
      '  scopes       floor3.*:read telemetry:write',
      '  enrolled     2026-11-30 12:00 UTC',
      '  certificate  4f, until 2026-12-30 12:00 UTC\n',
    ].join('\n'),
  },
  {
    args: ['revoke', 'acme/device-104', '--reason', 'stolen'],
    call: 'POST /v1/fleets/acme/devices/device-104/revoke',
    sent: { reason: 'stolen' },
    answer: { ...device, standing: 'revoked', receipt: null },
    says: 'acme/device-104 is revoked. It is refused from now on, everywhere.\n',
  },
  {
    args: ['decommission', 'acme/device-104', '--reason', 'sold'],
    call: 'POST /v1/fleets/acme/devices/device-104/decommission',
    sent: { reason: 'sold' },
    answer: { ...device, standing: 'decommissioned', receipt: null },
    says: 'acme/device-104 is decommissioned. It is refused from now on, everywhere.\n',
  },
  {
    args: ['audit', 'show', 'acme/17'],
    call: 'GET /v1/audit/acme/17',
    answer: {
      ledger: 'acme',
      index: 17,
      kind: 'identity.revoked',
      at: '2026-11-30T12:00:00.000Z',
      by: 'platform/operator/local',
      about: 'acme/device/device-104',
      says: 'acme/device/device-104 was revoked: stolen',
      body: { reason: 'stolen \u001b[2J\nacme/18  identity.enrolled', notAfter: 1796040000000, spki: 'ab'.repeat(65) },
      leafHash: 'ab',
    },
    says: [
      'acme/17  identity.revoked',
      '  says       acme/device/device-104 was revoked: stolen',
      '  when       2026-11-30 12:00 UTC',
      '  by         platform/operator/local',
      '  about      acme/device/device-104',
      '  leaf hash  ab',
      '  reason    stolen \ufffd[2J\ufffdacme/18  identity.enrolled',
      '  notAfter  2026-11-30 12:00 UTC',
      '  spki      65 bytes (--json has them)\n',
    ].join('\n'),
  },
  {
    args: ['config', 'show', 'acme'],
    call: 'GET /v1/fleets/acme/config?target=fleet',
    answer: { version: 1, digest: 'ab', configuration: { interval: 60 } },
    says: '{\n  "interval": 60\n}\n',
  },
  {
    args: ['config', 'show', 'acme', '--label', 'site=berlin'],
    call: 'GET /v1/fleets/acme/config?target=label%3Asite%3Dberlin',
    answer: { version: 1, digest: 'ab', configuration: { name: '\u009b2J\u202e\u{e0001}\n' } },
    says: '{\n  "name": "\\u009b2J\\u202e\\udb40\\udc01\\n"\n}\n',
  },
  {
    args: ['config', 'show', 'acme', '--device', 'device-104'],
    call: 'GET /v1/fleets/acme/config?target=device%3Adevice-104',
    answer: { version: 0, digest: null, configuration: null },
    says: 'Nothing is set.\n',
  },
  {
    args: ['config', 'show', 'acme', '--effective', 'device-104'],
    call: 'GET /v1/fleets/acme/config?effective=device-104',
    answer: { version: 3, digest: 'ab', configuration: {}, from: [] },
    says: '{}\n',
  },
  {
    args: ['config', 'show', 'acme', '--at', '7'],
    call: 'GET /v1/fleets/acme/config?version=7',
    answer: { version: 7, digest: 'ab', configuration: { a: 1 } },
    says: '{\n  "a": 1\n}\n',
  },
  {
    args: ['config', 'unset', 'acme', '--label', 'site=berlin', '--reason', 'moved'],
    call: 'POST /v1/fleets/acme/config/unset',
    sent: { target: 'label:site=berlin', reason: 'moved' },
    answer: { target: 'label:site=berlin', version: 8, digest: null, configuration: null },
    says: 'No configuration of acme is set for label:site=berlin any more.\n',
  },
  {
    args: ['device', 'label', 'acme/device-104', 'site=berlin', '-floor', '--reason', 'moved', '-x'],
    call: 'POST /v1/fleets/acme/devices/device-104/labels',
    sent: { labels: ['site=berlin', '-floor', '-x'], reason: 'moved' },
    answer: { ...device, labels: { zone: 'b', site: 'berlin' } },
    says: 'Labels of acme/device-104: site=berlin zone=b\n',
  },
  {
    args: ['device', 'scope', 'acme/device-104'],
    call: 'GET /v1/fleets/acme/devices/device-104/scope',
    answer: { device: 'device-104', ...rights, recipients: ['hub-1'], devices: ['sensor-7'], counts: true },
    says: [
      '  scopes      floor3.*:read telemetry:write',
      '  recipients  hub-1',
      '  behind it   sensor-7',
      '  messages    counted\n',
    ].join('\n'),
  },
  {
    args: ['warnings'],
    call: 'GET /v1/warnings',
    answer: {
      warnings: [
        {
          kind: 'mismatch',
          fleet: 'acme',
          part: 'authority',
          findings: ['other-key'],
          says: 'Not what is signed with.',
          advice: 'compare with `mintmark audit verify`',
        },
        { kind: 'ends', fleet: null, authority: 'server', daysLeft: 6, within: 7, says: 'The CA ends in 6 days.' },
        { ...refusal, kind: 'superseded-key', count: 5, says: 'acme/device/device-104 was refused \u001b[2J' },
        { ...refusal, kind: 'refused', identity: 'spiffe://platform.example.test/operator/alice', operation: 'none' },
      ],
      more: true,
    },
    says: [
      'Not what is signed with.',
      '  What to do: compare with `mintmark audit verify`.',
      'The CA ends in 6 days.',
      'acme/device/device-104 was refused \ufffd[2J',
      '  5 times at GET /v1/me since 2026-11-30 12:00 UTC, the last time 2026-11-30 18:00 UTC.',
      '  More: mintmark why acme/device-104',
      'It was refused.',
      '  Once before it asked for anything that there is, 2026-11-30 18:00 UTC.',
      'There are more than are listed.\n',
    ].join('\n'),
  },
  {
    args: ['warnings'],
    call: 'GET /v1/warnings',
    answer: { warnings: [] },
    says: 'Nothing to look at, of what you may see.\n',
  },
]

describe.each(cases.map(each => [each.args.join(' '), each] as const))('mintmark %s', (_, each) => {
  const { args, call, sent, answer, says } = each
  test('asks the platform and tells a person', async () => {
    const { data, seen } = await operated({ [call]: answer })
    const { code, out, err } = await ran(...args, '--data', data)
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(seen).toEqual([{ call, body: sent }])
    expect(out).toContain(says)
  })

  test('gives a script the answer of the platform', async () => {
    const { data } = await operated({ [call]: answer })
    const { code, out, err } = await ran(...args, '--data', data, '--json')
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(JSON.parse(out)).toEqual(answer)
  })
})

describe('mintmark device scope says all anew', () => {
  const path = '/v1/fleets/acme/devices/device-104/scope'
  const said = async (before: readonly string[], after: readonly string[], ...args: readonly string[]) => {
    const answer = { device: 'device-104', ...rights, scopes: after }
    const calls = { [`GET ${path}`]: { device: 'device-104', ...rights, scopes: before }, [`PUT ${path}`]: answer }
    const { data, seen } = await operated(calls)
    const { code, out, err } = await ran('device', 'scope', 'acme/device-104', ...args, '--data', data)
    expect({ code, err }).toEqual({ code: 0, err: '' })
    const script = await ran('device', 'scope', 'acme/device-104', ...args, '--data', data, '--json')
    expect(JSON.parse(script.out)).toEqual(answer)
    return { out, sent: seen[1]?.body }
  }

  test('with all that goes with it', async () => {
    const { out, sent } = await said(
      [],
      ['floor3.*:read', 'telemetry:write'],
      ...['telemetry:write', 'floor3.*:read', '--recipient', 'hub-1', '--recipient', 'did:web:hub.test'],
      ...['--behind', 'sensor-7', '--counts', '--reason', 'a line'],
    )
    expect(sent).toEqual({
      scopes: ['floor3.*:read', 'telemetry:write'],
      recipients: ['did:web:hub.test', 'hub-1'],
      devices: ['sensor-7'],
      counts: true,
      reason: 'a line',
    })
    expect(out).toBe('  device  acme/device-104\n  scopes  floor3.*:read telemetry:write\n')
  })

  test('and tells nothing of a scope that another one covers', async () => {
    const { out } = await said(['telemetry:write', 'x:read'], ['*:write', 'x:read'], '*:write', 'x:read')
    expect(out).not.toContain('no longer')
  })

  test('and tells for whom it speaks no longer, and that it is bound to nobody', async () => {
    const path = '/v1/fleets/acme/devices/device-104/scope'
    const had = { device: 'device-104', ...rights, recipients: ['hub-1'], devices: ['pump-2', 'sensor-7'] }
    const answer = { device: 'device-104', ...rights, devices: ['pump-2'] }
    const { data } = await operated({ [`GET ${path}`]: had, [`PUT ${path}`]: answer })
    const args = ['telemetry:write', 'floor3.*:read', '--behind', 'pump-2', '--data', data]
    const { out } = await ran('device', 'scope', 'acme/device-104', ...args)
    expect(out).toContain('  no longer  for sensor-7\n  now to     everybody\n')
  })

  test('and tells what the device may not any more', async () => {
    const had = ['registry:read', 'telemetry:write']
    const { out } = await said(had, ['telemetry:write'], 'telemetry:write')
    expect(out).toBe('  device     acme/device-104\n  scopes     telemetry:write\n  no longer  registry:read\n')
    const none = await said(had, [], '--none')
    expect(none.sent).toEqual({ scopes: [], devices: [], counts: false })
    expect(none.out).toContain('  no longer  registry:read telemetry:write\n')
  })
})

test('mintmark token list reads page after page', async () => {
  const path = 'GET /v1/fleets/acme/tokens?limit=1000'
  const { data, seen } = await operated({
    [path]: { tokens: [token], next: '1700000000000.AQEB' },
    [`${path}&after=1700000000000.AQEB`]: { tokens: [{ ...token, id: 'AQEC' }], next: null },
  })
  const { out } = await ran('token', 'list', '--fleet', 'acme', '--data', data, '--json')
  expect(JSON.parse(out)).toEqual({ tokens: [token, { ...token, id: 'AQEC' }] })
  expect(seen).toHaveLength(2)
})

describe('mintmark device list', () => {
  const path = 'GET /v1/fleets/acme/devices?limit=1000'

  test('reads page after page', async () => {
    const [a, b, c] = ['a', 'b', 'c'].map(name => ({ ...device, name }))
    const { data, seen } = await operated({
      [path]: { devices: [a], next: 'a' },
      [`${path}&after=a`]: { devices: [b], next: 'b' },
      [`${path}&after=b`]: { devices: [c], next: null },
    })
    const { out } = await ran('device', 'list', '--fleet', 'acme', '--data', data, '--json')
    expect(JSON.parse(out)).toEqual({ devices: [a, b, c] })
    expect(seen).toHaveLength(3)
    const text = (await ran('device', 'list', '--fleet', 'acme', '--data', data)).out
    expect(text).toMatch(
      /^DEVICE {2}STANDING {2}KEY +CERTIFIED UNTIL +LABELS +DID\na {7}good +software +2026-12-30 12:00 UTC +- +did:/,
    )
    expect(text.trimEnd().split('\n')).toHaveLength(4)
  })

  test('asks for what is looked for', async () => {
    const asked = `${path}&label=site%3Dberlin&search=104&standing=revoked`
    const { data, seen } = await operated({ [asked]: { devices: [], next: null } })
    const { code, out } = await ran(
      ...['device', 'list', '--fleet', 'acme', '--data', data],
      ...['--label', 'site=berlin', '--search', '104', '--standing', 'revoked'],
    )
    expect({ code, out }).toEqual({ code: 0, out: 'No such devices in acme.\n' })
    expect(seen).toHaveLength(1)
  })

  test('does not walk in a circle', async () => {
    const { data } = await operated({
      [path]: { devices: [], next: 'b' },
      [`${path}&after=b`]: { devices: [], next: 'b' },
    })
    const { code, err } = await ran('device', 'list', '--fleet', 'acme', '--data', data)
    expect({ code, err }).toEqual({ code: 1, err: 'mintmark: failed: the pages do not end\n' })
  })
})

describe('mintmark audit list', () => {
  const path = 'GET /v1/audit/acme?limit=50'
  const entry = {
    ledger: 'acme',
    index: 9,
    kind: 'identity.revoked',
    at: '2026-11-30T12:00:00.000Z',
    by: 'platform/operator/local',
    about: 'acme/device/device-104',
    body: { reason: 'stolen' },
  }
  const refused = {
    ...entry,
    index: 8,
    kind: 'refused',
    by: 'anonymous',
    about: null,
    body: { code: 'refused', operation: 'POST /v1/enroll', count: 12 },
  }
  const created = { ...entry, index: 7, kind: 'token.revoked', body: { token: 'AQEB' } }

  test('prints page after page as it comes, with nothing that moves the cursor', async () => {
    const hostile = { ...entry, body: { reason: 'a\u001b[2J\nb\u202e' } }
    const { data, seen } = await operated({
      [path]: { ledger: 'acme', entries: [hostile, refused], next: 8 },
      [`${path}&before=8`]: { ledger: 'acme', entries: [created], next: null },
    })
    const { code, out } = await ran('audit', 'list', '--ledger', 'acme', '--data', data)
    expect({ code, calls: seen.length }).toEqual({ code: 0, calls: 2 })
    expect(out).toBe(
      [
        'ENTRY   WHEN                  WHAT              ABOUT                   BY                       WHY',
        'acme/9  2026-11-30 12:00 UTC  identity.revoked  acme/device/device-104  platform/operator/local  a\ufffd[2J\ufffdb\ufffd',
        'acme/8  2026-11-30 12:00 UTC  refused           -                       anonymous                refused at POST /v1/enroll, 12 times',
        'acme/7  2026-11-30 12:00 UTC  token.revoked     acme/device/device-104  platform/operator/local',
        '',
      ].join('\n'),
    )
    expect(JSON.parse((await ran('audit', 'list', '--ledger', 'acme', '--data', data, '--json')).out)).toEqual({
      ledger: 'acme',
      entries: [hostile, refused, created],
    })
  })

  test('stops at the limit', async () => {
    const { data, seen } = await operated({
      'GET /v1/audit/acme?limit=1': { ledger: 'acme', entries: [entry], next: 9 },
    })
    const { out } = await ran('audit', 'list', '--ledger', 'acme', '--limit', '1', '--data', data, '--json')
    expect([JSON.parse(out).entries, seen.length]).toEqual([[entry], 1])
  })

  test('asks for a device as people name it, and for anything else as it is named', async () => {
    const asks = async (...args: string[]) => {
      const { data, seen } = await operated()
      await ran('audit', 'list', '--ledger', 'platform', '--data', data, ...args)
      return seen[0]?.call
    }
    expect(await asks('--about', 'acme/device-104')).toContain('&about=acme%2Fdevice%2Fdevice-104')
    expect(await asks('--about', 'platform/operator/local')).toContain('&about=platform%2Foperator%2Flocal')
    expect(await asks('--about', 'AQEB&kind=x', '--kind', 'refused')).toContain('&about=AQEB%26kind%3Dx&kind=refused')
  })

  test('says that there is nothing', async () => {
    const { data } = await operated({ [path]: { ledger: 'acme', entries: [], next: null } })
    expect((await ran('audit', 'list', '--ledger', 'acme', '--data', data)).out).toBe('No such entries.\n')
    expect((await ran('audit', 'list', '--ledger', 'acme', '--data', data, '--json')).out).toBe(
      '{"ledger":"acme","entries":[]}\n',
    )
  })

  test.each([['--limit', '0'], ['--limit', 'x'], ['--ledger', 'a/b'], []])('%s %s is refused', async (...args) => {
    const { data, seen } = await operated()
    const { code } = await ran('audit', 'list', '--data', data, ...args)
    expect([code === 0, seen]).toEqual([false, []])
  })
})

describe('mintmark why', () => {
  const path = 'GET /v1/fleets/acme/devices/device-104/why'
  const at = '2026-11-30T12:00:00.000Z'
  const anonymous = { since: at, refusals: [] as object[] }
  const certificate = { serial: '4f', notAfter: at, state: 'valid', renewsUntil: at }
  const key = { did: 'did:key:z6Mk', since: at, until: null, state: 'current' }
  const good = {
    ...{ standing: 'good', since: at, by: 'token:AQEB', reason: null, wiped: null, certificate, keys: [key] },
    ...{ refusals: [], tokens: [], anonymous },
  }
  const refusal = {
    ...{ who: 'acme/device/device-104', code: 'revoked', operation: 'GET /v1/me', count: 12, first: at, last: at },
    ...{ says: 'This identity is revoked.', advice: 'ask the operator why' },
  }
  const note =
    'A device whose certificate does not even prove (of another platform, broken, or none) has no name here, and is counted among them.'
  const said = async (answer: object) => {
    const { data } = await operated({ [path]: answer })
    const { code, out } = await ran('why', 'acme/device-104', '--data', data)
    expect(code).toBe(0)
    return out.split('\n')
  }

  test('says in sentences that there is nothing', async () => {
    expect(await said(good)).toEqual([
      'acme/device-104 is in good standing, since 2026-11-30 12:00 UTC, by token:AQEB.',
      'Its certificate 4f is inside its time, until 2026-11-30 12:00 UTC.',
      'Its key is did:key:z6Mk, since 2026-11-30 12:00 UTC.',
      '',
      'Under its own name it was never refused.',
      '',
      'In the last hour nobody was refused without a name, on the whole platform.',
      note,
      '',
    ])
  })

  test('says in sentences what there is', async () => {
    const lines = await said({
      ...good,
      ...{ standing: 'decommissioned', by: 'platform/operator/local', reason: 'sold\u001b[2J', wiped: at },
      certificate: { ...certificate, state: 'late' },
      keys: [{ ...key, state: 'superseded' }, key, { ...key, did: 'did:key:z6Nn', state: 'pending' }],
      refusals: [refusal, { ...refusal, operation: 'none', count: 1, code: 'bad-request', says: '', advice: '' }],
      anonymous: { since: at, refusals: [{ ...refusal, who: 'anonymous', code: 'certificate-refused' }] },
    })
    expect(lines).toEqual([
      'acme/device-104 is decommissioned, since 2026-11-30 12:00 UTC, by platform/operator/local: sold\ufffd[2J. It said that it wiped its key, 2026-11-30 12:00 UTC.',
      'Its certificate 4f ended 2026-11-30 12:00 UTC. It is good for a renewal, and nothing else, until 2026-11-30 12:00 UTC.',
      'Its key is did:key:z6Mk, since 2026-11-30 12:00 UTC.',
      'The key did:key:z6Nn takes its place with its first connection.',
      'One key before it would be refused as key-superseded.',
      '',
      'It was refused 12 times as revoked at GET /v1/me, the last time 2026-11-30 12:00 UTC.',
      '  This identity is revoked.',
      '  What to do: ask the operator why',
      'It was refused as bad-request before it asked for anything that there is, 2026-11-30 12:00 UTC.',
      '',
      'Refused in the last hour without a name, on the whole platform:',
      '  Someone was refused 12 times as certificate-refused at GET /v1/me, the last time 2026-11-30 12:00 UTC.',
      '    This identity is revoked.',
      '    What to do: ask the operator why',
      note,
      '',
    ])
  })

  test('says that a name never enrolled, and what became of tokens', async () => {
    const nothing = { ...good, standing: 'unknown', since: null, by: null, certificate: null, keys: [] }
    expect((await said(nothing)).slice(0, 3)).toEqual([
      'acme/device-104 never enrolled: the registry does not know the name.',
      '',
      'No token of the fleet was refused in the last day.',
    ])
    const token = { ...refusal, who: 'token:AQEB', code: 'token-spent', operation: 'POST /v1/enroll', count: 1 }
    expect((await said({ ...nothing, tokens: [token] })).slice(2, 4)).toEqual([
      'Tokens of the fleet that were refused in the last day; its own may be among them:',
      '  token:AQEB was refused as token-spent at POST /v1/enroll, 2026-11-30 12:00 UTC.',
    ])
  })
})

test('mintmark config history lists what was set and unset', async () => {
  const [set, by] = ['2026-11-30T12:00:00.000Z', 'platform/operator/local']
  const { data } = await operated({
    'GET /v1/fleets/acme/config/history?limit=200': {
      configurations: [{ target: 'device:d', version: 9, digest: null, set, by, reason: 'sold\u001b[2J' }],
      next: 9,
    },
    'GET /v1/fleets/acme/config/history?limit=200&before=9': {
      configurations: [{ target: 'fleet', version: 1, digest: 'ab12', set, by, reason: null }],
      next: null,
    },
  })
  const { out } = await ran('config', 'history', 'acme', '--data', data)
  expect(out).toBe(
    [
      'VERSION  WHEN                  FOR       SHA-256  BY                       WHY',
      '9        2026-11-30 12:00 UTC  device:d  unset    platform/operator/local  sold\ufffd[2J',
      '1        2026-11-30 12:00 UTC  fleet     ab12     platform/operator/local',
      '',
    ].join('\n'),
  )
})

test.each([['--bogus'], ['-h'], ['A=b'], ['a=b', '-a'], []])('mintmark device label takes no %j', async (...labels) => {
  const { data, seen } = await operated()
  const { code } = await ran('device', 'label', 'acme/device-104', ...labels, '--data', data)
  expect([code === 0, seen]).toEqual([labels[0] === '-h', []])
})

describe('mintmark config set', () => {
  const call = 'PUT /v1/fleets/acme/config'
  const set = async (text: string) => {
    const { data, seen } = await operated({ [call]: { version: 3, digest: 'ab12' } })
    const file = join(data, 'acme.json')
    writeFileSync(file, text)
    return { ...(await ran('config', 'set', 'acme', file, '--data', data)), seen }
  }

  test('sends the object of a file', async () => {
    const { code, out, seen } = await set('{ "interval": 60 }\n')
    expect({ code, out }).toEqual({ code: 0, out: 'Configuration 3 of acme is set (SHA-256 ab12).\n' })
    expect(seen).toEqual([{ call, body: { configuration: { interval: 60 }, target: 'fleet' } }])
  })

  test('sends it for a label or a device, with the reason', async () => {
    const { data, seen } = await operated({ [call]: { version: 3, digest: 'ab12' } })
    const file = join(data, 'acme.json')
    writeFileSync(file, '{}')
    const reason = ['--reason', 'a slow line']
    const { out } = await ran('config', 'set', 'acme', file, '--label', 'site=berlin', ...reason, '--data', data)
    expect(out).toBe('Configuration 3 of acme is set for label:site=berlin (SHA-256 ab12).\n')
    await ran('config', 'set', 'acme', file, '--device', 'device-104', '--data', data)
    expect(seen.map(({ body }) => body)).toEqual([
      { configuration: {}, target: 'label:site=berlin', reason: 'a slow line' },
      { configuration: {}, target: 'device:device-104' },
    ])
  })

  test.each([
    [['--label', 'site=berlin', '--device', 'a'], 2, 'wrong-use'],
    [['--label', 'Site'], 1, 'bad-label'],
    [['--label', "a=' or 1=1"], 1, 'bad-label'],
    [['--device', '../x'], 1, 'bad-name'],
    [['--reason', 'a\nb'], 1, 'bad-request'],
  ])('refuses %j before anything is sent', async (options, exitCode, code) => {
    const { data, seen } = await operated()
    const file = join(data, 'acme.json')
    writeFileSync(file, '{}')
    const outcome = await ran('config', 'set', 'acme', file, ...options, '--data', data)
    expect([outcome.code, seen]).toEqual([exitCode, []])
    expect(outcome.err).toContain(`mintmark: ${code}: `)
  })

  test.each(['[]', '1', 'null', '{"a":1,"a":2}', '{', ''])('refuses %j before anything is sent', async text => {
    const { code, err, seen } = await set(text)
    expect(code).toBe(1)
    expect(err).toMatch(/^mintmark: bad-json: /)
    expect(seen).toEqual([])
  })
})

describe('the platform', () => {
  test('that refuses is quoted, with exit code 1 and what to do', async () => {
    const { data } = await operated()
    expect(await ran('fleet', 'list', '--data', data)).toEqual({
      code: 1,
      out: '',
      err: 'mintmark: not-found: There is nothing here.\nhint: check the path\n',
    })
  })

  test('that does not run is unreachable, with exit code 3 and a hint', async () => {
    const { data, stop } = await operated()
    await stop()
    const { code, err } = await ran('fleet', 'list', '--data', data)
    expect(code).toBe(3)
    expect(err).toMatch(
      /^mintmark: unreachable: The platform, or the receiver, cannot be reached \(https:\/\/localhost:/,
    )
    expect(err).toContain(`hint: start it with mintmark up --data ${data}\n`)
  })

  test('that never ran is unreachable', async () => {
    const data = fresh('data')
    mkdirSync(data)
    writeFileSync(join(data, 'platform.json'), '{"v":1,"domain":"example.test"}')
    expect(await ran('fleet', 'list', '--data', data)).toMatchObject({ code: 3 })
  })

  test('that is not there is a missing directory, in words and as JSON', async () => {
    const data = fresh('data')
    const { code, out, err } = await ran('fleet', 'list', '--data', data, '--json')
    const hint = 'name it with --data, or start one with mintmark up'
    const message = `This directory holds no platform (${data}).`
    expect({ code, err }).toEqual({ code: 1, err: `mintmark: data-missing: ${message}\nhint: ${hint}\n` })
    expect(JSON.parse(out)).toEqual({ error: { code: 'data-missing', message, hint } })
  })

  test('that is another one at the same address is not asked', async () => {
    const { data } = await operated()
    const other = await operated()
    writeFileSync(join(data, 'operator', 'anchor.pem'), 'x')
    writeFileSync(join(data, 'endpoint.json'), JSON.stringify({ machine: other.url }))
    expect(await ran('fleet', 'list', '--data', data)).toMatchObject({ code: 1 })
    expect(other.seen).toEqual([])
  })
})
