import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { Refused } from '@mintmark/core/errors'
import type { Connection } from '@mintmark/device'
import { auditData, dataFiles } from '@mintmark/server'
import {
  type Acknowledged,
  type Applicant,
  claim,
  connectAnonymously,
  freePort,
  makeApplicant,
  makeApplicants,
  Operator,
  PlatformProcess,
} from '@mintmark/testing/faults'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'

// Many at once, against a real platform over real sockets. Whatever the order in which they arrive: no budget is
// overspent, no name has two owners, no key two certificates, and a retry costs nothing.

const directory = mkdtempSync(join(tmpdir(), 'mintmark-parallel-'))
const data = join(directory, 'data')
let platform: PlatformProcess
let operator: Operator
let doors: Connection[]

beforeAll(async () => {
  platform = await PlatformProcess.start({ data, port: await freePort() })
  operator = new Operator(data)
  await operator.createFleet('acme')
  // Four sockets each.
  doors = Array.from({ length: 12 }, () => connectAnonymously(data))
  // Handshakes done before, so that what the tests send at once also arrives at once.
  await Promise.all(Array.from({ length: 48 }, (_, i) => door(i).get('/v1/trust')))
})

afterAll(async () => {
  for (const door of doors ?? []) door.close()
  operator?.close()
  await platform?.kill()
  rmSync(directory, { recursive: true, force: true })
})

afterEach(async () => {
  // The ledger is contiguous, and every table is what it says.
  expect(await auditData(data)).toMatchObject({ ok: true })
})

test('64 keys that claim a token for one use at once get one certificate', async () => {
  const token = await operator.createToken('acme', 1)
  const applicants = await makeApplicants(64)
  const { granted, refusals } = await outcome(applicants.map((applicant, i) => claim(door(i), token, applicant)))
  expect(granted).toHaveLength(1)
  expect(refusals).toEqual({ 'token-spent': 63 })
  expect(await operator.usesLeft('acme', token)).toBe(0)
})

test.each([1, 5])(
  '64 claims by one key at once, of a token for %i, get the same certificate for one use',
  async uses => {
    const token = await operator.createToken('acme', uses)
    const applicant = await makeApplicant()
    const { granted, refusals } = await outcome(Array.from({ length: 64 }, (_, i) => claim(door(i), token, applicant)))
    expect(refusals).toEqual({})
    expect(granted).toHaveLength(64)
    expect(new Set(granted.map(({ certificate }) => certificate)).size).toBe(1)
    expect(await operator.usesLeft('acme', token)).toBe(uses - 1)
  },
)

test('64 claims by one key at once, of a token for one name, get the same certificate', async () => {
  const token = await operator.createToken('acme', 1, { name: 'retried' })
  const applicant = await makeApplicant()
  const { granted, refusals } = await outcome(
    Array.from({ length: 64 }, (_, i) => claim(door(i), token, applicant, 'retried')),
  )
  expect(refusals).toEqual({})
  expect(new Set(granted.map(({ certificate }) => certificate)).size).toBe(1)
})

test('200 keys that share a token for 50 get 50 certificates', async () => {
  const token = await operator.createToken('acme', 50)
  const applicants = await makeApplicants(200)
  const { granted, refusals } = await outcome(applicants.map((applicant, i) => claim(door(i), token, applicant)))
  expect(granted).toHaveLength(50)
  expect(refusals).toEqual({ 'token-spent': 150 })
  expect(new Set(granted.map(({ serial }) => serial)).size).toBe(50)
  expect(new Set(granted.map(({ receipt }) => receipt.index)).size).toBe(50)
})

test('one name that two tokens cover has one owner', async () => {
  const tokens = await Promise.all([1, 2].map(() => operator.createToken('acme', 100, { name: 'wanted' })))
  const applicants = await makeApplicants(40)
  const { granted, refusals } = await outcome(
    applicants.map((applicant, i) => claim(door(i), tokens[i % 2]!, applicant, 'wanted')),
  )
  expect(granted).toHaveLength(1)
  expect(refusals).toEqual({ 'name-taken': 39 })
  const left = await Promise.all(tokens.map(token => operator.usesLeft('acme', token)))
  expect(left[0]! + left[1]!).toBe(199)
})

test('one key that claims with two tokens has one identity', async () => {
  const tokens = await Promise.all([1, 2].map(() => operator.createToken('acme', 1)))
  const applicant = await makeApplicant()
  const { granted, refusals } = await outcome(
    Array.from({ length: 40 }, (_, i) => claim(door(i), tokens[i % 2]!, applicant)),
  )
  expect(new Set(granted.map(({ certificate }) => certificate)).size).toBe(1)
  expect(granted).toHaveLength(20)
  expect(refusals).toEqual({ 'key-in-use': 20 })
})

