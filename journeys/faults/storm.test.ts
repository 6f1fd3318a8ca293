import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Connection } from '@mintmark/device'
import { auditData } from '@mintmark/server'
import {
  type Acknowledged,
  claim,
  connectAnonymously,
  connectAs,
  freePort,
  makeApplicants,
  Operator,
  PlatformProcess,
} from '@mintmark/testing/faults'
import { expect, onTestFinished, test } from 'vitest'

// Nobody waits his turn here: daemons do, as packages/device/test/schedule.test.ts has it, and others may not.

const crowd = 60

test('J120 all who were cut off come back in the same moment, each is answered, and nothing acknowledged is lost', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'mintmark-storm-'))
  const place = { data: join(directory, 'data'), port: await freePort() }
  let platform = await PlatformProcess.start(place)
  const connections: Connection[] = []
  const kept = (connection: Connection): Connection => {
    connections.push(connection)
    return connection
  }
  const operator = new Operator(place.data)
  onTestFinished(async () => {
    for (const each of [...connections, operator]) each.close()
    await platform.kill()
    rmSync(directory, { recursive: true, force: true })
  })
  await operator.createFleet('acme')
  const token = await operator.createToken('acme', 1_000)
  const door = kept(connectAnonymously(place.data))
  const [settled, arriving] = [await makeApplicants(crowd), await makeApplicants(crowd)]
  const devices = await Promise.all(
    settled.map(async applicant => ({ applicant, certificate: await claim(door, token, applicant) })),
  )

  const told = new Map<number, Acknowledged>()
  const doors = arriving.map(() => kept(connectAnonymously(place.data)))
  const arrive = Promise.allSettled(
    arriving.map(async (applicant, i) => told.set(i, await claim(doors[i]!, token, applicant))),
  )
  while (told.size < 10) await new Promise(resolve => setTimeout(resolve, 1))
  await platform.kill()
  await arrive

  platform = await PlatformProcess.start(place)
  const back = await Promise.all([
    ...devices.map(device => kept(connectAs(place.data, device)).get('/v1/me')),
    ...arriving.map((applicant, i) => claim(doors[i]!, token, applicant)),
  ])
  expect(back.slice(0, crowd)).toMatchObject(devices.map(() => ({ status: 200, body: { standing: 'good' } })))
  const certificates = back.slice(crowd) as Acknowledged[]
  for (const [i, { certificate }] of told) expect(certificates[i]!.certificate).toBe(certificate)
  expect(new Set(certificates.map(({ serial }) => serial)).size).toBe(crowd)
  expect(await operator.usesLeft('acme', token)).toBe(1_000 - 2 * crowd)
  expect(await auditData(place.data)).toMatchObject({ ok: true })
})
