import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Refused } from '@mintmark/core/errors'
import { auditData } from '@mintmark/server'
import { type PostgresServer, startPostgres } from '@mintmark/testing'
import {
  type Acknowledged,
  type Applicant,
  claim,
  connectAnonymously,
  freePort,
  makeApplicants,
  Operator,
  PlatformProcess,
  tokenId,
} from '@mintmark/testing/faults'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { need } from '../../scripts/services.ts'

// The database server of a platform ends under load, and comes back: the platform stays, and says what it can.

const missing = need('postgres')
let server: PostgresServer

// One each: a test that fails leaves it ended.
beforeEach(async ({ skip }) => {
  skip(missing !== undefined, missing)
  server = await startPostgres()
})
afterEach(() => server?.remove())

interface Done {
  readonly applicant: Applicant
  readonly reply: Acknowledged
}

test.each([
  ['killed', () => server.kill()],
  ['stopped in order', () => server.stop()],
] as const)('has everything that it acknowledged after its server was %s twice under load', async (_, end) => {
  const directory = mkdtempSync(join(tmpdir(), 'mintmark-postgres-'))
  const place = { data: join(directory, 'data'), port: await freePort(), database: await server.makeDatabase() }
  const platform = await PlatformProcess.start(place)
  const { console } = await platform.ready()
  const operator = new Operator(place.data)
  const doors = Array.from({ length: 6 }, () => connectAnonymously(place.data))
  onTestFinished(async () => {
    for (const each of [...doors, operator]) each.close()
    await platform.kill()
    rmSync(directory, { recursive: true, force: true })
  })
  await operator.createFleet('acme')
  const [ample, scarce] = [await operator.createToken('acme', 10_000), await operator.createToken('acme', 5)]
  const applicants = await makeApplicants(2_000)
  const [done, refused, unsure]: [Done[], Set<string>, Applicant[]] = [[], new Set(), []]
  let over = false
  const client = async (i: number): Promise<void> => {
    while (!over) {
      const applicant = applicants.pop()!
      // Now and then of a token that all want.
      const isScarce = applicants.length % 20 === 0
      try {
        const reply = await claim(doors[i]!, isScarce ? scarce : ample, applicant)
        done.push({ applicant, reply })
      } catch (error) {
        const { code } = error as Refused
        refused.add(code)
        if (code === 'unavailable' && !isScarce) unsure.push(applicant)
        await new Promise(resolve => setTimeout(resolve, 20))
      }
    }
  }
  const clients = doors.map((_, i) => client(i))
  const statusOf = async (path: string) => (await fetch(new URL(path, console))).status
  for (let round = 1; round <= 2; round++) {
    while (done.length < round * 40) await new Promise(resolve => setTimeout(resolve, 20))
    await end()
    const reply = await fetch(new URL('trust', console))
    expect([reply.status, Number(reply.headers.get('retry-after')) > 0]).toEqual([503, true])
    expect([await statusOf('healthz'), await statusOf('readyz')]).toEqual([200, 503])
    const before = done.length
    await server.start()
    while (done.length === before) await new Promise(resolve => setTimeout(resolve, 20))
    while ((await statusOf('readyz')) !== 200) await new Promise(resolve => setTimeout(resolve, 20))
  }
  over = true
  await Promise.all(clients)

  expect([...refused].filter(code => code !== 'unavailable' && code !== 'token-spent')).toEqual([])
  // Whoever asks again hears what was issued, and nothing is spent; whoever was not answered gets an answer now.
  for (const { applicant, reply } of done) {
    const again = await claim(doors[0]!, reply.token === tokenId(scarce) ? scarce : ample, applicant)
    expect(again.serial).toBe(reply.serial)
  }
  for (const applicant of unsure) done.push({ applicant, reply: await claim(doors[0]!, ample, applicant) })
  const spentOf = (token: string): number => done.filter(({ reply }) => reply.token === tokenId(token)).length
  expect(spentOf(scarce)).toBeLessThanOrEqual(5)
  expect(await operator.usesLeft('acme', ample)).toBe(10_000 - spentOf(ample))
  expect(await platform.stop()).toBe(0)
  expect(await auditData(place.data)).toMatchObject({ ok: true })
})
