import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Refused } from '@mintmark/core/errors'
import { auditData, dataFiles } from '@mintmark/server'
import {
  claim,
  connectAnonymously,
  count,
  freePort,
  makeApplicants,
  Operator,
  type Place,
  PlatformProcess,
} from '@mintmark/testing/faults'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ledgerOf } from './checker.ts'
import { killHeart, killPlatform } from './kills.ts'
import { expectMade, seeded } from './report.ts'

// The platform is killed at random, and at each file it makes, and started again. Its clients keep what it acknowledged
// in a file of their own, and after every kill the platform is held against that file.

const kills = count('kills')
/** Of the platform as it runs; the others are of its heart alone, which starts faster. */
const whole = Math.ceil(kills / 10)
const chance = seeded()

let directory: string
let place: Place
let platform: PlatformProcess | undefined

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'mintmark-kill-'))
  place = { data: join(directory, 'data'), port: await freePort() }
})

afterEach(async () => {
  await platform?.kill()
  platform = undefined
  rmSync(directory, { recursive: true, force: true })
})

test(
  `loses nothing that it acknowledged and overspends nothing in ${whole} kills under load`,
  () => killPlatform({ fault: 'kills', times: whole, chance }),
  60_000 + whole * 20_000,
)

test(
  `loses nothing that it acknowledged and overspends nothing in ${kills - whole} kills of its heart`,
  () => killHeart({ fault: 'kills', times: kills - whole, chance }),
  60_000 + kills * 5_000,
)

test('was killed as often as is due', () => expectMade('kills'))

test('finishes its founding after a kill at each file that it makes', async () => {
  const landmarks = [
    '.',
    'platform.json',
    'keeper',
    'mintmark.db',
    'keeper/ledger-platform.pem',
    'keeper/people-ca.pem',
    'server/key.pem',
    'server/cert.pem',
    'operator/key.pem',
    'operator/cert.pem',
    'endpoint.json',
  ]
  for (const landmark of landmarks) {
    const path = join(place.data, landmark)
    // An earlier one may have been made in the same moment.
    if (existsSync(path)) continue
    platform = new PlatformProcess(place)
    await until(() => existsSync(path), platform)
    await platform.kill()
  }
  platform = await PlatformProcess.start(place)
  expect(await auditData(place.data)).toMatchObject({ ok: true })
  const facts = (await ledgerOf(place.data, 'platform')).map(({ kind }) => kind)
  expect(facts.filter(kind => kind === 'platform.founded')).toHaveLength(1)
  // Nor is a half-written file left, which may be a copy of a key.
  const files = readdirSync(place.data, { recursive: true }).map(String)
  expect(files.filter(name => name.endsWith('.tmp'))).toEqual([])
  // It works: a fleet, a token, a device.
  const operator = new Operator(place.data)
  const door = connectAnonymously(place.data)
  expect(await operator.createFleet('acme')).toBe('active')
  const [applicant] = await makeApplicants(1)
  await claim(door, await operator.createToken('acme', 1), applicant!)
  door.close()
  operator.close()
})

test('finishes a fleet that it was making when it was killed, or makes it anew', async () => {
  platform = await PlatformProcess.start(place)
  const { keeper, development, database } = dataFiles(place.data)
  const states = (name: string): string[] =>
    rows(database, 'select state from fleet where name = ?', name).map(({ state }) => String(state))
  const transcript = (): number => statSync(join(development, 'transcript.txt')).size
  const moments: ((name: string) => () => boolean)[] = [
    name => () => existsSync(join(keeper, `fleet-ca-${name}.pem`)),
    name => () => existsSync(join(keeper, `ledger-${name}.pem`)),
    name => () => states(name).includes('pending'),
    () => {
      const before = transcript()
      return () => transcript() > before
    },
    name => () => states(name).includes('active'),
  ]
  for (const [i, moment] of moments.entries()) {
    const name = `fleet-${i}`
    const operator = new Operator(place.data)
    const happened = moment(name)
    const asked = operator.createFleet(name).catch((error: Refused) => error.code)
    await until(happened, platform)
    await platform.kill()
    const answer = await asked
    operator.close()
    platform = await PlatformProcess.start(place)

    const again = new Operator(place.data)
    const state = (await again.fleets()).find(({ fleet }) => fleet === name)?.state
    // What was acknowledged is there; what is there is finished; what is not there can be made.
    if (answer === 'active') expect(state).toBe('active')
    expect(state ?? (await again.createFleet(name))).toBe('active')
    again.close()
    expect(await auditData(place.data)).toMatchObject({ ok: true })
  }
})

test('is the only one on its data directory, until it is gone', async () => {
  platform = await PlatformProcess.start(place)
  const second = new PlatformProcess({ ...place, port: await freePort() })
  await expect(second.ready()).rejects.toThrow('data-in-use')
  expect(await second.ended()).toBe(1)
  // The first one is none the worse for it, and leaves no lock behind when it is killed.
  const operator = new Operator(place.data)
  expect(await operator.createFleet('acme')).toBe('active')
  operator.close()
  await platform.kill()
  platform = await PlatformProcess.start(place)
  expect(await platform.stop()).toBe(0)
  expect(await auditData(place.data)).toMatchObject({ ok: true })
})

/** Looks as often as it can, so that what follows comes right after. Ends where the platform does. */
async function until(happened: () => boolean, running: PlatformProcess): Promise<void> {
  let over = false
  running.ended().then(() => {
    over = true
  })
  while (!over && !happened()) await new Promise(resolve => setImmediate(resolve))
}

function rows(database: string, sql: string, ...values: (string | number)[]): Record<string, unknown>[] {
  const db = new DatabaseSync(database, { readOnly: true, timeout: 5_000 })
  try {
    return db.prepare(sql).all(...values)
  } finally {
    db.close()
  }
}
