import { globSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isOfKind } from '@mintmark/core/rules'
import type { Connection } from '@mintmark/device'
import { auditData } from '@mintmark/server'
import {
  type Acknowledged,
  claim,
  connectAnonymously,
  connectAs,
  type Enrolled,
  freePort,
  makeApplicant,
  Operator,
  type Place,
  PlatformProcess,
  renewOver,
  type Tally,
} from '@mintmark/testing/faults'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { need } from '../../scripts/services.ts'
import { ledgerOf } from './checker.ts'
import { begin, expectMade } from './report.ts'

// The clock of a running platform is set, forward and back. What has expired stays so, nothing is accepted that should
// not be, and the platform goes on whenever the clock is right again.

const missing = need('faketime')
const directory = mkdtempSync(join(tmpdir(), 'mintmark-clock-'))
const hands = join(directory, 'hands')
let place: Place
let platform: PlatformProcess
let operator: Operator
let door: Connection
/** From before the clock was set for the first time. */
let early: Enrolled
let tally: Tally

describe.skipIf(missing)(`a clock that is set${missing ? ` (skipped: ${missing})` : ''}`, () => {
  beforeEach(() => {
    tally = begin('clock steps')
  })

  beforeAll(async () => {
    const [library] = globSync('/usr/lib/*/faketime/libfaketime.so.1')
    const env = {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: hands,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    }
    const data = join(directory, 'data')
    turn('+0')
    place = { data, port: await freePort(), env }
    platform = await PlatformProcess.start(place)
    operator = new Operator(data)
    door = connectAnonymously(data)
    await operator.createFleet('acme')
    early = await enrolled(await operator.createToken('acme', 1))
  })

  afterAll(async () => {
    operator?.close()
    door?.close()
    await platform?.kill()
    rmSync(directory, { recursive: true, force: true })
  })

  test('by half a minute, either way, is not noticed', async () => {
    const token = await operator.createToken('acme', 10)
    for (const step of ['+30', '+0', '-30', '+0']) {
      set(step)
      const device = await enrolled(token)
      expect(await codeOf(use(device))).toBe('accepted')
      expect(await renewal(device)).toBe('accepted')
      await operator.revokeDevice('acme', device.certificate.identity.split('/').at(-1)!)
      expect(await codeOf(use(device))).toBe('revoked')
    }
    const times = (await ledgerOf(place.data, 'acme')).map(({ at }) => at)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
  })

  test('by an hour: what expired meanwhile does not come back with it, nor by a restart', async () => {
    const token = await operator.createToken('acme', 10)
    const device = await enrolled(token)
    set('+61m')
    expect(await codeOf(enrolled(token))).toBe('token-expired')
    expect(await codeOf(use(device))).toBe('accepted')
    set('+0')
    expect(await codeOf(enrolled(token))).toBe('token-expired')
    set('-1h')
    expect(await codeOf(enrolled(token))).toBe('token-expired')
    set('+0')
    await platform.kill()
    platform = await PlatformProcess.start(place)
    expect(await codeOf(enrolled(token))).toBe('token-expired')
    expect(platform.complaints).toContain('the clock is behind what was recorded')
    // Everything else goes on.
    expect(await codeOf(use(device))).toBe('accepted')
    const other = await enrolled(await operator.createToken('acme', 1))
    expect(await codeOf(use(other))).toBe('accepted')
    expect(await operator.createFleet('made-behind')).toBe('active')
  })

  test('by ten years: nobody who has expired is accepted, and all goes on when it is right again', async () => {
    const token = await operator.createToken('acme', 10)
    set('+10y')
    expect(await codeOf(use(early))).toBe('certificate-expired')
    expect(await codeOf(enrolled(token))).toBe('token-expired')
    expect(await codeOf(operator.fleets())).toBe('certificate-expired')
    // Nor does it start there, and it says why.
    await platform.kill()
    const late = new PlatformProcess(place)
    expect(await late.ended()).toBe(1)
    expect(late.complaints).toContain('the clock is wrong')
    set('+0')
    platform = await PlatformProcess.start(place)
    expect(await codeOf(use(early))).toBe('accepted')
    expect(await codeOf(operator.fleets())).toBe('accepted')
    expect(await codeOf(enrolled(await operator.createToken('acme', 1)))).toBe('accepted')
    // Without a restart too.
    set('+10y')
    expect(await codeOf(use(early))).toBe('certificate-expired')
    set('+0')
    expect(await codeOf(use(early))).toBe('accepted')
    expect(await operator.createFleet('made-after')).toBe('active')
  })

  test('leaves a ledger that is whole', async () => {
    expect(await auditData(place.data)).toMatchObject({ ok: true })
    const refused = (await ledgerOf(place.data, 'acme')).filter(fact => isOfKind(fact, 'refused'))
    expect(refused.length).toBeGreaterThan(0)
  })

  test('was set as often as is due', () => expectMade('clock steps'))
})

async function enrolled(token: string): Promise<Enrolled> {
  const applicant = await makeApplicant()
  const certificate: Acknowledged = await claim(door, token, applicant)
  return { applicant, certificate }
}

async function use(device: Enrolled): Promise<void> {
  const connection = connectAs(place.data, device)
  try {
    await connection.get('/v1/me')
  } finally {
    connection.close()
  }
}

async function renewal(device: Enrolled): Promise<string> {
  const connection = connectAs(place.data, device)
  try {
    return await codeOf(renewOver(connection, device.applicant))
  } finally {
    connection.close()
  }
}

const codeOf = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => 'accepted',
    (error: { code?: string }) => error.code ?? String(error),
  )

function set(to: string): void {
  turn(to)
  tally.made()
}

/** As libfaketime reads it; under its name at once, as the platform may be looking. */
function turn(to: string): void {
  writeFileSync(`${hands}.next`, to)
  renameSync(`${hands}.next`, hands)
}
