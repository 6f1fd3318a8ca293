import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { Refused } from '@mintmark/core/errors'
import { enroll, renew, whoami } from '@mintmark/device'
import { auditData, dataFiles } from '@mintmark/server'
import {
  claim,
  connectAnonymously,
  connectAs,
  count,
  type Enrolled,
  freePort,
  makeApplicant,
  Operator,
  PlatformProcess,
} from '@mintmark/testing/faults'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startAt } from './in-process.ts'
import { begin, expectMade, seeded } from './report.ts'

// Each file that a platform or a device writes is damaged while nobody runs: one bit turned, or its end cut off. Either
// whoever reads it says which one it is and goes no further, or it is made anew and everything is as it was. A device
// that was revoked is refused in any case.

const fault = 'damaged files'
/** With one bit turned in each of their files, and one end cut off, a platform and a home make more than so many. */
const flips = Math.ceil(count(fault) / 90)
const chance = seeded()
const directory = mkdtempSync(join(tmpdir(), 'mintmark-files-'))
const original = join(directory, 'original')
/** As a kill leaves it: what came last is in the log of the database only. */
const killed = join(directory, 'killed')
const home = join(directory, 'home')
let good: Enrolled
let revoked: Enrolled
let port: number

beforeAll(async () => {
  port = await freePort()
  const platform = await PlatformProcess.start({ data: killed, port })
  const operator = new Operator(killed)
  const door = connectAnonymously(killed)
  try {
    await operator.createFleet('acme')
    const token = await operator.createToken('acme', 10)
    const [one, two] = [await makeApplicant(), await makeApplicant()]
    good = { applicant: one, certificate: await claim(door, token, one, 'good') }
    revoked = { applicant: two, certificate: await claim(door, token, two, 'revoked') }
    await enroll({ token, name: 'at-home', home, now: Date.now })
    await operator.setConfiguration('acme', { a: 1 })
    await operator.revokeDevice('acme', 'revoked')
  } finally {
    door.close()
    operator.close()
    await platform.kill()
  }
  cpSync(killed, original, { recursive: true })
  const again = await PlatformProcess.start({ data: original, port })
  expect(await again.stop()).toBe(0)
})

afterAll(() => {
  rmSync(directory, { recursive: true, force: true })
})

const timeout = 120_000 + flips * 60_000

test.each([
  ['stopped', () => original],
  ['was killed', () => killed],
] as const)('a platform that %s names a file that was damaged, or makes it anew', { timeout }, async (_, of) => {
  const tally = begin(fault)
  for (const name of filesOf(of())) {
    // It is made anew at each start, and only its locks count.
    if (name.endsWith('-shm') || name.endsWith('-lock')) continue
    // What a kill left differs in the database alone.
    if (of() === killed && !name.startsWith('mintmark.db')) continue
    for (const damage of damagesOf(join(of(), name))) {
      const data = join(directory, 'copy')
      cpSync(of(), data, { recursive: true })
      damage.on(join(data, name))
      await expectNamedOrWhole(data, name, damage.what)
      tally.made()
      rmSync(data, { recursive: true })
    }
  }
})

test.each([1, 1_000, 20_000, 60_000])('a log of the database that lost its last %i bytes is named', async bytes => {
  const data = join(directory, 'copy')
  cpSync(killed, data, { recursive: true })
  const { database } = dataFiles(data)
  const log = `${database}-wal`
  truncateSync(log, statSync(log).size - bytes)
  expect(await auditData(data)).toMatchObject({ ok: false, where: expect.stringMatching(/^ledger \S+, entry \d+$/) })
  await expect(startAt(data, port)).rejects.toMatchObject({ code: 'ledger-broken' })
  rmSync(data, { recursive: true })
})

test('a database that was put back to what it was is named, and goes on once its operator says so', async () => {
  const data = join(directory, 'copy')
  cpSync(original, data, { recursive: true })
  const { database, lastHead } = dataFiles(data)
  const older = readFileSync(database)
  const running = await startAt(data, port)
  const operator = new Operator(data)
  await operator.revokeDevice('acme', 'good')
  operator.close()
  await running.stop()
  writeFileSync(database, older)
  await expect(startAt(data, port)).rejects.toMatchObject({
    code: 'ledger-broken',
    detail: expect.stringMatching(/^ledger acme ends at entry \d+ of \d+$/),
  })
  // As docs/operator.md says.
  rmSync(lastHead)
  await (await startAt(data, port)).stop()
  rmSync(data, { recursive: true })
})