test('nothing is issued once the revocation of the token is acknowledged', async () => {
  const token = await operator.createToken('acme', 10_000)
  const applicants = await makeApplicants(240)
  let revoked = false
  const begunAfter: Promise<Acknowledged>[] = []
  const begunBefore: Promise<Acknowledged>[] = []
  let next = 0
  const worker = async (connection: Connection): Promise<void> => {
    for (let i = next++; i < applicants.length; i = next++) {
      const claimed = claim(connection, token, applicants[i]!)
      if (revoked) begunAfter.push(claimed)
      else begunBefore.push(claimed)
      await claimed.catch(() => undefined)
    }
  }
  const storm = Promise.all(Array.from({ length: 32 }, (_, i) => worker(door(i))))
  while (next < 60) await new Promise(resolve => setTimeout(resolve, 1))
  await operator.revokeToken('acme', token)
  revoked = true
  const left = await operator.usesLeft('acme', token)
  await storm

  const before = await outcome(begunBefore)
  const after = await outcome(begunAfter)
  expect(before.granted.length).toBeGreaterThan(0)
  expect(Object.keys(before.refusals).filter(code => code !== 'token-revoked')).toEqual([])
  expect(after.granted).toEqual([])
  expect(after.refusals).toEqual({ 'token-revoked': begunAfter.length })
  // Not one use was spent after the acknowledgement, whoever had come before it.
  expect(await operator.usesLeft('acme', token)).toBe(left)
  expect(10_000 - left).toBe(before.granted.length)
  // Not even to a key that the token enrolled while it was good.
  await expect(claim(door(0), token, applicants[0]!)).rejects.toMatchObject({ code: 'token-revoked' })
})

test.each(['retry', 'first claim'])('a token that is revoked while the %s arrives is refused', async kind => {
  const token = await operator.createToken('acme', 10)
  const applicant = await makeApplicant()
  if (kind === 'retry') await claim(door(0), token, applicant)
  const arriving = await slowClaim(token, applicant)
  await operator.revokeToken('acme', token)
  expect(await arriving.finish()).toMatchObject({ code: 'token-revoked' })
})

test('an audit beside a platform that issues finds every ledger whole', async () => {
  const token = await operator.createToken('acme', 1_000)
  const applicants = await makeApplicants(150)
  let issuing = true
  const storm = outcome(applicants.map((applicant, i) => claim(door(i), token, applicant))).finally(() => {
    issuing = false
  })
  let audits = 0
  for (; issuing; audits++) {
    expect(await auditData(data)).toMatchObject({ ok: true })
    // An audit leaves the event loop to nobody, and the clients are in this process.
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  expect((await storm).granted).toHaveLength(150)
  expect(audits).toBeGreaterThan(0)
})

test('one fleet comes of many that are made at once under one name', async () => {
  const { refusals, granted } = await outcome(Array.from({ length: 12 }, () => operator.createFleet('one')))
  expect(granted).toEqual(['active'])
  expect(refusals).toEqual({ 'fleet-exists': 11 })
})

test('each of many fleets that are made at once becomes active', async () => {
  const names = Array.from({ length: 8 }, (_, i) => `many-${i}`)
  const { refusals, granted } = await outcome(names.map(name => operator.createFleet(name)))
  expect(refusals).toEqual({})
  expect(granted).toEqual(names.map(() => 'active'))
})

test('of configurations that are set at once, each has a version of its own', async () => {
  const { refusals, granted } = await outcome(
    Array.from({ length: 16 }, (_, i) => operator.setConfiguration('acme', { i })),
  )
  expect(refusals).toEqual({})
  expect(granted).toHaveLength(16)
  expect(await operator.configurationVersion('acme')).toBe(16)
})

/** A claim whose head has arrived, so that the token is proven, and whose body has not. */
async function slowClaim(token: string, { csr }: Applicant): Promise<{ finish(): Promise<unknown> }> {
  const body = Buffer.from(JSON.stringify({ csr }))
  const outgoing = request(`${(await platform.ready()).machine}/v1/enroll`, {
    method: 'POST',
    ca: readFileSync(join(dataFiles(data).operator, 'anchor.pem')),
    agent: false,
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'content-length': body.length,
      expect: '100-continue',
    },
  })
  outgoing.flushHeaders()
  const response = once(outgoing, 'response')
  await once(outgoing, 'continue')
  return {
    async finish() {
      outgoing.end(body)
      const [incoming] = await response
      return json(incoming)
    },
  }
}

const door = (i: number): Connection => doors[i % doors.length]!

/** What was granted, and how often each code was the answer. Anything but an answer fails. */
async function outcome<T>(asked: readonly Promise<T>[]): Promise<{ granted: T[]; refusals: Record<string, number> }> {
  const granted: T[] = []
  const refusals: Record<string, number> = {}
  for (const settled of await Promise.allSettled(asked)) {
    if (settled.status === 'fulfilled') granted.push(settled.value)
    else if (!(settled.reason instanceof Refused)) throw settled.reason
    else refusals[settled.reason.code] = (refusals[settled.reason.code] ?? 0) + 1
  }
  return { granted, refusals }
}