test('a device names a file of its home that was damaged, or is who it was', async () => {
  const tally = begin(fault)
  const data = join(directory, 'copy')
  cpSync(original, data, { recursive: true })
  const running = await startAt(data, port)
  const damaged = join(directory, 'damaged')
  try {
    const before = await whoami({ home, now: Date.now })
    for (const name of filesOf(home)) {
      for (const damage of damagesOf(join(home, name), 4)) {
        cpSync(home, damaged, { recursive: true })
        damage.on(join(damaged, name))
        tally.made()
        const says = `${name}, ${damage.what}`
        await whoami({ home: damaged, now: Date.now }).then(
          me => expect(me, says).toEqual(before),
          // A place in home.json is one as any other, until nobody there proves to be the platform.
          (error: Error) =>
            expect(error.message, says).toMatch(new RegExp(`${damaged}|^(unreachable|server-not-proven): https:`)),
        )
        rmSync(damaged, { recursive: true })
      }
    }
    // What whoami does not read is read where it counts.
    cpSync(home, damaged, { recursive: true })
    truncateSync(join(damaged, 'charter.cbor'), 20)
    await expect(renew({ home: damaged, now: Date.now })).rejects.toThrow(damaged)
  } finally {
    await running.stop()
    rmSync(data, { recursive: true })
  }
})

test('was damaged as often as is due', () => expectMade(fault))

/** Starts a platform on damaged files: it says which one it is, or everybody is answered as before. */
async function expectNamedOrWhole(data: string, name: string, what: string): Promise<void> {
  const says = `${name}, ${what}`
  const running = await startAt(data, port).catch((error: Error) => error)
  const isDatabase = name.startsWith('mintmark.db')
  if (running instanceof Error) {
    const said = running instanceof Refused ? `${running.code} ${running.detail}` : running.message
    // Of a database the audit says where; of a development root, its own codes.
    const base = name
      .split('/')
      .at(-1)!
      .replace(/\.pem$/, '')
    const names = isDatabase ? /ledger|database|malformed/ : new RegExp(`${base}|^(keys|transcript)-broken|^bad-domain`)
    expect(said, says).toMatch(names)
    return
  }
  try {
    await expectRefused(data, says)
    const whole = await auditData(data)
    if (!whole.ok) return expect(isDatabase, `${says}: ${JSON.stringify(whole)}`).toBe(true)
    const operator = new Operator(data)
    const connection = connectAs(data, good)
    try {
      expect(await operator.fleets(), says).toMatchObject([{ fleet: 'acme', state: 'active' }])
      expect((await connection.get('/v1/me')).body, says).toMatchObject({ name: 'good', standing: 'good' })
      expect((await connection.get('/v1/config')).body, says).toMatchObject({ configuration: { a: 1 } })
      const made = operator.createFleet('beta')
      if (name.startsWith('development-ceremony/')) await made.catch(error => expect(error).toBeInstanceOf(Refused))
      else expect(await made, says).toBe('active')
    } finally {
      connection.close()
      operator.close()
    }
    expect(await auditData(data), says).toMatchObject({ ok: true })
  } finally {
    await running.stop()
  }
}

/** Whatever else is wrong. */
async function expectRefused(data: string, says: string): Promise<void> {
  const connection = connectAs(data, revoked)
  try {
    const answer = await connection.get('/v1/me').then(
      () => 'accepted',
      (error: unknown) => (error instanceof Refused ? 'refused' : String(error)),
    )
    expect(answer, says).toBe('refused')
  } finally {
    connection.close()
  }
}

interface Damage {
  readonly what: string
  on(path: string): void
}

function damagesOf(path: string, times = 1): Damage[] {
  const { size } = statSync(path)
  const turned = Array.from({ length: flips * times }, (): Damage => {
    const [at, bit] = [chance.below(Math.max(size, 1)), chance.below(8)]
    return {
      what: `bit ${bit} of byte ${at} of ${size}`,
      on(damaged) {
        const bytes = readFileSync(damaged)
        if (bytes.length > 0) bytes[at]! ^= 1 << bit
        writeFileSync(damaged, bytes)
      },
    }
  })
  const cut = [0, Math.floor(size / 2), Math.max(size - 1, 0)].map(
    (length): Damage => ({ what: `cut to ${length} of ${size}`, on: damaged => truncateSync(damaged, length) }),
  )
  // All of them where there is time.
  return [...turned, ...(flips * times > 2 ? cut : [chance.of(cut)])]
}

const filesOf = (root: string): string[] =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => relative(root, join(entry.parentPath, entry.name)))
    .toSorted()
